// Passwords that were right a short while ago, as keyed digests in memory, so that an application that binds for every
// request does not pay the hash each time. Forgotten at once when anything about the subject changes.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import { Oldest } from '../../base/oldest.ts'
import type { Secret } from '../../base/secrets.ts'
import type { Change } from '../ports.ts'

interface Entry {
  readonly subject: string
  readonly organization: OrganizationId
  /** As latin1: a Buffer would hold the whole pool that it is a slice of. */
  readonly digest: string
  /** The factor's version: a new password has another one. */
  readonly version: string
  readonly until: number
}

const changesOfEveryone = new Set<Change['kind']>(['group', 'binding', 'resource', 'organization'])

export class RememberedPasswords {
  /** Made anew at each start and never stored: the digests are worth nothing outside this process. */
  readonly #key = randomBytes(32).toString('base64')
  readonly #entries = new Map<string, Entry>()
  readonly #oldest = new Oldest<Entry>(this.#entries, (one) => this.#entries.get(one.subject) === one)
  readonly #clock: Clock
  readonly #most: number

  constructor(clock: Clock, most = 200_000) {
    this.#clock = clock
    this.#most = most
  }

  remember(
    organization: OrganizationId,
    subject: string,
    version: string,
    password: Secret,
    seconds: number,
  ): void {
    if (seconds <= 0) return
    this.#entries.delete(subject)
    const oldest = this.#entries.size >= this.#most ? this.#oldest.peek() : undefined
    if (oldest !== undefined) this.#entries.delete(oldest.subject)
    this.#entries.set(subject, {
      subject,
      organization,
      digest: this.#digest(subject, password),
      version,
      until: this.#clock.monotonicMs() + seconds * 1000,
    })
  }

  /** Was this very password right for this very factor a short while ago? */
  knows(subject: string, version: string, password: Secret): boolean {
    const entry = this.#entries.get(subject)
    if (entry === undefined) return false
    if (entry.version !== version || entry.until <= this.#clock.monotonicMs()) {
      this.#entries.delete(subject)
      return false
    }
    const shown = Buffer.from(this.#digest(subject, password), 'latin1')
    return timingSafeEqual(Buffer.from(entry.digest, 'latin1'), shown)
  }

  forget(changes: readonly Change[]): void {
    for (const change of changes) {
      if (changesOfEveryone.has(change.kind)) this.#forgetOrganization(change.organization)
      else this.#entries.delete(change.id)
    }
  }

  forgetSubject(subject: string): void {
    this.#entries.delete(subject)
  }

  #forgetOrganization(organization: OrganizationId): void {
    for (const [subject, entry] of this.#entries)
      if (entry.organization === organization) this.#entries.delete(subject)
  }

  #digest(subject: string, password: Secret): string {
    // Keyed in front of it: nobody outside sees the digest, so an extension of it is of no use to anybody.
    return hash('sha256', `${this.#key}${subject}\0${password.reveal()}`, 'binary')
  }
}
