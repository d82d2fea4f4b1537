// Answers for sets of subjects by going through every cell: slow for many, but with nothing in memory, and by the very closures
// that decide single changes.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { Cells, RuleSource } from '../../ports.ts'
import type { Cell, CellSubject } from '../cell.ts'
import { dueToStore, nextDue } from '../due.ts'
import { difference, evaluate, suggestionChanges } from '../engine.ts'
import type { Previewer } from '../preview/preview.ts'
import { withoutRemovedGroups } from '../removed-groups.ts'
import { type RuleSet, RuleSets } from '../rule-set.ts'
import type { SetAnswers } from './set-engine.ts'

export interface ScanPorts {
  readonly cells: Pick<Cells, 'scan'>
  readonly rules: RuleSource
  readonly previewer: Previewer
  readonly clock: Clock
}

const cellsPerChunk = 500

export function scanningSets({ cells, rules, previewer, clock }: ScanPorts): SetAnswers {
  // What does not compile has been logged where it is in force.
  const sets = new RuleSets(rules, silentLog)
  return {
    preview: (organization, group, page) => previewer.preview(organization, group, page),

    async differing(organization, _groups, after) {
      // A page is as of the rules when it is asked for.
      let set = await sets.latest(organization)
      const subjects: CellSubject[] = []
      for (let from = after; ; ) {
        const chunk = await cells.scan(organization, from, cellsPerChunk)
        const last = chunk.at(-1)
        if (last === undefined) return { subjects, next: null }
        from = last.subject.id
        for (const cell of chunk) {
          if (cell.epoch > set.epoch) set = await sets.at(organization, cell.epoch)
          if (differs(cell, set, clock.now())) subjects.push(cell.subject)
        }
        if (subjects.length >= cellsPerChunk) return { subjects, next: from }
        await setImmediate()
      }
    },

    async seen(_organization, values) {
      return values.map(() => undefined)
    },
  }
}

/** Is anything that is stored of the cell not what the rules say? */
export function differs(cell: Cell, rules: RuleSet, now: Date): boolean {
  const { memberships, suggestions, takenOver } = evaluate(cell, rules, now)
  const { put, remove } = withoutRemovedGroups(difference(cell.memberships, memberships), rules, [cell])
  const suggested = suggestionChanges(cell.suggestions, suggestions)
  if (put.length + remove.length + suggested.put.length + suggested.remove.length + takenOver.length > 0)
    return true
  return dueToStore(cell.due, nextDue(cell, rules, now), now)?.getTime() !== cell.due?.getTime()
}
