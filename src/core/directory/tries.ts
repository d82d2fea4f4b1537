// How often a write is tried that others were faster with, and how long it waits in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/result.ts'

const longestWaitMs = 250
const mostRuleTries = 30

/**
 * After the `attempt`th time (1, 2, …) that the rules had changed while a write was checked beside them: waits a short while, a
 * random one, so that several processes do not meet again. Throws Fault once it has been too often.
 */
export async function beforeRuleTry(attempt: number): Promise<void> {
  if (attempt >= mostRuleTries) {
    throw new Fault(
      'busy',
      'rules of this organization change, or are being carried through, again and again: try again',
    )
  }
  await sleep(Math.random() * Math.min(2 ** attempt, longestWaitMs))
}
