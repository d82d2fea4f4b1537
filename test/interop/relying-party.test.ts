// Applications of the sample and others, for as long as people use them: tokens are renewed, codes fought over, people signed out,
// and the program is started anew on the way, on its embedded database.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { webUrl } from '../support/applications.ts'
import { startMuster } from '../support/muster.ts'
import { nameOf, startRelyingParty } from '../support/relying-party.ts'
import { createVisitor, passSignIn } from '../support/web-visitor.ts'

t.setTimeout(90_000)

const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
const muster = await startMuster(t, { data })
t.teardown(() => rm(data, { recursive: true, force: true }))
const portal = `${webUrl(muster)}/o/acme/portal`

// The address that the sample registers; in the other tests it is one of their own.
const wiki = await startRelyingParty(t, muster, 'wiki', { port: 9001 })
const payroll = await startRelyingParty(t, muster, 'payroll')
const refusal = (asked: Promise<unknown>): Promise<string> => asked.then(() => 'accepted', nameOf)

t.test('a person signs in, and the application knows who it is', async (t) => {
  const alice = createVisitor()
  await alice.visit(wiki.signInUrl())
  await passSignIn(alice, 'alice')
  const { claims = {}, parameters, error } = wiki.last()
  t.equal(error, undefined)
  t.equal(parameters.get('iss'), `${webUrl(muster)}/o/acme`, 'O09 the issuer is in the answer')
  t.match(claims, {
    preferred_username: 'alice',
    name: 'Alice Adams',
    email: 'alice@acme.example',
    email_verified: false,
    groups: ['everyone'],
    amr: ['pwd'],
  })
  t.match(await wiki.userinfo(), { sub: claims.sub, groups: ['everyone'], preferred_username: 'alice' })
  t.match(await wiki.introspect(), { active: true, sub: claims.sub, client_id: 'wiki' })

  await alice.visit(payroll.signInUrl())
  t.equal(payroll.last().error, 'access_denied', 'being known is not being allowed')
})

t.test('O07 a refresh token is good once, and the family dies with its second use', async (t) => {
  const { tokens, claims } = wiki.last()
  const renewed = await wiki.refresh()
  t.not(renewed.refresh_token, tokens?.refresh_token)
  t.match(renewed.claims(), { sub: claims?.sub, amr: claims?.amr, auth_time: claims?.auth_time })
  t.match(await wiki.userinfo(renewed.access_token), { sub: claims?.sub })
  t.match(await wiki.introspect(renewed.refresh_token), { active: true })
  t.equal(await refusal(wiki.refresh(tokens?.refresh_token)), 'invalid_grant')
  t.equal(await refusal(wiki.refresh(renewed.refresh_token)), 'invalid_grant')
  t.match(await wiki.introspect(renewed.access_token), { active: false })
})

t.test('O06 one code, many at once: one is served, and its tokens die with the second use', async (t) => {
  const patient = await startRelyingParty(t, muster, 'patient', { redeems: false })
  const carol = createVisitor()
  await carol.visit(patient.signInUrl())
  await passSignIn(carol, 'carol')
  const form = patient.codeForm()
  const answers = await Promise.all(Array.from({ length: 50 }, () => patient.post(form)))
  const served = answers.filter(({ status }) => status === 200)
  t.equal(served.length, 1)
  t.ok(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_grant'))
  t.match(await patient.introspect(String(served[0]?.body.access_token)), { active: false })

  await carol.visit(patient.signInUrl())
  const wrong = patient.codeForm()
  wrong.set('code_verifier', 'x'.repeat(43))
  t.match(await patient.post(wrong), { status: 400, body: { error: 'invalid_grant' } }, 'O04 PKCE')
})

t.test('O21 an application signs people out, here and everywhere in the browser', async (t) => {
  const notes = await startRelyingParty(t, muster, 'notes')
  const alice = createVisitor()
  await alice.visit(wiki.signInUrl())
  await passSignIn(alice, 'alice')
  await alice.visit(notes.signInUrl())
  await alice.visit(portal)
  t.match(alice.shown().html, /Your portal/)
  await alice.visit(notes.signOutUrl)
  await alice.press('Sign out')
  t.equal(alice.shown().url, `${notes.url}/goodbye?state=bye`)
  await alice.visit(portal)
  t.ok(alice.hasField('Password'), 'the portal asks again')
  for (const each of [wiki, notes]) {
    t.equal(await refusal(each.refresh()), 'invalid_grant')
    t.match(await each.introspect(), { active: false })
  }
})

t.test('what was handed out before a crash is good after it', async (t) => {
  const patient = await startRelyingParty(t, muster, 'patient', { redeems: false })
  const alice = createVisitor()
  await alice.visit(wiki.signInUrl())
  await passSignIn(alice, 'alice')
  const bob = createVisitor()
  await bob.visit(patient.signInUrl())
  await passSignIn(bob, 'bob')
  const waiting = createVisitor()
  await waiting.visit(wiki.signInUrl())

  await muster.stop('SIGKILL')
  const again = await startMuster(t, { data, ports: muster.ports })
  t.equal(again.url, muster.url)
  t.match(await patient.post(patient.codeForm()), { status: 200, body: { id_token: String } }, 'a code')
  t.equal((await wiki.refresh()).claims()?.preferred_username, 'alice', 'a refresh token')
  t.match(await wiki.userinfo(), { preferred_username: 'alice' }, 'an access token')
  await alice.visit(portal)
  t.match(alice.shown().html, /Your portal/, 'a session')
  await alice.visit(wiki.signInUrl({ prompt: 'none' }))
  t.match(wiki.last().claims, { preferred_username: 'alice' })
  // In this process alone, what is parked is in its memory.
  await passSignIn(waiting, 'carol')
  t.equal(waiting.shown().status, 410)
  t.match(waiting.shown().alert, /Go back to the application/, 'a sign-in under way is begun again')
})
