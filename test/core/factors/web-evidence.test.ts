// What browsers show: sessions, answers to challenges, recovery codes.
import t from 'tap'
import { newId, type SessionId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secrets.ts'
import type { Evidence } from '../../../src/core/access/request.ts'
import {
  newRecoveryCodes,
  recoveryCodeCount,
  recoveryCodeDigest,
} from '../../../src/core/factors/recovery.ts'
import type { PendingChallenge, Session } from '../../../src/core/ports.ts'
import { type Fakes, newConversation } from '../../support/access.ts'
import { answerTo, code, codes, demanding, look, password, proof, scene } from '../../support/evidence.ts'
import { at, plain, theOrganization, theResource, theUser } from '../../support/scene.ts'

const { now } = await codes()

t.test('a session is evidence of what was proven when it was opened', async (t) => {
  const session = (fakes: Fakes, changes: Partial<Session> = {}): Evidence => {
    const id = newId<SessionId>()
    const times = { createdAt: at, seenAt: at, expiresAt: new Date(at.getTime() + 3600_000) }
    const own = { id, userId: theUser.id, peer: null, userAgent: '', ...times }
    fakes.sessions.set(id, { ...own, proof: [proof('password'), proof('totp')], ...changes })
    return { kind: 'session', id }
  }
  const good = scene()
  t.same(await look(good, [session(good)]), {
    accepted: [proof('password'), proof('totp')],
    rejected: null,
    counted: false,
  })
  t.same(good.done, [], 'nothing is counted or hashed')
  const stranger = scene()
  t.same((await look(stranger, [session(stranger, { userId: newId() })])).accepted, [], "somebody else's")
  const ended = scene()
  t.same(
    (await look(ended, [{ kind: 'session', id: newId<SessionId>() }])).accepted,
    [],
    'one that has ended',
  )
  const stale = scene()
  const old = { ...proof('password'), factorVersion: 'password-0' }
  t.same((await look(stale, [session(stale, { proof: [old] })])).accepted, [], 'a password of before')
  const again = scene()
  const added = await look(again, [session(again), password('correct horse')])
  t.same(
    added.accepted.map(({ kind }) => kind),
    ['password', 'totp'],
    'a new password, and the code of before',
  )
  const renewed = scene()
  const { longestSeconds } = theOrganization.settings.session
  const long = new Date(at.getTime() - longestSeconds * 1000)
  const carried = { ...proof('totp'), at: long }
  t.same(
    (await look(renewed, [session(renewed, { proof: [proof('password'), carried] })])).accepted,
    [proof('password')],
    'a proof is carried along for as long as a session may last, and not for ever',
  )
  const wrong = scene()
  t.match(
    await look(wrong, [session(wrong), password('wrong')]),
    { accepted: [], rejected: 'wrong-proof' },
    'a wrong password is not made good by a session',
  )
})

t.test('O16 a challenge is answered by the browser that was asked', async (t) => {
  const ask = (browser: string | null, peer: string | null): PendingChallenge => ({
    kind: 'challenge',
    organization: theOrganization.id,
    subject: theUser.id,
    resource: theResource,
    ...{ browser, peer, proof: [proof('password')] },
  })
  const cases = [
    ['the same browser from another address', 'a', '192.0.2.1', 'a', '198.51.100.1', null],
    ['another browser from the same address', 'a', '192.0.2.1', 'b', '192.0.2.1', 'conversation-expired'],
    ['no browser', 'a', '192.0.2.1', undefined, '192.0.2.1', 'conversation-expired'],
    ['a browser where none was asked (X08)', null, '192.0.2.1', 'a', '192.0.2.1', 'conversation-expired'],
  ] as const
  for (const [name, askedBrowser, askedPeer, browser, peer, rejected] of cases) {
    const fakes = scene(demanding)
    const id = newConversation()
    fakes.parked.set(id, ask(askedBrowser, askedPeer))
    const shown = await look(fakes, [answerTo(id), code(now)], { peer, ...(browser && { browser }) })
    t.equal(shown.rejected, rejected, name)
  }
})

t.test('M20 recovery codes', async (t) => {
  const enrolled = { ...demanding, enrolled: ['password', 'totp', 'recovery-code'] } as const
  const codes = newRecoveryCodes()
  t.equal(new Set(codes.map((one) => one.reveal())).size, recoveryCodeCount)
  for (const one of codes) t.match(one.reveal(), /^(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}$/, '80 bits')
  const [first] = codes as [Secret]
  const fakes = scene(enrolled)
  fakes.recoveryCodes.add(recoveryCodeDigest(first).toString('hex'))
  const tries = async (text: string) => {
    const id = newConversation()
    const conversation = { kind: 'challenge', organization: theOrganization.id, subject: theUser.id } as const
    const origin = { browser: null, peer: plain.peer }
    fakes.parked.set(id, { ...conversation, ...origin, resource: theResource, proof: [proof('password')] })
    return look(fakes, [answerTo(id), { kind: 'code', code: new Secret(text) }])
  }
  t.equal((await tries('AAAA-AAAA-AAAA-AAAA')).rejected, 'wrong-proof')
  t.equal(fakes.codesLeft, 19, 'counted with the one-time codes')
  const typed = await Promise.all(
    Array.from({ length: 50 }, () => tries(first.reveal().toLowerCase().replaceAll('-', ' '))),
  )
  const good = typed.filter(({ rejected }) => rejected === null)
  t.equal(good.length, 1, 'of 50 tries at once, one is good')
  t.match(good[0]?.accepted, [{ kind: 'password' }, { kind: 'recovery-code' }])
})
