// Where a story is told: changes are made at one process and seen at another, or at the same one.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningMuster } from './muster.ts'

/** Changes are made at `here` and seen at `there`, `withinMs` later; 0: by the very next question. */
export interface Places {
  readonly here: RunningMuster
  readonly there: RunningMuster
  readonly withinMs: number
}

/** Asks until the answer is the wished one; the last answer, whatever it is. */
export async function seen<T>(
  withinMs: number,
  ask: () => Promise<T>,
  wished: (answer: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (wished(answer) || performance.now() >= deadline) return answer
    await sleep(20)
  }
}
