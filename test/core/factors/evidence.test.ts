// What becomes of what was shown: how it is counted, compared, refused and remembered, with everything around it in memory.
import t from 'tap'
import type { ConversationId, OrganizationId, ResourceId } from '../../../src/base/ids.ts'
import { Fault } from '../../../src/base/result.ts'
import { Secret } from '../../../src/base/secrets.ts'
import type { Shown } from '../../../src/core/access/facts.ts'
import type { Evidence, Proof } from '../../../src/core/access/request.ts'
import type { Lockouts } from '../../../src/core/ports.ts'
import { type Fakes, newConversation } from '../../support/access.ts'
import { answerTo, code, codes, demanding, look, password, proof, scene } from '../../support/evidence.ts'
import { plain, theOrganization, theResource, theUser } from '../../support/scene.ts'

const { before, now, next, none } = await codes()
const kinds = ({ accepted }: Shown): readonly string[] => accepted.map(({ kind }) => kind)

t.test('a password is counted before it is compared', async (t) => {
  const right = scene()
  t.same(await look(right, [password('correct horse')]), {
    accepted: [proof('password')],
    rejected: null,
    counted: true,
  })
  t.same(right.done, ['reserve', 'hash'])
  const wrong = scene()
  t.same(await look(wrong, [password('wrong')]), { accepted: [], rejected: 'wrong-proof', counted: true })
  t.same(wrong.done, ['reserve', 'hash'])
  t.same(await look(scene(), []), { accepted: [], rejected: null, counted: false }, 'nothing shown')
  t.same(
    await look(scene(), [code(now)]),
    { accepted: [], rejected: null, counted: false },
    'a code alone is nothing',
  )
  const uncounted = scene().fail('lockouts.reserve')
  await t.rejects(look(uncounted, [password('correct horse')]), Fault)
  t.same(uncounted.done, [], 'what cannot be counted is not looked at')
})

t.test(
  'unknown, wrong, locked and without a password: the same work and nothing to tell them by (L22)',
  async (t) => {
    const cases: Record<string, Fakes> = {
      wrong: scene(),
      nobody: scene({ who: 'nobody' }),
      locked: scene(),
      'locked, right': scene(),
      'no password': scene({ enrolled: [] }),
      'no password but a code': scene({ enrolled: ['totp'] }),
      'a demand': scene(demanding),
      'a service': scene({ who: 'service', enrolled: ['password'] }),
    }
    for (const name of ['locked', 'locked, right']) (cases[name] as Fakes).locked = true
    for (const text of ['wrong', `wrong,${now}`, 'correct horse,12345', ',123456', 'x'.repeat(513)]) {
      for (const [name, fakes] of Object.entries(cases)) {
        fakes.done.length = 0
        const typed = name === 'locked, right' && text === 'wrong' ? 'correct horse' : text
        const shown = await look(fakes, [password(typed)])
        t.same(kinds(shown), [], `${name}: ${text}`)
        const readings = /.,\d{6}$/.test(text) ? 2 : 1
        t.equal(fakes.done.filter((one) => one === 'hash').length, readings, `${name}: ${text}: hashes`)
        t.match(fakes.done[0], /^reserve/, `${name}: counted first`)
        t.equal(shown.rejected, name.startsWith('locked') ? 'locked' : 'wrong-proof')
      }
    }
  },
)

t.test('password and code in one field (L25)', async (t) => {
  await t.test('both right', async (t) => {
    const fakes = scene(demanding)
    t.same(kinds(await look(fakes, [password(`correct horse,${now}`)])), ['password', 'totp'])
    t.same(fakes.done, ['reserve', 'hash', 'reserve code', 'return code', 'use step'])
  })
  await t.test('the neighbouring steps count, each once (M02, M04)', async (t) => {
    const fakes = scene(demanding)
    for (const one of [before, now, next])
      t.same(kinds(await look(fakes, [password(`correct horse,${one}`)])), ['password', 'totp'])
    for (const one of [before, now, next])
      t.equal((await look(fakes, [password(`correct horse,${one}`)])).rejected, 'code-used')
    t.equal((await look(fakes, [password(`correct horse,${none}`)])).rejected, 'wrong-proof')
  })
  await t.test('where nobody demands a code, one that is shown must still be right', async (t) => {
    t.same(kinds(await look(scene(), [password(`correct horse,${now}`)])), ['password', 'totp'])
    t.equal((await look(scene(), [password(`correct horse,${none}`)])).rejected, 'wrong-proof')
  })
  await t.test('a wrong code costs as much as a wrong password, and is counted by the day', async (t) => {
    for (const changes of [demanding, {}]) {
      const [wrongCode, wrongPassword] = [scene(changes), scene(changes)]
      await look(wrongCode, [password(`correct horse,${none}`)])
      await look(wrongPassword, [password(`wrong,${none}`)])
      const hashes = (fakes: Fakes) => fakes.done.filter((one) => one === 'hash').length
      t.equal(hashes(wrongCode), 2)
      t.equal(hashes(wrongPassword), 2)
      t.equal(wrongCode.codesLeft, 19)
      t.equal(wrongPassword.codesLeft, 20, 'a code behind a wrong password is not looked at')
    }
  })
  await t.test(
    'when the wrong codes of the day are used up, the right one is refused too (M01)',
    async (t) => {
      const fakes = scene(demanding)
      fakes.codesLeft = 0
      t.equal((await look(fakes, [password(`correct horse,${now}`)])).rejected, 'locked')
      t.equal(fakes.steps.size, 0)
    },
  )
  await t.test('passwords that end like that themselves', async (t) => {
    for (const changes of [{}, demanding]) {
      const fakes = scene(changes)
      fakes.password = 'correct,123456'
      t.same(kinds(await look(fakes, [password('correct,123456')])), ['password'])
      t.same(kinds(await look(fakes, [password(`correct,123456,${now}`)])), ['password', 'totp'])
      t.equal((await look(fakes, [password('correct')])).rejected, 'wrong-proof')
      t.equal((await look(fakes, [password(`correct,${now}`)])).rejected, 'wrong-proof')
    }
  })
  await t.test('without a seed no code is right', async (t) => {
    t.equal(
      (await look(scene({ ...demanding, enrolled: ['password'] }), [password(`correct horse,${now}`)]))
        .rejected,
      'wrong-proof',
    )
  })
})

t.test('remembered', async (t) => {
  const fakes = scene()
  fakes.rememberSeconds = 60
  const { ports } = fakes
  await look(fakes, [password('correct horse')], {}, ports)
  fakes.done.length = 0
  t.same(await look(fakes, [password('correct horse')], {}, ports), {
    accepted: [proof('password')],
    rejected: null,
    counted: false,
  })
  t.same(fakes.done, [], 'no hash, nothing to count')
  t.equal((await look(fakes, [password('wrong')], {}, ports)).rejected, 'wrong-proof')

  fakes.locked = true
  t.equal((await look(fakes, [password('wrong')], {}, ports)).rejected, 'locked')
  t.equal(
    (await look(fakes, [password('correct horse')], {}, ports)).rejected,
    'locked',
    'a lock ends what is remembered',
  )

  const demand = scene(demanding)
  demand.rememberSeconds = 60
  await look(demand, [password('correct horse')])
  await look(demand, [password(`correct horse,${now}`)])
  t.equal(
    demand.remembered.knows(theUser.id, 'password-1', new Secret('correct horse')),
    false,
    'not where more is demanded (L25)',
  )
  t.equal(demand.remembered.knows(theUser.id, 'password-1', new Secret(`correct horse,${now}`)), false)
  t.equal((await look(demand, [password(`correct horse,${now}`)])).rejected, 'code-used')

  for (const unwelcome of [{ state: 'suspended' }, { state: 'staged' }, { bound: [] }] as const) {
    const refused = scene()
    refused.rememberSeconds = 60
    const same = refused.ports
    await look(refused, [password('correct horse')], {}, same)
    refused.scene = { ...plain, ...unwelcome }
    for (let twice = 0; twice < 2; twice++) {
      refused.done.length = 0
      await look(refused, [password('correct horse')], {}, same)
      t.same(refused.done, ['reserve', 'hash'], 'L22 no quick refusal tells that the password was right')
    }
  }

  const crowd = scene()
  crowd.rememberSeconds = 60
  const same = crowd.ports
  const shown = await Promise.all(
    Array.from({ length: 50 }, () => look(crowd, [password('correct horse')], {}, same)),
  )
  t.equal(shown.filter((one) => kinds(one).length === 1).length, 50)
  t.equal(crowd.done.filter((one) => one === 'hash').length, 1, 'fifty at once are hashed once')
})

t.test('a crowd is as long for a name that nobody has, and keeps nobody waiting at home', async (t) => {
  const crowd = async (fakes: Fakes, count: number) => {
    const { ports } = fakes
    const tries = Array.from({ length: count }, () => look(fakes, [password('wrong')], {}, ports))
    const ends = await Promise.allSettled(tries)
    return ends.filter(({ status }) => status === 'rejected').length
  }
  t.equal(await crowd(scene(), 100), 36, '64 wait, the others are told so')
  t.equal(await crowd(scene({ who: 'nobody' }), 100), 36)

  const fakes = scene()
  const { ports } = fakes
  const home = '192.0.2.1'
  const lockouts: Lockouts = {
    ...ports.lockouts,
    isFamiliar: async (...[, subject, peer]) => subject === theUser.id && peer === home,
  }
  const order: string[] = []
  const tried = (who: string, peer: string, text: string) =>
    look(fakes, [password(text)], { peer }, { ...ports, lockouts }).then(
      () => void order.push(who),
      () => void order.push(`${who} busy`),
    )
  const strangers = Array.from({ length: 64 }, () => tried('stranger', '192.0.2.66', 'wrong'))
  // Until the crowd stands in line.
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([
    ...strangers,
    tried('own', home, 'correct horse'),
    tried('another', '192.0.2.67', 'correct horse'),
  ])
  t.ok(order.indexOf('own') < order.lastIndexOf('stranger'), 'the subject does not wait behind them')
  t.ok(order.includes('another busy'), 'from elsewhere it is as crowded for everybody')
})

t.test('attempts for one subject are looked at one after the other', async (t) => {
  const fakes = scene()
  const { ports } = fakes
  await Promise.all(Array.from({ length: 5 }, () => look(fakes, [password('wrong')], {}, ports)))
  t.same(fakes.done, Array.from({ length: 5 }, () => ['reserve', 'hash']).flat())
})

t.test('the answer to a challenge', async (t) => {
  const parked = (fakes: Fakes, changes: object = {}): ConversationId => {
    const id = newConversation()
    const own = {
      kind: 'challenge' as const,
      browser: null,
      organization: theOrganization.id,
      subject: theUser.id as string,
      resource: theResource,
      peer: plain.peer,
    }
    fakes.parked.set(id, { ...own, proof: [proof('password')], ...changes })
    return id
  }
  await t.test('adds to what was proven before', async (t) => {
    for (const answer of [code(now), password(now)]) {
      const fakes = scene(demanding)
      t.same(await look(fakes, [answerTo(parked(fakes)), answer]), {
        accepted: [proof('password'), proof('totp')],
        rejected: null,
        counted: true,
      })
      t.same(fakes.done, ['reserve', 'reserve code', 'return code', 'use step'])
    }
  })
  await t.test('once', async (t) => {
    const fakes = scene(demanding)
    const id = parked(fakes)
    const all = await Promise.all(Array.from({ length: 20 }, () => look(fakes, [answerTo(id), code(now)])))
    t.equal(all.filter(({ rejected }) => rejected === null).length, 1)
    t.equal(all.filter(({ rejected, counted }) => rejected === 'conversation-expired' && !counted).length, 19)
    const wrong = parked(fakes)
    t.equal((await look(fakes, [answerTo(wrong), code(none)])).rejected, 'wrong-proof')
    t.equal(
      (await look(fakes, [answerTo(wrong), code(next)])).rejected,
      'conversation-expired',
      'a wrong code ends it',
    )
  })
  await t.test('belongs to one peer, user, resource and organization', async (t) => {
    const foreign = [
      { peer: '192.0.2.8' },
      { peer: null },
      { subject: 'somebody else' },
      { resource: 'another' as ResourceId },
      { organization: 'another' as OrganizationId },
    ]
    for (const changes of foreign) {
      const fakes = scene(demanding)
      const id = parked(fakes, changes)
      t.same(
        await look(fakes, [answerTo(id), code(now)]),
        { accepted: [], rejected: 'conversation-expired', counted: false },
        JSON.stringify(changes),
      )
      t.same(fakes.done, [], 'the code is not looked at')
      t.equal(fakes.parked.size, 0, 'and it is gone')
    }
    const fakes = scene(demanding)
    t.equal(
      (await look(fakes, [answerTo(newConversation()), code(now)])).rejected,
      'conversation-expired',
      'unknown',
    )
    t.equal(
      (await look(fakes, [answerTo(parked(fakes)), code(now)], { resource: 'another' as ResourceId }))
        .rejected,
      'conversation-expired',
    )
    const nobody = scene({ ...demanding, who: 'nobody' })
    t.equal((await look(nobody, [answerTo(parked(nobody)), code(now)])).rejected, 'conversation-expired')
    const unknownPeer = scene({ ...demanding, peer: null })
    t.equal(
      (await look(unknownPeer, [answerTo(parked(unknownPeer, { peer: null })), code(now)])).rejected,
      'conversation-expired',
      'two peers that nobody knows are not the same one',
    )
  })
  await t.test('ends with the factor it rests on, and needs an answer', async (t) => {
    const fakes = scene(demanding)
    t.equal(
      (await look(fakes, [answerTo(parked(fakes, { proof: [proof('password', 'password-0')] })), code(now)]))
        .rejected,
      'conversation-expired',
    )
    t.equal((await look(fakes, [answerTo(parked(fakes))])).rejected, 'conversation-expired')
    t.equal(
      (await look(scene({ ...demanding, enrolled: ['password'] }), [answerTo(parked(fakes)), code(now)]))
        .rejected,
      'conversation-expired',
    )
  })
  await t.test('is counted: wrong, used, locked', async (t) => {
    const fakes = scene(demanding)
    t.same(await look(fakes, [answerTo(parked(fakes)), code(none)]), {
      accepted: [],
      rejected: 'wrong-proof',
      counted: true,
      before: [proof('password')],
    })
    t.equal(fakes.codesLeft, 19)
    await look(fakes, [answerTo(parked(fakes)), code(now)])
    t.equal(
      (await look(fakes, [answerTo(parked(fakes)), code(now)])).rejected,
      'code-used',
      'M02: the same code by another challenge',
    )
    t.equal(
      (await look(fakes, [password(`correct horse,${now}`)])).rejected,
      'code-used',
      'M02: and by another way in',
    )
    fakes.locked = true
    fakes.done.length = 0
    t.equal((await look(fakes, [answerTo(parked(fakes)), code(next)])).rejected, 'locked')
    t.same(fakes.done, ['reserve'])
  })
})

t.test('proofs of an open permit hold while their factors are the same ones', async (t) => {
  const standing = (...list: Proof[]): Evidence => ({ kind: 'standing', proof: list })
  const fakes = scene()
  t.same(await look(fakes, [standing(proof('password'), proof('totp'))]), {
    accepted: [proof('password'), proof('totp')],
    rejected: null,
    counted: false,
  })
  t.same(await look(fakes, [standing(proof('password', 'password-0'), proof('totp'))]), {
    accepted: [proof('totp')],
    rejected: null,
    counted: false,
  })
  t.same(kinds(await look(scene({ who: 'nobody' }), [standing(proof('password'))])), [])
  t.same(
    kinds(await look(fakes, [standing({ ...proof('password'), kind: 'webauthn' })])),
    [],
    'a version belongs to its kind',
  )
  t.same(fakes.done, [])
})
