// Stops the parts of the process in the reverse of the order in which they were started, within one deadline.
// Knows no signals: main.ts connects those.
import { type Clock, systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'

/** Stops a part; `graceMs` is how long it may let what is under way finish. */
export type Stop = (graceMs: number) => unknown

interface Stage {
  readonly name: string
  readonly parts: { readonly name: string; readonly stop: Stop }[]
}

export class Shutdown {
  readonly #stages: Stage[] = []
  readonly #deadlineMs: number
  readonly #log: Log
  readonly #clock: Clock
  #stopped: Promise<boolean> | null = null

  /** The default leaves a margin under the 10 s within which the process has promised to be gone. */
  constructor(log: Log, deadlineMs = 9_500, clock: Clock = systemClock) {
    this.#log = log
    this.#deadlineMs = deadlineMs
    this.#clock = clock
  }

  /** Has the stop begun? Nothing new should be started then. */
  get begun(): boolean {
    return this.#stopped !== null
  }

  /** Parts of one stage stop together; a stage named first stops last. */
  add(stage: string, name: string, stop: Stop): void {
    let found = this.#stages.find((candidate) => candidate.name === stage)
    if (found === undefined) {
      found = { name: stage, parts: [] }
      this.#stages.push(found)
    }
    found.parts.push({ name, stop })
  }

  /** True if every part stopped in time and without an error. A second call waits for the first. */
  stop(): Promise<boolean> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  async #stopAll(): Promise<boolean> {
    const endsAtMs = this.#clock.monotonicMs() + this.#deadlineMs
    let clean = true
    for (const [index, stage] of [...this.#stages.entries()].reverse()) {
      // Every later stage keeps a tenth of the whole, so that a slow door cannot cost the database its clean end.
      const leftMs = endsAtMs - this.#clock.monotonicMs() - index * (this.#deadlineMs / 10)
      const graceMs = Math.max(0, Math.min(leftMs, this.#deadlineMs * 0.6))
      const outcomes = await Promise.all(
        stage.parts.map((part) => this.#stopPart(part.name, part.stop, graceMs, Math.max(1, leftMs))),
      )
      clean = outcomes.every(Boolean) && clean
    }
    return clean
  }

  async #stopPart(name: string, stop: Stop, graceMs: number, leftMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, leftMs, 'late')
    })
    try {
      const stopping = (async () => void (await stop(graceMs)))()
      if ((await Promise.race([stopping, late])) !== 'late') return true
      stopping.catch(() => {})
      this.#log.error({ part: name }, 'did not stop in time')
    } catch (err) {
      this.#log.error({ part: name, err }, 'failed while stopping')
    } finally {
      clearTimeout(timer)
    }
    return false
  }
}
