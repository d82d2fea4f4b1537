// The RADIUS door as real clients see it: radclient, the `radius` package, and bytes checked by a NAS of our own.

import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import t from 'tap'
import { freshDatabase } from '../support/database.ts'
import { ldapBind } from '../support/ldap-tools.ts'
import { startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { radclient, radiusLogin } from '../support/radclient.ts'
import { buildRequest, NasSocket, nasSecret, pap } from '../support/radius-nas.ts'

const muster = await startMuster(t, {
  env: { MUSTER_DATABASE_URL: await freshDatabase(t), MUSTER_SAMPLE: 'on' },
})
const bobsSeed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const davesSeed = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const vpn = ['NAS-Identifier = vpn']
const code = async (name: string, password?: string, attributes: string[] = []) =>
  (await radiusLogin(muster, name, password, { attributes })).code

/** Another user with an authenticator: codes of one user are used up faster than the clock brings new ones. */
async function enrolled(name: string): Promise<OneTimeCodes> {
  const made = await muster.api('POST', '/users', { username: name, password: `muster-${name}` })
  const { id } = made.body as { id: string }
  const factor = await muster.api('POST', `/users/${id}/factors`, { kind: 'totp' })
  const { secret } = factor.body as { secret?: string }
  if (secret === undefined) throw new Error(`${factor.status} ${JSON.stringify(factor.body)}`)
  return new OneTimeCodes(secret)
}

/** How many datagrams ended so, by /metrics. */
async function fate(name: string): Promise<number> {
  const text = await (await fetch(`${muster.url}/metrics`)).text()
  return Number(
    new RegExp(`^muster_radius_datagrams_total\\{.*fate="${name}".*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  )
}

t.test('the VLAN of the group, or no way in', async (t) => {
  const [alice, carol, frank] = await Promise.all(
    ['alice', 'carol', 'frank'].map((name) => radiusLogin(muster, name)),
  )
  for (const [answer, vlan] of [
    [alice, '20'],
    [carol, '30'],
    [frank, '99'],
  ] as const) {
    t.match(answer, { code: 'Access-Accept', vlan }, answer?.said ?? '')
    t.match(answer?.attributes, { 'Tunnel-Type': 'VLAN', 'Tunnel-Medium-Type': 'IEEE-802' })
  }
  const refused = await Promise.all([
    radiusLogin(muster, 'frank', 'wrong'),
    radiusLogin(muster, 'erin'),
    radiusLogin(muster, 'heidi'),
    radiusLogin(muster, 'grace'),
    radiusLogin(muster, 'nobody'),
    radiusLogin(muster, 'alice', ''),
  ])
  const cases = ['wrong password', 'erin: no binding', 'suspended', 'staged', 'unknown', 'no password']
  for (const [at, answer] of refused.entries()) {
    t.equal(answer.code, 'Access-Reject', `${cases[at]}: ${answer.said}`)
    t.same(Object.keys(answer.attributes), ['Message-Authenticator'], 'all look alike')
  }
  t.equal(
    await code('ALICE@acme.example', 'muster-alice'),
    'Access-Accept',
    'M18 by e-mail, without regard to case',
  )
})

t.test('a code asked for, and answered', async (t) => {
  const codes = new OneTimeCodes(bobsSeed)
  const asked = await radiusLogin(muster, 'bob', undefined, { attributes: vpn })
  t.equal(asked.code, 'Access-Challenge', asked.said)
  t.match(asked.attributes, { 'Reply-Message': /code/, State: /^0x/ })
  const state = `State = ${asked.attributes.State}`
  const answer = await radiusLogin(muster, 'bob', await codes.next(), { attributes: [...vpn, state] })
  t.equal(answer.code, 'Access-Accept', answer.said)
  t.equal(answer.vlan, null, 'the vpn has none')

  const [judy, mike] = [await enrolled('judy'), await enrolled('mike')]
  const [first, second] = await Promise.all(
    ['judy', 'judy'].map((name) => radiusLogin(muster, name, undefined, { attributes: vpn })),
  )
  const answering = (to: typeof first) => [...vpn, `State = ${to?.attributes.State}`]
  const refused = await Promise.all([
    code('bob', await codes.next(), [...vpn, state]),
    code('judy', '000000', answering(first)),
    code('mike', await mike.next(), answering(second)),
    code('judy', await judy.next(), [...vpn, `State = 0x${'30'.repeat(36)}`]),
  ])
  const cases = ['answered already', 'a wrong code', 'the challenge of somebody else', 'no challenge of ours']
  for (const [at, each] of refused.entries()) t.equal(each, 'Access-Reject', cases[at] ?? '')
})

t.test('M02 R08 a code beside the password, once, at all doors', async (t) => {
  const codes = new OneTimeCodes(davesSeed)
  const used = await codes.next()
  t.equal(await code('dave', `muster-dave,${used}`, vpn), 'Access-Accept')
  const [same, elsewhere, overLdap] = await Promise.all([
    code('dave', `muster-dave,${used}`, vpn),
    code('dave', `muster-dave,${used}`),
    ldapBind(muster, 'dave', `muster-dave,${used}`),
  ])
  t.equal(same, 'Access-Reject')
  t.equal(elsewhere, 'Access-Reject')
  t.equal(overLdap, 49)
  t.equal(await ldapBind(muster, 'dave', `muster-dave,${await codes.next()}`), 0)

  const refused = await Promise.all([code('carol', undefined, vpn), code('bob', 'wrong', vpn)])
  t.same(
    refused,
    ['Access-Reject', 'Access-Reject'],
    'carol has no authenticator; a wrong password asks for no code',
  )
})

t.test('Status-Server, and what gets no answer', async (t) => {
  t.equal((await radclient(muster, { command: 'status' })).code, 'Access-Accept')
  const silent = { seconds: 2 }
  const before = await Promise.all(['unsigned', 'forged', 'unsigned-proxied'].map(fate))
  const [unsigned, secret, proxied] = await Promise.all([
    radiusLogin(muster, 'alice', undefined, { ...silent, signed: false }),
    radiusLogin(muster, 'alice', undefined, { ...silent, secret: 'another-radius-secret' }),
    radiusLogin(muster, 'alice', undefined, { ...silent, signed: false, attributes: ['Proxy-State = 0x01'] }),
  ])
  t.match(unsigned, { code: null }, 'R01 without Message-Authenticator')
  t.match(secret, { code: null }, 'another secret')
  t.match(proxied, { code: null }, 'R03 and with Proxy-State')
  const after = await Promise.all(['unsigned', 'forged', 'unsigned-proxied'].map(fate))
  t.same(
    after.map((count, at) => count - (before[at] as number)),
    [1, 1, 1],
    'each seen, and counted',
  )
  t.match(muster.stderr(), /Message-Authenticator/, 'and the log says what is missing')
})

t.test(
  'R04 R06 the bytes: Message-Authenticator first and right, the same reply to the same request',
  async (t) => {
    const nas = new NasSocket(muster.ports.radius)
    t.teardown(() => nas.close())
    const accept = await nas.exchange(pap('alice', 'muster-alice', { identifier: 1 }))
    t.match(accept, { code: 2, attributes: ['80', /^64=/, /^65=/, /^81=/] })
    const attributes = [[32, 'vpn']] as const
    t.match(await nas.exchange(pap('bob', 'muster-bob', { identifier: 2, attributes })), {
      code: 11,
      attributes: ['80'],
    })
    t.same(await nas.exchange(pap('alice', 'wrong', { identifier: 3 })), {
      code: 3,
      identifier: 3,
      attributes: ['80'],
    })
    t.match(await nas.exchange(buildRequest({ code: 12, identifier: 4 })), { code: 2, attributes: ['80'] })

    const nina = await enrolled('nina')
    const request = pap('nina', `muster-nina,${await nina.next()}`, { identifier: 5, attributes })
    nas.send(request)
    const first = await nas.next()
    nas.send(request)
    t.equal(first[0], 2)
    t.ok(first.equals(await nas.next()), 'sent again, answered again: the code was used once')
    const later = pap('alice', 'muster-alice', {
      identifier: 6,
      attributes: [
        [33, 'b'],
        [33, 'a'],
      ],
    })
    t.same((await nas.exchange(later)).attributes.slice(-2), ['33=62', '33=61'], 'Proxy-State in its order')
  },
)

t.test('the `radius` package', async (t) => {
  const radius = createRequire(import.meta.url)('radius')
  const nas = new NasSocket(muster.ports.radius)
  t.teardown(() => nas.close())
  const ask = async (name: string, password: string, identifier: number) => {
    const request = radius.encode({
      code: 'Access-Request',
      secret: nasSecret,
      identifier,
      add_message_authenticator: true,
      attributes: [
        ['User-Name', name],
        ['User-Password', password],
      ],
    })
    nas.send(request)
    const response = await nas.next()
    t.ok(radius.verify_response({ request, response, secret: nasSecret }))
    return radius.decode({ packet: response, secret: nasSecret })
  }
  t.match(await ask('carol', 'muster-carol', 1), {
    code: 'Access-Accept',
    attributes: { 'Tunnel-Private-Group-Id': '30' },
  })
  t.match(await ask('carol', 'wrong', 2), { code: 'Access-Reject' })
})

t.test('reply attributes of several bindings, by their order; bad ones refused when saved', async (t) => {
  const find = async (kind: string, name: string) => {
    const { body } = await muster.api('GET', `/${kind}?filter=${encodeURIComponent(`name eq "${name}"`)}`)
    return (body as { items: { id: string }[] }).items[0]?.id
  }
  const binding = {
    groupId: await find('groups', 'mac-engineers'),
    resourceId: await find('resources', 'office-wifi'),
    order: 10,
    attributes: {
      radius: {
        vlan: 21,
        reply: [
          { name: 'Session-Timeout', value: 28800 },
          { name: 'Filter-Id', value: 'macs' },
        ],
      },
    },
  }
  const made = await muster.api('POST', '/bindings', binding)
  t.equal(made.status, 201, JSON.stringify(made.body))
  const [alice, bob] = await Promise.all([radiusLogin(muster, 'alice'), radiusLogin(muster, 'bob')])
  t.match(alice, { vlan: '21', attributes: { 'Session-Timeout': '28800', 'Filter-Id': 'macs' } }, alice.said)
  t.match(bob, { code: 'Access-Accept', vlan: '20' })
  t.notOk('Session-Timeout' in bob.attributes)
  for (const reply of [
    [{ name: 'Session-Timeout', value: 'soon' }],
    [{ name: 'No-Such-Attribute', value: '1' }],
    [{ name: 'Message-Authenticator', value: '0x00' }],
    [{ name: 'Filter-Id', value: 'x'.repeat(300) }],
  ]) {
    const bad = await muster.api('POST', '/bindings', {
      ...binding,
      groupId: await find('groups', 'leads'),
      attributes: { radius: { reply } },
    })
    t.equal(bad.status, 422, JSON.stringify(bad.body))
    t.match(JSON.stringify(bad.body), reply[0]?.name ?? '?', 'the place is named')
  }
  const { id } = made.body as { id: string }
  t.equal((await muster.api('DELETE', `/bindings/${id}`)).status, 204)
  t.equal((await radiusLogin(muster, 'alice')).vlan, '20')
})

t.test('R13 client secrets: generated, shown once; common and short ones refused', async (t) => {
  const resource = (secret?: string) => ({
    name: `switches-${randomUUID()}`,
    kind: 'network',
    network: { clients: [{ address: '192.0.2.0/24', ...(secret && { secret }) }], nasIdentifier: 'switches' },
  })
  const made = await muster.api('POST', '/resources', resource())
  t.equal(made.status, 201, JSON.stringify(made.body))
  const { id, clientSecrets } = made.body as { id: string; clientSecrets: unknown }
  t.match(JSON.stringify(clientSecrets), /[\w-]{22,}/)
  const read = await muster.api('GET', `/resources/${id}`)
  t.notMatch(JSON.stringify(read.body), /clientSecrets/)
  t.equal((await muster.api('POST', '/resources', resource('short'))).status, 422)
})
