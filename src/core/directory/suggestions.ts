// Suggestions of review groups: listing them, and approving or rejecting them. Each is looked at again in its cell at the
// moment when it is carried out, so that nobody joins or leaves for what is no longer so.
import type { Clock } from '../../base/clock.ts'
import type { GroupId, OrganizationId, SubjectId, SuggestionId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { CellGuard, Guarded } from '../membership/apply.ts'
import type { Cell, Suggested } from '../membership/cell.ts'
import { evaluateChange } from '../membership/incremental/evaluate-change.ts'
import type { GroupRecords, Page, Suggestions, SuggestionsWanted } from '../ports.ts'
import { type Authority, type AuthorityPorts, authorityOf, isOutdated } from './authority.ts'
import type { CellWriter } from './cells.ts'
import { cellSubject, nameIn } from './members.ts'
import { type Problem, Problems } from './problem.ts'
import { nullable, optional, readObject, type Shape } from './spec.ts'
import { beforeRuleTry } from './tries.ts'
import type { Group, Suggestion } from './types.ts'
import { id, reason, set } from './values.ts'
import { type By, changeBody, invalid, notFound, type Refusal } from './writing.ts'

const mostIds = 1_000
/** Of one group in one call; `more` tells that there are others. */
const mostOfGroup = 10_000
const perPage = 500
/** Cells that are written at the same time. */
const atOnce = 4

const answerShape = {
  ids: optional(set(id<SuggestionId>('a suggestion'), mostIds)),
  groupId: optional(id<GroupId>('a group')),
  reason: nullable(reason()),
} satisfies Shape

export interface SuggestionPorts extends Omit<AuthorityPorts, 'cells'> {
  readonly suggestions: Suggestions
  readonly groups: Pick<GroupRecords, 'find'>
  readonly engine: CellWriter
  readonly clock: Clock
}

export interface Answered {
  /** How many were approved, or rejected. */
  readonly done: number
  /** How many no longer stood when it was their turn. */
  readonly withdrawn: number
  /** Are there others of the group, for another call? */
  readonly more: boolean
}

export interface ReviewedSuggestions {
  readonly shape: Shape
  /** In id order; null where there is no such group. */
  list(
    organization: OrganizationId,
    where: SuggestionsWanted,
    page: Page,
  ): Promise<{
    readonly items: readonly Suggestion[]
    readonly counts: { readonly joins: number; readonly leaves: number }
  } | null>
  /** Reads `{ ids | groupId, reason? }`. What was done before a fault stays done. */
  answer(by: By, verb: 'approve' | 'reject', body: unknown): Promise<Result<Answered, Refusal>>
}

export function reviewedSuggestions(ports: SuggestionPorts): ReviewedSuggestions {
  return {
    shape: answerShape,

    async list(organization, where, page) {
      if (!(await ports.groups.find(organization, where.group))) return null
      const [items, counts] = await Promise.all([
        ports.suggestions.list(organization, where, page),
        ports.suggestions.count(organization, where),
      ])
      return { items, counts }
    },

    async answer(by, verb, body) {
      const problems = new Problems()
      const values = readObject(answerShape, body, '', problems)
      if (values && (values.ids === undefined) === (values.groupId === undefined))
        problems.add('', 'one-of', 'give either "ids", or "groupId" for all that wait in a group')
      if (values?.ids?.length === 0) problems.add('ids', 'empty', 'name at least one suggestion')
      if (!values || !problems.none) return invalid(problems.list)
      const { ids, groupId } = values
      const authority = await authorityOf(by, ports)
      const inForce = { authority }
      const give = (list: readonly Suggestion[]) => answerAll(ports, by, verb, values.reason, list, inForce)
      if (ids !== undefined) {
        const found = await ports.suggestions.find(by.organization.id, ids)
        for (const one of found) {
          const may = authority.overGroup(one.groupId)
          if (!may.ok) return may
        }
        const done = await give(found)
        return ok({ done, withdrawn: ids.length - done, more: false })
      }
      if (groupId === undefined || !(await ports.groups.find(by.organization.id, groupId)))
        return notFound('group')
      const may = authority.overGroup(groupId)
      if (!may.ok) return may
      return ok(await answerGroup(ports, by.organization.id, groupId, give))
    },
  }
}

/** What whoever answers may decide; judged anew where the rules have changed meanwhile. */
interface InForce {
  authority: Authority
}

/** Page by page: what is answered is no longer listed, and what is suggested anew meanwhile may be. */
async function answerGroup(
  { suggestions }: Pick<SuggestionPorts, 'suggestions'>,
  organization: OrganizationId,
  group: GroupId,
  give: (list: readonly Suggestion[]) => Promise<number>,
): Promise<Answered> {
  let [done, seen] = [0, 0]
  for (let after: string | undefined; seen < mostOfGroup; ) {
    const page = { limit: perPage, ...(after !== undefined && { after }) }
    const list = await suggestions.list(organization, { group, rejected: false }, page)
    done += await give(list)
    seen += list.length
    if (list.length < perPage) return { done, withdrawn: seen - done, more: false }
    after = list.at(-1)?.id
  }
  return { done, withdrawn: seen - done, more: true }
}

/** Returns how many of them still stood, and are done. */
async function answerAll(
  ports: SuggestionPorts,
  by: By,
  verb: 'approve' | 'reject',
  reason: string | null,
  list: readonly Suggestion[],
  inForce: InForce,
): Promise<number> {
  const ids = [...new Set(list.map(({ groupId }) => groupId))]
  const groups = new Map<GroupId, Group>()
  for (const groupId of ids) {
    const group = await ports.groups.find(by.organization.id, groupId)
    if (group?.mode === 'review') groups.set(groupId, group)
  }
  const waiting = [...Map.groupBy(list, ({ subjectId }) => subjectId)]
  let done = 0
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [subject, asked] = next
      // Not `done += await …`: that reads the sum before it waits, and loses what others add meanwhile.
      const answered = await answerSubject(ports, by, verb, reason, subject, asked, groups, inForce)
      done += answered
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return done
}

/** All suggestions for one user or device, in one write. */
async function answerSubject(
  ports: SuggestionPorts,
  by: By,
  verb: 'approve' | 'reject',
  reason: string | null,
  subject: SubjectId,
  suggestions: readonly Suggestion[],
  groups: ReadonlyMap<GroupId, Group>,
  inForce: InForce,
): Promise<number> {
  const of = suggestions.map(({ groupId }) => groups.get(groupId)?.of).find((one) => one !== undefined)
  if (of === undefined) return 0
  const at = ports.clock.now()
  for (let [left, attempt] = [suggestions, 1]; ; ) {
    const { guard } = inForce.authority
    let standing: readonly Suggestion[] = []
    let outdated: ReadonlySet<Suggestion> = new Set()
    const stillSo: CellGuard = async (memberships, change, cells) => {
      const said = saidOf(cells)
      outdated = new Set(standing.filter((one) => !said.some((other) => isSame(one, other))))
      return outdated.size > 0 ? withdrawn : ((await guard?.(memberships, change, cells)) ?? [])
    }
    const outcome = await ports.engine.change(by.organization.id, [cellSubject(of, subject)], ([cell]) => {
      const name = nameIn(cell, of, subject)
      standing = left.filter((one) => groups.has(one.groupId) && stands(cell, one))
      if (name === null || standing.length === 0) return fail(withdrawn)
      const audit = standing.map((one) =>
        changeBody(
          by,
          at,
          `suggestion.${verb}`,
          { kind: 'group', id: one.groupId, name: groups.get(one.groupId)?.name ?? '' },
          {
            operation: one.operation,
            member: { kind: of === 'users' ? 'user' : 'device', id: subject, name },
            ...(reason !== null && { reason }),
          },
        ),
      )
      const pairs = standing.map(({ subjectId, groupId, operation }) => ({ subjectId, groupId, operation }))
      if (verb === 'reject') return ok({ reject: pairs, audit, guard: stillSo })
      const add = pairs.filter(({ operation }) => operation === 'join')
      const remove = pairs.filter(({ operation }) => operation === 'leave')
      const manual = { add: add.map((one) => ({ ...one, approved: true })), remove }
      return ok({ manual, audit, guard: stillSo })
    })
    if (outcome.outcome === 'refused' && isOutdated(outcome.problems)) {
      await beforeRuleTry(attempt++)
      inForce.authority = await authorityOf(by, ports)
      continue
    }
    if (outdated.size === 0) return outcome.outcome === 'written' ? standing.length : 0
    // Those that are left may still be so.
    left = left.filter((one) => !outdated.has(one))
  }
}

const withdrawn: readonly Problem[] = [{ field: '', code: 'withdrawn', message: '' }]

/**
 * What the rules suggest at this moment. What is stored is evaluated anew where it may be outdated: an instant has passed, or
 * a new rule is still being carried through.
 */
function saidOf({ before, rules, now }: Guarded): readonly Suggested[] {
  return before.flatMap((cell) => evaluateChange(cell, cell, rules, now).suggestions)
}

const isSame = (one: Suggested, other: Suggested): boolean =>
  one.subjectId === other.subjectId && one.groupId === other.groupId && one.operation === other.operation

/** Is it in the cell as it was read? One that was rejected can still be approved, by its id. */
function stands(cell: Cell | null | undefined, one: Suggestion): boolean {
  return (
    cell?.suggestions.some(
      (stored) => isSame(stored, one) && stored.rejected === (one.rejectedAt !== null),
    ) === true
  )
}
