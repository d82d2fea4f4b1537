// What the door knows of one organization: its tree, what its entries consist of, and how its groups are called. Made anew
// when a group, a binding, a declared attribute or the organization itself changes.
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import { nameKey } from '../../core/directory/names.ts'
import type { AttributeDefinition, Organization } from '../../core/directory/types.ts'
import type { DeviceEntry, DirectoryReader, PosixGrant, UserEntry } from '../../core/ports.ts'
import { deviceLayout } from './device-entry.ts'
import type { Vocabulary } from './filter.ts'
import { type Upper, upperEntries } from './fixed-entry.ts'
import { type GroupEntry, groupLayout } from './group-entry.ts'
import type { Source } from './layout.ts'
import { customType, type Layout } from './layout.ts'
import { type AttributeType, findType } from './schema.ts'
import { parseSelection, type Selection } from './selection.ts'
import { Tree } from './tree.ts'
import { userLayout } from './user-entry.ts'

type GroupNames = Awaited<ReturnType<DirectoryReader['groupNames']>>

const selectionsKept = 256

export class NamingContext {
  readonly organization: Organization
  readonly tree: Tree
  readonly groups: ReadonlyMap<GroupId, { readonly name: string; readonly dn: string }>
  readonly users: Layout<UserEntry>
  readonly groupEntries: Layout<GroupEntry>
  readonly devices: Layout<DeviceEntry>
  readonly upper: Upper
  /** For filters on the entries of a branch. */
  readonly vocabularies: Readonly<Record<'users' | 'groups' | 'devices', Vocabulary>>
  /** What the organization has declared. */
  readonly declared: readonly AttributeType[]
  readonly declaredOf: Readonly<Record<'users' | 'devices', readonly string[]>>
  readonly #groupsByName: ReadonlyMap<string, GroupId>
  readonly #declaredByName: ReadonlyMap<string, AttributeType>
  readonly #selections = new Map<string, Selection>()

  constructor(
    organization: Organization,
    groups: GroupNames,
    posix: readonly PosixGrant[],
    definitions: readonly AttributeDefinition[],
    loginShell: string,
  ) {
    const tree = new Tree(organization)
    this.organization = organization
    this.tree = tree
    this.groups = new Map(
      groups.map(({ id, name }) => [id, { name, dn: tree.entryDn('groups', name) }] as const),
    )
    this.#groupsByName = new Map(groups.map(({ id, name }) => [nameKey(name), id] as const))
    this.users = userLayout(definitions, posix, tree, loginShell)
    this.groupEntries = groupLayout(tree)
    this.devices = deviceLayout(definitions, tree)
    this.upper = upperEntries(tree, organization)
    this.vocabularies = {
      users: { tree, source: (name) => this.#sourceIn(this.users, name) },
      groups: { tree, source: (name) => this.#sourceIn(this.groupEntries, name) },
      devices: { tree, source: (name) => this.#sourceIn(this.devices, name) },
    }
    const declared = new Map(definitions.map((each) => [each.name.toLowerCase(), customType(each)] as const))
    this.declared = [...declared.values()]
    this.#declaredByName = new Map([...declared, ...this.declared.map((type) => [type.oid, type] as const)])
    const namesOf = (of: 'users' | 'devices') =>
      definitions.filter((each) => each.of === of).map(({ name }) => name)
    this.declaredOf = { users: namesOf('users'), devices: namesOf('devices') }
  }

  groupByName(name: string): GroupId | null {
    return this.#groupsByName.get(nameKey(name)) ?? null
  }

  /** By any of its names in lower case, or its OID. */
  findType(name: string): AttributeType | undefined {
    return this.#declaredByName.get(name) ?? findType(name)
  }

  #sourceIn<T>(layout: Layout<T>, name: string): Source | 'absent' | undefined {
    const type = this.findType(name)
    return type === undefined ? undefined : (layout.byKey.get(type.key)?.source ?? 'absent')
  }

  selection(attributes: readonly string[], typesOnly: boolean): Selection {
    const key = `${typesOnly ? '-' : ''}${attributes.join('\0')}`
    const kept = this.#selections.get(key)
    if (kept !== undefined) return kept
    const selection = parseSelection(attributes, typesOnly, (name) => this.findType(name)?.key)
    if (this.#selections.size >= selectionsKept) this.#selections.clear()
    if (key.length <= 1024) this.#selections.set(key, selection)
    return selection
  }
}

export type ContextOf = (organization: OrganizationId) => NamingContext | Promise<NamingContext>
