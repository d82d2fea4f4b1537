// What administrators may send, as tables: single values, custom attributes, list filters, merge patches and whole files.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId } from '../../../src/base/ids.ts'
import { enableLinearRegex } from '../../../src/base/linear-regex.ts'
import { genesisHash, recordHash, verifyChain } from '../../../src/core/audit/chain.ts'
import { isFreeAttributeName, readAttributes } from '../../../src/core/directory/attribute-values.ts'
import { bindingShape } from '../../../src/core/directory/bindings.ts'
import { readFile } from '../../../src/core/directory/import/file.ts'
import type { Known } from '../../../src/core/directory/import/reading.ts'
import { listSchemas, readFilter, subjectListSchema } from '../../../src/core/directory/list-filter.ts'
import { Problems } from '../../../src/core/directory/problem.ts'
import { clientShape, settleClients } from '../../../src/core/directory/resources.ts'
import { readObject, type Shape, schemaOf } from '../../../src/core/directory/spec.ts'
import type { AttributeDefinition } from '../../../src/core/directory/types.ts'
import { deviceShape, readUser, userShape } from '../../../src/core/directory/users.ts'
import { difference, mergePatch } from '../../../src/core/directory/writing.ts'
import type { AuditReader } from '../../../src/core/ports.ts'
import { sample } from '../../support/api.ts'

enableLinearRegex()
const at = new Date('2026-03-01T12:00:00.000Z')

/** Codes of the faults of `value`, by field. */
function faults(shape: Shape, value: unknown): Record<string, string> {
  const problems = new Problems()
  const read = readObject(shape, value, '', problems)
  t.equal(read === undefined, !problems.none, 'a value or problems, never both')
  return Object.fromEntries(problems.list.map(({ field, code }) => [field, code]))
}

t.test('users', async (t) => {
  const user = (more: object) => faults(userShape, { username: 'zoe', ...more })
  const cases: [object, Record<string, string>][] = [
    [{}, {}],
    [{ email: 'zoe@acme.example', state: 'staged', title: 'Ärztin 👩‍⚕️', managerId: null }, {}],
    [{ username: undefined }, { username: 'required' }],
    [{ username: 'zoe smith' }, { username: 'bad-format' }],
    [{ username: `z${'o'.repeat(64)}` }, { username: 'too-long' }],
    [{ email: 'zoe' }, { email: 'bad-format' }],
    [{ state: 'Active' }, { state: 'unknown-value' }],
    [{ title: '' }, { title: 'empty' }],
    [{ title: 'x'.repeat(257) }, { title: 'too-long' }],
    [{ title: 'a\u0000' }, { title: 'control-character' }],
    [{ title: 'a\u0085b' }, { title: 'control-character' }],
    [{ title: '\udc00' }, { title: 'bad-unicode' }],
    [{ title: 1 }, { title: 'wrong-type' }],
    [{ managerId: 'carol' }, { managerId: 'bad-id' }],
    [{ password: 'seven77' }, { password: 'bad-format' }],
    [
      { id: 'x', version: 1, posixId: 1 },
      { id: 'read-only', version: 'read-only', posixId: 'read-only' },
    ],
    [
      { passwordHash: 'x', orgId: 'x' },
      { passwordHash: 'unknown-field', orgId: 'unknown-field' },
    ],
  ]
  for (const [more, expected] of cases) t.same(user(more), expected, JSON.stringify(more).slice(0, 60))
  for (const value of [null, [], 'x', 1, new Date()]) t.same(faults(userShape, value), { '': 'wrong-type' })
  const problems = new Problems()
  readUser({ username: 'a@b.example', email: 'other@b.example', password: 'A@B.example' }, [], problems)
  t.same(
    problems.list.map(({ code }) => code),
    ['not-own-email', 'same-as-username'],
  )
})

t.test('devices', async (t) => {
  const device = (more: object) => faults(deviceShape, { name: 'd', ...more })
  t.same(
    device({ mac: ['AA-BB-CC-DD-EE-FF', 'aabb.ccdd.eeff'], lastContact: '2026-01-31T09:30:00+02:00' }),
    {},
  )
  t.same(device({ mac: ['aa:bb'] }), { 'mac[0]': 'bad-format' })
  t.same(device({ mac: 'aa:bb:cc:dd:ee:ff' }), { mac: 'wrong-type' })
  t.same(device({ mac: Array.from({ length: 65 }, () => 'aabbccddeeff') }), { mac: 'too-many' })
  for (const lastContact of [
    '2026-02-30',
    '2026-01-31T09:30:00',
    'now-90d',
    'yesterday',
    7,
    '',
    '+020260-01-01',
  ]) {
    t.same(device({ lastContact }), { lastContact: 'bad-date' }, String(lastContact))
  }
  const problems = new Problems()
  const read = readObject(
    deviceShape,
    { name: 'd', mac: ['AA-BB-CC-DD-EE-FF', 'aa:bb:cc:dd:ee:ff'] },
    '',
    problems,
  )
  t.same(read?.mac, ['aa:bb:cc:dd:ee:ff'], 'one spelling, once')
})

t.test('A06 whatever is sent, nothing reaches a prototype and nothing is thrown', async (t) => {
  const shapes: Shape[] = [userShape, deviceShape, bindingShape]
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'attributes', 'username', 'name']
  const key = fc.oneof(fc.constantFrom(...names), fc.string())
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('map'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    map: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  })).value
  const before = Object.getOwnPropertyNames(Object.prototype).length
  fc.assert(
    fc.property(json, json, (value, patch) => {
      for (const shape of shapes) {
        const problems = new Problems()
        const read = readObject(shape, value, '', problems)
        if ((read === undefined) === problems.none) throw new Error('neither a value nor a problem')
      }
      readAttributes(value, 'users', [], 'attributes', new Problems())
      mergePatch(value, JSON.parse(JSON.stringify(patch)))
      difference({ a: value }, { a: patch })
    }),
    { numRuns: 500 },
  )
  t.equal(Object.getOwnPropertyNames(Object.prototype).length, before)
  const hostile = mergePatch(
    { a: 1 },
    JSON.parse('{"__proto__":{"canary":1},"b":{"constructor":{"prototype":{"canary":1}}}}'),
  )
  t.notOk('canary' in {})
  t.equal(Object.getPrototypeOf(hostile), null)
})

t.test('merge patch: the examples of RFC 7396 appendix A', async (t) => {
  const cases: [string, string, string][] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ]
  for (const [target, patch, result] of cases) {
    t.equal(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch))), result, `${target} + ${patch}`)
  }
})

t.test('custom attributes', async (t) => {
  const define = (name: string, type: AttributeDefinition['type'], of: 'users' | 'devices' = 'users') =>
    ({ name, type, of, caseExact: false }) as AttributeDefinition
  const definitions = [
    define('badge', 'string'),
    define('floor', 'number'),
    define('vip', 'boolean'),
    define('hired', 'date'),
    define('keys', 'list'),
    define('rack', 'string', 'devices'),
  ]
  const read = (value: unknown) => {
    const problems = new Problems()
    const values = readAttributes(value, 'users', definitions, 'attributes', problems)
    return values ?? problems.list.map(({ field, code }) => `${field}: ${code}`)
  }
  t.same(read({ BADGE: 'x', vip: false }), { badge: 'x', vip: false }, 'in the spelling of the declaration')
  t.same(read({ hired: '2024-02-29', floor: null }), { hired: '2024-02-29T00:00:00.000Z' })
  t.same(read({ hired: '2024-02-29T01:00:00+01:00' }), { hired: '2024-02-29T00:00:00.000Z' })
  t.same(read({ keys: ['a', 'b'] }), { keys: ['a', 'b'] })
  t.same(read({ rack: 'r1' }), ['attributes.rack: unknown-attribute'], 'declared for devices only')
  for (const [name, values] of Object.entries({
    badge: [1, true, [], {}],
    floor: ['1', Number.NaN, Number.POSITIVE_INFINITY, true],
    vip: ['true', 1],
    keys: ['a', [1], [['a']], [null]],
  })) {
    for (const value of values) t.type(read({ [name]: value }), Array, `${name}: ${JSON.stringify(value)}`)
  }
  t.same(read({ badge: 'x'.repeat(4096) }), { badge: 'x'.repeat(4096) }, 'an SSH key fits')
  t.same(read({ badge: 'x'.repeat(4097) }), ['attributes.badge: too-long'])
  t.same(read(Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`a${n}`, 1]))), [
    'attributes: too-many',
  ])
  for (const name of ['uid', 'MEMBEROF', 'userPassword', 'cn', 'now', 'valueOf', 'employeeType']) {
    t.notOk(isFreeAttributeName(name), name)
  }
  for (const name of ['badge', 'sshPublicKey', 'clearance-level']) t.ok(isFreeAttributeName(name), name)
})

t.test('R13 secrets of RADIUS clients', async (t) => {
  const client = (secret: string) => faults(clientShape, { address: '10.0.0.1', secret })
  for (const secret of [
    'fifteen-letters',
    'testing123-testing123',
    'Radius-Secret-2024',
    'change-me-change-me',
    'abcabcabcabcabcabc',
    '12345678901234567890',
  ]) {
    t.same(client(secret), { secret: 'bad-format' }, secret)
  }
  for (const secret of ['muster-radius-secret', 'Zm9vYmFyYmF6cXV4MTIz', 'correct horse battery'])
    t.same(client(secret), {}, secret)
  const { secrets, generated } = settleClients([{ address: '10.0.0.1/32', secret: undefined }], [])
  t.equal(
    Buffer.from(generated[0]?.secret ?? '', 'base64url').length * 8,
    192,
    'generated: at least 128 bits',
  )
  t.equal(secrets.get('10.0.0.1/32')?.reveal(), generated[0]?.secret)
})

t.test('list filters become conditions', async (t) => {
  const schema = subjectListSchema('users', [
    { name: 'floor', of: 'users', type: 'number', caseExact: false },
  ])
  const groups = { find: () => ({ id: 'g1' as GroupId, of: 'users' as const }), names: () => ['x'] }
  const condition = (text: string) => {
    const read = readFilter(text, schema, at, groups)
    return read.ok ? read.value : read.error.map(({ code }) => code)
  }
  const username = { standard: 'username' }
  const floor = { custom: 'floor', type: 'number', caseExact: false }
  const id = '00000000-0000-4000-8000-000000000000'
  const cases: [string, unknown][] = [
    ['username eq "Bob"', { op: 'eq', field: username, value: 'bob' }],
    ['username co "b"', { op: 'substring', field: username, initial: '', any: ['b'], final: '' }],
    ['username sw "b"', { op: 'substring', field: username, initial: 'b', any: [], final: '' }],
    ['username ew "b"', { op: 'substring', field: username, initial: '', any: [], final: 'b' }],
    ['floor gt 2', { op: 'gt', field: floor, value: 2 }],
    ['not (floor pr)', { op: 'not', of: { op: 'present', field: floor } }],
    [
      'createdAt lt now-1d',
      { op: 'lt', field: { standard: 'createdAt' }, value: new Date('2026-02-28T12:00:00Z') },
    ],
    ['memberOf eq "x"', { op: 'member-of', group: 'g1' }],
    ['memberOf ne "x"', { op: 'not', of: { op: 'member-of', group: 'g1' } }],
    ['memberOf pr', { op: 'member-of-any' }],
    [`id eq "${id}"`, { op: 'eq', field: { standard: 'id' }, value: id }],
    ['id eq "1"', { op: 'false' }],
    ['id ne "1"', { op: 'true' }],
    ['id co "1"', { op: 'false' }],
    ['devices[os pr]', ['not-in-lists']],
    ['username matches "a"', ['not-in-lists']],
    ['state eq "gone"', ['unknown-value']],
  ]
  for (const [text, expected] of cases) t.same(condition(text), expected, text)
  const devices = readFilter(
    'osVersion gt "14" and owner.department eq "x"',
    subjectListSchema('devices', []),
    at,
  )
  t.same(devices.ok || devices.error.map(({ code }) => code), ['not-in-lists', 'not-in-lists'])
  t.ok(readFilter('kind eq "network" and enabled eq true', listSchemas.resources, at).ok)
})

t.test('an organization file', async (t) => {
  const none: Known = {
    groups: [],
    attributes: [],
    resources: [],
    findUsers: async () => new Map(),
    findDevices: async () => new Map(),
  }
  const read = async (file: unknown) => {
    const problems = new Problems()
    const rows = await readFile(file, none, () => [], at, problems)
    return { rows, faults: problems.list.map(({ field, code }) => `${field}: ${code}`) }
  }
  const { rows, faults: ofSample } = await read(sample())
  t.same(ofSample, [], 'the sample has none')
  t.equal(rows?.users.length, 8)
  const position = (name: string) => rows?.groups.findIndex((group) => group.name === name) ?? -1
  t.ok(
    position('engineering') < position('mac-engineers'),
    'groups come after those that their rules ask about',
  )
  const dave = rows?.devices.find(({ name }) => name === 'mac-dave')
  t.equal(dave?.lastContact?.toISOString(), '2025-12-01T12:00:00.000Z', 'now-90d')
  t.equal(dave?.ownerId, rows?.users.find(({ row }) => row.username === 'dave')?.row.id)

  const cases: [object, string[]][] = [
    [{ users: {} }, ['users: wrong-type']],
    [{ user: [] }, ['user: unknown-field']],
    [
      { users: [{}, { username: 'a' }, { username: 'A' }] },
      ['users[0].username: required', 'users[2].username: twice'],
    ],
    [
      { users: [{ username: 'a', password: 'x1y2z3a4', passwordHash: 'x' }] },
      ['users[0].passwordHash: bad-format'],
    ],
    [{ users: [{ username: 'a', totp: 'AAAA' }] }, ['users[0].totp: bad-format']],
    [{ groups: [{ name: 'g' }] }, ['groups[0].of: required']],
    [
      { groups: [{ name: 1 }, { name: 'g', of: 'users', mode: 'dynamic', rule: 'x' }] },
      ['groups[0].name: wrong-type', 'groups[0].of: required', 'groups[1].rule: syntax'],
    ],
    [{ devices: [{ name: 'd', owner: 'ghost' }] }, ['devices[0].owner: missing']],
  ]
  for (const [file, expected] of cases) t.same((await read(file)).faults, expected, JSON.stringify(file))
  const many = await read({ users: Array.from({ length: 5_000 }, () => ({})) })
  t.equal(many.faults.length, 200, 'the list of faults is bounded')
})

t.test('L27 imported hashes are bounded', async (t) => {
  const hash = (parameters: string) =>
    `$argon2id$v=19$${parameters}$bXVzdGVyLW5vYm9keS1hdC1hbGw$VUZGOkJ1bW1lci1mb3ItZXZlcnlib2R5LWhlcmUhIQ`
  const none: Known = {
    groups: [],
    attributes: [],
    resources: [],
    findUsers: async () => new Map(),
    findDevices: async () => new Map(),
  }
  const isTaken = async (passwordHash: string) => {
    const problems = new Problems()
    return (
      (await readFile({ users: [{ username: 'a', passwordHash }] }, none, () => [], at, problems)) !==
      undefined
    )
  }
  for (const good of ['m=19456,t=2,p=1', 'm=262144,t=10,p=4']) t.ok(await isTaken(hash(good)), good)
  for (const bad of [
    'm=262145,t=2,p=1',
    'm=4194304,t=1,p=1',
    'm=19456,t=11,p=1',
    'm=19456,t=2147483648,p=1',
    'm=19456,t=2,p=5',
  ]) {
    t.notOk(await isTaken(hash(bad)), bad)
  }
  t.notOk(await isTaken('$2b$12$abcdefghijklmnopqrstuu5vV2VVvVvVvVvVvVvVvVvVvVvVvVvVv'))
})

t.test('W13 the audit chain tells of every tampering', async (t) => {
  const organization = 'f0000000-0000-4000-8000-000000000000' as never
  const chain = (bodies: readonly string[]) => {
    let previous = genesisHash(organization)
    return bodies.map((body, index) => {
      const hash = recordHash(previous, body)
      const record = { sequence: BigInt(index + 1), body, previous, hash }
      previous = hash
      return record
    })
  }
  const records = chain(['{"a":1}', '{"b":2}', '{"c":3}'])
  const verdict = (stored: typeof records, end = records.at(-1)) => {
    const head = { sequence: end?.sequence ?? 0n, hash: end?.hash ?? genesisHash(organization) }
    const scan = async (_: unknown, after: bigint, limit: number) =>
      stored.filter(({ sequence }) => sequence > after).slice(0, limit)
    return verifyChain({ head: async () => head, scan } as unknown as AuditReader, organization)
  }
  t.match(await verdict(records), { intact: true, records: '3' })
  t.match(await verdict([], undefined), { intact: false, sequence: '0' }, 'an emptied log')
  const [first, second, third] = records as [(typeof records)[0], (typeof records)[0], (typeof records)[0]]
  t.match(await verdict([first, { ...second, body: '{"b":3}' }, third]), { intact: false, sequence: '2' })
  t.match(await verdict([first, third]), { intact: false, sequence: '2' }, 'one taken out')
  t.match(await verdict([first, second]), { intact: false, sequence: '2' }, 'the end cut off')
  const rewritten = chain(['{"a":1}', '{"b":3}', '{"c":3}'])
  t.match(await verdict(rewritten), { intact: false, sequence: '3' }, 'all hashed anew, but for the head')
})

t.test('every shape has a JSON Schema that names its fields', async (t) => {
  for (const shape of [userShape, deviceShape, bindingShape]) {
    const schema = schemaOf(shape) as {
      properties: object
      required?: string[]
      additionalProperties: boolean
    }
    t.same(Object.keys(schema.properties), Object.keys(shape))
    t.equal(schema.additionalProperties, false)
  }
  t.notOk('groupId' in (schemaOf(bindingShape, true) as { properties: object }).properties, 'not in a patch')
})
