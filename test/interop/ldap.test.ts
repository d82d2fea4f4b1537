// The LDAP door as real clients see it: OpenLDAP's programs, ldapjs and ldapts against the whole program.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import ldapjs from 'ldapjs'
import { Client } from 'ldapts'
import t, { type Test } from 'tap'
import { freshDatabase } from '../support/database.ts'
import {
  groupDn,
  ldapBind,
  ldapSearch,
  ldapTool,
  readerDn,
  readerPassword,
  suffix,
  userDn,
} from '../support/ldap-tools.ts'
import { type RunningMuster, startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'

const muster: RunningMuster = await startMuster(t, {
  env: { MUSTER_DATABASE_URL: await freshDatabase(t), MUSTER_SAMPLE: 'on' },
})
const search = (...args: string[]) => ldapSearch(muster, args)
/** The names (first part of the DN) of what a search finds, sorted. */
const names = async (...args: string[]) =>
  [...(await search(...args, '1.1')).entries.keys()].map((dn) => dn.split(',')[0]).sort()
/** An open LDAP connection. */
async function connection(t: Test, dn: string, password: string): Promise<Client> {
  const client = new Client({ url: `ldap://127.0.0.1:${muster.ports.ldap}`, timeout: 10_000 })
  await client.bind(dn, password)
  t.teardown(() => client.unbind().catch(() => {}))
  return client
}
/** Was it closed by the server? The limit is that of the promise itself (L24). */
async function isClosed(client: Client): Promise<boolean> {
  const deadline = performance.now() + 1000
  while (client.isConnected && performance.now() < deadline) await sleep(20)
  return !client.isConnected
}
const sorted = (values: readonly string[] = []) => [...values].sort()

t.test('the same entry in clear, by StartTLS and by LDAPS', async (t) => {
  for (const transport of ['clear', 'starttls', 'ldaps'] as const) {
    const { code, entry, said } = await ldapSearch(muster, ['(uid=alice)'], { transport })
    t.equal(code, 0, said)
    t.match(
      entry,
      {
        objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount'],
        uid: ['alice'],
        cn: ['Alice Adams'],
        sn: ['Adams'],
        givenName: ['Alice'],
        mail: ['alice@acme.example'],
        department: ['Engineering'],
        departmentNumber: ['Engineering'],
        title: ['Staff Engineer'],
        employeeType: ['Employee'],
        l: ['Berlin'],
        uidNumber: [/^\d+$/],
        gidNumber: [/^\d+$/],
        homeDirectory: ['/home/alice'],
      },
      transport,
    )
    t.same(
      sorted(entry.memberOf),
      ['engineering', 'everyone', 'mac-engineers'].map(groupDn),
      'memberOf without being asked for',
    )
  }
  const strangers = '/etc/ssl/certs/ca-certificates.crt'
  for (const transport of ['starttls', 'ldaps'] as const) {
    const refused = await ldapSearch(muster, ['(uid=alice)'], { transport, trust: strangers })
    t.not(refused.code, 0, `${transport}: the certificate is checked, not taken on trust`)
    t.equal(refused.entries.size, 0)
  }
})

t.test('which attributes come', async (t) => {
  const asked = async (...wanted: string[]) => (await search('(uid=alice)', ...wanted)).entry
  t.same(Object.keys(await asked('CN', 'MAIL')).sort(), ['cn', 'mail'], 'without regard to case')
  t.same(Object.keys(await asked('memberOf')), ['memberOf'], 'on demand')
  t.same(await asked('1.1'), {}, 'none')
  const operational = await asked('+')
  t.match(operational, { entryUUID: [/^[0-9a-f-]{36}$/], entryDN: [userDn('alice')] })
  t.notOk('cn' in operational, '+ alone brings no others')
  t.match(await asked('*', '+'), { cn: ['Alice Adams'], createTimestamp: [/^\d{14}/] })
  t.same(await asked('noSuchAttribute'), {})
  t.same(await asked('department', '1.1'), { department: ['Engineering'] }, '1.1 beside others is nothing')
})

t.test('filters of every kind', async (t) => {
  const users = (filter: string) => names('-b', `ou=users,${suffix}`, filter)
  const active = ['uid=alice', 'uid=bob', 'uid=carol', 'uid=dave', 'uid=erin', 'uid=frank']
  t.same(await users('(objectClass=inetOrgPerson)'), active, 'staged and suspended do not appear')
  t.same(await users('(&(department=engineering)(!(employeeType=contractor)))'), ['uid=alice', 'uid=bob'])
  t.same(await users('(|(uid=ALICE)(mail=bob@acme.example))'), ['uid=alice', 'uid=bob'])
  t.same(await users('(cn=*l*dam*s)'), ['uid=alice'])
  t.same(await users('(sn=b*)'), ['uid=bob'])
  t.same(await users('(title~=engineer)'), ['uid=bob', 'uid=frank'])
  t.same(await users('(uidNumber>=1)'), active)
  t.same(await users('(createTimestamp<=20200101000000Z)'), [])
  t.same(await users('(sn>=A)'), [], 'surnames have no order (RFC 4519 §2.32): undefined')
  t.same(await users(`(memberOf=${groupDn('Engineering').toUpperCase()})`), ['uid=alice', 'uid=bob'])
  t.same(await users('(cn:caseIgnoreMatch:=alice adams)'), ['uid=alice'])
  t.same(await users('(noSuchAttribute=x)'), [])
  t.same(await users('(!(noSuchAttribute=x))'), [], 'undefined stays undefined')
  t.same(await users(`(&${'(|'.repeat(90)}(uid=alice)${')'.repeat(90)})`), ['uid=alice'], 'L07 91 deep')
})

t.test('L19 what looks like a filter inside a value is a value', async (t) => {
  const name = 'Mal*)(uid=*\\'
  const { status } = await muster.api('POST', '/users', {
    username: 'mallory',
    displayName: name,
    password: 'a password of mallory',
  })
  t.equal(status, 201)
  t.same(await names('(cn=Mal\\2a\\29\\28uid=\\2a\\5c)'), ['uid=mallory'])
  t.same((await search('(uid=mallory)', 'cn')).entry.cn, [name])
  t.same(await names('(uid=\\2a)'), [], 'a star that is meant as one')
  t.same(await names("(uid=' or 1=1 --)"), [])
  t.same(await names('(uid=%)'), [])
  t.same(await names('(uid=_____)'), [])
  const groups = (await muster.api('POST', '/groups', {
    name: 'a, "b" + c=d <e>',
    of: 'users',
    mode: 'dynamic',
    rule: 'username eq "mallory"',
  })) as { status: number }
  t.equal(groups.status, 201)
  const [dn = ''] =
    (await search('(uid=mallory)', 'memberOf')).entry.memberOf?.filter((value) => value.includes('<e')) ?? []
  t.same((await search('-b', dn, '-s', 'base', '(objectClass=*)', 'member')).entry.member, [
    userDn('mallory'),
  ])
  t.same(await names(`(memberOf=${dn.replaceAll('\\', '\\5c')})`), ['uid=mallory'])
  const removed = (await muster.api('GET', '/users?filter=username%20eq%20%22mallory%22')).body as {
    items: { id: string }[]
  }
  t.equal((await muster.api('DELETE', `/users/${removed.items[0]?.id}`)).status, 204)
  t.same(await names('(uid=mallory)'), [])
})

t.test('groups, devices and the tree above them', async (t) => {
  const group = (await search(`(cn=engineering)`)).entry
  t.match(group, { objectClass: ['top', 'groupOfNames', 'posixGroup'], gidNumber: [/^\d+$/] })
  t.same(sorted(group.member), [userDn('alice'), userDn('bob')])
  t.same(sorted(group.memberUid), ['alice', 'bob'])
  t.same(await names(`(member=${userDn('erin')})`), ['cn=everyone', 'cn=it-admins'])
  t.same(await names('(memberUid=carol)'), ['cn=everyone', 'cn=sales'])

  const device = (await search('(cn=mac-alice)')).entry
  t.match(device, { objectClass: ['top', 'device'], os: ['macos'], owner: [userDn('alice')] })
  t.match(device, { diskEncrypted: ['TRUE'] })
  t.same(sorted(device.memberOf), ['all-devices', 'macs', 'trusted-macs'].map(groupDn))
  t.same(await names('(&(os=macos)(diskEncrypted=TRUE))'), ['cn=mac-alice', 'cn=mac-dave'])

  t.same(await names('-b', suffix, '-s', 'base', '(objectClass=*)'), ['dc=acme'])
  t.same(await names('-b', suffix, '-s', 'one', '(objectClass=*)'), [
    ...['ou=devices', 'ou=groups', 'ou=services', 'ou=users'],
  ])
  const gone = await search('-b', userDn('nobody'), '(objectClass=*)')
  t.equal(gone.code, 32)
  t.match(gone.said, `ou=users,${suffix}`, 'the deepest entry that exists')
})

t.test('paging and limits', async (t) => {
  const paged = await ldapSearch(muster, [
    '-E',
    'pr=2/noprompt',
    '-b',
    `ou=users,${suffix}`,
    '(uid=*)',
    'uid',
  ])
  t.equal(paged.code, 0, paged.said)
  t.equal(paged.entries.size, 6, 'all, in pages of two')
  const limited = await search('-z', '2', '(uid=*)', 'uid')
  t.equal(limited.code, 4, 'sizeLimitExceeded')
  t.equal(limited.entries.size, 2)
})

t.test('ldapwhoami and ldapcompare', async (t) => {
  const me = await ldapTool(muster, 'ldapwhoami', [], {
    as: 'UID=Alice, OU=Users,dc=ACME,dc=example',
    password: 'muster-alice',
  })
  t.equal(me.stdout.trim(), `dn:${userDn('alice')}`, 'L17 however the DN was spelt')
  t.equal((await ldapTool(muster, 'ldapwhoami', [])).stdout.trim(), `dn:${readerDn}`)
  t.equal((await ldapTool(muster, 'ldapwhoami', [], { as: null })).stdout.trim(), 'anonymous')

  const compare = async (dn: string, assertion: string) => {
    const { stdout, stderr } = await ldapTool(muster, 'ldapcompare', [dn, assertion])
    return (stdout + stderr).split('\n')[0]
  }
  t.equal(await compare(userDn('alice'), 'department:ENGINEERING'), 'TRUE')
  t.equal(await compare(userDn('alice'), 'department:Sales'), 'FALSE')
  t.equal(await compare(userDn('alice'), `memberOf:${groupDn('engineering')}`), 'TRUE')
  t.equal(await compare(groupDn('sales'), `member:${userDn('alice')}`), 'FALSE')
  t.match(await compare(userDn('nobody'), 'uid:nobody'), /No such object \(32\)/)
  t.match(await compare(userDn('alice'), 'userPassword:muster-alice'), /\((16|17|50)\)/, 'L20')
})

t.test('who may bind', async (t) => {
  t.equal(await ldapBind(muster, 'alice'), 0)
  t.equal(await ldapBind(muster, 'alice', 'wrong'), 49)
  t.equal(await ldapBind(muster, 'nobody'), 49, 'L22 unknown: the same')
  t.equal(await ldapBind(muster, 'heidi'), 49, 'L24 suspended')
  t.equal(await ldapBind(muster, 'grace'), 49, 'staged')
  t.equal(await ldapBind(muster, readerDn, 'wrong'), 49)
  const looks = await Promise.all(
    ['alice', 'nobody', 'heidi'].map(
      async (as) => (await ldapTool(muster, 'ldapwhoami', [], { as, password: 'no' })).stderr,
    ),
  )
  t.equal(new Set(looks).size, 1, `L22 nothing tells them apart: ${looks}`)
  const { code, stderr } = await ldapTool(muster, 'ldapwhoami', [], { as: 'alice', password: '' })
  t.equal(code, 53, `L01 ${stderr}`)
})

t.test('M02 a code after the password', async (t) => {
  const codes = new OneTimeCodes('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  t.equal(await ldapBind(muster, 'bob'), 0, 'enrolled, but not demanded here')
  const code = await codes.next()
  t.equal(await ldapBind(muster, 'bob', `muster-bob,${code}`), 0)
  t.equal(await ldapBind(muster, 'bob', `muster-bob,${code}`), 49, 'L25 used, and not remembered')
  t.equal(await ldapBind(muster, 'bob', `wrong,${await codes.next()}`), 49)
  t.equal(await ldapBind(muster, 'bob', 'muster-bob,000000'), 49, 'a wrong one is not passed over')
  t.equal(await ldapBind(muster, 'bob'), 0)
})

t.test('L25 where a group demands a code, nobody in it gets by without', async (t) => {
  const idOf = async (kind: string, filter: string) => {
    const { body } = await muster.api('GET', `/${kind}?filter=${encodeURIComponent(filter)}`)
    return (body as { items: { id: string }[] }).items[0]?.id ?? ''
  }
  const made = await muster.api('POST', '/users', {
    username: 'ivan',
    department: 'Finance',
    password: 'muster-ivan',
  })
  const ivan = `/users/${(made.body as { id: string }).id}`
  const factor = await muster.api('POST', `${ivan}/factors`, { kind: 'totp' })
  const codes = new OneTimeCodes((factor.body as { secret: string }).secret)
  const finance = await idOf('groups', 'name eq "finance"')
  const demand = async (...factors: string[]) =>
    t.equal((await muster.api('PATCH', `/groups/${finance}`, { factors })).status, 200)
  const directory = await idOf('resources', 'kind eq "directory"')
  const bound = await muster.api('POST', '/bindings', { groupId: finance, resourceId: directory })
  t.equal(bound.status, 201)

  const byPassword = await connection(t, userDn('ivan'), 'muster-ivan')
  const byCode = await connection(t, userDn('ivan'), `muster-ivan,${await codes.next()}`)
  await demand('totp')
  t.equal(await ldapBind(muster, 'ivan'), 49, 'remembered or not')
  t.equal(await ldapBind(muster, 'ivan', 'muster-ivan,000000'), 49)
  t.equal(await ldapBind(muster, 'ivan', `muster-ivan,${await codes.next()}`), 0)
  t.ok(await isClosed(byPassword), 'who was in without one is out')
  const stays = await byCode.search(suffix, { filter: '(uid=ivan)' })
  t.equal(stays.searchEntries.length, 1, 'who has shown one stays')
  t.equal(await ldapBind(muster, 'carol'), 0, 'others are not concerned')

  t.equal((await muster.api('DELETE', `${ivan}/factors/totp`)).status, 204)
  t.ok(await isClosed(byCode), 'the authenticator is gone, and what rested on it')
  t.equal(await ldapBind(muster, 'ivan'), 49, 'none enrolled is none shown')
  await demand()
  const last = await connection(t, userDn('ivan'), 'muster-ivan')
  t.equal((await muster.api('DELETE', ivan)).status, 204)
  t.ok(await isClosed(last), 'deleted')
  t.equal(await ldapBind(muster, 'ivan'), 49)
  t.same(await names('(uid=ivan)'), [])
})

t.test('what a binding gives is in the very next answer', async (t) => {
  const { body } = await muster.api('GET', '/groups?filter=name%20eq%20%22engineering%22')
  const group = (body as { items: { id: string }[] }).items[0]?.id
  const second = await muster.api('POST', '/resources', { name: 'build hosts', kind: 'directory' })
  const { id: resource } = second.body as { id: string }
  const made = await muster.api('POST', '/bindings', { groupId: group, resourceId: resource })
  t.equal(made.status, 201)
  const binding = `/bindings/${(made.body as { id: string }).id}`
  const give = async (ldap: unknown) => (await muster.api('PATCH', binding, { attributes: { ldap } })).status
  const shown = async () => (await search('(uid=alice)', 'loginShell', 'homeDirectory', 'gidNumber')).entry
  const usual = await shown()
  t.match(usual, { loginShell: ['/bin/bash'], homeDirectory: ['/home/alice'], gidNumber: [/^\d+$/] })
  t.same(await shown(), usual, 'from memory')
  t.equal(await give({ loginShell: '/bin/zsh', homeDirectory: '/srv/%u', gidNumber: 500 }), 200)
  const given = { loginShell: ['/bin/zsh'], homeDirectory: ['/srv/%u'], gidNumber: ['500'] }
  t.same(await shown(), given)
  t.same(await names('(&(objectClass=posixAccount)(loginShell=/bin/zsh))'), ['uid=alice', 'uid=bob'])
  t.same(await names('(&(objectClass=posixAccount)(gidNumber=500))'), ['uid=alice', 'uid=bob'])
  t.same(await names(`(&(uid=alice)(gidNumber=${usual.gidNumber?.[0]}))`), [])
  t.equal(await give({ homeDirectory: 'srv/alice' }), 422, 'an absolute path')
  t.same(await shown(), given)
  const turn = async (enabled: boolean) =>
    t.equal((await muster.api('PATCH', `/resources/${resource}`, { enabled })).status, 200)
  await turn(false)
  t.same(await shown(), usual, 'a directory that is turned off gives nothing')
  await turn(true)
  t.same(await shown(), given)
  t.equal((await muster.api('DELETE', binding)).status, 204)
  t.same(await shown(), usual)
  t.equal((await muster.api('DELETE', `/resources/${resource}`)).status, 204)
})

t.test('L03 L20 L30 what nobody gets, whoever asks', async (t) => {
  const root = await ldapSearch(muster, ['-b', '', '-s', 'base', '(objectClass=*)', '*', '+'], { as: null })
  t.match(root.entry, { supportedLDAPVersion: ['3'], subschemaSubentry: [/./] })
  t.notMatch(root.said, /acme/i, 'no organization is named')
  const anonymous = await ldapSearch(muster, ['(objectClass=*)'], { as: null })
  t.equal(anonymous.entries.size, 0)
  t.not(anonymous.code, 0)

  const own = await ldapSearch(muster, ['(uid=alice)', '*', '+', 'userPassword', '2.5.4.35'], { as: 'alice' })
  t.notMatch(own.said, /password|argon/i, 'not even one’s own')
  t.same(await names('(userPassword=*)'), [])
  t.same(await names('(!(userPassword=*))'), [], 'undefined, so no oracle')

  const write = (program: string, args: string[], input?: string) =>
    ldapTool(muster, program, args, { as: 'erin' }, input).then(({ code }) => code)
  const change = (name: string) => `dn: ${userDn(name)}\nchangetype: modify\nreplace: title\ntitle: Queen\n`
  const add = `dn: ${userDn('eve')}\nobjectClass: inetOrgPerson\nuid: eve\ncn: Eve\nsn: Eve\n`
  t.equal(await write('ldapmodify', [], change('erin')), 53, 'read-only')
  t.equal(await write('ldapmodify', [], change('alice')), 50, 'and another’s entry all the more')
  t.equal(await write('ldapadd', [], add), 50)
  t.equal(await write('ldapdelete', [userDn('alice')]), 50)
  t.equal(await write('ldapmodrdn', [userDn('alice'), 'uid=eve']), 50)
  const newPassword = async (name: string) =>
    (await ldapTool(muster, 'ldappasswd', ['-s', 'a new password', userDn(name)], { as: 'erin' })).stdout
  t.match(await newPassword('erin'), /\(53\)/)
  t.match(await newPassword('alice'), /\(50\)/)
  t.equal(await ldapBind(muster, 'alice'), 0, 'and it stayed what it was')
})

t.test('a service account reads its branches and no others', async (t) => {
  const made = await muster.api('POST', '/service-accounts', {
    name: 'printer',
    reads: ['groups'],
    password: 'a secret of the printer',
  })
  t.equal(made.status, 201)
  const as = { as: `cn=printer,ou=services,${suffix}`, password: 'a secret of the printer' }
  const all = await ldapSearch(muster, ['(objectClass=*)', 'member', 'memberUid'], as)
  t.ok(all.entries.has(groupDn('engineering')))
  t.same(
    [...all.entries.keys()].filter((dn) => /^uid=|,ou=devices|,ou=services/.test(dn)),
    [as.as],
    'and its own entry',
  )
  const { id } = made.body as { id: string }
  const change = async (body: unknown) =>
    t.equal((await muster.api('PATCH', `/service-accounts/${id}`, body)).status, 200)
  const open = await connection(t, as.as, as.password)
  const sees = async (filter: string) => (await open.search(suffix, { filter })).searchEntries.length
  t.equal(await sees('(uid=alice)'), 0)
  await change({ reads: ['users'] })
  t.equal(await sees('(uid=alice)'), 1, 'what it may read changes on the open connection, too')
  t.equal(await sees('(cn=engineering)'), 0)
  await change({ enabled: false })
  t.equal((await ldapSearch(muster, ['(objectClass=*)'], as)).code, 49, 'turned off')
  t.ok(await isClosed(open), 'L24 and cut off')
})

t.test('the subschema names every attribute that comes', async (t) => {
  const root = await ldapSearch(muster, ['-b', '', '-s', 'base', '(objectClass=*)', 'subschemaSubentry'])
  const [at = ''] = root.entry.subschemaSubentry ?? []
  const schema = await search(
    '-b',
    at,
    '-s',
    'base',
    '(objectClass=subschema)',
    'attributeTypes',
    'objectClasses',
  )
  const known = (schema.entry.attributeTypes ?? []).join('\n')
  const classes = (schema.entry.objectClasses ?? []).join('\n')
  const everything = await search('(objectClass=*)', '*', '+')
  t.ok(everything.entries.size > 20)
  const attributes = new Set([...everything.entries.values()].flatMap((entry) => Object.keys(entry)))
  for (const name of attributes) t.ok(new RegExp(`'${name}'`, 'i').test(known), name)
  for (const name of new Set([...everything.entries.values()].flatMap((entry) => entry.objectClass ?? [])))
    t.ok(new RegExp(`'${name}'`, 'i').test(classes), name)
})

t.test('the client of ldapts', async (t) => {
  const ca = readFileSync(join(muster.data, 'certificates/ca.pem'))
  const client = new Client({ url: `ldap://localhost:${muster.ports.ldap}` })
  await client.startTLS({ ca })
  await client.bind(readerDn, readerPassword)
  const { searchEntries } = await client.search(suffix, {
    filter: '(&(objectClass=inetOrgPerson)(uid=alice))',
    attributes: ['CN', 'memberOf'],
  })
  t.match(searchEntries, [{ dn: userDn('alice'), cn: 'Alice Adams' }])
  t.same(sorted(searchEntries[0]?.memberOf as string[]), [
    ...['engineering', 'everyone', 'mac-engineers'].map(groupDn),
  ])
  let pages = 0
  const found: string[] = []
  for await (const page of client.searchPaginated(`ou=users,${suffix}`, {
    filter: '(uid=*)',
    paged: { pageSize: 4 },
  })) {
    pages++
    found.push(...page.searchEntries.map(({ dn }) => dn))
  }
  t.equal(pages, 2)
  t.equal(new Set(found).size, 6)
  t.equal(await client.compare(userDn('alice'), 'department', 'engineering'), true)
  t.equal(await client.compare(userDn('alice'), 'department', 'sales'), false)
  t.match(await client.exop('1.3.6.1.4.1.4203.1.11.3'), { value: `dn:${readerDn}` })
  await t.rejects(client.bind(userDn('alice'), 'wrong'), { code: 49 })
  const after = client.search(suffix, { filter: '(uid=alice)' })
  await t.rejects(after, 'a failed bind leaves the connection anonymous (RFC 4511 §4.2.1)')
  await client.unbind()

  const secure = new Client({ url: `ldaps://localhost:${muster.ports.ldaps}`, tlsOptions: { ca } })
  await secure.bind(userDn('alice'), 'muster-alice')
  t.equal((await secure.search(suffix, { filter: '(uid=bob)' })).searchEntries.length, 1)
  await secure.unbind()
})

t.test('the client of ldapjs', async (t) => {
  const client = ldapjs.createClient({ url: `ldap://127.0.0.1:${muster.ports.ldap}` })
  t.teardown(() => client.destroy())
  const done = <T>(begin: (then: (error: Error | null, value?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) =>
      begin((error, value) => (error ? reject(error) : resolve(value))),
    )
  await done((then) => client.bind(readerDn, readerPassword, (error) => then(error)))
  const entries = (options: ldapjs.SearchOptions) =>
    new Promise<ldapjs.SearchEntry[]>((resolve, reject) =>
      client.search(suffix, options, (error, response) => {
        if (error) return reject(error)
        const all: ldapjs.SearchEntry[] = []
        response.on('searchEntry', (entry) => all.push(entry))
        response.on('error', reject)
        response.on('end', () => resolve(all))
      }),
    )
  const [alice] = await entries({
    scope: 'sub',
    filter: '(uid=alice)',
    attributes: ['displayName', 'MemberOf'],
  })
  t.same(
    alice?.pojo.attributes.map(({ type }) => type.toLowerCase()).sort(),
    ['displayname', 'memberof'],
    'with capitals, too',
  )
  t.equal((await entries({ scope: 'sub', filter: '(uid=*)', paged: { pageSize: 2 } })).length, 6)
  t.equal(await done((then) => client.compare(userDn('alice'), 'l', 'berlin', then)), true)
  t.equal(await done((then) => client.compare(userDn('alice'), 'l', 'London', then)), false)
  await t.rejects(
    done((then) => client.bind(userDn('alice'), 'wrong', (error) => then(error))),
    {
      name: 'InvalidCredentialsError',
    },
  )
  await t.rejects(done((then) => client.del(userDn('alice'), (error) => then(error))))
})

t.test('L09 the six bytes that end an ldapjs server end one connection', async (t) => {
  const socket = connect(muster.ports.ldap, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.write(Buffer.from('3084ffffffff', 'hex'))
  await new Promise((resolve) => socket.once('close', resolve))
  t.notOk(muster.ended())
  t.equal(await ldapBind(muster, 'alice'), 0)
})
