// Reading and writing objects of one kind, the same way for all kinds: find, list, create, patch, remove. A kind says
// how it is read from what was sent; this file does versions, retries, audit records and refusals.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { AuditBody, ChangeBody } from '../audit/record.ts'
import type { OneAtATime } from '../factors/one-at-a-time.ts'
import type { Page, Records, RuleRecords, WriteOutcome } from '../ports.ts'
import type { Condition } from './condition.ts'
import { Problems } from './problem.ts'
import { isPlainObject, refuseUnknown, type Shape } from './spec.ts'
import { beforeRuleTry } from './tries.ts'
import type { Stored } from './types.ts'
import {
  type By,
  changeBody,
  difference,
  invalid,
  mergePatch,
  notFound,
  type Outcome,
  type Refusal,
  refusalOf,
  stale,
} from './writing.ts'

export interface Collection<T> {
  readonly shape: Shape
  find(organization: OrganizationId, id: string): Promise<T | null>
  list(organization: OrganizationId, where: Condition, page: Page): Promise<readonly T[]>
  create(by: By, body: unknown): Promise<Outcome<T>>
  /** `patch` is a merge patch; `version` comes from If-Match. */
  update(by: By, id: string, patch: unknown, version?: number): Promise<Outcome<T>>
  remove(by: By, id: string, version?: number): Promise<Outcome<null>>
}

/** A row that is ready to be stored, with what else belongs to the write. */
export interface Draft<T> {
  readonly row: T
  /** Where the plain insert or update will not do. */
  readonly write?: (audit: AuditBody, epoch: bigint | undefined) => Promise<WriteOutcome>
  /** Further entries of the audit record, such as the names of secrets that were set. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly once?: Readonly<Record<string, unknown>>
  /** What follows once it is stored, such as carrying a rule through. */
  readonly after?: () => Promise<Result<null, Refusal>>
}

export interface Kind<T> {
  /** In audit records (`binding.create`) and messages. */
  readonly name: string
  readonly shape: Shape
  /** The object as somebody would send it: what a merge patch applies to. Free of secrets. */
  document(row: T): Readonly<Record<string, unknown>>
  title(row: T): string
  /**
   * Of what rules are made of or read: the epoch of the rules. It is asked before a write is checked, and the write counts only
   * while it is the same: others could have taken away what the check rests on.
   */
  epoch?(organization: OrganizationId): Promise<bigint>
  read(by: By, document: unknown, current: T | null, at: Date): Promise<Result<Draft<T>, Refusal>>
  /** Why it may not be removed now, beyond what the store refuses by itself. */
  mayRemove?(by: By, row: T): Promise<Result<null, Refusal>>
  /** Where the plain removal will not do. */
  remove?(by: By, row: T, audit: ChangeBody, epoch: bigint | undefined): Promise<WriteOutcome>
}

const attempts = 5

/** Checks a merge patch's names before it is merged, because null hides a misspelled name. */
export function patchProblems(shape: Shape, patch: unknown): Problems {
  const problems = new Problems()
  if (!isPlainObject(patch)) problems.add('', 'wrong-type', 'a merge patch is an object (RFC 7396)')
  else {
    refuseUnknown(patch, shape, '', problems)
    for (const [name, spec] of Object.entries(shape)) {
      if (spec.fixed && Object.hasOwn(patch, name)) {
        problems.add(name, 'fixed', 'this cannot be changed afterwards: make a new object instead')
      }
    }
  }
  return problems
}

export function recordCollection<T extends Stored & { readonly id: string }>(
  records: Records<T> | RuleRecords<T>,
  kind: Kind<T>,
  clock: Clock,
): Collection<T> {
  const target = (row: T) => ({ kind: kind.name, id: row.id, name: kind.title(row) })

  const epochOf = async (by: By) => kind.epoch?.(by.organization.id)

  async function store(
    by: By,
    draft: Draft<T>,
    before: T | null,
    at: Date,
    epoch: bigint | undefined,
  ): Promise<WriteOutcome> {
    const changes = difference(before && kind.document(before), kind.document(draft.row))
    const action = `${kind.name}.${before ? 'update' : 'create'}`
    const audit = changeBody(by, at, action, target(draft.row), { ...changes, ...draft.details })
    if (draft.write) return draft.write(audit, epoch)
    const id = by.organization.id
    return before ? records.update(id, draft.row, audit, epoch) : records.insert(id, draft.row, audit, epoch)
  }

  /** Somebody else was faster: is it to be tried again? Throws Fault where it is the rules that never rest. */
  async function isForAnother(attempt: number): Promise<boolean> {
    if (kind.epoch === undefined) return attempt < attempts
    await beforeRuleTry(attempt)
    return true
  }

  async function finish(by: By, draft: Draft<T>): Promise<Outcome<T>> {
    const after = await draft.after?.()
    if (after && !after.ok) return after
    // Read again: the store gives versions and numbers.
    const object = (await records.find(by.organization.id, draft.row.id)) ?? draft.row
    return ok({ object, ...(draft.once && { once: draft.once }) })
  }

  return {
    shape: kind.shape,
    find: (organization, id) => records.find(organization, id as T['id']),
    list: (organization, where, page) => records.list(organization, where, page),

    async create(by, body) {
      for (let attempt = 1; ; attempt++) {
        const epoch = await epochOf(by)
        const at = clock.now()
        const draft = await kind.read(by, body, null, at)
        if (!draft.ok) return draft
        const outcome = await store(by, draft.value, null, at, epoch)
        if (outcome.outcome === 'conflict' && (await isForAnother(attempt))) continue
        return refusalOf(outcome, kind.name) ?? finish(by, draft.value)
      }
    },

    async update(by, id, patch, version) {
      const problems = patchProblems(kind.shape, patch)
      for (let attempt = 1; ; attempt++) {
        const epoch = await epochOf(by)
        const current = await records.find(by.organization.id, id as T['id'])
        if (!current) return notFound(kind.name)
        if (version !== undefined && version !== current.version) return stale(kind.name)
        if (!problems.none) return invalid(problems.list)
        const at = clock.now()
        const draft = await kind.read(by, mergePatch(kind.document(current), patch), current, at)
        if (!draft.ok) return draft
        const outcome = await store(by, draft.value, current, at, epoch)
        // The patch still means the same on what others have left.
        if (outcome.outcome === 'conflict' && (await isForAnother(attempt))) continue
        return refusalOf(outcome, kind.name) ?? finish(by, draft.value)
      }
    },

    async remove(by, id, version) {
      for (let attempt = 1; ; attempt++) {
        const epoch = await epochOf(by)
        const row = await records.find(by.organization.id, id as T['id'])
        if (!row) return notFound(kind.name)
        if (version !== undefined && version !== row.version) return stale(kind.name)
        const may = (await kind.mayRemove?.(by, row)) ?? ok(null)
        if (!may.ok) return may
        const details = difference(kind.document(row), null)
        const audit = changeBody(by, clock.now(), `${kind.name}.remove`, target(row), details)
        const outcome = await (kind.remove
          ? kind.remove(by, row, audit, epoch)
          : records.remove(by.organization.id, row.id, row.version, audit, epoch))
        if (outcome.outcome === 'conflict' && (await isForAnother(attempt))) continue
        return refusalOf(outcome, kind.name) ?? ok({ object: null })
      }
    },
  }
}

/** The collection, whose writes wait for their turn within an organization. */
export function inTurns<T>(collection: Collection<T>, turns: Pick<OneAtATime, 'run'>): Collection<T> {
  const inTurn = <R>(by: By, write: () => Promise<R>) => turns.run(by.organization.id, write)
  return {
    ...collection,
    create: (by, body) => inTurn(by, () => collection.create(by, body)),
    update: (by, id, patch, version) => inTurn(by, () => collection.update(by, id, patch, version)),
    remove: (by, id, version) => inTurn(by, () => collection.remove(by, id, version)),
  }
}
