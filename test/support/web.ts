// The house behind the web doors: the real core over an embedded store with the sample organization, on a clock that can be moved.

import { type Clock, systemClock } from '../../src/base/clock.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { CachedFacts } from '../../src/core/access/cached-facts.ts'
import { createAccess } from '../../src/core/access/decide.ts'
import { openableApplications } from '../../src/core/access/openable.ts'
import { Reach } from '../../src/core/access/reach.ts'
import { createWebSessions } from '../../src/core/access/web-sessions.ts'
import { createDirectory } from '../../src/core/directory/directory.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import type { Organization, Resource } from '../../src/core/directory/types.ts'
import { createEnrolment } from '../../src/core/factors/enrolment.ts'
import { OneAtATime } from '../../src/core/factors/one-at-a-time.ts'
import { argon2Hasher } from '../../src/core/factors/password.ts'
import { RememberedPasswords } from '../../src/core/factors/remembered.ts'
import type { WebGround } from '../../src/net/web/visitor.ts'
import { openStore } from '../../src/store/store.ts'
import { importPorts, sample } from './api.ts'
import type { WithTeardown } from './database.ts'

/** The system's, moved by so much: what was a while ago needs no waiting for. */
export class MovedClock implements Clock {
  aheadMs = 0
  now = (): Date => new Date(systemClock.now().getTime() + this.aheadMs)
  monotonicMs = (): number => systemClock.monotonicMs()
  pass(seconds: number): void {
    this.aheadMs += seconds * 1000
  }
}

export type House = Awaited<ReturnType<typeof openHouse>>

export async function openHouse(t: WithTeardown, dataFolder: string, log: Log = silentLog) {
  enableLinearRegex()
  const store = await openStore({
    dataFolder,
    databaseUrl: null,
    redisUrl: null,
    connections: 2,
    clock: systemClock,
    log,
  })
  t.teardown(() => store.close())
  const clock = new MovedClock()
  const hasher = argon2Hasher((work) => work())
  const ports = { ...importPorts(store), hashPassword: hasher.hash }
  const actor = { kind: 'system', name: 'test' } as const
  const acme = await importNewOrganization(actor, sample(), ports)
  if (!acme.ok) throw new Error(JSON.stringify(acme.error))
  const remembered = new RememberedPasswords(clock)
  store.feed.subscribe((changes) => remembered.forget(changes))
  const facts = new CachedFacts(store.facts, store.feed)
  const webSessions = createWebSessions({ ...store, clock, log })
  const access = createAccess({
    ...{ facts, hasher, remembered, clock, log },
    lockouts: store.lockouts,
    factors: store.factors,
    conversations: store.conversations,
    sessions: store.sessions,
    audit: store.audit,
    feed: store.feed,
    turns: new OneAtATime(),
    observe: () => {},
    ended: (...told) => webSessions.tellEnded(...told),
  })
  return {
    ...{ store, ports, clock, access, facts, hasher },
    organization: acme.value.organization as Organization,
    token: acme.value.tokens[0]?.token ?? '',
    webSessions,
    enrolment: createEnrolment({
      credentials: store.credentials,
      pendingFactors: store.pendingFactors,
      factors: store.factors,
      clock,
    }),
    openable: openableApplications({
      ...{ access, facts, resources: store.resources },
      reach: new Reach({ ...store, facts }),
    }),
  }
}

export const groundAt = (publicUrl: string): WebGround => ({
  publicUrl: () => publicUrl,
  trustedProxies: [],
  csrfKey: Buffer.alloc(32, 7),
})

/** What the pages of sign-in and portal need of it. */
export function webServices(house: House, ground: WebGround, log: Log = silentLog) {
  const { store, ports, access, webSessions, enrolment, openable, facts, clock } = house
  const { conversations, organizations, resources } = store
  return {
    ...{ access, webSessions, enrolment, openable, facts, clock, conversations, organizations, resources },
    ...{ ground, log, directory: createDirectory(ports) },
    launchPath: (_organization: Organization, { application }: Resource): string | null =>
      application?.launchUrl ?? null,
    afterSignOut: async (): Promise<string | null> => null,
  }
}
