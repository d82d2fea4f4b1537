// What time alone changes: one timer per process waits for the first cell that is due and has it evaluated again. Several
// processes may do so at once: the slower ones find nothing left to do. Also finishes activations that have failed, and compares
// everything that is stored with what the rules say once a day.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { Organization } from '../directory/types.ts'
import type { Cells, ChangeFeed, ChangeKind, GroupRecords, Organizations } from '../ports.ts'
import type { CellSubject } from './cell.ts'
import type { MembershipEngine } from './change.ts'
import { ruleCause } from './history.ts'
import { Rounds } from './rounds.ts'

export interface SchedulePorts {
  readonly engine: Pick<MembershipEngine, 'reconcile' | 'reevaluate' | 'resume'>
  readonly cells: Pick<Cells, 'due' | 'firstDue'>
  readonly groups: Pick<GroupRecords, 'noteStrays'>
  readonly organizations: Pick<Organizations, 'list'>
  readonly feed: Pick<ChangeFeed, 'subscribe'>
  readonly clock: Clock
  readonly log: Log
  /** Told how many cells were not what the rules say, and have been put right: none, if all is well. */
  readonly repaired?: (cells: number) => void
}

const cellsAtOnce = 500
/** Clocks jump, and other processes set earlier instants: nobody sleeps longer. */
const longestWaitMs = 30_000
/** Between rounds that somebody's changes, or a failure, ask for. */
const shortestWaitMs = 1_000
/** Of the start, while what is due cannot be written, or somebody else is writing it. */
const mostRests = 3
/** Of those for whom somebody waits who only reads. */
const mostPages = 4
const activationsEveryMs = 60_000
/** A cell that could not be written is left alone for so long, so that others come to their turn first. */
const failedRestMs = 1_000
const mostFailed = 10_000
const reconcileEveryMs = 24 * 60 * 60_000
/** So that a process that is started every day does so, too. */
const firstReconcileMs = 60 * 60_000

/** Changes that may have set an earlier instant. */
const setters = new Set<ChangeKind>(['user', 'device', 'group', 'organization'])

export class Schedule {
  readonly #ports: SchedulePorts
  readonly #dues: Rounds
  readonly #activations: Rounds
  readonly #reconciliations: Rounds
  #unsubscribe = (): void => {}
  #closed = false
  /** When something is next due, as far as is known: epoch milliseconds. */
  #firstDueMs = Number.POSITIVE_INFINITY
  #catchingUp: Promise<void> | null = null
  /** Cells that could not be written, by the id that stands for them, and until when they are left alone (monotonic). */
  readonly #failed = new Map<string, number>()

  constructor(ports: SchedulePorts) {
    this.#ports = ports
    this.#dues = new Rounds(() => this.#round(), shortestWaitMs, ports.clock)
    this.#activations = new Rounds(() => this.#finishActivations(), activationsEveryMs, ports.clock)
    this.#reconciliations = new Rounds(() => this.#reconcile(), reconcileEveryMs, ports.clock)
  }

  /**
   * Resolves once that is written which became due while nobody was there: before that, nobody should be let in. Cells that
   * cannot be written are not waited for beyond some seconds.
   */
  async start(): Promise<void> {
    for (let rests = 0; rests < mostRests && !this.#closed; ) {
      const state = await this.#evaluateDue()
      if (state === 'done') break
      if (state === 'stuck') {
        rests++
        await new Promise((resolve) => setTimeout(resolve, shortestWaitMs))
      }
    }
    if (this.#closed) return
    this.#unsubscribe = this.#ports.feed.subscribe((changes) => {
      if (changes.some(({ kind }) => setters.has(kind))) this.#dues.soon()
    })
    this.#dues.soon()
    this.#activations.in(activationsEveryMs)
    this.#reconciliations.in(firstReconcileMs)
  }

  /**
   * For whoever shows memberships: null where nothing is known to be due by now, or else what to wait for. Never fails; where
   * there is too much, or it cannot be written, what is stored has to do.
   */
  caughtUp(): Promise<void> | null {
    if (this.#ports.clock.now().getTime() < this.#firstDueMs || this.#closed) return null
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = null
    })
    return this.#catchingUp
  }

  async #catchUp(): Promise<void> {
    let state: 'done' | 'more' | 'stuck' = 'more'
    for (let page = 0; page < mostPages && state === 'more'; page++) state = await this.#evaluateDue()
    // What is left is the timer's for a while: nobody is to begin the same again at once.
    this.#firstDueMs = this.#ports.clock.now().getTime() + shortestWaitMs
    this.#dues.soon()
  }

  /** Waits for cells that are being evaluated. An activation is not waited for: the next start goes on with it. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    void this.#activations.stop()
    void this.#reconciliations.stop()
    await this.#dues.stop()
  }

  /** Returns how many milliseconds the next round can wait. */
  async #round(): Promise<number> {
    const state = await this.#evaluateDue()
    if (state === 'more') return 0
    // What is due and stays so is tried again, but not in a circle without rest.
    if (state === 'stuck') return shortestWaitMs
    const { cells, clock, log } = this.#ports
    try {
      const first = await cells.firstDue()
      this.#firstDueMs = first?.getTime() ?? Number.POSITIVE_INFINITY
      return first === null ? longestWaitMs : Math.min(first.getTime() - clock.now().getTime(), longestWaitMs)
    } catch (error) {
      log.warn({ err: error }, 'when time next changes memberships could not be read')
      return shortestWaitMs
    }
  }

  /** One page of what is due. `more`: there may be another one; `stuck`: nothing of it could be written. */
  async #evaluateDue(): Promise<'done' | 'more' | 'stuck'> {
    const { cells, clock, log } = this.#ports
    try {
      for (const [id, until] of this.#failed) if (until <= clock.monotonicMs()) this.#failed.delete(id)
      const all = await cells.due(clock.now(), cellsAtOnce + this.#failed.size)
      if (all.length === 0) return 'done'
      const due = all.filter(({ subject }) => !this.#failed.has(subject.id))
      let written = 0
      for (const [organization, list] of Map.groupBy(due, (one) => one.organization)) {
        const subjects = list.map(({ subject }) => subject)
        written += await this.#reevaluate(organization, subjects)
      }
      return written > 0 ? 'more' : 'stuck'
    } catch (error) {
      log.warn({ err: error }, 'memberships that time may have changed could not be read')
      return 'stuck'
    }
  }

  /** One that cannot be written does not keep the others from it. Returns how many were. */
  async #reevaluate(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<number> {
    const { engine, clock, log } = this.#ports
    try {
      return await engine.reevaluate(organization, subjects)
    } catch (error) {
      const [first] = subjects
      const isAway = error instanceof Fault && error.reason === 'unavailable'
      if (isAway || first === undefined || subjects.length === 1) {
        log.error(
          { err: error, organization, subject: first },
          'memberships that time has changed could not be written',
        )
        if (!isAway && first !== undefined && this.#failed.size < mostFailed)
          this.#failed.set(first.id, clock.monotonicMs() + failedRestMs)
        return 0
      }
      const middle = Math.ceil(subjects.length / 2)
      const early = await this.#reevaluate(organization, subjects.slice(0, middle))
      return early + (await this.#reevaluate(organization, subjects.slice(middle)))
    }
  }

  async #finishActivations(): Promise<number> {
    const { engine } = this.#ports
    for (const { id } of await this.#list())
      await engine.resume(id).catch((error: unknown) => this.#notCarried(id, error))
    return activationsEveryMs
  }

  async #list(): Promise<readonly Organization[]> {
    const { organizations, log } = this.#ports
    return organizations.list().catch((error: unknown) => {
      log.warn({ err: error }, 'the organizations whose rules are to be looked after could not be listed')
      return []
    })
  }

  async #reconcile(): Promise<number> {
    const { engine, groups, clock, log, repaired = () => {} } = this.#ports
    for (const { id } of await this.#list()) {
      if (this.#closed) break
      try {
        // What is still being carried through is no fault.
        const strays = await groups.noteStrays(id, {
          ...{ kind: 'change', at: clock.now().toISOString(), actor: ruleCause.actor },
          ...{ action: 'group.remove', details: {} },
        })
        if (strays > 0)
          log.warn(
            { organization: id, groups: strays },
            'memberships in groups that are not there: taken out',
          )
        await engine.resume(id)
        const cells = await engine.reconcile(id, 'anew')
        repaired(cells)
        if (cells > 0)
          log.warn(
            { organization: id, cells },
            'memberships were not what the rules say: they were put right',
          )
      } catch (error) {
        log.error({ err: error, organization: id }, 'memberships could not be compared with the rules')
      }
    }
    return reconcileEveryMs
  }

  #notCarried(organization: OrganizationId, error: unknown): void {
    this.#ports.log.error({ err: error, organization }, 'a rule could not be carried through')
  }
}
