// What is held back until somebody confirms it: a rule that moves very many at once, and one by which people could give
// themselves access because it reads what they change themselves.
import { fail, ok, type Result } from '../../base/result.ts'
import { allRows } from '../all-rows.ts'
import { dependenciesOf } from '../membership/language/dependencies.ts'
import type { Preview, Previewer } from '../membership/preview/preview.ts'
import type { Organizations, Records, RuleSource } from '../ports.ts'
import type { Problem } from './problem.ts'
import { Rules } from './rules.ts'
import type { AttributeDefinition, Binding, Group, HoldSettings, OrganizationSettings } from './types.ts'
import type { By, Refusal } from './writing.ts'

export interface HoldingPorts {
  readonly rules: Pick<RuleSource, 'read' | 'epoch'>
  readonly bindings: Pick<Records<Binding>, 'list'>
  readonly organizations: Pick<Organizations, 'findBySlug'>
}

const howToConfirm = 'If this is meant, send it again with ?confirm=true (muster: --confirm)'

function refuseUnconfirmed(problems: readonly Problem[]): Result<null, Refusal> {
  return problems.length === 0 ? ok(null) : fail({ kind: 'confirm', problems })
}

/** Is it too many? `members`: how many there are now. */
export function isTooMany(moves: number, members: number, hold: HoldSettings): boolean {
  return moves > hold.members || (moves >= hold.least && moves * 100 > members * hold.percent)
}

/** Why the new rule of a group that is there must be confirmed: it moves too many. */
export async function holdMoves(
  by: By,
  group: Group,
  previewer: Pick<Previewer, 'preview'>,
): Promise<Result<null, Refusal>> {
  // In other modes nobody moves by a rule.
  if (by.confirmed || group.mode !== 'dynamic') return ok(null)
  const preview: Preview = await previewer.preview(by.organization.id, group, { limit: 1 })
  const { joins, leaves, stays } = preview
  const members = leaves.count + stays.count
  if (!isTooMany(joins.count + leaves.count, members, by.organization.settings.hold)) return ok(null)
  const message = `of ${members} members ${leaves.count} would leave, and ${joins.count} would join. ${howToConfirm}`
  return refuseUnconfirmed([{ field: 'rule', code: 'confirm', message }])
}

/** What access rests on. */
export interface Standing {
  readonly groups: readonly Group[]
  readonly attributes: readonly AttributeDefinition[]
  readonly settings: Pick<OrganizationSettings, 'selfEditable'>
  readonly bindings: readonly Given[]
}

/** What members of a group are given. */
export type Given = Pick<Binding, 'id' | 'groupId' | 'resourceId' | 'attributes'>

/** Names of the attributes that users change themselves. */
export function selfEditableOf(
  attributes: Standing['attributes'],
  settings: Standing['settings'],
): ReadonlySet<string> {
  const declared = attributes.filter(({ of, selfEditable }) => of === 'users' && selfEditable)
  return new Set<string>([...settings.selfEditable, ...declared.map(({ name }) => name)])
}

interface Exposure {
  readonly group: Group
  readonly attribute: string
  /** What people can bring about by the attribute: access, or the end of a demand for factors. */
  readonly of: 'access' | 'demand'
  /** Which access, or whose demand. */
  readonly what: string
}

const whatPeopleCould = {
  access: 'give themselves access with it',
  demand: 'take themselves out of a demand for factors',
} as const satisfies Record<Exposure['of'], string>

/**
 * Rules over self-editable attributes whose group grants something or demands factors, itself or through groups that read it: people
 * could get in by it, or out of the demand. Pure.
 */
function exposures({ groups, attributes, settings, bindings }: Standing): readonly Exposure[] {
  const editable = selfEditableOf(attributes, settings)
  const demanding = groups.filter(({ factors }) => factors.length > 0)
  if (editable.size === 0 || bindings.length + demanding.length === 0) return []
  const counted = {
    access: Map.groupBy(bindings, ({ groupId }) => groupId),
    demand: Map.groupBy(demanding, ({ id }) => id),
  }
  const rules = new Rules(groups, attributes)
  return groups.flatMap((group): Exposure[] => {
    if (group.mode !== 'dynamic' || group.rule === null) return []
    const checked = rules.check(group.of, group.rule)
    if (!checked.ok) return []
    const read = dependenciesOf(checked.value).attributes
    const names = [...(group.of === 'users' ? read.self : read.owner)].filter((name) => editable.has(name))
    if (names.length === 0) return []
    const through = rules.readersThrough(group)
    const access = through
      .flatMap((id) => counted.access.get(id) ?? [])
      .map(({ resourceId, attributes }) => JSON.stringify([resourceId, inOrder(attributes)]))
    const demand = through.flatMap((id) => (counted.demand.has(id) ? [id as string] : []))
    const reached = Object.entries({ access, demand }) as [Exposure['of'], string[]][]
    return names.flatMap((attribute) =>
      reached.flatMap(([of, list]) => [...new Set(list)].map((what) => ({ group, attribute, of, what }))),
    )
  })
}

/** Equal objects are written alike, whatever the order of their keys. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, inOrder(one)])
}

/** Why a change must be confirmed by which people could newly let themselves in. `change` gives what will be so. */
export async function holdExposures(
  by: By,
  ports: HoldingPorts,
  change: (standing: Standing) => Standing,
): Promise<Result<null, Refusal>> {
  if (by.confirmed) return ok(null)
  const organization = by.organization.id
  const { groups, attributes } = await ports.rules.read(organization)
  const bindings = await allRows((page) => ports.bindings.list(organization, { op: 'true' }, page))
  // Read here, after the epoch that the write is compared with: the caller's may be older.
  const { settings } = (await ports.organizations.findBySlug(by.organization.slug)) ?? by.organization
  const before = { groups, attributes, settings, bindings }
  // Confirmed is what was known then: another rule, and another access by the same rule, are asked about again.
  const keyOf = ({ group, attribute, of, what }: Exposure) =>
    JSON.stringify([group.id, attribute, of, group.rule, what])
  const known = new Set(exposures(before).map(keyOf))
  const added = exposures(change(before)).filter((one) => !known.has(keyOf(one)))
  const messages = added.map(
    ({ group, attribute, of }) =>
      `users change "${attribute}" themselves, and by the rule of ${JSON.stringify(group.name)} could ${whatPeopleCould[of]}. ${howToConfirm}`,
  )
  return refuseUnconfirmed(
    [...new Set(messages)].slice(0, 10).map((message) => ({ field: '', code: 'confirm', message })),
  )
}
