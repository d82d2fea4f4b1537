// Rules mean in the process what SQL says that they mean: compiled rules beside hand-made statements, over thousands of users
// and devices whose values are chosen to be mistaken for something else. Not compared: regular expressions, and the
// order of texts and versions, which SQL has otherwise.
import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import type { GroupId } from '../../src/base/ids.ts'
import type { AttributeValue, SubjectKind } from '../../src/core/directory/types.ts'
import { readRule } from '../../src/core/membership/language/check.ts'
import { compileRule } from '../../src/core/membership/language/compile.ts'
import type { Facts, Subject } from '../../src/core/membership/language/facts.ts'
import { formatRule } from '../../src/core/membership/language/format.ts'
import type { CompareOp, Expr, Value } from '../../src/core/membership/language/syntax.ts'
import { freshDatabase } from '../support/database.ts'
import {
  at,
  boolean,
  compare,
  equality,
  groupOf,
  groups,
  hour,
  inDevices,
  order,
  part,
  present,
  schemas,
  tree,
  within,
} from '../support/generated-rules.ts'

const now = Date.UTC(2026, 5, 15, 12)
// ---- values: case and composition, what LIKE and quoting treat specially, blanks, values of the wrong type ------

const words = [
  ...['a', 'A', 'ab', 'aB', 'b', 'Ba', ' a', 'a ', 'É', 'é', 'e\u0301', 'E\u0301', 'e', 'ß', 'ẞ', 'SS', 'ss'],
  ...[
    'ΟΔΟΣ',
    'οδος',
    'οδοσ',
    'Σ',
    'ς',
    'İ',
    'i',
    'I',
    'ı',
    'i\u0307',
    'ﬁ',
    'fi',
    '\u212a',
    'k',
    'Å',
    '\u212b',
  ],
  ...[
    '%',
    '_',
    'a%',
    'a_',
    '\\',
    '\\%',
    "'",
    "''",
    '"',
    '$$',
    '--',
    'null',
    'NULL',
    'true',
    '1',
    '{a}',
    'a,b',
    '{}',
  ],
  ...['\u{1F600}', '\uffee', '\u{1F600}a', 'a\nb', '\t', '\u00a0', '\u200b', 'Ǆ', 'ǅ', 'ǆ', 'Ｑ', 'ｑ'],
]
const levels = [-1, 0, 0.1, 0.30000000000000004, 0.3, 1, 1.5, 1e21, -1e-7, 9007199254740992, 2147483648]
const instants = [
  ...['2026-06-15', '2026-06-15T12:00:00Z', '2026-06-15T12:00:00.001Z', '2026-06-15T14:00:00+02:00'],
  ...[
    '2026-06-14T23:59:59.999Z',
    '0001-01-01',
    '9999-12-31T23:59:59Z',
    '1969-12-31T23:59:59.999Z',
    '2024-02-29',
  ],
]
const texts = fc.constantFrom(...words)
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 4 })
const wrong = fc.constantFrom<AttributeValue>('1', 'true', 1, true, '', [])
const orWrong = (value: fc.Arbitrary<AttributeValue>) =>
  some(fc.oneof({ weight: 8, arbitrary: value }, { weight: 1, arbitrary: wrong }))

interface UserRow {
  readonly department: string | undefined
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>
  readonly memberOf: readonly string[]
}
interface DeviceRow {
  readonly name: string | undefined
  readonly osVersion: string | undefined
  readonly managed: boolean | undefined
  readonly lastContact: number | undefined
  readonly mac: readonly string[] | undefined
  readonly memberOf: readonly string[]
  /** Index of a user. */
  readonly owner: number | undefined
}

const counts = { users: 3_000, devices: 3_000 } as const
const ids = (letter: string) => fc.subarray([0, 1, 2, 3].map((index) => `${letter}${index}`))
const userRow: fc.Arbitrary<UserRow> = fc.record({
  department: some(fc.oneof(texts, fc.constant(''))),
  attributes: fc.record({
    badge: orWrong(texts),
    level: orWrong(fc.constantFrom(...levels)),
    started: some(fc.oneof(fc.constantFrom<AttributeValue>(...instants), fc.constant(true))),
    skills: orWrong(fc.array(fc.oneof(texts, fc.constant('')), { maxLength: 4 })),
    remote: orWrong(fc.boolean()),
  }),
  memberOf: ids('g'),
})
const deviceRow: fc.Arbitrary<DeviceRow> = fc.record({
  name: some(fc.oneof(texts, fc.constant(''))),
  osVersion: some(fc.oneof(texts, fc.constantFrom('1', '1.10', ''))),
  managed: some(fc.boolean()),
  lastContact: some(fc.constantFrom(now, now - 1, now + 1, now - hour, now + hour, now - 24 * hour, 0, -1)),
  mac: some(fc.array(texts, { maxLength: 3 })),
  memberOf: ids('d'),
  // A few users have many devices, most have one or none.
  owner: some(fc.oneof(fc.nat({ max: counts.users - 1 }), fc.nat({ max: 50 }))),
})

// ---- rules ------------------------------------------------------------------------------------------------

const text = texts.map((value): Value => ({ kind: 'string', value, at }))
const number = fc.constantFrom(...levels).map((value): Value => ({ kind: 'number', value, at }))
const instant = fc.oneof(
  fc.constantFrom(...instants).map((value): Value => ({ kind: 'string', value, at })),
  fc.constantFrom(-24, -1, 1).map((amount): Value => ({ kind: 'relative', amount, unit: 'h', at })),
  fc.constant<Value>({ kind: 'relative', amount: 0, unit: 's', at }),
)

const ofUsers = (prefix: '' | 'owner.'): fc.Arbitrary<Expr>[] => [
  ...['department', 'badge', 'skills'].flatMap((name) => [
    compare(prefix + name, [...equality, ...part], text),
    ...[within(prefix + name, text), present(prefix + name)],
  ]),
  ...[compare(`${prefix}level`, [...equality, ...order], number), within(`${prefix}level`, number)],
  ...[present(`${prefix}level`), compare(`${prefix}remote`, equality, boolean), present(`${prefix}remote`)],
  ...[compare(`${prefix}started`, [...equality, ...order], instant), present(`${prefix}started`)],
  ...[compare(`${prefix}memberOf`, equality, groupOf('g')), within(`${prefix}memberOf`, groupOf('g'))],
  present(`${prefix}memberOf`),
]
const ofDevices: fc.Arbitrary<Expr>[] = [
  ...[compare('name', [...equality, ...part], text), within('name', text), present('name')],
  ...[compare('osVersion', part, text), present('osVersion')],
  ...[compare('managed', equality, boolean), present('managed')],
  ...[compare('lastContact', [...equality, ...order], instant), present('lastContact')],
  ...[compare('mac', [...equality, ...part], text), within('mac', text), present('mac')],
  ...[compare('memberOf', equality, groupOf('d')), within('memberOf', groupOf('d')), present('memberOf')],
]

const anyDevice = tree(fc.oneof(...ofDevices), 3).map(inDevices)
const terms: Record<SubjectKind, fc.Arbitrary<Expr>[]> = {
  users: [...ofUsers(''), anyDevice],
  devices: [...ofDevices, ...ofUsers('owner.')],
}

// ---- the statements ----------------------------------------------------------------------------------------

/** Lower case in SQL's words, for texts in any composition. `İ` becomes two characters, as Unicode has it. */
const foldSql = (sql: string): string =>
  `normalize(replace(lower(replace(normalize(${sql}, NFC), 'İ', 'i' || chr(775))), 'ς', 'σ'), NFC)`

interface Column {
  readonly type: 'text' | 'exact' | 'list' | 'number' | 'boolean' | 'date' | 'groups'
  /** For a table's alias; null where the value is missing. */
  sql(table: string): string
}

const custom = (name: string, type: string, then: (json: string) => string): Column['sql'] => {
  return (table) => {
    const json = `${table}.attributes -> '${name}'`
    return `case when jsonb_typeof(${json}) = '${type}' then ${then(json)} end`
  }
}
const plain = (json: string): string => `(${json} #>> '{}')`
const columns: Readonly<Record<string, Column>> = {
  department: { type: 'text', sql: (table) => `nullif(${table}.department, '')` },
  badge: { type: 'exact', sql: custom('badge', 'string', (json) => `nullif(${plain(json)}, '')`) },
  level: { type: 'number', sql: custom('level', 'number', (json) => `${plain(json)}::numeric`) },
  remote: { type: 'boolean', sql: custom('remote', 'boolean', (json) => `${plain(json)}::boolean`) },
  started: { type: 'date', sql: custom('started', 'string', (json) => `${plain(json)}::timestamptz`) },
  skills: {
    type: 'list',
    sql: custom('skills', 'array', (json) => `array(select jsonb_array_elements_text(${json}))`),
  },
  name: { type: 'text', sql: (table) => `nullif(${table}.name, '')` },
  osVersion: { type: 'text', sql: (table) => `nullif(${table}.os_version, '')` },
  managed: { type: 'boolean', sql: (table) => `${table}.managed` },
  lastContact: { type: 'date', sql: (table) => `${table}.last_contact` },
  mac: { type: 'list', sql: (table) => `${table}.mac` },
  memberOf: { type: 'groups', sql: (table) => `${table}.member_of` },
}

const quoted = (value: string): string => `E'${value.replace(/['\\]/g, (each) => `\\${each}`)}'`

/** A rule as a condition; `self` and `owner` are the aliases of what it speaks of. */
function condition(expr: Expr, self: string): string {
  switch (expr.kind) {
    case 'and':
    case 'or':
      return `(${expr.items.map((item) => condition(item, self)).join(` ${expr.kind} `)})`
    case 'not':
      return `(not ${condition(expr.item, self)})`
    case 'any':
      return `exists (select from devices where devices.owner = ${self}.id and ${condition(expr.where, 'devices')})`
    case 'matches':
      throw new Error('not compared')
    default: {
      const isOwner = expr.path.name.startsWith('owner.')
      const column = columns[expr.path.name.replace('owner.', '')]
      if (!column) throw new Error(expr.path.name)
      return comparison(expr, column, column.sql(isOwner ? 'owners' : self))
    }
  }
}

type Term = Extract<Expr, { kind: 'present' | 'compare' | 'in' }>

function comparison(expr: Term, { type }: Column, sql: string): string {
  const isList = type === 'list' || type === 'groups'
  if (expr.kind === 'present')
    return `coalesce(${isList ? `cardinality(${sql}) > 0` : `${sql} is not null`}, false)`
  const op = expr.kind === 'in' ? 'eq' : expr.op
  const values = expr.kind === 'in' ? expr.values : [expr.value]
  const test = (one: string) =>
    values
      .map((value) => `coalesce(${single(op === 'ne' ? 'eq' : op, type, one, value)}, false)`)
      .join(' or ')
  const holds = isList
    ? `exists (select from unnest(${sql}) as element where ${test('element')})`
    : `(${test(sql)})`
  return op === 'ne' ? `(not ${holds})` : holds
}

const signs = { eq: '=', gt: '>', ge: '>=', lt: '<', le: '<=' } as const

function single(op: Exclude<CompareOp, 'ne'>, type: Column['type'], sql: string, value: Value): string {
  const folds = type === 'text' || type === 'list'
  const left = folds ? foldSql(sql) : sql
  const right = constant(type, value, folds)
  if (op === 'co') return `position(${right} in ${left}) > 0`
  if (op === 'sw') return `starts_with(${left}, ${right})`
  if (op === 'ew') return `right(${left}, length(${right})) = ${right}`
  return `${left} ${signs[op]} ${right}`
}

function constant(type: Column['type'], value: Value, folds: boolean): string {
  if (value.kind === 'relative') return `to_timestamp(${now + value.amount * hour}::numeric / 1000)`
  if (value.kind !== 'string') return type === 'number' ? `${value.value}::numeric` : String(value.value)
  if (type === 'date') return `${quoted(value.value)}::timestamptz`
  return folds ? foldSql(quoted(value.value)) : quoted(value.value)
}

const statements = {
  users: (where: string) => `select id from users where ${where}`,
  devices: (where: string) =>
    `select devices.id from devices left join users as owners on owners.id = devices.owner where ${where}`,
} as const

// ---- both sides --------------------------------------------------------------------------------------------

async function fill(
  client: pg.Client,
  users: readonly UserRow[],
  devices: readonly DeviceRow[],
): Promise<void> {
  await client.query(
    `create table users (id int primary key, department text, attributes jsonb, member_of text[])`,
  )
  await client.query(
    `create table devices (id int primary key, owner int, name text, os_version text, managed boolean,
      last_contact timestamptz, mac text[], member_of text[])`,
  )
  for (const [id, { department, attributes, memberOf }] of users.entries()) {
    const row = [id, department, JSON.stringify(attributes), memberOf]
    await client.query('insert into users values ($1, $2, $3, $4)', row)
  }
  for (const [id, device] of devices.entries()) {
    const { owner, name, osVersion, managed, lastContact, mac, memberOf } = device
    const contact = lastContact === undefined ? null : new Date(lastContact).toISOString()
    const row = [id, owner, name, osVersion, managed, contact, mac, memberOf]
    await client.query('insert into devices values ($1, $2, $3, $4, $5, $6, $7, $8)', row)
  }
  await client.query('create index on devices (owner)')
  await client.query('analyze')
}

function subjectsOf(
  users: readonly UserRow[],
  devices: readonly DeviceRow[],
): Record<SubjectKind, Subject[]> {
  const member = (all: readonly string[]) => new Set(all as readonly GroupId[])
  const userFacts = users.map(({ department, attributes, memberOf }): Facts => {
    return { values: { ...attributes, department }, memberOf: member(memberOf) }
  })
  const deviceFacts = devices.map(
    ({ owner, memberOf, ...values }): Facts => ({ values, memberOf: member(memberOf) }),
  )
  const owned = Map.groupBy(deviceFacts, (_, index) => devices[index]?.owner)
  return {
    users: userFacts.map((facts, index) => ({ ...facts, devices: owned.get(index) ?? [] })),
    devices: deviceFacts.map((facts, index) => {
      const owner = userFacts[devices[index]?.owner ?? -1]
      return owner === undefined ? facts : { ...facts, owner }
    }),
  }
}

t.test('compiled rules agree with SQL', async (t) => {
  const client = new pg.Client({ connectionString: await freshDatabase(t) })
  await client.connect()
  t.teardown(() => client.end())
  await client.query(`set time zone 'UTC'`)
  const [users, devices] = [fc.sample(userRow, counts.users), fc.sample(deviceRow, counts.devices)]
  await fill(client, users, devices)
  const subjects = subjectsOf(users, devices)
  const seen = { true: 0, false: 0 }

  async function agree(expr: Expr, of: SubjectKind): Promise<void> {
    const rule = formatRule(expr)
    const checked = readRule(rule, schemas[of], groups)
    if (!checked.ok) throw new Error(`${rule}: ${checked.error[0]?.message}`)
    const predicate = compileRule(checked.value)
    const statement = statements[of](condition(expr, of))
    const { rows } = await client.query<{ id: number }>(statement)
    const found = new Set(rows.map(({ id }) => id))
    for (const [id, subject] of subjects[of].entries()) {
      const holds = predicate(subject, now)
      seen[`${holds}`]++
      if (holds === found.has(id)) continue
      const values = JSON.stringify({ ...subject, owner: subject.owner?.values })
      throw new Error(`${rule} is ${holds} here, and ${!holds} in SQL, for ${values}\n${statement}`)
    }
  }

  for (const kind of ['users', 'devices'] as const) {
    await t.test(`every operator by itself, of ${kind}`, async () => {
      for (const term of terms[kind]) for (const expr of fc.sample(term, 12)) await agree(expr, kind)
    })
    await t.test(`joined by and, or, not: ${kind}`, async () => {
      const rule = tree(fc.oneof(...terms[kind]), 3)
      await fc.assert(
        fc.asyncProperty(rule, (expr) => agree(expr, kind)),
        { numRuns: 200 },
      )
    })
  }
  t.ok(seen.true + seen.false >= 1_000_000, `${seen.true + seen.false} comparisons`)
  t.ok(Math.min(seen.true, seen.false) > 100_000, `${JSON.stringify(seen)} are of both kinds`)
})
