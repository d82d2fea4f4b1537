// Bindings: a group gets a resource. What the resource receives is checked by the kind of resource when it is saved, so
// that nothing about it can fail when somebody logs in.
import type { Clock } from '../../base/clock.ts'
import { type BindingId, type GroupId, newId, type ResourceId } from '../../base/ids.ts'
import { ok } from '../../base/result.ts'
import type { GroupRecords, ResourceRecords, RuleRecords, RuleSource } from '../ports.ts'
import { mayGrant } from './authority.ts'
import { claims } from './claims.ts'
import { type Collection, inTurns, type Kind, recordCollection } from './collection.ts'
import type { RuleTurns } from './groups.ts'
import { type HoldingPorts, holdExposures } from './holding.ts'
import { inside, type Problem, Problems } from './problem.ts'
import { fixed, optional, otherwise, readObject, type Shape, type Spec, type Values } from './spec.ts'
import {
  type AttributeValue,
  type Binding,
  type BindingAttributes,
  factorKinds,
  type ResourceKind,
} from './types.ts'
import { choice, id, integer, limits, list, object, set, text } from './values.ts'
import { invalid } from './writing.ts'

/** A door's own check of what its resources receive; joined in app.ts. Fields begin at `attributes`. */
export type AttributeCheck = (kind: ResourceKind, attributes: BindingAttributes) => readonly Problem[]

const textOrNumber: Spec<string | number> = {
  schema: { anyOf: [{ type: 'string', maxLength: 1024 }, { type: 'integer' }] },
  absent: 'required',
  read: (value, field, problems) =>
    typeof value === 'number' && Number.isSafeInteger(value)
      ? value
      : text({ most: 1024 }).read(value, field, problems),
}

const claim: Spec<AttributeValue> = {
  schema: {
    anyOf: [{ type: ['string', 'number', 'boolean'] }, { type: 'array', items: { type: 'string' } }],
  },
  absent: 'required',
  read(value, field, problems) {
    if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
    const item = text({ most: limits.customText })
    return Array.isArray(value) ? list(item).read(value, field, problems) : item.read(value, field, problems)
  },
}

const path = text({
  check: (value) => /^\/[\x21-\x39\x3b-\x7e]*$/.test(value),
  wanted: 'an absolute path without spaces or colons',
})

const attributesShape = {
  radius: optional(
    object({
      vlan: optional(integer(1, 4094)),
      reply: optional(list(object({ name: text({ most: 128 }), value: textOrNumber }))),
    }),
  ),
  ldap: optional(
    object({
      loginShell: optional(path),
      homeDirectory: optional(path),
      gidNumber: optional(integer(1, 2_147_483_647)),
    }),
  ),
  claims: optional(claims(claim)),
  role: optional(choice(['owner', 'administrator', 'auditor', 'helpdesk'])),
} satisfies Shape

/** Which part belongs to which kind of resource. */
const partsOf = {
  directory: ['ldap'],
  network: ['radius'],
  application: ['claims'],
  portal: [],
  console: ['role'],
} satisfies Record<ResourceKind, readonly (keyof typeof attributesShape)[]>

const common = {
  attributes: otherwise(object(attributesShape), {} as Values<typeof attributesShape>),
  factors: set(choice(factorKinds)),
  order: otherwise(integer(0, 1_000_000), 100),
} satisfies Shape

export const bindingShape = {
  groupId: fixed(id<GroupId>('a group')),
  resourceId: fixed(id<ResourceId>('a resource')),
  ...common,
} satisfies Shape
/** For imports: group and resource by name. */
export const importedBindingShape = { group: text(), resource: text(), ...common } satisfies Shape

/** Leaves out what is not there, and notes what does not belong to a resource of this kind. */
export function settleAttributes(
  sent: Values<typeof attributesShape>,
  kind: ResourceKind,
  check: AttributeCheck,
  field: string,
  problems: Problems,
): BindingAttributes {
  const attributes = withoutUndefined(sent) as BindingAttributes
  const parts: readonly string[] = partsOf[kind]
  for (const part of Object.keys(attributes)) {
    if (parts.includes(part)) continue
    const hint = parts.length > 0 ? `; it takes "${parts.join('", "')}"` : ''
    problems.add(
      inside(field, part),
      'wrong-kind',
      `a resource of kind "${kind}" does not take "${part}"${hint}`,
      parts,
    )
  }
  if (problems.none) {
    problems.addAll(
      check(kind, attributes).map((each) => ({ ...each, field: each.field.replace(/^attributes/, field) })),
    )
  }
  return attributes
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.map(([name, each]) => [name, withoutUndefined(each)]))
}

export interface BindingPorts {
  readonly bindings: RuleRecords<Binding>
  readonly rules: HoldingPorts['rules'] & Pick<RuleSource, 'epoch'>
  readonly organizations: HoldingPorts['organizations']
  readonly turns: RuleTurns
  readonly groups: Pick<GroupRecords, 'find'>
  readonly resources: Pick<ResourceRecords, 'find'>
  readonly checkAttributes: AttributeCheck
  readonly clock: Clock
}

export function bindingCollection(ports: BindingPorts): Collection<Binding> {
  const kind: Kind<Binding> = {
    name: 'binding',
    shape: bindingShape,
    title: ({ id: own }) => own,
    epoch: (organization) => ports.rules.epoch(organization),
    document: ({ groupId, resourceId, attributes, factors, order }) => ({
      ...{ groupId, resourceId, attributes, factors, order },
    }),

    async read(by, document, current, at) {
      const problems = new Problems()
      const values = readObject(bindingShape, document, '', problems)
      if (!values) return invalid(problems.list)
      const organization = by.organization.id
      const [group, resource] = await Promise.all([
        ports.groups.find(organization, values.groupId),
        ports.resources.find(organization, values.resourceId),
      ])
      if (!group) problems.add('groupId', 'missing', 'there is no such group')
      else if (group.of !== 'users')
        problems.add('groupId', 'wrong-kind', 'only groups of users get resources')
      if (!resource) problems.add('resourceId', 'missing', 'there is no such resource')
      if (!group || !resource || !problems.none) return invalid(problems.list)
      // Also of one that is there: who has a higher role by it keeps it.
      const may = current ? mayGrant(by, resource.kind, current.attributes.role) : ok(null)
      if (!may.ok) return may
      const attributes = settleAttributes(
        values.attributes,
        resource.kind,
        ports.checkAttributes,
        'attributes',
        problems,
      )
      if (!problems.none) return invalid(problems.list)
      const base = current ?? { id: newId<BindingId>(), version: 1, createdAt: at }
      const row: Binding = { ...base, updatedAt: at, ...values, attributes }
      const grants = mayGrant(by, resource.kind, attributes.role)
      if (!grants.ok) return grants
      const held = await holdExposures(by, ports, (standing) => ({
        ...standing,
        bindings: [...standing.bindings.filter(({ id }) => id !== row.id), row],
      }))
      if (!held.ok) return held
      return ok({ row, details: { group: group.name, resource: resource.name } })
    },

    async mayRemove(by, { resourceId, attributes }) {
      const resource = await ports.resources.find(by.organization.id, resourceId)
      return mayGrant(by, resource?.kind, attributes.role)
    },
  }
  return inTurns(recordCollection(ports.bindings, kind, ports.clock), ports.turns)
}
