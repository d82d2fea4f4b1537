// The story of story.test.ts over four doors: one change, and the next LDAP search, Access-Accept, ID token and assertion all show it;
// one suspension, and all of them refuse, with all that was open on the web. Told twice: by one process on the embedded database,
// and by two on PostgreSQL and Redis, changing at one and asking at the other.
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { demand, idByName, webUrl } from '../support/applications.ts'
import { freshDatabase, redisUrl } from '../support/database.ts'
import { ldapBind, ldapSearch } from '../support/ldap-tools.ts'
import { choosePorts, type RunningMuster, startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { type Places, seen } from '../support/places.ts'
import { radiusLogin } from '../support/radclient.ts'
import { nameOf, type RelyingParty, startRelyingParty } from '../support/relying-party.ts'
import { type ServiceProvider, startServiceProvider } from '../support/service-provider.ts'
import { createVisitor, passSignIn, type WebVisitor } from '../support/web-visitor.ts'

interface Applications {
  readonly notes: RelyingParty
  readonly deals: ServiceProvider
  /** Whose codes wait to be redeemed. */
  readonly patient: RelyingParty
}

const refusal = (asked: Promise<unknown>): Promise<string> => asked.then(() => 'accepted', nameOf)
const groupsOf = (claims: object | undefined): readonly string[] =>
  [...((claims as { groups?: string[] } | undefined)?.groups ?? [])].sort()

/** Opens an application without being asked, and presses "Continue" where that is needed. */
async function open(visitor: WebVisitor, url: string): Promise<void> {
  await visitor.visit(url)
  if (visitor.hasButton('Continue')) await visitor.press('Continue')
}

const portalOf = (muster: RunningMuster) => `${webUrl(muster)}/o/acme/portal`

/** Somebody with a browser that is signed in at the portal, and an application of each kind open. */
async function settle(
  muster: RunningMuster,
  { notes, deals }: Applications,
  name: string,
): Promise<WebVisitor> {
  const visitor = createVisitor()
  await visitor.visit(portalOf(muster))
  await passSignIn(visitor, name)
  await open(visitor, notes.signInUrl())
  await open(visitor, deals.signInUrl())
  return visitor
}

async function tell(t: Test, { here, there, withinMs }: Places): Promise<void> {
  const options = { groups: ['everyone', 'engineering', 'sales'] }
  const applications = {
    notes: await startRelyingParty(t, there, 'notes', options),
    deals: await startServiceProvider(t, there, 'deals', options),
    patient: await startRelyingParty(t, there, 'patient', { ...options, redeems: false }),
  }
  const { notes, deals, patient } = applications
  const user = async (name: string) => `/users/${await idByName(here, 'users', name)}`
  const change = async (name: string, body: object) => demand(here, 'PATCH', await user(name), body)
  const alice = await settle(there, applications, 'alice')
  const wifi = (name: string) => radiusLogin(there, name)

  await t.test('a new department', async (t) => {
    t.same(groupsOf(notes.last().claims), ['engineering', 'everyone'])
    t.same(groupsOf(deals.last().attributes), ['engineering', 'everyone'])
    await change('alice', { department: 'Sales' })
    const renew = async () => groupsOf((await notes.refresh()).claims())
    const seller = ['everyone', 'sales']
    const groups = await seen(withinMs, renew, (groups) => groups.includes('sales'))
    t.same(groups, seller, 'the ID token of a refresh')
    t.same(groupsOf(await notes.userinfo(notes.last().tokens?.access_token)), seller, 'userinfo')
    await open(alice, notes.signInUrl({ prompt: 'none' }))
    t.same(groupsOf(notes.last().claims), seller, 'the ID token of a sign-in')
    await open(alice, deals.signInUrl())
    t.same(groupsOf(deals.last().attributes), seller, 'the assertion')
    t.match(await wifi('alice'), { code: 'Access-Accept', vlan: '30' })
    const { entry } = await ldapSearch(there, ['(uid=alice)', 'memberOf'])
    t.same(entry.memberOf?.map((dn) => /^cn=([^,]*)/.exec(dn)?.[1]).sort(), seller, 'the directory')
  })

  await t.test('L24 X01 suspended: four doors refuse, and what was open is shut', async (t) => {
    await open(alice, notes.signInUrl())
    await open(alice, patient.signInUrl())
    const { tokens } = notes.last()
    t.match(await notes.introspect(), { active: true })
    const form = patient.codeForm()
    await change('alice', { state: 'suspended' })

    t.equal(await seen(withinMs, () => refusal(notes.refresh()), isNot('accepted')), 'invalid_grant')
    t.match(await notes.introspect(tokens?.access_token), { active: false })
    t.match(await notes.introspect(tokens?.refresh_token), { active: false })
    t.match(await refusal(notes.userinfo(tokens?.access_token)), /401|invalid_token|WWW/)
    t.match(await patient.post(form), { status: 400, body: { error: 'invalid_grant' } }, 'a code in flight')
    for (const url of [portalOf(there), notes.signInUrl(), deals.signInUrl()]) {
      await alice.visit(url)
      t.ok(alice.hasField('Password'), 'the session is no more')
      await passSignIn(alice, 'alice')
      t.match(alice.shown().alert, /could not be signed in/, 'the right password is of no use')
    }
    await open(alice, notes.signInUrl({ prompt: 'none' }))
    t.equal(notes.last().error, 'login_required')
    t.equal(await ldapBind(there, 'alice'), 49)
    t.match(await wifi('alice'), { code: 'Access-Reject' })

    await change('alice', { state: 'active' })
    t.equal(
      await seen(
        withinMs,
        () => ldapBind(there, 'alice'),
        (code) => code === 0,
      ),
      0,
    )
    t.equal(await refusal(notes.refresh(tokens?.refresh_token)), 'invalid_grant', 'what ended stays ended')
    await alice.visit(portalOf(there))
    t.ok(alice.hasField('Password'))
  })

  await t.test('X02 out of the group: the applications that it opened, and no others', async (t) => {
    const carol = await settle(there, applications, 'carol')
    const crm = await startServiceProvider(t, there, 'crm')
    const leads = await startRelyingParty(t, there, 'leads-list', { groups: ['sales'] })
    await open(carol, crm.signInUrl())
    await open(carol, leads.signInUrl())
    t.match(leads.last().claims, { groups: ['sales'] })
    await change('carol', { department: 'Finance' })
    t.equal(await seen(withinMs, () => refusal(leads.refresh()), isNot('accepted')), 'invalid_grant')
    t.match(await leads.introspect(), { active: false })
    await open(carol, leads.signInUrl())
    t.equal(leads.last().error, 'access_denied')
    await open(carol, crm.signInUrl())
    t.match(crm.last().xml, /status:RequestDenied/)
    await carol.visit(portalOf(there))
    t.match(carol.shown().html, /Your portal/, 'her session goes on')
    t.notMatch(carol.shown().html, /<span>(?:crm|leads-list)<\/span>/)
    await open(carol, notes.signInUrl({ prompt: 'none' }))
    t.same(groupsOf(notes.last().claims), ['everyone'], 'what others open stays open')
    t.equal((await wifi('carol')).code, 'Access-Reject')
  })

  await t.test('a new password ends what rests on the old one', async (t) => {
    const erin = await settle(there, applications, 'erin')
    await change('erin', { password: 'quite another password' })
    t.equal(await seen(withinMs, () => refusal(notes.refresh()), isNot('accepted')), 'invalid_grant')
    await erin.visit(portalOf(there))
    t.ok(erin.hasField('Password'))
    await passSignIn(erin, 'erin')
    t.match(erin.shown().alert, /could not be signed in/)
    await passSignIn(erin, 'erin', 'quite another password')
    t.match(erin.shown().html, /Your portal/)
  })

  await t.test('X08 M02 what is proven at one door opens no other', async (t) => {
    const codes = new OneTimeCodes('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP')
    const payroll = await startRelyingParty(t, there, 'payroll')
    const dave = createVisitor()
    t.equal(await ldapBind(there, 'dave'), 0)
    const code = await codes.next()
    const vpn = { attributes: ['NAS-Identifier = vpn'] }
    t.equal((await radiusLogin(there, 'dave', `muster-dave,${code}`, vpn)).code, 'Access-Accept')
    await dave.visit(payroll.signInUrl())
    t.ok(dave.hasField('Password'), 'no session comes of it')
    await passSignIn(dave, 'dave')
    await dave.fill({ 'Verification code': code }, 'Verify')
    t.match(dave.shown().alert, /did not work/, 'used at RADIUS')
    t.equal(payroll.arrivals.length, 0)
    const next = await codes.next()
    await dave.fill({ 'Verification code': next }, 'Verify')
    t.match(payroll.last().claims, { preferred_username: 'dave' })
    t.equal((await radiusLogin(there, 'dave', `muster-dave,${next}`, vpn)).code, 'Access-Reject', 'used here')
    await dave.visit(portalOf(there))
    t.equal(dave.shown().html.match(/This browser/g)?.length, 1)
    t.notMatch(dave.shown().html, /Sign out everywhere else/, 'the one session that there is')
  })

  await t.test('X06 failures at all doors are counted together, and lock all of them', async (t) => {
    await demand(here, 'PATCH', '/organization', { settings: { lockout: { limit: 5 } } })
    if (withinMs > 0) await sleep(withinMs)
    const before = await settle(there, applications, 'bob')
    const bob = createVisitor()
    for (const at of [here, there]) t.equal(await ldapBind(at, 'bob', 'wrong'), 49)
    await Promise.all([here, there].map((at) => radiusLogin(at, 'BOB@acme.example', 'wrong')))
    await bob.visit(notes.signInUrl())
    const { alert: wrong } = await passSignIn(bob, 'Bob', 'wrong')
    const { alert: locked } = await passSignIn(bob, 'bob')
    const words = (alert: string | null) => alert?.replace(/[A-Z0-9]{4}-[A-Z0-9]{4}/, '')
    t.ok(wrong)
    t.equal(words(locked), words(wrong), 'the right password, in the same words')
    t.notOk(bob.cookies('localhost').has('muster-session-acme'))
    for (const at of [here, there]) t.equal(await ldapBind(at, 'bob'), 49)
    const rejected = await Promise.all([here, there].map((at) => radiusLogin(at, 'bob')))
    t.same(
      rejected.map(({ code }) => code),
      ['Access-Reject', 'Access-Reject'],
    )
    await bob.visit(deals.signInUrl())
    await passSignIn(bob, 'bob@acme.example')
    t.match(bob.shown().alert, /could not be signed in/)
    const { body } = await there.api('GET', '/audit?kind=decision&outcome=deny&limit=7')
    const { items } = body as { items: { body: { reason: string; circumstance: { door: string } } }[] }
    t.same(items.map((item) => `${item.body.circumstance.door} ${item.body.reason}`).sort(), [
      ...['ldap locked', 'ldap locked', 'radius locked', 'radius locked'],
      ...['signin locked', 'signin locked', 'signin wrong-proof'],
    ])

    t.equal(await refusal(notes.refresh()), 'accepted', 'guesses of others throw nobody out')
    await before.visit(notes.signInUrl({ acr_values: 'https://refeds.org/profile/mfa' }))
    const codes = new OneTimeCodes('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    await before.fill({ 'Verification code': await codes.next() }, 'Verify')
    t.match(before.shown().alert, /could not be signed in/, 'a right code counts for nothing meanwhile')
    await open(before, notes.signInUrl({ prompt: 'none' }))
    t.match(notes.last().claims, { amr: ['pwd'] })
  })
}

const isNot =
  <T>(unwanted: T) =>
  (answer: T) =>
    answer !== unwanted

// Most of the time is spent waiting for refusals, which RADIUS holds back for a second.
t.jobs = 2
t.setTimeout(90_000)

t.test('one process, embedded database: at the very next question', async (t) => {
  const muster = await startMuster(t)
  await tell(t, { here: muster, there: muster, withinMs: 0 })
})

t.test('two processes on PostgreSQL: within a second', async (t) => {
  const ports = await choosePorts()
  const env = {
    MUSTER_DATABASE_URL: await freshDatabase(t),
    MUSTER_REDIS_URL: await redisUrl(t),
    MUSTER_SAMPLE: 'on',
    MUSTER_PUBLIC_URL: `http://localhost:${ports.http}`,
  }
  const here = await startMuster(t, { env })
  const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
  t.teardown(() => rm(data, { recursive: true, force: true }))
  for (const file of ['sealing-key', 'admin-token']) await copyFile(join(here.data, file), join(data, file))
  const there = await startMuster(t, { env, data, ports })
  await tell(t, { here, there, withinMs: 1000 })

  await t.test('O06 one code, many at once, at both processes: one is served', async (t) => {
    const patient = await startRelyingParty(t, there, 'patient', { redeems: false })
    const frank = createVisitor()
    await frank.visit(patient.signInUrl())
    await passSignIn(frank, 'frank')
    const form = patient.codeForm()
    const endpoints = [here, there].map(({ ports: { http } }) => `http://127.0.0.1:${http}/o/acme/oidc/token`)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => patient.post(form, endpoints[index % 2])),
    )
    t.equal(answers.filter(({ status }) => status === 200).length, 1)
    t.ok(answers.every(({ status, body }) => status === 200 || body.error === 'invalid_grant'))
  })
})
