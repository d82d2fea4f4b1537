// Writes to users, devices and their inputs go through the engine, cell by cell; this turns what the engine says into
// the refusals that all writes share.
import type { OrganizationId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { CellGuard, CellPlan } from '../membership/apply.ts'
import type { Cell, CellSubject } from '../membership/cell.ts'
import type { CellOutcome } from '../membership/change.ts'
import type { Problem } from './problem.ts'
import { invalid, notFound, type Refusal, refusalOf, stale } from './writing.ts'

/** What is to happen to these cells. Pure: it runs again when somebody was faster. */
export type Plan = (cells: readonly (Cell | null)[]) => Result<CellPlan, readonly Problem[]>

/** The engine as far as the directory writes through it. */
export interface CellWriter {
  change(organization: OrganizationId, subjects: readonly CellSubject[], plan: Plan): Promise<CellOutcome>
}

type Signal = 'not-found' | 'stale' | 'in-use' | 'taken' | 'forbidden' | 'outdated'

/** From within a plan: something other than a fault in what was sent. */
export function signal(code: Signal, message = '', field = ''): Result<never, readonly Problem[]> {
  return fail([{ field, code, message }])
}

/** Runs the plan; `what` is the kind of object, for messages. `guard`: who may not move whom (authority.ts). */
export async function changeCells(
  engine: CellWriter,
  organization: OrganizationId,
  subjects: readonly CellSubject[],
  what: string,
  plan: Plan,
  guard?: CellGuard,
): Promise<Result<null, Refusal>> {
  const guarded: Plan = (cells) => {
    const planned = plan(cells)
    return planned.ok ? ok({ ...planned.value, guard }) : planned
  }
  const outcome = await engine.change(organization, subjects, guarded)
  if (outcome.outcome === 'written') return ok(null)
  if (outcome.outcome !== 'refused') return refusalOf(outcome, what) ?? ok(null)
  const { problems } = outcome
  switch (problems[0]?.code as Signal | undefined) {
    case 'not-found':
      return notFound(what)
    case 'stale':
      return stale(what)
    case 'forbidden':
      return fail({ kind: 'forbidden', problems })
    case 'outdated':
      return fail({ kind: 'conflict', problems })
    case 'in-use':
      return fail({ kind: 'in-use', problems })
    case 'taken':
      return fail({ kind: 'taken', problems })
    default:
      return invalid(problems)
  }
}
