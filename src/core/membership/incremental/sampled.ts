// Trust, and look now and then: one change in a hundred is also evaluated in full, and what that gives is what counts.
import type { OrganizationId } from '../../../base/ids.ts'
import type { Log } from '../../../base/log.ts'
import type { Evaluation } from '../engine.ts'

/** Counts what was looked at. */
export interface EvaluationObserver {
  /** An evaluation in part was held against one in full. */
  checked(agrees: boolean): void
}

const every = 100

export class Sampled {
  readonly #log: Log
  readonly #observer: EvaluationObserver | undefined
  #count = 0

  constructor(log: Log, observer: EvaluationObserver | undefined) {
    this.#log = log
    this.#observer = observer
  }

  /** The evaluation, or what `inFull` says where the two are compared and differ. */
  check(evaluation: Evaluation, inFull: () => Evaluation, organization: OrganizationId): Evaluation {
    this.#count++
    if (this.#count % every !== 0) return evaluation
    const full = inFull()
    const differing = difference(spell(evaluation), spell(full))
    this.#observer?.checked(differing.length === 0)
    if (differing.length === 0) return evaluation
    this.#log.error(
      { organization, differing: differing.slice(0, 20) },
      'a change evaluated in part is not what it is in full: the full result is written',
    )
    return full
  }
}

function difference(part: ReadonlySet<string>, full: ReadonlySet<string>): readonly string[] {
  const missing = [...full].filter((one) => !part.has(one)).map((one) => `missing: ${one}`)
  return [...missing, ...[...part].filter((one) => !full.has(one)).map((one) => `wrong: ${one}`)]
}

function spell({ memberships, suggestions, takenOver, kept }: Evaluation): ReadonlySet<string> {
  return new Set([
    ...memberships.map(({ subjectId, groupId, reasons }) => `${subjectId} in ${groupId} (${reasons.join()})`),
    ...suggestions.map(({ subjectId, groupId, operation }) => `${subjectId} to ${operation} ${groupId}`),
    ...takenOver.map(({ subjectId, groupId }) => `${subjectId} taken over by ${groupId}`),
    ...kept.map(({ subjectId, groupId }) => `${subjectId} kept in ${groupId}`),
  ])
}
