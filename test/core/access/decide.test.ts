// The shell around `judge`: one audit record a decision, nothing but `indeterminate` when anything fails, no effects from
// asking why.
import t from 'tap'
import type { ConversationId } from '../../../src/base/ids.ts'
import { Fault } from '../../../src/base/result.ts'
import { Secret } from '../../../src/base/secrets.ts'
import { type Access, createAccess } from '../../../src/core/access/decide.ts'
import type { Decision } from '../../../src/core/access/decision.ts'
import type { AccessRequest, Evidence } from '../../../src/core/access/request.ts'
import { sessionDigest } from '../../../src/core/access/session-token.ts'
import { Fakes, type PortName } from '../../support/access.ts'
import { plain, requestOf, type Scene } from '../../support/scene.ts'

const canary = 'canary-password'
const password = (text: string): Evidence => ({ kind: 'password', password: new Secret(text) })

function scene(changes: Partial<Scene> = {}): { fakes: Fakes; access: Access; request: AccessRequest } {
  const fakes = new Fakes()
  fakes.scene = { ...plain, ...changes }
  fakes.password = canary
  return {
    fakes,
    access: createAccess(fakes.ports),
    request: { ...requestOf(fakes.scene), evidence: [password(canary)] },
  }
}
const demanding = { groups: { staff: ['totp'] } } as const
/** At the time of the scenes, for the seed of the fakes. */
const code = await (async () => {
  const { generateSync } = await import('otplib')
  const epoch = requestOf(plain).at.getTime() / 1000
  return generateSync({ secret: new Fakes().seed, epoch, digits: 6, period: 30, algorithm: 'sha1' })
})()
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What a challenge for a code is answered with. */
function conversationOf(decision: Decision): ConversationId {
  if (decision.outcome !== 'challenge' || decision.step.kind !== 'code')
    throw new Error('no code was asked for')
  return decision.step.conversation
}

t.test('every decision leaves exactly one record (W15)', async (t) => {
  const wrong = [password('canary-wrong')]
  const cases: readonly (readonly [
    string,
    Partial<Scene>,
    Partial<AccessRequest>,
    Decision['outcome'],
    string | null,
  ])[] = [
    ['permit', {}, {}, 'permit', null],
    ['challenge', demanding, {}, 'challenge', null],
    ['deny', {}, { evidence: wrong }, 'deny', 'wrong-proof'],
    ['nobody', { who: 'nobody' }, { evidence: wrong }, 'deny', 'unknown-subject'],
    ['no organization', { organization: false }, {}, 'deny', 'unknown-resource'],
    ['no TLS', { secured: false }, {}, 'deny', 'transport-not-secure'],
  ]
  for (const [name, changes, asked, outcome, reason] of cases) {
    const { fakes, access, request } = scene(changes)
    const decision = await access.decide({ ...request, ...asked })
    t.equal(decision.outcome, outcome, name)
    t.match(fakes.records, [
      { kind: 'decision', at: request.at.toISOString(), outcome, reason, circumstance: request.circumstance },
    ])
    t.equal(fakes.records.length, 1)
    t.same(fakes.observed, [decision])
    t.notMatch(JSON.stringify([fakes.records, decision]), /canary/, 'with no secret in it')
  }
  const { fakes, access, request } = scene({ secured: false })
  await access.decide(request)
  t.same(fakes.done, [], 'L06: without TLS nothing is counted, hashed or looked at')
})

t.test('effects', async (t) => {
  const permit = scene()
  await permit.access.decide(permit.request)
  t.same(permit.fakes.done, ['reserve', 'hash', 'settle cleared'])
  const deny = scene()
  await deny.access.decide({ ...deny.request, evidence: [password('wrong')] })
  t.same(deny.fakes.done, ['reserve', 'hash', 'settle nobody returned'], 'a failure stays counted')
  const challenge = scene(demanding)
  const asked = await challenge.access.decide(challenge.request)
  t.same(challenge.fakes.done, ['reserve', 'hash', 'settle returned'])
  const answer: Evidence[] = [
    { kind: 'conversation', id: conversationOf(asked) },
    { kind: 'code', code: new Secret(code) },
  ]
  const answered = await challenge.access.decide({ ...challenge.request, evidence: answer })
  t.match(answered, { outcome: 'permit', proof: [{ kind: 'password' }, { kind: 'totp' }] })
  t.match(await challenge.access.decide({ ...challenge.request, evidence: answer }), {
    outcome: 'deny',
    reason: 'conversation-expired',
  })
  t.equal(challenge.fakes.records.length, 3)
})

t.test(
  'M14 W01 a session is opened by a permit, with a new token each time, and by nothing else',
  async (t) => {
    const opening = { replacing: null, userAgent: 'test' }
    const { fakes, access, request } = scene()
    const first = await access.decide({ ...request, opening })
    if (first.outcome !== 'permit' || first.session === undefined) throw new Error('no session')
    const { id, token } = first.session
    t.match(fakes.sessions.get(id), {
      userId: first.principal.id,
      proof: [{ kind: 'password' }],
      userAgent: 'test',
    })
    t.match(token.reveal(), /^[A-Za-z0-9_-]{43}$/, '256 random bits')
    t.same(fakes.digests.get(id), sessionDigest(token), 'known by its digest')
    const again = await access.decide({ ...request, opening: { ...opening, replacing: id } })
    if (again.outcome !== 'permit' || again.session === undefined) throw new Error('no session')
    t.equal(again.session.id, id)
    t.not(again.session.token.reveal(), token.reveal(), 'never the same token: nobody can have planted it')
    t.notMatch(JSON.stringify([first, again, fakes.records]), token.reveal())

    for (const changes of [demanding, { groups: {} }, { state: 'suspended' }] as Partial<Scene>[]) {
      const refused = scene(changes)
      t.not((await refused.access.decide({ ...refused.request, opening })).outcome, 'permit')
      t.equal(refused.fakes.sessions.size, 0)
    }
    const wrong = scene()
    await wrong.access.decide({ ...wrong.request, evidence: [password('wrong')], opening })
    t.equal(wrong.fakes.sessions.size, 0)
    const failing = scene()
    failing.fakes.fail('sessions.open')
    t.match(await failing.access.decide({ ...failing.request, opening }), { outcome: 'indeterminate' })
    t.equal(failing.fakes.records.length, 1)
  },
)

t.test(
  'a wrong code is asked for again in a conversation of its own, where the door can (retry)',
  async (t) => {
    const { access, request, fakes } = scene(demanding)
    const browser = {
      ...request,
      circumstance: { ...request.circumstance, browser: 'a' },
      means: ['prompt', 'retry'] as const,
    }
    const asked = conversationOf(await access.decide(browser))
    const answer = (id: ConversationId, text: string) =>
      access.decide({
        ...browser,
        evidence: [
          { kind: 'conversation', id },
          { kind: 'code', code: new Secret(text) },
        ],
      })
    const wrong = code === '000000' ? '000001' : '000000'
    const retried = await answer(asked, wrong)
    t.match(retried, { outcome: 'challenge', step: { kind: 'code', because: 'wrong-proof' } })
    t.match(fakes.records.at(-1), { outcome: 'challenge', reason: 'wrong-proof' })
    t.match(
      await answer(asked, code),
      { outcome: 'deny', reason: 'conversation-expired' },
      'the first one is used up',
    )
    t.match(await answer(conversationOf(retried), code), { outcome: 'permit' })
  },
)

t.test('L22 L25 a refusal costs the same hashes and writes whatever of it was right', async (t) => {
  const noPrompt = { means: [] }
  const cases: Record<string, Partial<Scene>> = {
    'who is let in with the right one': {},
    nobody: { who: 'nobody' },
    suspended: { state: 'suspended' },
    staged: { state: 'staged' },
    'in no bound group': { groups: {} },
    'a resource that is turned off': { enabled: false },
    'a code is demanded, and the door cannot ask': { ...demanding, ...noPrompt },
    'a code is demanded, and none is enrolled': { ...demanding, ...noPrompt, enrolled: ['password'] },
    'no password': { enrolled: [] },
    'a service account that is turned off': { who: 'service', resource: 'directory', accountEnabled: false },
  }
  const wrongCode = code === '123456' ? '654321' : '123456'
  const shapes = {
    plain: ['canary-wrong', canary],
    coded: ['canary-wrong', canary].map((one) => `${one},${wrongCode}`),
  }
  for (const [shape, texts] of Object.entries(shapes)) {
    const seen = new Map<string, string[]>()
    for (const [name, changes] of Object.entries(cases)) {
      for (const text of texts) {
        const { fakes, access, request } = scene(changes)
        const decision = await access.decide({ ...request, evidence: [password(text)] })
        if (decision.outcome === 'permit') continue
        t.equal(decision.outcome, 'deny', `${name}: ${text}`)
        const work = fakes.done
          .map((one) => one.replace(/ (?:of )?nobody/, ''))
          .sort()
          .join()
        seen.set(work, [...(seen.get(work) ?? []), `${name}: ${text}`])
      }
    }
    t.equal(seen.size, 1, `${shape}: ${JSON.stringify([...seen], null, 1)}`)
  }
})

t.test('whatever fails, the answer is indeterminate, recorded once, and never yes (M15)', async (t) => {
  const [both, alone]: [Evidence, Evidence] = [password(`${canary},${code}`), password(canary)]
  const ports: readonly (readonly [PortName, Partial<Scene>, Evidence])[] = [
    ...(['facts.findOrganization', 'facts.findSubject', 'facts.findResource'] as const).map(
      (port) => [port, {}, alone] as const,
    ),
    ...(['lockouts.reserve', 'lockouts.settle', 'factors.open', 'hasher.matches', 'turns.run'] as const).map(
      (port) => [port, {}, alone] as const,
    ),
    ...(['remembered.knows', 'remembered.remember', 'feed.stalenessMs', 'audit.append'] as const).map(
      (port) => [port, {}, alone] as const,
    ),
    ...(['lockouts.reserveCode', 'lockouts.returnCode', 'factors.useStep'] as const).map(
      (port) => [port, demanding, both] as const,
    ),
    ['conversations.park', demanding, alone],
    ['conversations.take', demanding, { kind: 'conversation', id: 'x' as never }],
  ]
  const errors = [
    new Fault('unavailable', 'away'),
    new Fault('busy', 'full'),
    new TypeError('a bug'),
    'a text',
    null,
  ]
  for (const [port, changes, evidence] of ports) {
    for (const error of errors) {
      const { fakes, request } = scene(changes)
      fakes.fail(port, error)
      const decision = await createAccess(fakes.ports).decide({ ...request, evidence: [evidence] })
      const cause = error instanceof Fault ? error.reason : 'internal'
      t.match(decision, { outcome: 'indeterminate', cause }, `${port}: ${String(error)}`)
      if (port === 'audit.append') t.same(fakes.records, [])
      else t.match(fakes.records, [{ outcome: 'indeterminate', reason: cause }], `${port}: one record`)
      t.equal(fakes.records.length, port === 'audit.append' ? 0 : 1)
      t.equal(fakes.observed.length, 1)
      if (!/^(facts|feed)/.test(port)) continue
      const standing: Evidence = {
        kind: 'standing',
        proof: [{ kind: 'password', factorVersion: 'password-1', at: request.at }],
      }
      t.match(await createAccess(fakes.ports).review({ ...request, evidence: [standing] }), {
        outcome: 'indeterminate',
        cause,
      })
      t.match(await createAccess(fakes.ports).explain(request, ['password']), {
        outcome: 'indeterminate',
        cause,
      })
    }
  }
  const { fakes, request } = scene()
  const { ports: healthy } = fakes
  const decide = (changes: object) => createAccess({ ...healthy, ...changes }).decide(request)
  t.match(
    await decide({
      observe: () => {
        throw new Error('metrics')
      },
    }),
    { outcome: 'permit' },
    'what is only told of it cannot change a decision',
  )
  const synchronous = {
    append: () => {
      throw new Error('not even a promise')
    },
  }
  t.match(await decide({ audit: synchronous }), { outcome: 'indeterminate' })
})

t.test('a failed effect is not recorded as a permit', async (t) => {
  const { fakes, request } = scene()
  // fails later than a record would take
  const lockouts = {
    ...fakes.ports.lockouts,
    settle: () =>
      turn()
        .then(turn)
        .then(() => Promise.reject(new Fault('unavailable', 'away'))),
  }
  await createAccess({ ...fakes.ports, lockouts }).decide(request)
  t.same(
    fakes.records.map((record) => record.kind === 'decision' && record.outcome),
    ['indeterminate'],
  )
})

t.test('a process that has not heard of changes for 10 s no longer says yes', async (t) => {
  for (const [staleness, outcome] of [
    [10_000, 'permit'],
    [10_001, 'indeterminate'],
    [Number.NaN, 'indeterminate'],
  ] as const) {
    const { fakes, access, request } = scene()
    fakes.staleness = staleness
    t.equal((await access.decide(request)).outcome, outcome)
    t.equal((await access.explain(request, ['password'])).outcome, outcome)
  }
})

t.test('explain is judged the same and does nothing', async (t) => {
  for (const [changes, assumed, answer] of [
    [{}, ['password'], 'permit'],
    [{}, [], 'no-proof'],
    [{}, ['webauthn'], 'no-proof'],
    [demanding, ['password'], 'challenge'],
    [demanding, ['password', 'totp'], 'permit'],
    [{ ...demanding, enrolled: ['password'] }, ['password', 'totp'], 'factor-not-enrolled'],
    [{ state: 'suspended' }, ['password'], 'subject-suspended'],
    [{ groups: {} }, ['password'], 'no-binding'],
  ] as const) {
    const { fakes, access, request } = scene(changes as Partial<Scene>)
    const decision = await access.explain(request, [...assumed])
    t.equal(decision.outcome === 'deny' ? decision.reason : decision.outcome, answer)
    t.same([fakes.done, fakes.records, fakes.observed, [...fakes.parked]], [[], [], [], []])
  }
  const locked = scene()
  locked.fakes.locked = true
  t.match(await locked.access.explain(locked.request, ['password']), { outcome: 'deny', reason: 'locked' })
  t.match(await locked.access.explain(locked.request, ['password'], 'left-out'), { outcome: 'permit' })
  t.match(await locked.access.explain(locked.request, []), { reason: 'no-proof' }, 'nothing was typed')
  t.same(locked.fakes.done, [])
  const { fakes, request } = scene()
  t.match(await createAccess(fakes.fail('facts.findSubject').ports).explain(request, []), {
    outcome: 'indeterminate',
  })
})

t.test('review asks again without effects, and records only what ends', async (t) => {
  const { fakes, access, request } = scene()
  const standing = (version: string): AccessRequest => ({
    ...request,
    evidence: [{ kind: 'standing', proof: [{ kind: 'password', factorVersion: version, at: request.at }] }],
  })
  t.match(await access.review(standing('password-1')), { outcome: 'permit' })
  t.same([fakes.done, fakes.records], [[], []])
  t.match(
    await access.review(standing('password-0')),
    { outcome: 'deny', reason: 'no-proof' },
    'a new password',
  )
  t.equal(fakes.records.length, 1)
  fakes.scene = { ...fakes.scene, ...demanding }
  t.not((await access.review(standing('password-1'))).outcome, 'permit', 'a new demand')
  t.same([fakes.done, fakes.parked.size], [[], 0])
})
