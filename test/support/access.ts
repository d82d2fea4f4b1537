// Everything `decide` needs, in memory and observed: what was hashed, counted and recorded, in order. Any port can be
// made to fail.
import { type ConversationId, newId, type SessionId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { AccessPorts } from '../../src/core/access/decide.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { AuditBody } from '../../src/core/audit/record.ts'
import { OneAtATime } from '../../src/core/factors/one-at-a-time.ts'
import { RememberedPasswords } from '../../src/core/factors/remembered.ts'
import type { ApplicationSession, Change, Conversation, Session } from '../../src/core/ports.ts'
import { organizationOf, plain, resourceOf, type Scene, subjectOf } from './scene.ts'
import { at } from './store.ts'

/** A clock that stands still until it is moved. */
export class FakeClock {
  ms = 1_000_000
  now = (): Date => new Date(at.getTime() + this.ms - 1_000_000)
  monotonicMs = (): number => this.ms
}

/** The names of ports' methods, as they are made to fail. */
export type PortName =
  | `facts.${'findOrganization' | 'findSubject' | 'findResource'}`
  | `lockouts.${'reserve' | 'settle' | 'reserveCode' | 'returnCode'}`
  | `factors.${'open' | 'useStep' | 'useRecoveryCode'}`
  | `conversations.${'park' | 'take'}`
  | `sessions.${'find' | 'open'}`
  | `hasher.${'matches'}`
  | `remembered.${'knows' | 'remember'}`
  | `turns.${'run'}`
  | `audit.${'append'}`
  | `feed.${'stalenessMs'}`
  | `clock.${'monotonicMs'}`
  | `log.${'error'}`
  | `observe`

export class Fakes {
  scene: Scene = plain
  password = 'correct horse'
  /** RFC 6238's secret, in base32. */
  seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  rememberSeconds = 0
  staleness = 0
  readonly clock = new FakeClock()
  /** What was done, in order: `reserve alice`, `hash`, `settle returned` … */
  readonly done: string[] = []
  readonly records: AuditBody[] = []
  readonly observed: Decision[] = []
  readonly failing = new Map<PortName, unknown>()
  readonly listeners = new Set<(changes: readonly Change[]) => void>()
  readonly parked = new Map<ConversationId, Conversation>()
  readonly sessions = new Map<SessionId, Session>()
  readonly digests = new Map<SessionId, Buffer>()
  readonly recoveryCodes = new Set<string>()
  readonly ended: ApplicationSession[] = []
  locked = false
  codesLeft = 20
  readonly steps = new Set<number>()
  readonly remembered = new RememberedPasswords(this.clock)

  /** Calls of this port throw `error` (rejections where it is asynchronous). */
  fail(port: PortName, error: unknown = new Fault('unavailable', `${port} is away`)): this {
    this.failing.set(port, error)
    return this
  }

  #check(port: PortName): void {
    if (this.failing.has(port)) throw this.failing.get(port)
  }

  get ports(): AccessPorts {
    const check = (port: PortName): void => this.#check(port)
    const turns = new OneAtATime()
    const { remembered } = this
    return {
      facts: {
        findOrganization: async () => {
          check('facts.findOrganization')
          const organization = organizationOf(this.scene)
          if (organization === null) return null
          const settings = { ...organization.settings, rememberPasswordSeconds: this.rememberSeconds }
          return { ...organization, settings }
        },
        findSubject: async () => {
          check('facts.findSubject')
          return subjectOf(this.scene)
        },
        findResource: async () => {
          check('facts.findResource')
          return resourceOf(this.scene)
        },
      },
      lockouts: {
        isFamiliar: async () => false,
        isLocked: async () => this.locked,
        reserve: async (_organization, subject) => {
          check('lockouts.reserve')
          this.done.push(subject === null ? 'reserve nobody' : 'reserve')
          return this.locked && subject !== null ? 'locked' : 'go'
        },
        settle: async (_organization, subject, _peer, _at, how) => {
          check('lockouts.settle')
          this.done.push(subject === null ? `settle nobody ${how}` : `settle ${how}`)
        },
        reserveCode: async (_organization, subject) => {
          check('lockouts.reserveCode')
          this.done.push(subject === null ? 'reserve code of nobody' : 'reserve code')
          return subject === null || this.codesLeft-- > 0
        },
        returnCode: async () => {
          check('lockouts.returnCode')
          this.codesLeft++
          this.done.push('return code')
        },
      },
      factors: {
        open: (_organization, { kind }) => {
          check('factors.open')
          return new Secret(kind === 'password' ? this.password : this.seed)
        },
        useStep: async (_organization, _factor, step) => {
          check('factors.useStep')
          this.done.push('use step')
          if (this.steps.has(step)) return false
          this.steps.add(step)
          return true
        },
        useRecoveryCode: async (_organization, _factor, digest) => {
          check('factors.useRecoveryCode')
          this.done.push('use recovery code')
          return this.recoveryCodes.delete(digest.toString('hex'))
        },
      },
      conversations: {
        park: async (id, conversation) => {
          check('conversations.park')
          this.parked.set(id, conversation)
        },
        take: async (id) => {
          check('conversations.take')
          const found = this.parked.get(id) ?? null
          this.parked.delete(id)
          return found
        },
      },
      sessions: {
        find: async (_organization, id) => {
          check('sessions.find')
          return this.sessions.get(id) ?? null
        },
        open: async (_organization, session, digest, replacing) => {
          check('sessions.open')
          const id = replacing ?? session.id
          this.done.push(`open session ${id === replacing ? 'again' : 'new'}`)
          this.sessions.set(id, { ...session, id })
          this.digests.set(id, digest)
          return { id, ended: [] }
        },
      },
      hasher: {
        hash: async (password) => password,
        matches: async (stored, password) => {
          check('hasher.matches')
          this.done.push('hash')
          await new Promise((resolve) => setImmediate(resolve))
          return stored !== null && stored.reveal() === password.reveal()
        },
      },
      remembered: {
        knows: (...args: Parameters<RememberedPasswords['knows']>) => {
          check('remembered.knows')
          return remembered.knows(...args)
        },
        remember: (...args: Parameters<RememberedPasswords['remember']>) => {
          check('remembered.remember')
          remembered.remember(...args)
        },
        forgetSubject: (subject: string) => remembered.forgetSubject(subject),
      } as RememberedPasswords,
      turns: {
        isWaitedFor: (key: string) => turns.isWaitedFor(key),
        run: async (key: string, work: () => Promise<unknown>) => {
          check('turns.run')
          return turns.run(key, work)
        },
      } as OneAtATime,
      audit: {
        append: async (_organization, body) => {
          check('audit.append')
          this.records.push(body)
        },
      },
      feed: {
        stalenessMs: () => {
          check('feed.stalenessMs')
          return this.staleness
        },
      },
      clock: {
        now: this.clock.now,
        monotonicMs: () => {
          check('clock.monotonicMs')
          return this.clock.ms
        },
      },
      log: {
        ...silentLog,
        error: () => check('log.error'),
      },
      ended: (_organization, ended) => void this.ended.push(...ended),
      observe: (decision) => {
        check('observe')
        this.observed.push(decision)
      },
    }
  }
}

export const newConversation = (): ConversationId => newId<ConversationId>()
