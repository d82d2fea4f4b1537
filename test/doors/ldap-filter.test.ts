// Who and what is found through the LDAP door: every kind of filter, entries as they are sent, compare, and that secrets are
// not there to be found.
import t from 'tap'
import { resultCodes as code } from '../../src/wire/ldap/result-codes.ts'
import { compared } from '../support/ldap-client.ts'
import { open as openDoor, type Setup, suffix, userDn } from '../support/ldap-door.ts'

const folder = t.testdir({})
const open = (t: Parameters<typeof openDoor>[0], setup?: Setup) => openDoor(t, folder, setup)
const groupDn = (name: string) => `cn=${name},ou=groups,${suffix}`
const [alice, bob, carol, odd] = ['uid=alice', 'uid=bob', 'uid=carol', 'uid=o\\+dd']
const everybody = [alice, bob, carol, odd]

/** Filter, and who is found; only active users are there. */
const userFilters: readonly (readonly [filter: string, found: readonly string[]])[] = [
  ['(objectClass=*)', ['ou=users', ...everybody]],
  ['(objectClass=inetOrgPerson)', everybody],
  ['(objectclass=2.16.840.1.113730.3.2.2)', everybody],
  ['(objectClass=groupOfNames)', []],
  ['(!(objectClass=groupOfNames))', ['ou=users', ...everybody]],
  ['(objectClass=ldapPublicKey)', [bob]],
  ['(&)', ['ou=users', ...everybody]],
  ['(|)', []],
  ['(uid=ALICE)', [alice]],
  ['(userid=alice)', [alice]],
  ['(0.9.2342.19200300.100.1.1=alice)', [alice]],
  ['(&(objectClass=person)(uid=alice))', [alice]],
  ['(uid=al*)', [alice]],
  ['(uid=*li*e)', [alice]],
  ['(uid~=alice)', [alice]],
  ['(uid>=alice)', []],
  ['(uid=grace)', []],
  ['(uid=heidi)', []],
  ['(mail=ALICE@acme.example)', [alice]],
  ['(mail=*)', [alice, bob, odd]],
  ['(!(mail=*))', [carol, 'ou=users']],
  ['(cn=alice adams)', [alice]],
  ['(cn=Bob Lee van Dyk)', [bob]],
  ['(cn=Bob*)', [bob]],
  ['(cn=*e van*)', [bob]],
  ['(cn=Bob Lee*Dyk)', [bob]],
  ['(cn=*Lee Dyk)', []],
  ['(cn=carol)', [carol]],
  ['(cn=alice)', []],
  ['(cn=*)', everybody],
  ['(sn=adams)', [alice]],
  ['(surname=carol)', [carol]],
  ['(sn=bob)', []],
  ['(departmentNumber=engineering)', [alice, bob]],
  ['(|(department=Sales)(l=berlin))', [alice, carol]],
  ['(!(department=Engineering))', [carol, 'ou=users', odd]],
  ['(uidNumber=10001)', [alice]],
  ['(uidNumber>=10002)', [bob, carol, odd]],
  ['(uidNumber<=10001)', [alice]],
  ['(uidNumber=1*)', []],
  ['(uidNumber=x)', []],
  ['(!(uidNumber=x))', ['ou=users']],
  ['(homeDirectory=/home/bob)', [bob]],
  ['(loginShell=/bin/bash)', everybody],
  ['(loginShell=/bin/*sh)', everybody],
  ['(loginShell=/bin/*zsh)', []],
  [`(memberOf=${groupDn('engineering')})`, [alice, bob]],
  [`(memberOf=CN=Engineering, OU=Groups, ${suffix})`, [alice, bob]],
  [`(memberOf=${groupDn('R\\5c2c')})`, []],
  [`(memberOf=${groupDn('R&D\\5c, Berlin')})`, [alice]],
  [`(memberOf=${groupDn('nothing')})`, []],
  ['(memberOf=*)', [alice, bob]],
  ['(memberOf=cn=eng*)', []],
  ['(memberOf=no dn)', []],
  [`(manager=${userDn('alice')})`, [bob]],
  [`(manager=${userDn('nobody')})`, []],
  ['(manager=*)', [bob]],
  [`(entryDN=${userDn('alice')})`, [alice]],
  ['(entryUUID=00000000-0000-4000-8000-100000000002)', [bob]],
  ['(entryUUID=nonsense)', []],
  ['(createTimestamp=20260301120000Z)', ['uid=alice', bob, carol, odd]],
  ['(createTimestamp=20260301120000.500Z)', []],
  ['(&(createTimestamp>=20260301120000Z)(createTimestamp<=20260301130000+0100))', everybody],
  ['(createTimestamp>=20260301120001Z)', []],
  ['(badge=A-17)', [alice]],
  ['(badge=a-17)', []],
  ['(badge:caseExactMatch:=A-17)', [alice]],
  ['(badge:2.5.13.5:=a-17)', []],
  ['(level=7)', [alice]],
  ['(level>=3)', [alice, bob]],
  ['(level<=3.5)', [bob]],
  ['(skills=RUST)', [alice]],
  ['(skills=*us*)', [alice]],
  ['(hired=20200203000000Z)', [alice]],
  ['(hired<=20200202000000Z)', []],
  ['(remote=TRUE)', [alice]],
  ['(remote=yes)', []],
  ['(uid:=alice)', [alice]],
  ['(uid:caseIgnoreMatch:=ALICE)', [alice]],
  ['(uid:dn:=alice)', []],
  ['(:caseIgnoreMatch:=alice)', []],
  ['(uidNumber:1.2.840.113556.1.4.803:=1)', []],
  ['(!(uidNumber:1.2.840.113556.1.4.803:=1))', []],
  ['(uid;lang-de=alice)', []],
  ['(nonsense=x)', []],
  ['(!(nonsense=x))', []],
  ['(|(nonsense=x)(uid=alice))', [alice]],
  ['(&(!(nonsense=x))(uid=alice))', []],
  ['(member=*)', []],
]

t.test('every kind of filter', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  for (const [filter, found] of userFilters) {
    // The branch itself has no createTimestamp, and is of no class that people are.
    t.same(await client.names(`ou=users,${suffix}`, filter), [...found].sort(), filter)
  }
  const groups = [
    ['(cn=engineering)', ['cn=engineering']],
    [`(member=${userDn('ALICE')})`, ['cn=R&D\\, Berlin', 'cn=engineering']],
    [`(member=${userDn('heidi')})`, []],
    [`(member=cn=mac-alice,ou=devices,${suffix})`, ['cn=macs']],
    ['(member=*)', ['cn=R&D\\, Berlin', 'cn=engineering', 'cn=macs']],
    ['(&(objectClass=posixGroup)(memberUid=bob))', ['cn=engineering']],
    ['(&(objectClass=posixGroup)(!(member=*)))', ['cn=empty']],
    ['(gidNumber=20002)', ['cn=empty']],
    ['(uid=alice)', []],
  ] as const
  for (const [filter, found] of groups)
    t.same(await client.names(`ou=groups,${suffix}`, filter), found, filter)
  const devices = [
    [`(owner=${userDn('alice')})`, ['cn=mac-alice']],
    ['(diskEncrypted=TRUE)', ['cn=mac-alice']],
    ['(macAddress=AA:BB:CC:DD:EE:FF)', ['cn=mac-alice']],
    ['(serialNumber=c02*)', ['cn=mac-alice']],
    ['(|(os=linux)(lastContact>=20260101000000Z))', ['cn=lin-bob', 'cn=mac-alice']],
  ] as const
  for (const [filter, found] of devices)
    t.same(await client.names(`ou=devices,${suffix}`, filter), found, filter)
})

t.test(
  'L19 what is special to a filter, a DN or LIKE is a character like any other in a value',
  async (t) => {
    const { bound } = await open(t)
    const client = await bound()
    t.same(await client.names(suffix, '(cn=Odd, \\22One\\22 \\2a\\29\\28uid=\\2a)'), [odd])
    t.same(await client.names(suffix, '(uid=\\2a)'), [])
    t.same(await client.names(suffix, '(uid=alice\\00)'), [])
    t.same(await client.names(suffix, '(uid=%)'), [])
    t.same(await client.names(`uid=o\\2bdd,ou=users,${suffix}`, '(objectClass=*)'), [odd])
    t.same((await client.search(`uid=*,ou=users,${suffix}`, '(objectClass=*)')).code, code.noSuchObject)
  },
)

t.test('an entry as it is sent', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  const entryOf = async (attributes: string[], typesOnly = false) =>
    (await client.search(suffix, '(uid=bob)', { attributes, typesOnly })).entries[0]?.attributes ?? {}
  const all = await entryOf([])
  t.match(all, {
    objectClass: [
      'top',
      'person',
      'organizationalPerson',
      'inetOrgPerson',
      'posixAccount',
      'musterUser',
      'ldapPublicKey',
    ],
    uid: ['bob'],
    cn: ['Bob Lee van Dyk'],
    sn: ['van Dyk'],
    mail: ['bob@acme.example'],
    departmentNumber: ['Engineering'],
    manager: [userDn('alice')],
    uidNumber: ['10002'],
    homeDirectory: ['/home/bob'],
    memberOf: [groupDn('engineering')],
    level: ['3'],
    sshPublicKey: ['ssh-ed25519 AAAA bob'],
  })
  t.notOk('entryUUID' in all || 'title' in all, 'neither what is operational nor what is empty')
  t.same(Object.keys(await entryOf(['1.1'])), [])
  t.same(await entryOf(['MAIL', '2.5.4.4', 'nonsense', 'cn;lang-de']), {
    sn: ['van Dyk'],
    mail: ['bob@acme.example'],
  })
  const operational = await entryOf(['+'])
  t.same(operational.entryUUID, ['00000000-0000-4000-8000-100000000002'])
  t.same(operational.entryDN, [userDn('bob')])
  t.match(operational.createTimestamp, [/^\d{14}Z$/])
  t.notOk('uid' in operational)
  t.same(Object.keys(await entryOf(['*', '+'])), [...Object.keys(all), ...Object.keys(operational)])
  t.same(Object.keys(await entryOf(['*', 'entryDN'])), [...Object.keys(all), 'entryDN'])
  t.same(await entryOf(['uid', 'memberOf'], true), { uid: [], memberOf: [] })

  const [group] = (await client.search(groupDn('engineering'), '(cn=*)')).entries
  t.match(group?.attributes, {
    member: [userDn('alice'), userDn('bob')],
    memberUid: ['alice', 'bob'],
    gidNumber: ['20001'],
  })
  const [device] = (await client.search(suffix, '(cn=mac-alice)')).entries
  t.match(device?.attributes, {
    owner: [userDn('alice')],
    diskEncrypted: ['TRUE'],
    memberOf: [groupDn('macs')],
  })
  const custom = (await client.search(suffix, '(uid=alice)', { attributes: ['HIRED', 'remote', 'skills'] }))
    .entries[0]
  t.same(custom?.attributes, { skills: ['go', 'rust'], hired: ['20200203000000Z'], remote: ['TRUE'] })
})

t.test('L20 secrets are no attributes: neither sent, nor compared, nor searched by', async (t) => {
  const { bound } = await open(t)
  const client = await bound(userDn('alice'), 'muster-alice')
  for (const secret of [
    'userPassword',
    '2.5.4.35',
    'userPassword;binary',
    'sambaNTPassword',
    'totpSeed',
    'password',
  ]) {
    const { entries } = await client.search(userDn('alice'), '(uid=*)', { attributes: [secret, '*', '+'] })
    t.notOk(
      Object.keys(entries[0]?.attributes ?? {}).some((name) => /pass|totp|seed|hash/i.test(name)),
      secret,
    )
    for (const filter of [`(${secret}=*)`, `(!(${secret}=*))`, `(!(${secret}=x))`, `(${secret}>=a)`]) {
      t.same(await client.names(suffix, filter), [], filter)
    }
    t.equal(await compared(client, userDn('alice'), secret, 'muster-alice'), code.undefinedAttributeType)
  }
})

t.test('compare', async (t) => {
  const { bound } = await open(t)
  const client = await bound()
  const table = [
    [userDn('bob'), 'department', 'ENGINEERING', code.compareTrue],
    [userDn('bob'), 'department', 'Sales', code.compareFalse],
    [userDn('bob'), 'title', 'x', code.noSuchAttribute],
    [userDn('bob'), 'memberOf', groupDn('engineering'), code.compareTrue],
    [userDn('bob'), 'nonsense', 'x', code.undefinedAttributeType],
    [userDn('nobody'), 'uid', 'nobody', code.noSuchObject],
    [userDn('heidi'), 'uid', 'heidi', code.noSuchObject],
    [groupDn('engineering'), 'member', userDn('alice'), code.compareTrue],
    [groupDn('engineering'), 'memberUid', 'carol', code.compareFalse],
    [suffix, 'o', 'acme', code.compareTrue],
    ['no dn', 'o', 'acme', code.invalidDNSyntax],
  ] as const
  for (const [dn, attribute, value, wanted] of table) {
    t.equal(await compared(client, dn, attribute, value), wanted, `${dn} ${attribute}`)
  }
})
