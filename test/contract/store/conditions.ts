// Conditions: SQL against their three-valued meaning, spellings, memberships, and the use of indexes.
import fc from 'fast-check'
import type { Test } from 'tap'
import { type GroupId, newId, type OrganizationId } from '../../../src/base/ids.ts'
import type { Condition, ConditionValue } from '../../../src/core/directory/condition.ts'
import { conditionSql } from '../../../src/store/condition-sql.ts'
import { Reader } from '../../../src/store/reader.ts'
import { sql } from '../../../src/store/sql.ts'
import {
  at,
  makeGroup,
  makeUser,
  plant,
  plantOrganization,
  type StoreUnderTest,
} from '../../support/store.ts'
import { anyCondition, evaluate, population, texts } from './three-valued.ts'

export async function testConditions(t: Test, store: StoreUnderTest): Promise<void> {
  const { id: org } = await plantOrganization(store, 'conditions')
  const users = population()
  await plant(store, org, { users })
  const reader = new Reader(store.database)
  const found = async (where: Condition, of: OrganizationId = org) =>
    (await reader.users(of, where, { limit: 100 }, false)).map(({ user }) => user.username).sort()
  const eq = (name: string, value: ConditionValue): Condition => ({
    op: 'eq',
    field: { standard: name },
    value,
  })

  await t.test('a condition selects what its three-valued meaning says (L19)', async (t) => {
    const conditions = anyCondition(users.slice(0, 3).flatMap(({ id }) => [id, id.toUpperCase()]))
    await fc.assert(
      fc.asyncProperty(conditions, async (condition) => {
        const wanted = users
          .filter((user) => evaluate(condition, user) === true)
          .map(({ username }) => username)
        const got = await found(condition)
        if (got.join('\n') !== wanted.sort().join('\n'))
          throw new Error(`got ${got.join(' | ')}; wanted ${wanted.join(' | ')}`)
      }),
      { numRuns: 400 },
    )
    t.pass('400 conditions')
  })

  await t.test('every hostile text finds itself, and its negation everybody else (L19)', async (t) => {
    for (const text of texts) {
      const wanted = users.filter(({ department }) => department?.toLowerCase() === text.toLowerCase())
      const itself = await found(eq('department', text))
      t.same(itself, wanted.map(({ username }) => username).sort(), text)
      t.equal((await found({ op: 'not', of: eq('department', text) })).length, users.length - itself.length)
      const { text: statement } = conditionSql('users', eq('department', text), 'u').compile()
      t.equal(statement, 'lower(u.department) = lower($1::text)', 'the value is no part of the statement')
    }
    const name = {
      op: 'eq',
      field: { custom: "x' or true --", type: 'string', caseExact: true },
      value: 'x',
    } as const
    t.same(await found(name), [], 'nor is the name of a custom attribute')
  })

  await t.test('what cannot be answered selects nothing, negated or not', async (t) => {
    const unknown: Condition = { op: 'unknown' }
    t.same(await found(unknown), [])
    t.same(await found({ op: 'not', of: unknown }), [])
    t.same(await found({ op: 'not', of: { op: 'and', of: [unknown, { op: 'true' }] } }), [])
    t.equal(
      (await found({ op: 'not', of: { op: 'and', of: [unknown, { op: 'false' }] } })).length,
      users.length,
    )
    t.same(await found({ op: 'not', of: eq('department', 'nul\0') }), [])
  })

  await t.test('names are found whatever way they are typed', async (t) => {
    const other = await plantOrganization(store, 'spelling')
    await plant(store, other.id, {
      users: [makeUser('Zoë Müller', { department: 'Straße Ü', email: 'Zoe@X.example' })],
    })
    const one = ['Zoë Müller']
    t.same(await found(eq('username', ' zoe\u0308  MÜLLER '), other.id), one)
    t.same(await found(eq('email', 'zoe@x.EXAMPLE'), other.id), one)
    t.same(await found(eq('department', 'straße ü'), other.id), one, 'lower case is not only that of ASCII')
    t.same(
      await found(
        { op: 'substring', field: { standard: 'username' }, initial: 'ZOE\u0308 ', any: ['ü'], final: 'R' },
        other.id,
      ),
      one,
    )
  })

  await t.test('nesting is bounded', async (t) => {
    let deep: Condition = { op: 'true' }
    for (let i = 0; i < 250; i++) deep = { op: 'and', of: [{ op: 'not', of: { op: 'false' } }, deep] }
    t.equal((await found(deep)).length, users.length)
    for (let i = 0; i < 10_000; i++) deep = { op: 'not', of: deep }
    await t.rejects(found(deep), RangeError)
  })

  await t.test('members of a group are active users', async (t) => {
    const { id } = await plantOrganization(store, 'members')
    const [active, staged] = [makeUser('in'), makeUser('waiting', { state: 'staged' })]
    const [open, empty] = [makeGroup('open'), makeGroup('empty')]
    const memberships = [active, staged].map((user) => ({
      subjectId: user.id,
      groupId: open.id,
      reasons: ['rule' as const],
    }))
    await plant(store, id, {
      users: [active, staged, makeUser('out')],
      groups: [open, empty],
      memberships,
    })
    const groupsFound = async (where: Condition) =>
      (await reader.groups(id, where, { limit: 9 })).map(({ name }) => name).sort()
    const memberOf = (group: GroupId): Condition => ({ op: 'member-of', group })

    t.same(await found(memberOf(open.id), id), ['in', 'waiting'])
    t.same(await found({ op: 'not', of: memberOf(open.id) }, id), ['out'])
    t.same(await found(memberOf(empty.id), id), [])
    t.same(await found(memberOf("' or true" as GroupId), id), [])
    const either = (...groups: GroupId[]) => ({ op: 'or' as const, of: groups.map(memberOf) })
    t.same(await found(either(empty.id, open.id), id), ['in', 'waiting'])
    t.same(await found({ op: 'not', of: either(empty.id, open.id) }, id), ['out'])
    t.same(await found(either(empty.id, "' or true" as GroupId), id), [])
    t.same(await found({ op: 'or', of: [eq('username', 'out'), ...either(empty.id, open.id).of] }, id), [
      ...['in', 'out', 'waiting'],
    ])
    t.same(await found({ op: 'and', of: [memberOf(empty.id), memberOf(open.id)] }, id), [])
    t.same(await groupsFound({ op: 'not', of: either(empty.id, open.id) }), ['empty', 'open'])
    t.same(await found({ op: 'member-of-any' }, id), ['in', 'waiting'])
    t.same(await groupsFound({ op: 'has-member', subject: active.id }), ['open'])
    t.same(await groupsFound({ op: 'has-member', subject: staged.id }), [])
    t.same(await groupsFound({ op: 'has-member', subject: newId() }), [])
    t.same(await groupsFound({ op: 'has-member-any' }), ['open'])
    t.same(await groupsFound({ op: 'not', of: { op: 'has-member-any' } }), ['empty'])
    t.same((await reader.users(id, eq('username', 'in'), { limit: 1 }, true))[0]?.groups, [open.id])
  })

  await t.test(
    'equality of username and e-mail uses an index, also in pages and with a negation beside it',
    async (t) => {
      const { id } = await plantOrganization(store, 'indexes')
      await store.database.query(sql`
      insert into users (org, id, username, username_key, email, email_key, state, created_at, updated_at)
      select ${id}::uuid, gen_random_uuid(), 'user' || i, 'user' || i, 'user' || i || '@x', 'user' || i || '@x', 'active', ${at}, ${at}
      from generate_series(1, 3000) i`)
      await store.database.script('analyze users')
      for (const field of ['username', 'email']) {
        const where: Condition = {
          op: 'and',
          of: [eq(field, 'user17'), { op: 'not', of: eq('department', 'x') }],
        }
        const rows = await store.database.query<Record<string, string>>(
          sql`explain select u.id from users u where u.org = ${id} and ${conditionSql('users', where, 'u')} and u.state = 'active'
          order by u.id limit 100`,
        )
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
        t.match(plan, new RegExp(`Index Scan using users_org_${field}_key_key`), plan)
      }
    },
  )
}
