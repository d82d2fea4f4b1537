// X04: every person of the sample at every resource. What `POST /access/explain` says is what happens on the wire, whatever the wire.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { demand, webUrl } from '../support/applications.ts'
import { ldapBind } from '../support/ldap-tools.ts'
import { startMuster } from '../support/muster.ts'
import { codeOfStep } from '../support/one-time-codes.ts'
import { radiusLogin } from '../support/radclient.ts'
import { startRelyingParty } from '../support/relying-party.ts'
import { startServiceProvider } from '../support/service-provider.ts'
import { createVisitor, passSignIn } from '../support/web-visitor.ts'

t.setTimeout(90_000)

const muster = await startMuster(t)
const [wiki, payroll, crm] = await Promise.all([
  startRelyingParty(t, muster, 'wiki'),
  startRelyingParty(t, muster, 'payroll'),
  startServiceProvider(t, muster, 'crm'),
])

const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'nobody'] as const
type Outcome = 'permit' | 'challenge' | 'deny'

/** Gives a code that was not used yet. */
type Codes = () => string

/** How each resource is asked for, and what came of it: with a code at once, or where one is asked for. */
const wires: Readonly<Record<string, (name: string, code: Codes | null) => Promise<Outcome | string>>> = {
  directory: async (name, code) => {
    const result = await ldapBind(muster, name, beside(name, code))
    return result === 0 ? 'permit' : result === 49 ? 'deny' : `result ${result}`
  },
  'office-wifi': (name, code) => radius(name, code, []),
  vpn: (name, code) => radius(name, code, ['NAS-Identifier = vpn']),
  wiki: (name, code) => web(wiki.signInUrl(), name, code, (shown) => shown.includes(`Signed in as ${name}`)),
  payroll: (name, code) =>
    web(payroll.signInUrl(), name, code, (shown) => shown.includes(`Signed in as ${name}`)),
  crm: (name, code) =>
    web(crm.signInUrl(), name, code, () => crm.arrivals.at(-1)?.attributes?.username?.[0] === name),
  portal: (name, code) =>
    web(`${webUrl(muster)}/o/acme/portal`, name, code, (shown) => shown.includes('Your portal')),
}

const beside = (name: string, code: Codes | null): string =>
  code === null ? `muster-${name}` : `muster-${name},${code()}`

async function radius(name: string, code: Codes | null, attributes: readonly string[]): Promise<string> {
  const { code: answer, said } = await radiusLogin(muster, name, beside(name, code), { attributes })
  const outcomes: Readonly<Record<string, Outcome>> = {
    'Access-Accept': 'permit',
    'Access-Challenge': 'challenge',
    'Access-Reject': 'deny',
  }
  return outcomes[answer ?? ''] ?? said
}

async function web(
  url: string,
  name: string,
  code: Codes | null,
  isIn: (shown: string) => boolean,
): Promise<string> {
  const visitor = createVisitor()
  await visitor.visit(url)
  await passSignIn(visitor, name, `muster-${name}`, code ?? undefined)
  if (visitor.hasField('Verification code')) return 'challenge'
  if (visitor.hasButton('Continue')) await visitor.press('Continue')
  const { html, alert } = visitor.shown()
  if (isIn(html)) return 'permit'
  return alert !== null && visitor.hasField('Password') ? 'deny' : html
}

async function explained(user: string, resource: string, evidence: readonly string[]): Promise<string> {
  const from = '127.0.0.1'
  const body = { user, resource, from, evidence, secured: false }
  const { outcome } = await demand<{ outcome: string }>(muster, 'POST', '/access/explain', body)
  return outcome
}

/** Three codes that are good for another ten seconds at least. */
async function threeCodes(seed: string): Promise<Codes> {
  const leftMs = 30_000 - (Date.now() % 30_000)
  if (leftMs < 10_000) await sleep(leftMs)
  let step = Math.floor(Date.now() / 30_000) - 2
  return () => codeOfStep(seed, ++step)
}

async function compare(t: Test, name: string, resource: string, codes: Codes | null): Promise<void> {
  const evidence = codes === null ? ['password'] : ['password', 'totp']
  const wanted = await explained(name, resource, evidence)
  const happened = await wires[resource]?.(name, codes)
  t.equal(happened, wanted, `${name} at ${resource} with ${evidence.join(' and ')}: ${wanted}`)
  seen.add(`${resource} ${wanted}`)
}

const seen = new Set<string>()

// At the service provider people are told apart by who came last: one at a time there.
t.test('X04 with a password', async (t) => {
  await Promise.all(
    Object.keys(wires).map(async (resource) => {
      if (resource === 'crm') for (const name of people) await compare(t, name, resource, null)
      else await Promise.all(people.map((name) => compare(t, name, resource, null)))
    }),
  )
})

t.test('X04 with a password and a code, where they have an authenticator', async (t) => {
  const seeds = { bob: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', dave: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' }
  for (const [name, seed] of Object.entries(seeds)) {
    const may: string[] = []
    for (const resource of Object.keys(wires))
      if ((await explained(name, resource, ['password', 'totp'])) === 'permit') may.push(resource)
    t.ok(may.length >= 5)
    const codes = await threeCodes(seed)
    for (const resource of may) await compare(t, name, resource, codes)
  }
})

t.test('X04 with a session', async (t) => {
  const applications = { wiki: wiki.signInUrl(), payroll: payroll.signInUrl(), crm: crm.signInUrl() }
  for (const name of people.slice(0, 6)) {
    const visitor = createVisitor()
    await visitor.visit(`${webUrl(muster)}/o/acme/portal`)
    await passSignIn(visitor, name)
    t.match(visitor.shown().html, /Your portal/)
    const shown = visitor.shown().html
    for (const [resource, url] of Object.entries(applications)) {
      const wanted = await explained(name, resource, ['password'])
      await visitor.visit(url)
      if (visitor.hasButton('Continue')) await visitor.press('Continue')
      const { html, alert } = visitor.shown()
      const isRefused = /^access_denied$|Access was not granted/.test(alert ?? '')
      const isAsked = visitor.hasField('Verification code')
      const happened = isAsked
        ? 'challenge'
        : isRefused
          ? 'deny'
          : html.includes('Signed in as')
            ? 'permit'
            : html
      t.equal(happened, wanted, `${name} at ${resource} with a session: ${wanted}`)
      const isShown = shown.includes(`<span>${resource}</span>`)
      // The portal shows what they could open with all the factors that they have.
      t.equal(isShown, wanted !== 'deny', `in the portal of ${name}: ${resource}`)
    }
  }
})

t.test('the comparison saw every outcome that there is', async (t) => {
  for (const each of ['directory permit', 'directory deny', 'office-wifi permit', 'office-wifi deny'])
    t.ok(seen.has(each), each)
  for (const each of ['vpn challenge', 'vpn permit', 'vpn deny', 'payroll challenge', 'payroll permit'])
    t.ok(seen.has(each), each)
  for (const each of ['payroll deny', 'wiki permit', 'wiki deny', 'crm permit', 'crm deny', 'portal deny'])
    t.ok(seen.has(each), each)
})
