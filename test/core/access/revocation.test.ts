// What is open ends once it would not be permitted any more, and whoever has to be told is told once.
import t from 'tap'
import {
  type ApplicationSessionId,
  newId,
  type OrganizationId,
  type ResourceId,
  type SessionId,
  type UserId,
} from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Decision } from '../../../src/core/access/decision.ts'
import type { SubjectFacts } from '../../../src/core/access/facts.ts'
import type { AccessRequest } from '../../../src/core/access/request.ts'
import { startRevocation } from '../../../src/core/access/revocation.ts'
import { createWebSessions } from '../../../src/core/access/web-sessions.ts'
import type { ApplicationSession, Change, Session } from '../../../src/core/ports.ts'
import { FakeClock } from '../../support/access.ts'
import { plain, type Scene, subjectOf, theOrganization, theUser } from '../../support/scene.ts'
import { at } from '../../support/store.ts'

const organization = theOrganization.id
const proof = [{ kind: 'password', factorVersion: 'password-1', at }] as const
const turns = async () => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

function open(scene: Partial<Scene> = {}) {
  const clock = new FakeClock()
  const listeners = new Set<(changes: readonly Change[]) => void>()
  const session: Session = {
    ...{ id: newId<SessionId>(), userId: theUser.id, proof, peer: null, userAgent: '' },
    ...{ createdAt: at, seenAt: at, expiresAt: new Date(at.getTime() + 1e7) },
  }
  const application: ApplicationSession = {
    ...{
      id: newId<ApplicationSessionId>(),
      userId: theUser.id,
      resourceId: newId<ResourceId>(),
      sessionId: session.id,
    },
    ...{ door: 'oidc', proof, details: {}, openedAt: at, expiresAt: session.expiresAt },
  }
  const state = {
    subject: subjectOf({ ...plain, ...scene }) as SubjectFacts | null,
    decide: (_: AccessRequest): Decision => ({ outcome: 'permit' }) as Decision,
    web: [session],
    applications: [application],
    asked: [] as AccessRequest[],
    audit: [] as string[],
    told: [] as string[],
  }
  const sessions = {
    list: async (_: OrganizationId, user: UserId) => state.web.filter(({ userId }) => userId === user),
    end: async (_: OrganizationId, id: SessionId, user: UserId, audit: { action: string }) => {
      const found = state.web.find((one) => one.id === id && one.userId === user)
      if (found === undefined) return null
      state.web = state.web.filter((one) => one !== found)
      state.audit.push(audit.action)
      const ended = state.applications.filter(({ sessionId }) => sessionId === id)
      state.applications = state.applications.filter(({ sessionId }) => sessionId !== id)
      return ended
    },
  }
  const applicationSessions = {
    list: async (_: OrganizationId, of: { user?: UserId; resource?: ResourceId }) =>
      state.applications.filter((one) => one.userId === of.user || one.resourceId === of.resource),
    usersWithSessions: async (_: OrganizationId, users: readonly UserId[]) =>
      users.filter((user) => [...state.web, ...state.applications].some(({ userId }) => userId === user)),
    end: async (_: OrganizationId, id: ApplicationSessionId, audit: { action: string }) => {
      const there = state.applications.some((one) => one.id === id)
      state.applications = state.applications.filter((one) => one.id !== id)
      if (there) state.audit.push(audit.action)
      return there
    },
  } as never
  const webSessions = createWebSessions({
    sessions: sessions as never,
    applicationSessions,
    clock,
    log: silentLog,
  })
  webSessions.onEnded((_, ended) => state.told.push(...ended.map(({ id }) => id)))
  const stop = startRevocation({
    access: {
      holds: async (request) => {
        state.asked.push(request)
        return state.decide(request)
      },
    },
    facts: { findSubject: async () => state.subject } as never,
    sessions: sessions as never,
    webSessions,
    applicationSessions,
    feed: {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    clock,
    log: silentLog,
  })
  const tell = async (kind: Change['kind'], id: string) => {
    for (const listener of listeners) listener([{ organization, kind, id }])
    await turns()
  }
  return { state, session, application, tell, stop, listeners }
}
const deny = { outcome: 'deny', reason: 'no-binding', trace: { subject: { name: 'alice' } } } as Decision

t.test('nothing ends while everything holds', async (t) => {
  const { state, application, tell } = open()
  await tell('user', theUser.id)
  t.same([state.web.length, state.applications.length, state.told], [1, 1, []])
  t.match(state.asked, [
    {
      subject: { by: 'user-id', id: theUser.id },
      evidence: [{ kind: 'standing', proof }],
      resource: { id: application.resourceId },
      circumstance: { door: 'oidc' },
    },
  ])
  await tell('user', newId())
  t.equal(state.asked.length, 1, 'nobody who has nothing open is asked about')
})

t.test('X01 a suspended user loses the session and what was opened through it', async (t) => {
  const { state, application, tell } = open({ state: 'suspended' })
  await tell('user', theUser.id)
  t.same([state.web, state.applications, state.told], [[], [], [application.id]])
  t.same(state.audit, ['session.end'])
})

t.test('a new password ends what rests on the old one', async (t) => {
  const { state, tell } = open()
  const { subject } = state
  if (subject === null) throw new Error('nobody')
  state.subject = {
    ...subject,
    factors: subject.factors.map((one) => ({ ...one, version: 'other' })),
  } as SubjectFacts
  await tell('user', theUser.id)
  t.equal(state.web.length, 0)
})

t.test('X02 one application ends, the session stays; told once', async (t) => {
  for (const [kind, of] of [
    ['user', 'userId'],
    ['resource', 'resourceId'],
  ] as const) {
    const { state, application, tell } = open()
    state.decide = () => deny
    await tell(kind, application[of])
    await tell(kind, application[of])
    t.same([state.web.length, state.applications.length], [1, 0], kind)
    t.same(state.told, [application.id])
    t.same(state.audit, ['application-session.end'])
  }
})

t.test('what cannot be decided is asked again, and ends nothing', async (t) => {
  const { state, application, tell } = open()
  let isAway = true
  state.decide = () => (isAway ? ({ outcome: 'indeterminate', cause: 'unavailable' } as Decision) : deny)
  await tell('user', theUser.id)
  t.equal(state.applications.length, 1)
  isAway = false
  while (state.applications.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(state.told, [application.id])
})

t.test('after the stop nobody is asked', async (t) => {
  const { state, tell, stop, listeners } = open()
  stop()
  t.equal(listeners.size, 0)
  await tell('user', theUser.id)
  t.equal(state.asked.length, 0)
})
