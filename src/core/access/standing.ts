// Permits that are still in use: an LDAP connection, later a session. When something changes that a permit rests on,
// the question is asked again with the proofs that were given, and the door is told when the answer is no longer yes.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Oldest } from '../../base/oldest.ts'
import type { Change, ChangeFeed } from '../ports.ts'
import type { Access } from './decide.ts'
import type { Permit } from './decision.ts'
import type { AccessRequest } from './request.ts'

interface Held {
  permit: Permit
  readonly request: AccessRequest
  readonly changed: (outcome: Permit | null) => void
  /** A question about it is under way: another one, for what changed since, waits until that is answered. */
  asking: boolean
  again: boolean
  /** Monotonic time since which the question could not be answered. */
  unansweredSinceMs: number | null
}

const changesOfEveryone = new Set<Change['kind']>(['group', 'binding', 'resource', 'organization'])
/** What could not be confirmed for so long is ended. */
const longestUnansweredMs = 10_000
const retryMs = 500
const atOnce = 16

export class StandingPermits {
  readonly #held = new Set<Held>()
  readonly #bySubject = new Map<string, Set<Held>>()
  readonly #due = new Set<Held>()
  readonly #nextDue = new Oldest<Held>(this.#due, (one) => this.#due.has(one))
  readonly #access: Pick<Access, 'review'>
  readonly #clock: Clock
  readonly #log: Log
  readonly #unsubscribe: () => void
  #running = 0

  constructor(access: Pick<Access, 'review'>, feed: Pick<ChangeFeed, 'subscribe'>, clock: Clock, log: Log) {
    this.#access = access
    this.#clock = clock
    this.#log = log
    this.#unsubscribe = feed.subscribe((changes) => this.#changed(changes))
  }

  get count(): number {
    return this.#held.size
  }

  /**
   * Holds a permit until the returned function is called. `changed` gets the renewed permit, or null when there is
   * none any more; after null the permit is no longer held.
   */
  hold(permit: Permit, request: AccessRequest, changed: (outcome: Permit | null) => void): () => void {
    const one: Held = { permit, request, changed, asking: false, again: false, unansweredSinceMs: null }
    const subject = permit.principal.id
    this.#held.add(one)
    const others = this.#bySubject.get(subject) ?? new Set()
    this.#bySubject.set(subject, others.add(one))
    // A change may have come between the judgement and this moment.
    this.#ask(one)
    return () => this.#release(one)
  }

  close(): void {
    this.#unsubscribe()
    this.#held.clear()
    this.#bySubject.clear()
    this.#due.clear()
  }

  #release(one: Held): void {
    this.#held.delete(one)
    this.#due.delete(one)
    const others = this.#bySubject.get(one.permit.principal.id)
    others?.delete(one)
    if (others?.size === 0) this.#bySubject.delete(one.permit.principal.id)
  }

  #changed(changes: readonly Change[]): void {
    for (const change of changes) {
      if (changesOfEveryone.has(change.kind)) {
        for (const one of this.#held) if (one.permit.organization === change.organization) this.#ask(one)
      } else {
        for (const one of this.#bySubject.get(change.id) ?? []) this.#ask(one)
      }
    }
  }

  /** One question at a time for each permit, so that no older answer comes after a newer one. */
  #ask(one: Held): void {
    if (one.asking) {
      one.again = true
      return
    }
    this.#due.add(one)
    if (this.#running < atOnce) void this.#work()
  }

  async #work(): Promise<void> {
    this.#running++
    for (;;) {
      const one = this.#nextDue.peek()
      if (one === undefined) break
      this.#nextDue.pass()
      this.#due.delete(one)
      one.asking = true
      await this.#review(one).catch((error: unknown) =>
        this.#log.error({ err: error }, 'a standing permit could not be reviewed'),
      )
      one.asking = false
      if (one.again && this.#held.has(one)) this.#due.add(one)
      one.again = false
    }
    this.#running--
  }

  async #review(one: Held): Promise<void> {
    const decision = await this.#access.review({
      ...one.request,
      subject:
        one.permit.principal.kind === 'user'
          ? { by: 'user-id', id: one.permit.principal.id }
          : { by: 'service-id', id: one.permit.principal.id },
      evidence: [{ kind: 'standing', proof: one.permit.proof }],
      at: this.#clock.now(),
    })
    if (!this.#held.has(one)) return
    if (decision.outcome === 'permit') {
      one.permit = decision
      one.unansweredSinceMs = null
      one.changed(decision)
      return
    }
    const now = this.#clock.monotonicMs()
    one.unansweredSinceMs ??= now
    if (decision.outcome === 'indeterminate' && now - one.unansweredSinceMs < longestUnansweredMs) {
      setTimeout(() => this.#held.has(one) && this.#ask(one), retryMs).unref()
      return
    }
    this.#release(one)
    one.changed(null)
  }
}
