// What the RADIUS door asks, what it takes for evidence, and which attributes a reply gets.
import t from 'tap'
import type { AccessRequest } from '../../src/core/access/request.ts'
import type { BindingAttributes } from '../../src/core/directory/types.ts'
import { conversation, guests, open, organization, permit, site, vpn, wifi } from '../support/radius-door.ts'
import { buildRequest, hide, nasSecret, pap, proveReply } from '../support/radius-nas.ts'

const text = (value: string): string => Buffer.from(value).toString('hex')
const vlanAttributes = (vlan: number): string[] => ['64=0000000d', '65=00000006', `81=${text(String(vlan))}`]

t.test('R14 R15 what is no evidence is refused, and asked about so that it is recorded', async (t) => {
  const { receive, asked } = await open(t, { settings: {} })
  const authenticator = Buffer.alloc(16, 5)
  const alice = [1, 'alice'] as const
  const eap = [79, Buffer.from('0201000a01616c696365', 'hex')] as const
  const hidden = hide('right', authenticator)
  const cases: [string, Parameters<typeof buildRequest>[0]][] = [
    ['R14 15 bytes', { attributes: [alice, [2, hidden.subarray(1)]] }],
    ['R14 144 bytes', { attributes: [alice, [2, Buffer.alloc(144)]] }],
    ['R14 no bytes', { attributes: [alice, [2, '']] }],
    ['R14 NUL inside', { attributes: [alice], password: 'ri\0ght' }],
    ['R14 no UTF-8', { attributes: [alice], password: Buffer.from('ff41', 'hex') }],
    ['empty password', { attributes: [alice], password: '' }],
    ['no password', { attributes: [alice] }],
    ['no User-Name', { password: 'right' }],
    ['User-Name is no UTF-8', { attributes: [[1, Buffer.from('ff', 'hex')]], password: 'right' }],
    ['User-Name with NUL', { attributes: [[1, 'alice\0']], password: 'right' }],
    ['two User-Names', { attributes: [alice, [1, 'carol']], password: 'right' }],
    ['two User-Passwords', { attributes: [alice, [2, hidden]], password: 'right' }],
    ['R15 EAP-Message and User-Password', { attributes: [alice, eap], password: 'right' }],
    ['R15 EAP-Message', { attributes: [alice, eap] }],
    ['CHAP-Password', { attributes: [alice, [3, Buffer.alloc(17)]] }],
    ['CHAP-Password and User-Password', { attributes: [alice, [3, Buffer.alloc(17)]], password: 'right' }],
    ['MS-CHAP', { attributes: [alice, [26, Buffer.from('000001370b04abcd', 'hex')]] }],
  ]
  for (const [index, [what, shape]] of cases.entries()) {
    const request = buildRequest({ ...shape, authenticator, identifier: index })
    const [reply] = await receive(request)
    const { code, attributes } = proveReply(reply as Buffer, request)
    t.equal(code, 3, what)
    // RFC 3748 §4.2: code 4, the identifier of what is answered, length 4.
    t.same(attributes, what.includes('EAP') ? ['80', '79=04010004'] : ['80'], what)
    t.same(asked.at(-1)?.evidence, [], what)
    t.notMatch(asked.at(-1)?.subject, { name: /\0/ }, what)
  }
  t.equal(asked.length, cases.length)
  t.same(
    await receive(buildRequest({ attributes: [alice, eap], signature: 'none' })),
    [],
    'R15 EAP-Message unsigned',
  )
})

t.test('what is asked: evidence, and the resource by SSID and NAS-Identifier', async (t) => {
  const resources = [{ id: vpn, nasIdentifier: 'vpn' }, { id: guests, ssid: 'guests:5' }, { id: wifi }]
  const list = async () => [
    site('127.0.0.1/32', nasSecret, resources),
    site('127.0.0.2/32', nasSecret, resources.slice(0, 2)),
  ]
  const { receive, asked } = await open(t, { list })
  await receive(pap('alice', 'geheim-ü'))
  const [request] = asked
  t.match(request, {
    organization,
    subject: { by: 'login', name: 'alice' },
    resource: { kind: 'id', id: wifi },
  })
  t.match(request, { circumstance: { peer: '127.0.0.1', door: 'radius', secured: true }, means: ['prompt'] })
  const shown = (of: AccessRequest | undefined) =>
    of?.evidence.map((one) => [
      one.kind,
      'password' in one
        ? one.password.reveal()
        : 'code' in one
          ? one.code.reveal()
          : 'id' in one
            ? one.id
            : '',
    ])
  t.same(shown(request), [['password', 'geheim-ü']])
  await receive(pap('bob', '123456', { attributes: [[24, conversation]] }))
  t.same(shown(asked.at(-1)), [
    ['conversation', conversation],
    ['code', '123456'],
  ])
  await receive(pap('bob', '123456', { attributes: [[24, Buffer.from('ff00', 'hex')]] }))
  const nothing = '00000000-0000-0000-0000-000000000000'
  t.same(
    shown(asked.at(-1)),
    [
      ['conversation', nothing],
      ['code', '123456'],
    ],
    'a State that is not ours',
  )

  const chosen = async (nasIdentifier: string | null, calledStationId: string | null) => {
    const given = [
      [32, nasIdentifier],
      [30, calledStationId],
    ] as const
    await receive(
      pap('alice', 'x', {
        attributes: given.filter((one): one is readonly [32 | 30, string] => one[1] !== null),
      }),
    )
    const { resource } = asked.at(-1) as AccessRequest
    return resource.kind === 'id' ? resource.id : ''
  }
  t.equal(await chosen('vpn', null), vpn)
  t.equal(await chosen('VPN', null), wifi, 'not the same name')
  t.equal(await chosen(null, '00-1A-2B-3C-4D-5E:guests:5'), guests)
  t.equal(await chosen(null, '00:1a:2b:3c:4d:5e:guests:5'), guests)
  t.equal(await chosen(null, '001a.2b3c.4d5e:guests:5'), guests)
  t.equal(await chosen('vpn', '001A2B3C4D5E:guests:5'), guests, 'the SSID says more')
  t.equal(await chosen(null, '00-1A-2B-3C-4D-5E:other:guests:5'), wifi, 'an SSID that only ends in it')
  t.equal(await chosen(null, '00-1A-2B-3C-4D-5E'), wifi)
  await receive(pap('alice', 'x'), '127.0.0.2')
  t.match(asked.at(-1), { resource: { id: nothing } }, 'none fits: refused where it is recorded')
  t.same(asked.at(-1)?.evidence, [])
})

t.test('R27 the VLAN: only in Access-Accept, and never lost', async (t) => {
  let radius: BindingAttributes['radius'] = {}
  const { receive, troubles } = await open(t, { decide: () => permit(radius) })
  const replyTo = async (given: BindingAttributes['radius'], attributes: [number, Buffer][] = []) => {
    radius = given
    troubles.length = 0
    const request = pap('alice', 'right', { attributes })
    const { code, attributes: sent } = proveReply((await receive(request))[0] as Buffer, request)
    return { code, sent: sent.slice(1).filter((one) => !one.startsWith('33=')), troubles: [...troubles] }
  }
  const good = { name: 'Filter-Id', value: 'staff' }
  const filter = `11=${text('staff')}`
  const refused = { code: 3, sent: [], troubles: ['refused'] }
  t.same(await replyTo({ vlan: 4094 }), { code: 2, sent: vlanAttributes(4094), troubles: [] })
  for (const vlan of [0, 4095, -1, 1.5, Number.NaN, '20' as unknown as number])
    t.same(await replyTo({ vlan, reply: [good] }), refused, `VLAN ${vlan}`)
  for (const name of [
    'Tunnel-Type',
    'tunnel-private-group-id:1',
    'Tunnel-Nonsense',
    'Egress-VLANID',
    'Aruba-User-Vlan',
  ])
    t.same(await replyTo({ reply: [{ name, value: '\x01' }, good] }), refused, `${name} that cannot be sent`)
  for (const bad of ['No-Such-Attribute', 'Proxy-State', 'Message-Authenticator', 'Session-Timeout'])
    t.same(
      await replyTo({ vlan: 20, reply: [{ name: bad, value: 'bad' }, good] }),
      { code: 2, sent: [...vlanAttributes(20), filter], troubles: ['left-out'] },
      `${bad} that cannot be sent is left out`,
    )
  const full = (bytes: number): [number, Buffer][] =>
    Array.from({ length: Math.ceil(bytes / 255) }, (_, i) => [
      33,
      Buffer.alloc(Math.min(253, bytes - i * 255 - 2)),
    ])
  const long = { name: 'Reply-Message', value: 'x'.repeat(200) }
  const nearlyFull = full(4096 - 20 - 18 - 7 - 18 - 16 - 7)
  t.same(await replyTo({ vlan: 20, reply: [long, good] }, nearlyFull), {
    code: 2,
    sent: [...vlanAttributes(20), filter],
    troubles: ['left-out'],
  })
  const group = { name: 'Tunnel-Private-Group-Id', value: 'x'.repeat(200) }
  t.same(await replyTo({ reply: [group] }, nearlyFull), refused, 'no room for what steers the VLAN')
})
