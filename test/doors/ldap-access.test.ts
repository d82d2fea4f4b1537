// What open LDAP connections lose when they lose a right, and what all of them together may take.
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { ServiceAccountId } from '../../src/base/ids.ts'
import type { Permit } from '../../src/core/access/decision.ts'
import { resultCodes as code } from '../../src/wire/ldap/result-codes.ts'
import { searchRequest } from '../support/ldap-client.ts'
import { byTable, open, suffix } from '../support/ldap-door.ts'

const folder = t.testdir({})
const account = '00000000-0000-4000-8000-600000000001' as ServiceAccountId

t.test('L24 a service account that may read less reads no further, also in what is under way', async (t) => {
  let permit: Permit | undefined
  const { bound, directory, state, change } = await open(t, folder, {
    settings: { entriesPerRead: 1 },
    decide(request) {
      const decision = byTable(request, directory.contents.users)
      if (decision.outcome === 'permit') permit = decision
      return decision
    },
  })
  const reading = (reads: readonly ('users' | 'groups' | 'devices')[]) => {
    state.review = {
      ...(permit as Permit),
      principal: { kind: 'service', id: account, name: 'reader', reads },
    }
    change('service-account', account)
  }
  const [busy, idle] = [await bound(), await bound()]
  let pieces = 0
  const waiting: (() => void)[] = []
  directory.pace = () => {
    pieces++
    return new Promise((resolve) => waiting.push(resolve))
  }
  busy.send(searchRequest(`ou=devices,${suffix}`, '(cn=*)'))
  await wait(20)
  t.equal(pieces, 1)
  reading(['users', 'groups'])
  await wait(20)
  directory.pace = async () => void pieces++
  for (const go of waiting) go()
  await busy.until(() => false)
  t.ok(busy.closed)
  const entries = busy.received.filter(({ protocolOp }) => protocolOp === 'searchResultEntry')
  t.same(entries, [], 'nothing of a branch that may not be read any more')
  t.equal(pieces, 1)

  t.notOk(idle.closed, 'one that is reading nothing goes on with what it may')
  t.equal((await idle.search(`ou=devices,${suffix}`, '(cn=*)')).entries.length, 0)
  t.equal(
    (await idle.search(`cn=lin-bob,ou=devices,${suffix}`, '(cn=*)')).code,
    code.insufficientAccessRights,
  )
  t.equal((await idle.search(suffix, '(uid=alice)')).entries.length, 1)

  const more = idle.send(searchRequest(`ou=users,${suffix}`, '(department=Sales)'))
  reading(['users', 'groups', 'devices'])
  t.equal((await idle.answers(more)).length, 2, 'more rights end nothing')
})

t.test('L10 unfinished messages of strangers share a bound, and cost nobody who has bound', async (t) => {
  const { bound, connect } = await open(t, folder, { settings: { strangersBytes: 600_000 } })
  const member = await bound()
  const part = Buffer.concat([Buffer.from('308303ff00', 'hex'), Buffer.alloc(250_000)])
  const strangers = []
  for (let i = 0; i < 5; i++) {
    const one = await connect()
    one.raw(part)
    strangers.push(one)
    await wait(20)
  }
  t.same(
    strangers.map(({ closed }) => closed),
    [false, false, true, true, true],
    'two of them fit',
  )
  t.equal((await member.search(suffix, '(uid=alice)')).entries.length, 1)
  const small = await bound()
  t.equal((await small.search(suffix, '(uid=alice)')).entries.length, 1, 'a bind is small')
  small.raw(part)
  await wait(20)
  t.notOk(small.closed, 'of those who have bound it is not taken')
  for (const one of strangers) one.end()
  await wait(20)
  const later = await connect()
  later.raw(part)
  await wait(20)
  t.notOk(later.closed, 'what they held is given back')
})

t.test('L20 users learn no name of a device that is not theirs, by no way of asking', async (t) => {
  const { bound } = await open(t, folder)
  const reader = await bound()
  const macs = `cn=macs,ou=groups,${suffix}`
  const [group] = (await reader.search(macs, '(cn=*)')).entries
  t.same(group?.attributes.member, [`cn=mac-alice,ou=devices,${suffix}`], 'a service account reads them')

  const bob = await bound(`uid=bob,ou=users,${suffix}`, 'muster-bob')
  const asked = [
    await bob.search(suffix, '(objectClass=*)', { attributes: ['*', '+'] }),
    await bob.search(suffix, '(member=*)'),
    await bob.search(suffix, `(member=cn=mac-alice,ou=devices,${suffix})`),
    await bob.search(suffix, `(owner=uid=alice,ou=users,${suffix})`),
    await bob.search(macs, '(cn=*)'),
  ]
  t.notMatch(JSON.stringify(asked.map(({ entries }) => entries)), /mac-alice/)
  t.same(
    asked.slice(2).map(({ entries }) => entries.length),
    [0, 0, 0],
    'nor by whether something is found',
  )
  t.equal((await bob.search(`cn=lin-bob,ou=devices,${suffix}`, '(cn=*)')).entries.length, 1, 'his own')
  t.same(await bob.names(`ou=groups,${suffix}`, '(objectClass=groupOfNames)'), [
    'cn=R&D\\, Berlin',
    'cn=empty',
    'cn=engineering',
  ])
})
