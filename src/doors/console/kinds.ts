// The kinds of objects that share one shape of routes: where they live, how they look, and what lists filter by.
import type { TSchema } from 'typebox'
import type { Collection } from '../../core/directory/collection.ts'
import { groupDocument } from '../../core/directory/groups.ts'
import { listSchemas, subjectListSchema } from '../../core/directory/list-filter.ts'
import { nameKey } from '../../core/directory/names.ts'
import { resourceDocument } from '../../core/directory/resources.ts'
import type { JsonSchema, Shape } from '../../core/directory/spec.ts'
import type { Stored } from '../../core/directory/types.ts'
import { deviceDocument, userDocument } from '../../core/directory/users.ts'
import type { By } from '../../core/directory/writing.ts'
import type { GroupNames } from '../../core/membership/language/check.ts'
import type { RuleSchema } from '../../core/membership/language/schema.ts'
import { findings } from './openapi.ts'
import type { ApiServices } from './services.ts'

export type View = Readonly<Record<string, unknown>>

export interface ApiKind<T extends Stored & { readonly id: string } = Stored & { readonly id: string }> {
  readonly path: string
  /** In the API document. */
  readonly title: string
  readonly collection: Collection<T>
  readonly view: (object: T) => View
  /** What `view` has beyond the fields that can be sent. */
  readonly shown?: Readonly<Record<string, JsonSchema>>
  /** What answers of POST and PATCH tell besides. */
  readonly told?: Readonly<Record<string, TSchema>>
  readonly filter: (by: By) => Promise<{ readonly schema: RuleSchema; readonly groups?: GroupNames }>
}

const posixId = { posixId: { type: 'integer' } }

export function apiKinds({ directory, rules }: Pick<ApiServices, 'directory' | 'rules'>): readonly ApiKind[] {
  const plain = (schema: RuleSchema) => async () => ({ schema })
  const ofSubjects = (of: 'users' | 'devices') => async (by: By) => {
    const { groups, attributes } = await rules.read(by.organization.id)
    const byName = new Map(groups.map((group) => [nameKey(group.name), group]))
    const names: GroupNames = {
      find: (name) => byName.get(nameKey(name)),
      names: () => groups.map((each) => each.name),
    }
    return { schema: subjectListSchema(of, attributes), groups: names }
  }
  const kind = <T extends Stored & { readonly id: string }>(one: ApiKind<T>) => one as unknown as ApiKind

  return [
    kind({
      path: 'users',
      title: 'User',
      collection: directory.users,
      view: (user) => ({ ...userDocument(user), posixId: user.posixId }),
      shown: posixId,
      filter: ofSubjects('users'),
    }),
    kind({
      path: 'devices',
      title: 'Device',
      collection: directory.devices,
      view: (device) => deviceDocument(device),
      filter: ofSubjects('devices'),
    }),
    kind({
      path: 'groups',
      title: 'Group',
      collection: directory.groups,
      view: (group) => ({ ...groupDocument(group), posixId: group.posixId, status: group.status }),
      shown: { ...posixId, status: { type: 'string', enum: ['active', 'activating'] } },
      told: { findings: findings() },
      filter: plain(listSchemas.groups),
    }),
    kind({
      path: 'resources',
      title: 'Resource',
      collection: directory.resources,
      view: resourceDocument,
      filter: plain(listSchemas.resources),
    }),
    kind({
      path: 'bindings',
      title: 'Binding',
      collection: directory.bindings,
      view: sent,
      filter: plain(listSchemas.bindings),
    }),
    kind({
      path: 'attributes',
      title: 'AttributeDefinition',
      collection: directory.attributes,
      view: sent,
      filter: plain(listSchemas.attributes),
    }),
    kind({
      path: 'service-accounts',
      title: 'ServiceAccount',
      collection: directory.serviceAccounts,
      view: sent,
      filter: plain(listSchemas['service-accounts']),
    }),
    kind({
      path: 'tokens',
      title: 'Token',
      collection: directory.tokens,
      view: sent,
      filter: plain(listSchemas.tokens),
    }),
  ]

  /** Objects that are stored as they are sent. */
  function sent(object: Stored & { readonly id: string }): View {
    return object as unknown as View
  }
}

/** An object as every answer shows it: only what its shape (or `shown`) names, never anything written only. */
export function render(
  object: Partial<Stored> & { readonly id: string },
  view: View,
  shape: Shape,
  shown: object = {},
): View {
  const { id, version, createdAt, updatedAt } = object
  const names = [...Object.keys(shape).filter((name) => !shape[name]?.writeOnly), ...Object.keys(shown)]
  const fields = names.map((name) => [name, view[name] ?? null])
  return { id, version, ...Object.fromEntries(fields), createdAt, updatedAt }
}
