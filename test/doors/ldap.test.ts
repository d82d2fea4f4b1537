// The LDAP door over real sockets, in front of decisions from a table: what it says to whom, and what it does with
// those who do not keep to the protocol. Searches are in ldap-search.test.ts.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Log } from '../../src/base/log.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import { extendedOids } from '../../src/wire/ldap/oids.ts'
import { resultCodes as code } from '../../src/wire/ldap/result-codes.ts'
import { bindRequest, extendedRequest, type RawClient, searchRequest } from '../support/ldap-client.ts'
import { open as openDoor, type Setup, suffix, userDn } from '../support/ldap-door.ts'
import { readVectors } from '../vectors/ldap/read.ts'

const folder = t.testdir({})
const open = (t: Parameters<typeof openDoor>[0], setup?: Setup) => openDoor(t, folder, setup)
const startTls = extendedRequest(extendedOids.startTls)
const whoAmI = extendedRequest(extendedOids.whoAmI)

async function identity(client: RawClient): Promise<string> {
  const [answer] = await client.answers(client.send(whoAmI))
  return answer !== undefined && 'responseValue' in answer ? String(answer.responseValue) : 'no answer'
}

/** The result code with which the server said goodbye unasked; null where it said nothing. */
async function farewell(client: RawClient): Promise<number | null> {
  await client.until(() => false)
  const notice = client.received.find(({ messageID }) => messageID === 0)
  return notice !== undefined && 'resultCode' in notice ? notice.resultCode : null
}

t.test('the four decisions on its wire', async (t) => {
  const { connect, state } = await open(t)
  const client = await connect()
  const permit = await client.bind(userDn('alice'), 'muster-alice')
  t.same([permit.code, permit.text], [0, ''], 'permit')
  t.equal(await identity(client), `dn:${userDn('alice')}`)
  const outcomes = { bob: 49, asked: 49, plain: 13, busy: 51, lost: 52 }
  for (const [name, wanted] of Object.entries(outcomes)) {
    const { code, text } = await client.bind(userDn(name), 'wrong')
    t.equal(code, wanted, name)
    if (wanted === 49) t.equal(text, '')
    t.equal(await identity(client), '', 'anonymous after a bind that failed')
  }
  const [first] = state.asked
  t.match(first, {
    subject: { by: 'login', name: 'alice' },
    resource: { kind: 'directory' },
    circumstance: { peer: '127.0.0.1', door: 'ldap', secured: false },
    means: [],
  })
})

t.test('L01 no password: 53 with a name, anonymous without, and the connection is nobody’s', async (t) => {
  const { bound, state } = await open(t)
  const client = await bound()
  t.equal((await client.bind(userDn('alice'), '')).code, code.unwillingToPerform)
  t.equal(await identity(client), '')
  t.equal((await client.bind('', '')).code, 0)
  t.equal(await identity(client), '')
  t.equal((await client.search(suffix, '(uid=alice)')).code, code.insufficientAccessRights)
  t.equal(state.asked.length, 1, 'only the first bind asked anything')
})

t.test('other ways to bind are refused by name: SASL 7, version 2 2, Sicily 7, bad DN 34', async (t) => {
  const { connect } = await open(t)
  const client = await connect()
  const plain = Buffer.from('\0alice\0muster-alice')
  const sasl = { choice: 'sasl', mechanism: 'PLAIN', credentials: plain } as const
  const request = bindRequest(userDn('alice'), 'muster-alice') as Extract<
    ReturnType<typeof bindRequest>,
    { protocolOp: 'bindRequest' }
  >
  t.equal((await client.ask({ ...request, authentication: sasl })).code, code.authMethodNotSupported)
  const sicily = { choice: 'unsupported', tag: 0x89 } as const
  t.equal((await client.ask({ ...request, authentication: sicily })).code, code.authMethodNotSupported)
  t.equal((await client.ask({ ...request, version: 2 })).code, code.protocolError)
  t.equal((await client.bind('alice', 'muster-alice')).code, code.invalidDNSyntax)
})

t.test('L17 every spelling of a name is one principal; what is no entry’s name is nobody’s', async (t) => {
  const { connect, state } = await open(t)
  const client = await connect()
  const spellings = [
    'UID=Alice,OU=Users,DC=Acme,DC=Example',
    ' uid = alice , ou = users , dc = acme , dc = example ',
    '0.9.2342.19200300.100.1.1=alice,2.5.4.11=users,0.9.2342.19200300.100.1.25=acme,dc=example',
    'oid.0.9.2342.19200300.100.1.1=\\61lice,ou=users,dc=acme,dc=example',
    `userid=#0405616c696365,ou=users,${suffix}`,
    `uid=ａｌｉｃｅ,ou=users,${suffix}`,
  ]
  for (const name of spellings) {
    t.equal((await client.bind(name, 'muster-alice')).code, 0, name)
    t.equal(await identity(client), `dn:${userDn('alice')}`, name)
  }
  const others = [
    `cn=alice,ou=users,${suffix}`,
    `uid=alice+cn=Alice,ou=users,${suffix}`,
    `uid=alice,ou=groups,${suffix}`,
    `uid=x,uid=alice,ou=users,${suffix}`,
    suffix,
  ]
  state.asked.length = 0
  for (const name of others) t.equal((await client.bind(name, 'muster-alice')).code, 49, name)
  t.equal(state.asked.length, others.length, 'each was asked about, and so recorded')
  for (const { subject } of state.asked)
    t.match(subject, { by: 'login', name: /=/ }, 'as nobody that can exist')
  t.equal((await client.bind(`cn=reader,ou=services,${suffix}`, 'muster-reader')).code, 0)
  t.match(state.asked.at(-1)?.subject, { by: 'service', name: 'reader' })
})

t.test('L22 who is unknown gets what a wrong password gets, also where no organization is', async (t) => {
  const { connect, state } = await open(t)
  const client = await connect()
  const answers = []
  for (const name of [userDn('alice'), userDn('nobody'), 'uid=alice,ou=users,dc=nowhere']) {
    answers.push(await client.bind(name, 'wrong'))
  }
  for (const { code, text, matched } of answers) t.same([code, text, matched], [49, '', ''])
  t.equal(state.asked.length, 2, 'a name in nobody’s tree has no organization to be recorded in')
  const { code: compared } = await client.ask({
    ...{ protocolOp: 'compareRequest', entry: userDn('alice'), attributeDesc: 'uid' },
    assertionValue: Buffer.from('alice'),
  })
  t.equal(compared, code.insufficientAccessRights)
})

t.test('L06 a refusal for want of TLS is 13, and StartTLS mends it', async (t) => {
  const { connect, ca, state } = await open(t)
  const client = await connect()
  t.equal((await client.bind(userDn('plain'), 'x')).code, code.confidentialityRequired)
  t.equal((await client.ask(startTls)).code, 0)
  await client.upgrade(ca)
  t.equal((await client.bind(userDn('plain'), 'x')).code, 49)
  t.equal(state.asked.at(-1)?.circumstance.secured, true)
  t.equal((await client.ask(startTls)).code, code.operationsError, 'TLS is there already')
  t.equal((await client.bind(userDn('alice'), 'muster-alice')).code, 0)
})

t.test('L04 plaintext behind StartTLS is never executed', async (t) => {
  const { connect, state, bound, directory } = await open(t)
  const client = await connect()
  client.raw(
    Buffer.concat([
      client.encode(startTls).bytes,
      client.encode(bindRequest(userDn('alice'), 'muster-alice')).bytes,
    ]),
  )
  t.equal(await farewell(client), null)
  t.equal(state.asked.length, 0)
  t.ok(client.closed)

  const busy = await bound()
  let go = () => {}
  directory.pace = () => new Promise((resolve) => (go = resolve))
  const pending = busy.answers(busy.send(searchRequest(suffix, '(cn=x)')))
  await turn()
  t.equal((await busy.ask(startTls)).code, code.operationsError, 'while operations are outstanding')
  directory.pace = async () => {}
  go()
  t.equal((await pending).length, 1)
})

t.test('L24 a permit that ends takes the open connection with it', async (t) => {
  const { bound, state, change, door } = await open(t)
  const [one, other] = [
    await bound(userDn('alice'), 'muster-alice'),
    await bound(userDn('bob'), 'muster-bob'),
  ]
  const [{ dn } = { dn: '' }] = (await one.search(userDn('alice'), '(uid=*)', { attributes: ['entryUUID'] }))
    .entries
  t.ok(dn)
  state.review = { outcome: 'deny', reason: 'subject-suspended', trace: {} } as Decision
  change('user', '00000000-0000-4000-8000-100000000001')
  t.equal(await farewell(one), code.strongerAuthRequired)
  t.notOk(other.closed, 'nobody else’s')
  t.equal((await other.search(userDn('bob'), '(uid=*)')).entries.length, 1)
  await turn()
  t.equal(door.connections, 1)
})

t.test('a bind waits for what was asked before it, and holds back what comes after', async (t) => {
  const { bound, directory } = await open(t)
  const client = await bound()
  let go = () => {}
  directory.pace = () => new Promise((resolve) => (go = resolve))
  const before = client.send(searchRequest(`ou=users,${suffix}`, '(department=Sales)'))
  client.send(bindRequest('', ''))
  const after = client.send(searchRequest(`ou=users,${suffix}`, '(department=Sales)'))
  await wait(20)
  t.equal(client.received.length, 1, 'only the first bind is answered')
  go()
  t.equal((await client.answers(before)).length, 2, 'an entry and the end')
  t.match(await client.answers(after), [{ resultCode: code.insufficientAccessRights }])
})

t.test('L30 nothing can be changed; L29 nobody acts for anybody else', async (t) => {
  const { bound, connect } = await open(t)
  const alice = await bound(userDn('alice'), 'muster-alice')
  const modify = (object: string) => ({ protocolOp: 'modifyRequest', object, changes: [] }) as const
  const [own, other] = [code.unwillingToPerform, code.insufficientAccessRights]
  t.equal((await alice.ask(modify(userDn('ALICE')))).code, own)
  t.equal((await alice.ask(modify(userDn('bob')))).code, other)
  t.equal((await alice.ask({ protocolOp: 'delRequest', entry: userDn('bob') })).code, other)
  t.equal((await alice.ask({ protocolOp: 'addRequest', entry: userDn('new'), attributes: [] })).code, other)
  const rename = { newrdn: 'uid=x', deleteoldrdn: true, newSuperior: null }
  t.equal((await alice.ask({ protocolOp: 'modifyDNRequest', entry: userDn('bob'), ...rename })).code, other)
  const password = (identity: string) =>
    extendedRequest(
      extendedOids.passwordModify,
      Buffer.concat([Buffer.from([0x30, identity.length + 2, 0x80, identity.length]), Buffer.from(identity)]),
    )
  t.equal((await alice.ask(password(userDn('alice')))).code, own)
  t.equal((await alice.ask(extendedRequest(extendedOids.passwordModify))).code, own)
  t.equal((await alice.ask(password(userDn('bob')))).code, other)
  t.equal((await alice.ask(extendedRequest('1.2.3'))).code, code.protocolError)
  const stranger = await connect()
  t.equal((await stranger.ask(modify(userDn('bob')))).code, other)

  const proxied = { controlType: '2.16.840.1.113730.3.4.18', controlValue: Buffer.from(userDn('bob')) }
  for (const criticality of [true, false]) {
    const controls = [{ ...proxied, criticality }]
    t.equal((await alice.search(suffix, '(uid=bob)', { controls })).code, code.authorizationDenied)
    t.equal((await alice.ask({ ...whoAmI, controls })).code, code.authorizationDenied)
    t.equal(
      (await alice.ask({ ...bindRequest(userDn('alice'), 'muster-alice'), controls })).code,
      code.authorizationDenied,
    )
    t.equal((await alice.bind(userDn('alice'), 'muster-alice')).code, 0)
  }
  const unknown = { controlType: '1.2.3.4', controlValue: null }
  const critical = [{ ...unknown, criticality: true }]
  t.equal(
    (await alice.search(suffix, '(uid=bob)', { controls: critical })).code,
    code.unavailableCriticalExtension,
  )
  const optional = [{ ...unknown, criticality: false }]
  t.equal((await alice.search(suffix, '(uid=bob)', { controls: optional })).entries.length, 1)
})

t.test('L09 what is no LDAP closes the connection with a notice, and no other one', async (t) => {
  const { connect, bound } = await open(t)
  const witness = await bound()
  const hostile = {
    'a length beyond everything': '30847fffffff',
    'a length of eight octets': '3088ffffffffffffffff',
    'indefinite length': '30800201',
    'a tag of several octets': '3f8101',
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'),
    'a response': '300c02010161070a010004000400',
    'messageID 0': '30050201004200',
    'an unknown operation': '30050201017f00',
    'what stops ldapjs servers': '300402016000',
    'nested lengths beyond their parent': '300a020101630f04000a0100',
  }
  for (const [what, hex] of Object.entries(hostile)) {
    const client = await connect()
    client.raw(Buffer.from(hex, 'hex'))
    t.equal(await farewell(client), code.protocolError, what)
  }
  t.equal((await witness.search(suffix, '(uid=alice)')).entries.length, 1)
})

t.test('L09 every hostile message of the vectors ends with its connection, or with an answer', async (t) => {
  const { connect, bound } = await open(t)
  const witness = await bound()
  for (const { title, bytes, expected } of readVectors('hostile')) {
    const client = await connect()
    client.raw(bytes)
    client.finish()
    await client.until(() => false)
    const isAnswerable = expected.includes(' ')
    if (isAnswerable) t.equal(client.received.length, 1, title)
  }
  t.equal((await witness.search(suffix, '(uid=alice)')).entries.length, 1)
})

t.test('L07 a filter that is too deep is an error of its message only', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  const nested = (depth: number) => `${'(!'.repeat(depth)}(uid=alice)${')'.repeat(depth)}`
  t.equal((await client.search(suffix, nested(100))).entries.length, 1)
  for (const depth of [300, 5_000]) {
    let inner: Buffer = Buffer.from('8703756964', 'hex')
    for (let i = 0; i < depth; i++) inner = tlv(0xa2, inner)
    const rest = Buffer.from('04000a01020a0100020100020100010100', 'hex')
    client.raw(
      tlv(
        0x30,
        Buffer.concat([
          Buffer.from('020109', 'hex'),
          tlv(0x63, Buffer.concat([rest, inner, tlv(0x30, Buffer.alloc(0))])),
        ]),
      ),
    )
    t.match((await client.answers(9)).at(-1), {
      protocolOp: 'searchResultDone',
      resultCode: code.protocolError,
    })
    client.received.length = 0
  }
  t.equal((await client.search(suffix, '(uid=alice)')).entries.length, 1)
})

function tlv(tag: number, contents: Buffer): Buffer {
  const { length } = contents
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x10000
        ? [tag, 0x82, length >> 8, length & 255]
        : [tag, 0x83, length >> 16, (length >> 8) & 255, length & 255]
  return Buffer.concat([Buffer.from(header), contents])
}

t.test('L10 a message may have 256 KiB before a bind and 4 MiB after', async (t) => {
  const { connect, bound } = await open(t)
  const client = await connect()
  client.raw(Buffer.from('3083040001', 'hex'))
  t.equal(await farewell(client), code.protocolError)
  const within = await connect()
  const { bytes } = within.encode(searchRequest(suffix, `(uid=${'x'.repeat(60_000)})`))
  within.raw(bytes)
  t.equal((await within.answers(1)).length, 1)
  const large = await bound()
  large.raw(Buffer.from('3083040001', 'hex'))
  await wait(20)
  t.notOk(large.closed, 'waits for the rest')
  const larger = await bound()
  larger.raw(Buffer.from('3083400001', 'hex'))
  t.equal(await farewell(larger), code.protocolError)
})

t.test(
  'L12 too many operations without an answer close the connection; giving up stops the work',
  async (t) => {
    const { connect } = await open(t, { decide: () => new Promise(() => {}) })
    const stranger = await connect()
    for (let i = 0; i < 110; i++) stranger.send(bindRequest(userDn('alice'), 'x'))
    await stranger.until(() => false)
    t.ok(stranger.closed, 'anonymous: 100')
    t.equal(stranger.received.length, 0)

    const { bound: boundHere, directory: slow } = await open(t, {
      settings: { unansweredBound: 5, entriesPerRead: 1 },
    })
    const client = await boundHere()
    slow.pace = () => new Promise(() => {})
    for (let i = 0; i < 6; i++) client.send(searchRequest(`ou=users,${suffix}`, '(department=*)'))
    await client.until(() => false)
    t.ok(client.closed, 'bound: as set')

    const patient = await boundHere()
    let go = () => {}
    let reads = 0
    slow.pace = () => {
      reads++
      return new Promise((resolve) => (go = resolve))
    }
    const given = patient.send(searchRequest(`ou=users,${suffix}`, '(objectClass=person)'))
    await turn()
    await wait(10)
    patient.send({ protocolOp: 'abandonRequest', abandonedID: given })
    t.equal(await identity(patient), `dn:cn=reader,ou=services,${suffix}`)
    go()
    await wait(20)
    t.equal(reads, 1, 'no further piece is read')
    t.equal(patient.received.filter(({ messageID }) => messageID === given).length, 0)
  },
)

t.test(
  'W16 a throw in a handler closes its connection, is logged, and costs nobody else anything',
  async (t) => {
    const errors: object[] = []
    const log: Log = { debug() {}, info() {}, warn() {}, error: (fields) => void errors.push(fields) }
    const { bound, directory } = await open(t, { log })
    const [witness, victim] = [await bound(), await bound()]
    const stack = (): never => stack()
    for (const broken of [() => Promise.reject(new TypeError('broken')), async () => stack()]) {
      const client = await bound()
      directory.pace = broken
      client.send(searchRequest(`ou=users,${suffix}`, '(department=x)'))
      await client.until(() => false)
      t.ok(client.closed)
      directory.pace = async () => {}
    }
    t.equal(errors.length, 2)
    const [one, other] = [await bound(), await bound()]
    directory.pace = async () => {
      const { asked } = directory.calls.at(-1) as { asked: readonly string[] }
      if (asked.includes('poison')) throw new TypeError('broken')
    }
    const found = other.answers(other.send(searchRequest(suffix, '(uid=bob)')))
    one.send(searchRequest(suffix, '(uid=poison)'))
    t.equal((await found).length, 2, 'looked up together with one that throws')
    await one.until(() => false)
    t.ok(one.closed)
    t.notOk(other.closed)
    directory.pace = async () => {}
    t.equal((await witness.search(suffix, '(uid=alice)')).entries.length, 1)
    victim.end()
  },
)

t.test('a stop lets what is under way be answered, then says goodbye', async (t) => {
  const { bound, directory, plain } = await open(t)
  const [idle, busy] = [await bound(), await bound()]
  let go = () => {}
  directory.pace = () => new Promise((resolve) => (go = resolve))
  const id = busy.send(searchRequest(`ou=users,${suffix}`, '(department=Sales)'))
  await wait(20)
  const closing = plain.close(5_000)
  t.equal(await farewell(idle), code.unavailable)
  go()
  t.equal((await busy.answers(id)).length, 2)
  t.equal(await farewell(busy), code.unavailable)
  await closing
})

t.test('a silent client is let go, and one that never reads is not read from', async (t) => {
  const { bound, connect, directory } = await open(t, { settings: { idleAnonymousMs: 50 } })
  const silent = await connect()
  await silent.until(() => false)
  t.ok(silent.closed)
  const values = { displayName: 'x'.repeat(200_000) }
  Object.assign(directory.contents.users[0] as object, values)
  const client = await bound()
  client.pause()
  for (let i = 0; i < 900; i++) client.send(searchRequest(`ou=users,${suffix}`, '(department=Engineering)'))
  let reads = -1
  while (reads !== directory.count('users')) {
    reads = directory.count('users')
    await wait(100)
  }
  t.ok(reads > 0 && reads <= 64, `stopped after ${reads} of 900`)
  t.notOk(client.closed)
})
