// Groups: what may be sent of one, and what holds between a group, the rules of others and its bindings.
import type { Clock } from '../../base/clock.ts'
import { type GroupId, newId, type OrganizationId } from '../../base/ids.ts'
import { ok } from '../../base/result.ts'
import type { AuditBody } from '../audit/record.ts'
import { OneAtATime } from '../factors/one-at-a-time.ts'
import type { Previewer } from '../membership/preview/preview.ts'
import type { DirectoryReader, GroupRecords, Records, RuleSource } from '../ports.ts'
import { type AuthorityPorts, authorityOf, mayLoosen } from './authority.ts'
import { type Collection, type Kind, recordCollection } from './collection.ts'
import { type HoldingPorts, holdExposures, holdMoves } from './holding.ts'
import { type Problem, Problems } from './problem.ts'
import { type FindingPorts, findingsOf } from './rule-findings.ts'
import { namesOf, type RuledGroup, Rules } from './rules.ts'
import {
  fixed,
  isPlainObject,
  nullable,
  otherwise,
  own,
  readObject,
  type Shape,
  type Values,
} from './spec.ts'
import {
  type AttributeDefinition,
  type Binding,
  factorKinds,
  type Group,
  groupModes,
  type Resource,
} from './types.ts'
import { displayName } from './users.ts'
import { choice, set, text } from './values.ts'
import { type By, invalid, type Outcome, refuse } from './writing.ts'

export const groupShape = {
  name: displayName(),
  of: fixed(choice(['users', 'devices'])),
  mode: otherwise(choice(groupModes), 'static'),
  rule: nullable(text({ most: 65_536, lines: true })),
  factors: set(choice(factorKinds)),
} satisfies Shape

export type GroupValues = Values<typeof groupShape>

/** What does not depend on other groups: a static group has no rule, the others must have one. */
export function checkMode(
  { mode, rule }: Pick<GroupValues, 'mode' | 'rule'>,
  field: string,
  problems: Problems,
): void {
  if (mode === 'static' && rule !== null) {
    problems.add(
      field,
      'rule-of-static',
      'a static group has no rule: leave it out, or set mode to "dynamic"',
    )
  } else if (mode !== 'static' && rule === null) {
    problems.add(field, 'required', `a ${mode} group needs a rule, such as: department eq "Sales"`)
  }
}

/**
 * One at a time within an organization. Two rules that ask about each other, or a rule and the removal of what it reads, cannot
 * be saved past one another anyway (`epoch`); in turns, those of one process need not be checked again for each other.
 */
export type RuleTurns = Pick<OneAtATime, 'run'>
export const ruleTurns = (): RuleTurns => new OneAtATime(1_000, 'too many rules are being saved at once')

export interface GroupPorts extends FindingPorts {
  readonly groups: GroupRecords
  readonly bindings: Pick<Records<Binding>, 'list'>
  readonly resources: Pick<Records<Resource>, 'find'> & AuthorityPorts['resources']
  readonly rules: RuleSource
  readonly reader: Pick<DirectoryReader, 'members' | 'usersByKey'>
  readonly previewer: Pick<Previewer, 'preview'>
  /** Carries the rule of an `activating` group through the organization; takes everybody out of one that is gone. */
  readonly activateGroup: (organization: OrganizationId, id: GroupId) => Promise<void>
  /** Finishes what is unfinished or overdue in the organization, so that stored memberships are what the rules say. */
  readonly settle: (organization: OrganizationId) => Promise<void>
  readonly organizations: HoldingPorts['organizations']
  readonly turns: RuleTurns
  readonly clock: Clock
}

export function groupCollection(ports: GroupPorts): Collection<Group> {
  const kind: Kind<Group> = {
    name: 'group',
    shape: groupShape,
    title: ({ name }) => name,
    document: groupDocument,
    epoch: (organization) => ports.rules.epoch(organization),

    async read(by, document, current, at) {
      const problems = new Problems()
      const values = readObject(groupShape, document, '', problems)
      if (!values) return invalid(problems.list)
      checkMode(values, 'rule', problems)
      if (!problems.none) return invalid(problems.list)
      const { groups, attributes, keeping = [] } = await ports.rules.read(by.organization.id)
      const id = current?.id ?? newId<GroupId>()
      const authority = await authorityOf(by, ports)
      const may = current ? authority.overGroup(id) : authority.overNewGroup(values.of)
      if (!may.ok) return may
      const loosens =
        current === null ||
        current.rule !== values.rule ||
        current.mode !== values.mode ||
        `${current.factors}` !== `${values.factors}`
      const loosened = loosens
        ? await mayLoosen(by, { id: current?.id ?? null, of: values.of }, authority, ports.reader)
        : ok(null)
      if (!loosened.ok) return loosened
      const faults = ruleFaults({ id, ...values }, current, groups, attributes)
      if (faults.length > 0) return invalid(faults)
      const changed = current === null || current.rule !== values.rule || current.mode !== values.mode
      // A new static group has nobody whom a rule could concern.
      const carry = changed && !(current === null && values.mode === 'static')
      const status = carry ? 'activating' : (current?.status ?? 'active')
      const posixId = current?.posixId ?? 0
      const row: Group = {
        ...(current ?? { version: 1, createdAt: at }),
        ...{ id, updatedAt: at, posixId, status },
        ...values,
      }
      const { of, rule } = values
      // Whoever is stored as a member stays: that has to be right at the moment of writing.
      const isKept = changed && current !== null && (leavesRule(current, row) || keeping.includes(id))
      const settled = () => ports.settle(by.organization.id)
      const write = async (audit: AuditBody, epoch: bigint | undefined) => {
        await settled()
        return ports.groups.update(by.organization.id, row, audit, epoch)
      }
      const draft = async () => {
        const findings =
          rule === null ? [] : await findingsOf(by, { of, rule }, { groups, attributes }, ports)
        return ok({ row, once: { findings }, ...(isKept ? { write } : {}) })
      }
      if (!changed && !loosens) return draft()
      if (isKept) await settled()
      const exposed = await holdExposures(by, ports, (standing) => ({
        ...standing,
        groups: [...standing.groups.filter((group) => group.id !== id), row],
      }))
      if (!exposed.ok) return exposed
      const moves = current === null || !changed ? ok(null) : await holdMoves(by, row, ports.previewer)
      return moves.ok ? draft() : moves
    },

    async mayRemove(by, group) {
      const authority = await authorityOf(by, ports)
      const may = authority.overGroup(group.id)
      if (!may.ok) return may
      const loosened = await mayLoosen(by, group, authority, ports.reader)
      if (!loosened.ok) return loosened
      const { groups, attributes } = await ports.rules.read(by.organization.id)
      const readers = new Rules(groups, attributes).readersOf(group.id).filter(({ id }) => id !== group.id)
      if (readers.length > 0) {
        return refuse(
          'in-use',
          '',
          `rules ask for members of this group: ${namesOf(readers)}. Change them first`,
        )
      }
      const where = { op: 'eq', field: { standard: 'groupId' }, value: group.id } as const
      const bindings = await ports.bindings.list(by.organization.id, where, { limit: 10 })
      if (bindings.length === 0) return ok(null)
      const resources = await Promise.all(
        bindings.map(({ resourceId }) => ports.resources.find(by.organization.id, resourceId)),
      )
      const names = resources.map((resource) => JSON.stringify(resource?.name ?? '?')).join(', ')
      return refuse('in-use', '', `this group is bound to ${names}: remove these bindings first`)
    },

    async remove(by, { id, of, version }, audit, epoch) {
      const { groups, attributes } = await ports.rules.read(by.organization.id)
      const readers = new Rules(groups, attributes).readersOfAny(of).map((reader) => reader.id)
      return ports.groups.remove(by.organization.id, id, version, audit, epoch, without(readers, id))
    },
  }
  const collection = recordCollection(ports.groups, kind, ports.clock)
  const inTurn = <T>(by: By, write: () => Promise<T>) => ports.turns.run(by.organization.id, write)

  /** Carries a new rule through; also one that could not be carried when it was saved. */
  async function activated(by: By, written: Outcome<Group>): Promise<Outcome<Group>> {
    if (!written.ok || written.value.object.status === 'active') return written
    const { id } = written.value.object
    await ports.activateGroup(by.organization.id, id)
    return ok({
      ...written.value,
      object: (await ports.groups.find(by.organization.id, id)) ?? written.value.object,
    })
  }

  /**
   * Carries the rules through that ask for any group, since some may have been in this one only; takes its members out. It is gone also
   * where that fails: then the timer does it, and tells of what it cannot do.
   */
  async function emptied(by: By, id: string, removed: Outcome<null>): Promise<Outcome<null>> {
    if (!removed.ok) return removed
    const carry = (one: GroupId) => ports.activateGroup(by.organization.id, one).catch(() => {})
    const readers = await ports.groups.unfinished(by.organization.id).catch(() => [])
    for (const one of readers) await carry(one.id)
    await carry(id as GroupId)
    return removed
  }

  return {
    ...collection,
    create: async (by, body) => activated(by, await inTurn(by, () => collection.create(by, body))),
    update: async (by, id, patch, version) =>
      activated(by, await inTurn(by, () => collection.update(by, id, withoutRule(patch), version))),
    remove: async (by, id, version) =>
      emptied(by, id, await inTurn(by, () => collection.remove(by, id, version))),
  }
}

/** Does its rule stop deciding who is in it? */
const leavesRule = (before: Pick<Group, 'mode'>, after: Pick<Group, 'mode'>): boolean =>
  before.mode === 'dynamic' && after.mode !== 'dynamic'

const without = <T>(list: readonly T[], one: T): readonly T[] => list.filter((each) => each !== one)

/** A group that is to be static loses its rule, where the patch says nothing of it. */
function withoutRule(patch: unknown): unknown {
  if (!isPlainObject(patch) || own(patch, 'mode') !== 'static' || Object.hasOwn(patch, 'rule')) return patch
  return { ...patch, rule: null }
}

export function groupDocument({ name, of, mode, rule, factors }: Group): GroupValues {
  return { name, of, mode, rule, factors }
}

/** Is the rule sound, does it run in a circle, and would a new name break the rule of another group? */
export function ruleFaults(
  group: RuledGroup,
  current: Group | null,
  groups: readonly Group[],
  attributes: readonly AttributeDefinition[],
): readonly Problem[] {
  const others = groups.filter(({ id }) => id !== group.id)
  const rules = new Rules([...others, group], attributes)
  if (current !== null && current.name !== group.name) {
    const readers = new Rules(groups, attributes).readersOf(group.id)
    if (readers.length > 0) {
      const message = `rules call this group by its name: ${namesOf(readers)}. Change them first, or keep the name`
      return [{ field: 'name', code: 'in-use', message }]
    }
  }
  if (group.rule === null) return []
  const checked = rules.check(group.of, group.rule)
  if (!checked.ok) return checked.error
  const order = rules.order('rule', group.id)
  return order.ok ? [] : [order.error]
}
