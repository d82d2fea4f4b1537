// Searching through the LDAP door: scopes, limits, pages, who may read what; and that what is kept in memory is never older
// than the directory. Clients are our own, ldapts, ldapjs and OpenLDAP's. Filters are in ldap-filter.test.ts.
import { readFileSync } from 'node:fs'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import ldapjs from 'ldapjs'
import { Client as Ldapts } from 'ldapts'
import t from 'tap'
import { TimedOut } from '../../src/base/result.ts'
import { controlOids } from '../../src/wire/ldap/oids.ts'
import { decodePagedResults, encodePagedResults } from '../../src/wire/ldap/paged-results.ts'
import { resultCodes as code } from '../../src/wire/ldap/result-codes.ts'
import { programPath } from '../support/debian.ts'
import { compared, type Found, type RawClient, searchRequest } from '../support/ldap-client.ts'
import { open as openDoor, type Setup, suffix, userDn } from '../support/ldap-door.ts'
import { run } from '../support/process.ts'

const folder = t.testdir({})
const open = (t: Parameters<typeof openDoor>[0], setup?: Setup) => openDoor(t, folder, setup)
const groupDn = (name: string) => `cn=${name},ou=groups,${suffix}`
const [alice, bob, carol, odd] = ['uid=alice', 'uid=bob', 'uid=carol', 'uid=o\\+dd']
const everybody = [alice, bob, carol, odd]

t.test('scopes, and bases that are not there', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  const scoped = (base: string, scope: 'baseObject' | 'singleLevel' | 'wholeSubtree') =>
    client.names(base, '(objectClass=*)', { scope, attributes: ['1.1'] })
  t.same(await scoped(suffix, 'baseObject'), ['dc=acme'])
  t.same(await scoped(suffix, 'singleLevel'), ['ou=devices', 'ou=groups', 'ou=services', 'ou=users'])
  t.equal((await scoped(suffix, 'wholeSubtree')).length, 5 + 4 + 4 + 2 + 1)
  t.same(await scoped(`ou=users,${suffix}`, 'singleLevel'), everybody)
  t.same(await scoped(userDn('alice'), 'baseObject'), [alice])
  t.same(await scoped(userDn('alice'), 'singleLevel'), [])
  t.same(await scoped(`ou=services,${suffix}`, 'singleLevel'), ['cn=reader'])
  const missing = {
    [userDn('nobody')]: `ou=users,${suffix}`,
    [userDn('heidi')]: `ou=users,${suffix}`,
    [groupDn('none')]: `ou=groups,${suffix}`,
    [`cn=alice,ou=users,${suffix}`]: `ou=users,${suffix}`,
    [`ou=nowhere,${suffix}`]: suffix,
    'dc=other,dc=example': '',
  }
  for (const [base, matched] of Object.entries(missing)) {
    for (const filter of ['(objectClass=*)', '(department=x)', '(&(uid=*)(title=*))']) {
      const found = await client.search(base, filter)
      t.same([found.code, found.matched], [code.noSuchObject, matched], `${base} ${filter}`)
    }
  }
  t.equal((await client.search('no dn', '(uid=*)')).code, code.invalidDNSyntax)
})

t.test('L03 strangers learn nothing; everybody else what they may read', async (t) => {
  const { bound, connect } = await open(t)
  const stranger = await connect()
  for (const base of [suffix, `ou=users,${suffix}`, userDn('alice'), 'dc=other,dc=example', 'dc=nowhere']) {
    const { code: refused, entries } = await stranger.search(base, '(objectClass=*)')
    t.same([refused, entries], [code.insufficientAccessRights, []], base)
  }
  const about = { scope: 'baseObject', attributes: ['*', '+'] } as const
  const server = JSON.stringify(await stranger.search('', '(objectClass=*)', about))
  t.notMatch(server, /acme|example|muster|vendor|namingContexts/i)
  t.match(server, /1\.3\.6\.1\.4\.1\.1466\.20037/)
  t.notMatch(JSON.stringify(await stranger.search('cn=Subschema', '(objectClass=subschema)', about)), /badge/)

  const person = await bound(userDn('alice'), 'muster-alice')
  t.same(await person.names(suffix, '(objectClass=device)'), ['cn=mac-alice'], 'her own device')
  t.equal((await person.search(`cn=lin-bob,ou=devices,${suffix}`, '(cn=*)')).code, code.noSuchObject)
  t.same(await person.names(suffix, '(|(uid=bob)(cn=engineering))'), ['cn=engineering', bob])
  t.equal(
    (await person.search(`cn=reader,ou=services,${suffix}`, '(cn=*)')).code,
    code.insufficientAccessRights,
  )
  t.equal((await person.search('dc=other,dc=example', '(objectClass=*)')).code, code.noSuchObject)
  const [known] = (await person.search('', '(objectClass=*)', about)).entries
  t.same(known?.attributes.namingContexts, [suffix])

  const people = await bound(`cn=people,ou=services,${suffix}`, 'muster-people')
  t.same(await people.names(suffix, '(|(uid=bob)(cn=engineering)(cn=mac-alice)(cn=people))'), [
    'cn=people',
    bob,
  ])
  t.equal((await people.search(groupDn('engineering'), '(cn=*)')).code, code.insufficientAccessRights)
  t.equal(await compared(people, groupDn('engineering'), 'cn', 'engineering'), code.insufficientAccessRights)
})

t.test('size and time limits are in the question, not applied to its answer', async (t) => {
  const { bound, directory } = await open(t, { settings: { entriesPerSearch: 3, entriesPerRead: 2 } })
  const client = await bound()
  const all = { scope: 'singleLevel' } as const
  const limited = await client.search(`ou=users,${suffix}`, '(objectClass=person)', { ...all, sizeLimit: 2 })
  t.same([limited.code, limited.entries.length], [code.sizeLimitExceeded, 2])
  const exact = await client.search(`ou=users,${suffix}`, '(department=Engineering)', {
    ...all,
    sizeLimit: 2,
  })
  t.same([exact.code, exact.entries.length], [0, 2])
  const server = await client.search(`ou=users,${suffix}`, '(objectClass=person)', all)
  t.same([server.code, server.entries.length], [code.sizeLimitExceeded, 3])
  directory.pace = async () => {
    throw new TimedOut()
  }
  t.equal(
    (await client.search(`ou=users,${suffix}`, '(title=*)', { timeLimit: 1 })).code,
    code.timeLimitExceeded,
  )
  directory.pace = () => wait(1_100)
  const late = await client.search(`ou=groups,${suffix}`, '(cn=*)', { timeLimit: 1, attributes: ['member'] })
  t.equal(late.code, code.timeLimitExceeded)
})

const pagedBy = (size: number, cookie: Buffer<ArrayBufferLike> = Buffer.alloc(0)) => [
  {
    controlType: controlOids.pagedResults,
    criticality: true,
    controlValue: encodePagedResults({ size, cookie }),
  },
]
const cookieOf = ({ controls }: Found): Buffer =>
  decodePagedResults(controls[0]?.controlValue as Buffer).cookie

t.test('L15 pages, and cookies that are not for this question', async (t) => {
  const { bound } = await open(t, { settings: { entriesPerPage: 4 } })
  const client = await bound()
  const page = (
    size: number,
    cookie?: Buffer<ArrayBufferLike>,
    filter = '(objectClass=*)',
    by = client,
    base = suffix,
  ) => by.search(base, filter, { controls: pagedBy(size, cookie), attributes: ['1.1'] })
  const whole = await client.search(suffix, '(objectClass=*)', { attributes: ['1.1'] })
  for (const size of [1, 3, 4, 100]) {
    const seen: string[] = []
    let cookie: Buffer<ArrayBufferLike> | undefined
    do {
      const found: Found = await page(size, cookie)
      t.equal(found.code, 0)
      t.ok(found.entries.length <= Math.min(size, 4))
      seen.push(...found.entries.map(({ dn }) => dn))
      cookie = cookieOf(found)
    } while (cookie.length > 0)
    t.same(
      seen,
      whole.entries.map(({ dn }) => dn),
      `${size} a page`,
    )
  }
  const cookie = cookieOf(await page(2))
  t.equal((await page(2, cookie)).code, 0, 'good here')
  const altered = Buffer.from(cookie)
  altered[altered.length - 1] = (altered[altered.length - 1] as number) ^ 1
  const elsewhere = await bound()
  const otherIdentity = await bound(userDn('alice'), 'muster-alice')
  const refused = {
    altered: await page(2, altered),
    'cut off': await page(2, cookie.subarray(0, 20)),
    'another filter': await page(2, cookie, '(cn=*)'),
    'another base': await page(2, cookie, undefined, client, `ou=users,${suffix}`),
    'another connection': await page(2, cookie, undefined, elsewhere),
    'another identity': await page(2, cookie, undefined, otherIdentity),
  }
  for (const [what, { code: refusal, entries }] of Object.entries(refused)) {
    t.same([refusal, entries], [code.unwillingToPerform, []], what)
  }
  await client.bind(userDn('alice'), 'muster-alice')
  t.equal((await page(2, cookie)).code, code.unwillingToPerform, 'another identity on the same connection')
  t.same(cookieOf(await page(0, cookieOf(await page(2)))), Buffer.alloc(0), 'given up')
  const broken = [{ ...(pagedBy(1)[0] as object), controlValue: Buffer.from('31', 'hex') }] as never
  t.equal((await client.search(suffix, '(cn=*)', { controls: broken })).code, code.protocolError)
  const unique = await page(10, undefined, '(uid=alice)')
  t.same([unique.entries.length, cookieOf(unique).length], [1, 0])
})

t.test('look-ups are put together, kept, and never older than the directory', async (t) => {
  const { bound, directory, change, state, door } = await open(t)
  const [one, other] = [await bound(), await bound()]
  const calls = () => directory.count('usersByKey')
  const title = async (client: RawClient) =>
    (await client.search(suffix, '(uid=Alice)', { attributes: ['title'] })).entries[0]?.attributes.title?.[0]
  let go = () => {}
  directory.pace = () => new Promise((resolve) => (go = resolve))
  const first = one.answers(one.send(searchRequest(suffix, '(uid=carol)')))
  await wait(10)
  const many = [one, other].flatMap((client) =>
    ['alice', 'ALICE', 'nobody', 'odd'].map((name) =>
      client.answers(client.send(searchRequest(suffix, `(uid=${name})`))),
    ),
  )
  await wait(10)
  t.equal(calls(), 1, 'the others wait for the first')
  directory.pace = async () => {}
  go()
  t.equal((await first).length, 2)
  const found = await Promise.all(many)
  t.same(
    found.map(({ length }) => length),
    [2, 2, 1, 1, 2, 2, 1, 1],
  )
  t.equal(calls(), 2, 'and go together')
  t.equal(await title(one), 'Staff Engineer')
  t.equal(await title(other), 'Staff Engineer')
  t.same((await one.search(suffix, '(mail=alice@acme.example)')).entries.length, 1)
  t.equal(calls(), 2, 'from memory')
  t.ok(door.cached.entries > 0 && door.cached.bytes > 0)

  const rename = (value: string) => Object.assign(directory.contents.users[0] as object, { title: value })
  const id = directory.contents.users[0]?.id as string
  rename('Chief')
  change('user', id)
  t.equal(await title(one), 'Chief', 'after a change')
  state.stalenessMs = 5_000
  rename('President')
  t.equal(await title(one), 'President', 'while changes are not heard of')
  state.stalenessMs = 0
  change('user', id)

  directory.pace = () => new Promise((resolve) => (go = resolve))
  const during = title(one)
  await wait(10)
  rename('Emperor')
  change('user', id)
  directory.pace = async () => {}
  go()
  await during
  t.equal(await title(one), 'Emperor', 'what changed while it was read is not kept')

  const groupsOf = async () =>
    (await one.search(suffix, '(uid=alice)', { attributes: ['memberOf'] })).entries[0]?.attributes.memberOf
  t.same((await groupsOf())?.[0], groupDn('engineering'))
  Object.assign(directory.contents.groups[0] as object, { name: 'makers' })
  directory.contents.memberships[id] = ['makers']
  change('group', directory.contents.groups[0]?.id)
  t.same(await groupsOf(), [groupDn('makers')], 'a group was renamed')
  const managerOf = async () =>
    (await one.search(suffix, '(uid=bob)', { attributes: ['manager'] })).entries[0]?.attributes.manager
  t.same(await managerOf(), [userDn('alice')])
  Object.assign(directory.contents.users[0] as object, { username: 'alicia' })
  change('user', id)
  t.same(await managerOf(), [userDn('alicia')], 'the manager was renamed')
  t.same(await one.names(suffix, '(uid=alice)'), [])
  Object.assign(directory.contents.users[0] as object, { state: 'suspended' })
  change('user', id)
  t.same(await one.names(suffix, '(uid=alicia)'), [], 'who is not active is not there')
  await turn()
})

t.test('what time has changed is waited for', async (t) => {
  let due: Promise<void> | null = null
  const { bound } = await open(t, { caughtUp: () => due })
  const client = await bound()
  const find = () => client.names(suffix, '(uid=alice)', { scope: 'wholeSubtree', attributes: ['1.1'] })
  t.same(await find(), [alice])
  let ready = (): void => {}
  due = new Promise((resolve) => {
    ready = resolve
  })
  let answered = false
  const waiting = find().then((found) => {
    answered = true
    return found
  })
  await wait(50)
  t.equal(answered, false)
  ready()
  t.same(await waiting, [alice])
})

t.test('memory for entries is bounded', async (t) => {
  const { bound, door, directory } = await open(t, { settings: { cacheBytes: 64 * 1024 } })
  const [model] = directory.contents.users
  directory.contents.users = Array.from({ length: 200 }, (_, i) => {
    const id = `00000000-0000-4000-8000-9${String(i).padStart(11, '0')}`
    return { ...(model as object), id, username: `u${i}`, email: `u${i}@acme.example` } as never
  })
  const client = await bound()
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 200; i++) t.equal((await client.names(suffix, `(uid=u${i})`)).length, 1)
    t.ok(door.cached.bytes <= 64 * 1024 && door.cached.entries > 5, `${door.cached.bytes} octets`)
  }
})

t.test('the subschema is one that clients can read', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  const { entries } = await client.search('cn=subschema', '(objectClass=subschema)', {
    scope: 'baseObject',
    attributes: ['+'],
  })
  const { attributeTypes = [], objectClasses = [] } = entries[0]?.attributes ?? {}
  const oid = '[0-9]+(?:\\.[0-9]+)+'
  const name = "(?:'[A-Za-z][A-Za-z0-9-]*'|\\( (?:'[A-Za-z][A-Za-z0-9-]*' )+\\))"
  const type = new RegExp(
    `^\\( ${oid} NAME ${name}(?: (?:EQUALITY|ORDERING|SUBSTR) [A-Za-z0-9]+)* SYNTAX ${oid}(?: SINGLE-VALUE)?(?: NO-USER-MODIFICATION USAGE directoryOperation)? \\)$`,
  )
  for (const each of attributeTypes) t.match(each, type)
  t.equal(
    new Set(attributeTypes.map((each) => each.split(' ')[1])).size,
    attributeTypes.length,
    'each OID once',
  )
  const known = new Set(
    attributeTypes.flatMap((each) => [...each.matchAll(/'([^']+)'/g)].map((found) => found[1])),
  )
  for (const each of ['badge', 'level', 'memberOf', 'sshPublicKey', 'userid']) t.ok(known.has(each), each)
  for (const each of objectClasses) {
    for (const [, list = ''] of each.matchAll(/(?:MUST|MAY) (?:\( ([^)]+) \)|\S+)/g)) {
      for (const attribute of list.split(' $ ').filter(Boolean))
        t.ok(known.has(attribute), `${attribute} of ${each}`)
    }
  }
  t.match(objectClasses.join(), /musterUser.*badge/)
})

t.test('ldapts binds over LDAPS and by StartTLS', async (t) => {
  const { tlsPort, port, caFile } = await open(t)
  const tlsOptions = { ca: readFileSync(caFile), servername: 'localhost' }
  const secure = new Ldapts({ url: `ldaps://127.0.0.1:${tlsPort}`, tlsOptions })
  await secure.bind(userDn('alice'), 'muster-alice')
  await t.rejects(secure.bind(userDn('alice'), 'wrong'), { code: 49 })
  await secure.unbind()
  const upgraded = new Ldapts({ url: `ldap://127.0.0.1:${port}` })
  await upgraded.startTLS(tlsOptions)
  await upgraded.bind(userDn('bob'), 'muster-bob')
  const { searchEntries } = await upgraded.search(suffix, { filter: '(uid=alice)' })
  t.match(searchEntries, [{ dn: userDn('alice'), mail: 'alice@acme.example' }])
  await upgraded.unbind()
})

t.test('ldapts and ldapjs find what is there, in pages', async (t) => {
  const { port } = await open(t)
  const first = new Ldapts({ url: `ldap://127.0.0.1:${port}` })
  await first.bind(`cn=reader,ou=services,${suffix}`, 'muster-reader')
  const { searchEntries } = await first.search(suffix, {
    filter: '(objectClass=person)',
    paged: { pageSize: 2 },
    attributes: ['uid', 'skills'],
  })
  t.same(
    searchEntries.map(({ uid }) => uid),
    ['alice', 'bob', 'carol', 'o+dd'],
  )
  t.same(searchEntries[0]?.skills, ['go', 'rust'])
  t.equal(await first.compare(userDn('alice'), 'title', 'staff engineer'), true)
  await t.rejects(first.search('dc=nowhere', { filter: '(uid=x)' }), { code: 32 })
  await first.unbind()

  const second = ldapjs.createClient({ url: `ldap://127.0.0.1:${port}` })
  await new Promise<void>((resolve, reject) =>
    second.bind(userDn('alice'), 'muster-alice', (error) => (error === null ? resolve() : reject(error))),
  )
  const names: string[] = []
  await new Promise<void>((resolve, reject) =>
    second.search(suffix, { scope: 'sub', filter: '(uid=*)', paged: { pageSize: 3 } }, (error, found) => {
      if (error !== null) return reject(error)
      found.on('searchEntry', (entry) => names.push(String(entry.pojo.objectName)))
      found.on('error', reject)
      found.on('end', () => resolve())
    }),
  )
  t.equal(names.length, 4)
  await new Promise((resolve) => second.unbind(resolve))
})

t.test('OpenLDAP’s clients, in clear, by StartTLS and over LDAPS', async (t) => {
  const { port, tlsPort, caFile } = await open(t)
  const plain = ['-H', `ldap://localhost:${port}`]
  const simple = ['-x', '-D', userDn('alice'), '-w', 'muster-alice']
  const env = { LDAPTLS_CACERT: caFile, LDAPTLS_REQCERT: 'demand' }
  const tool = (name: string, args: readonly string[]) =>
    run(programPath(name), args, { env, timeoutMs: 20_000 })
  const found = await tool('ldapsearch', [...plain, ...simple, '-LLL', '-b', suffix, '(uid=bob)', 'cn'])
  t.equal(found.stdout, `dn: ${userDn('bob')}\ncn: Bob Lee van Dyk\n\n`, found.stderr)
  const paged = await tool('ldapsearch', [
    ...plain,
    ...simple,
    '-ZZ',
    '-LLL',
    '-E',
    'pr=2/noprompt',
    '-b',
    suffix,
    '(uid=*)',
    '1.1',
  ])
  t.equal(paged.code, 0, paged.stderr)
  t.equal(paged.stdout.match(/^dn: /gm)?.length, 4)
  const secure = await tool('ldapwhoami', ['-H', `ldaps://localhost:${tlsPort}`, ...simple])
  t.equal(secure.stdout.trim(), `dn:${userDn('alice')}`, secure.stderr)
  const anonymous = await tool('ldapwhoami', [...plain, '-x', '-ZZ'])
  t.match(anonymous.stdout, /anonymous/)
  const equal = await tool('ldapcompare', [...plain, ...simple, userDn('bob'), 'department:engineering'])
  t.match([equal.stdout, equal.code], [/TRUE/, code.compareTrue])
  const schema = await tool('ldapsearch', [
    ...plain,
    ...simple,
    '-b',
    'cn=subschema',
    '-s',
    'base',
    'attributeTypes',
  ])
  t.match(schema.stdout, /'badge'/)
  const change = await run(programPath('ldapmodify'), [...plain, ...simple], {
    env,
    input: `dn: ${userDn('alice')}\nchangetype: modify\nreplace: title\ntitle: Queen\n`,
  })
  t.equal(change.code, code.unwillingToPerform)
  const wrong = await tool('ldapwhoami', [...plain, '-x', '-D', userDn('alice'), '-w', 'wrong'])
  t.match(wrong.stderr, /Invalid credentials \(49\)/)
})
