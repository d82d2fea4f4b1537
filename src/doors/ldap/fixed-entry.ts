// Entries that are in no table: the top of the tree, its branches, the root DSE, the subschema, and a service account as
// it sees itself. Their attributes are at hand, so that a filter on them has an answer at once.
import type { Filter } from '../../wire/ldap/filter.ts'
import { compileFilter, type References } from './filter.ts'
import type { Source } from './layout.ts'
import type { NamingContext } from './naming-context.ts'
import { type AttributeType, findType, typeOf } from './schema.ts'
import { encodeShown, type Selection, selects } from './selection.ts'
import { subschemaDn } from './stored-entry.ts'
import { type Branch, Tree } from './tree.ts'

export interface FixedEntry {
  readonly dn: string
  readonly attributes: readonly { readonly type: AttributeType; readonly values: readonly string[] }[]
}

export const fixedEntry = (
  dn: string,
  attributes: Readonly<Record<string, readonly string[]>>,
): FixedEntry => ({
  dn,
  attributes: Object.entries(attributes)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => ({ type: typeOf(name), values })),
})

const nobody: References = { group: () => null, subject: () => null }
const noTree = new Tree({ domain: 'invalid' })

/** Does the filter select it? Attributes are found by their standard names. */
export function fixedMatches(entry: FixedEntry, filter: Filter): boolean {
  const source = (name: string): Source | 'absent' | undefined => {
    const type = findType(name)
    if (type === undefined) return undefined
    const own = entry.attributes.find((each) => each.type === type)
    return own === undefined ? 'absent' : { kind: 'constant', syntax: type.syntax, values: own.values }
  }
  return compileFilter(filter, { tree: noTree, source }, nobody).op === 'true'
}

export function encodeFixed(entry: FixedEntry, selection: Selection): Buffer[] {
  const shown = entry.attributes
    .filter(({ type }) => selects(selection, type))
    .map(({ type, values }) => ({
      type,
      source: { kind: 'constant', syntax: type.syntax, values } as const,
      values: () => values,
    }))
  return encodeShown(
    shown,
    null,
    { tree: noTree, groups: new Map(), usernames: new Map() },
    selection.typesOnly,
  )
}

const operational = (dn: string, structuralClass: string, hasSubordinates: boolean) => ({
  entryDN: [dn],
  structuralObjectClass: [structuralClass],
  subschemaSubentry: [subschemaDn],
  hasSubordinates: [hasSubordinates ? 'TRUE' : 'FALSE'],
})

export function topEntry({ tree, organization }: NamingContext): FixedEntry {
  return fixedEntry(tree.suffix, {
    objectClass: ['top', 'organization', 'dcObject'],
    o: [organization.name],
    dc: [organization.domain.split('.')[0] ?? ''],
    ...operational(tree.suffix, 'organization', true),
  })
}

export function branchEntry({ tree }: NamingContext, branch: Branch): FixedEntry {
  const dn = tree.branchDn(branch)
  return fixedEntry(dn, {
    objectClass: ['top', 'organizationalUnit'],
    ou: [branch],
    ...operational(dn, 'organizationalUnit', true),
  })
}

export function serviceEntry(
  { tree }: NamingContext,
  service: { readonly id: string; readonly name: string },
) {
  const dn = tree.entryDn('services', service.name)
  return fixedEntry(dn, {
    objectClass: ['top', 'applicationProcess'],
    cn: [service.name],
    entryUUID: [service.id],
    ...operational(dn, 'applicationProcess', false),
  })
}
