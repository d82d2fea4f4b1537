// The parts of the set engine one by one: ordinals, owners, forms of columns, memory, and questions about single values.
import t from 'tap'
import { type DeviceId, newId, type UserId } from '../../../../src/base/ids.ts'
import { termTest } from '../../../../src/core/membership/columns/column.ts'
import { Dictionary } from '../../../../src/core/membership/columns/dictionary.ts'
import { evaluateSet, seen } from '../../../../src/core/membership/columns/evaluate.ts'
import { countOf, rowsOf } from '../../../../src/core/membership/columns/mask.ts'
import { none, Owners } from '../../../../src/core/membership/columns/owners.ts'
import { Population } from '../../../../src/core/membership/columns/population.ts'
import { Codes } from '../../../../src/core/membership/columns/storage.ts'
import { subjectSchemas } from '../../../../src/core/membership/language/schema.ts'
import { Dice, now, PlainView, ruleOf, schemas, World } from './world.ts'

const members = new PlainView(10)

function rowsWith(population: Population, text: string, of: 'users' | 'devices' = 'users'): number[] {
  const mask = evaluateSet(ruleOf(text, of), of, population, { now, members })
  return [...mask.keys()].filter((row) => mask[row] === 1)
}

t.test('ordinals that nobody has are in no set, and can be given anew', async (t) => {
  const world = new World(1, 4, 10)
  const { population } = world
  population.upsertUser(3, { ...world.user(), department: 'Sales', title: null })
  t.same(rowsWith(population, 'not (department eq "Support")'), [3])
  t.same(rowsWith(population, 'not (department eq "Sales")'), [])
  population.removeUser(3)
  t.same(rowsWith(population, 'department eq "Sales" or department ne "Sales"'), [])
  population.upsertUser(3, { ...world.user(), department: null, title: 'Clerk' })
  t.same(rowsWith(population, 'department pr'), [], 'nothing is left of whoever had it before')
  t.same(rowsWith(population, 'title eq "clerk"'), [3])
  t.equal(population.users.count, 1)
  for (const ordinal of [-1, 0.5, Number.NaN, 2 ** 32])
    t.throws(() => population.upsertUser(ordinal, world.user()), RangeError, String(ordinal))
})

t.test('devices that come before their owner, stay after it, or are given to others', async (t) => {
  const world = new World(1, 4, 10)
  const { population } = world
  const device = { ...world.device(), name: 'first' }
  population.upsertDevice(0, device, 2)
  t.same(rowsWith(population, 'owner.department pr', 'devices'), [])
  t.same(rowsWith(population, 'owner.department ne "Sales"', 'devices'), [0], 'nothing is known of the owner')
  population.upsertUser(2, { ...world.user(), department: 'Sales' })
  population.upsertUser(1, { ...world.user(), department: 'Support' })
  t.same(rowsWith(population, 'owner.department eq "Sales"', 'devices'), [0])
  t.same(rowsWith(population, 'devices[name eq "First"]'), [2])
  population.upsertDevice(0, device, 1)
  t.same(rowsWith(population, 'devices[name eq "First"]'), [1])
  population.removeUser(1)
  population.upsertUser(1, { ...world.user(), department: 'Support' })
  t.same(
    rowsWith(population, 'devices[name eq "First"]'),
    [],
    'the next one with its ordinal does not inherit',
  )
  t.same(rowsWith(population, 'owner.department pr', 'devices'), [])
})

t.test('values asked one after the other are those of one attribute of one subject', async (t) => {
  const world = new World(1, 4, 10)
  const { population } = world
  const user = world.user()
  const device = { ...world.device(), id: newId<DeviceId>() }
  population.upsertUser(0, user)
  population.upsertDevice(0, device, 0)
  const rows = (text: string) => rowsWith(population, text, 'devices')
  const other = newId<UserId>()
  t.same(rows(`id eq "${other}" or owner.id eq "${user.id}"`), [0])
  t.same(rows(`id eq "${user.id}x" or owner.id eq "${other}"`), [])
  t.same(rows(`id ne "${other}" and owner.id ne "${user.id}"`), [])
  t.same(rows(`id eq "${other}" or owner.id eq "${other}" or id eq "${device.id}"`), [0])
})

t.test('chains of devices are what a list for each user would be', async (t) => {
  const dice = new Dice(7)
  const owners = new Owners()
  owners.resizeUsers(8)
  owners.resizeDevices(40)
  const model = new Map<number, number>()
  for (let step = 0; step < 5_000; step++) {
    if (dice.chance(0.05)) {
      const user = dice.below(8)
      owners.release(user)
      for (const [device, owner] of model) if (owner === user) model.delete(device)
    } else {
      const device = dice.below(40)
      const owner = dice.chance(0.2) ? none : dice.below(8)
      owners.set(device, owner)
      if (owner === none) model.delete(device)
      else model.set(device, owner)
    }
    const user = step % 8
    const chain: number[] = []
    for (let device = owners.first(user); device !== none; device = owners.next(device)) chain.push(device)
    const wanted = [...model.keys()].filter((device) => model.get(device) === user)
    if (chain.sort((a, b) => a - b).join() !== wanted.sort((a, b) => a - b).join())
      throw new Error(`step ${step}: ${chain} instead of ${wanted}`)
  }
  t.ok(model.size > 0)
})

t.test('codes take more bytes when they have to, and lose nothing by it', async (t) => {
  const codes = new Codes(4)
  codes.set(0, 255)
  t.equal(codes.bytes, 4)
  codes.set(1, 256)
  t.equal(codes.bytes, 8)
  codes.set(2, 70_000)
  codes.resize(8)
  t.same([...codes.array], [255, 256, 70_000, 0, 0, 0, 0, 0])
  t.equal(codes.bytes, 32)
})

t.test('a dictionary forgets what nobody uses, and its answers follow', async (t) => {
  const attribute = schemas.users.attributes.get('department')
  if (attribute === undefined) throw new Error('no department')
  const dictionary = new Dictionary<string>()
  const at = { start: 0, end: 0 }
  const rightOnes = (): string[] => {
    const test = termTest({ kind: 'compare', side: 'self', attribute, op: 'sw', value: 'a', at }, now)
    const table = dictionary.answers(test, test.holds)
    const values = [...dictionary.values()]
    return values.filter((value) => {
      const code = dictionary.add(value)
      dictionary.release(code)
      return table[code] === 1
    })
  }
  const codes = new Map<string, number>()
  const dice = new Dice(3)
  let most = 0
  for (let step = 0; step < 10_000; step++) {
    const value = `${dice.of(['a', 'b'])}${dice.below(500)}`
    const code = codes.get(value)
    if (code === undefined) codes.set(value, dictionary.add(value))
    else {
      dictionary.release(code)
      codes.delete(value)
    }
    most = Math.max(most, ...(step % 100 === 0 ? codes.values() : []))
    if (step % 50 !== 0) continue
    const wanted = [...codes.keys()].filter((one) => one.startsWith('a'))
    if (rightOnes().sort().join() !== wanted.sort().join()) throw new Error(`step ${step}`)
  }
  t.equal(dictionary.size, codes.size)
  t.ok(most <= 1_000, 'codes are used again')
})

t.test('masks are counted and listed', async (t) => {
  const dice = new Dice(5)
  for (const share of [0, 0.01, 0.5, 1]) {
    const mask = Uint8Array.from({ length: 64 * 100 }, () => (dice.chance(share) ? 1 : 0))
    const wanted = [...mask.keys()].filter((row) => mask[row] === 1)
    t.equal(countOf(mask), wanted.length)
    t.same([...rowsOf(mask, wanted.length)], wanted)
  }
})

t.test('does anybody have this value', async (t) => {
  for (const mostUnasked of [0, 100]) {
    const world = new World(1, 4, mostUnasked)
    const { population } = world
    const user = {
      ...world.user(),
      department: 'Größe',
      managerId: '6f1c2d3e-0000-4000-8000-000000000001' as UserId,
      createdAt: new Date(now),
      attributes: { badge: 'Ab', level: 5, skills: ['Go', 'Rust'], remote: false },
    }
    population.upsertUser(0, user)
    const isSeen = (name: string, value: string | number | boolean): boolean => {
      const attribute = schemas.users.attributes.get(name.toLowerCase())
      if (attribute === undefined) throw new Error(name)
      return seen(population, 'users', attribute, value)
    }
    const values = [
      ['department', 'größe', 'sales'],
      ['managerId', user.managerId, '6f1c2d3e-0000-4000-8000-000000000002'],
      ['createdAt', now, now + 1],
      ['badge', 'Ab', 'ab'],
      ['level', 5, 6],
      ['skills', 'rust', 'java'],
      ['remote', false, true],
    ] as const
    for (const [name, there, absent] of values) {
      t.ok(isSeen(name, there), `${name} ${there}`)
      t.notOk(isSeen(name, absent), `${name} ${absent}`)
    }
    population.removeUser(0)
    for (const [name, there] of values) t.notOk(isSeen(name, there), `${name} ${there} is gone`)
  }
})

t.test('attributes that are declared later, of another kind, or no more', async (t) => {
  const world = new World(1, 4, 10)
  const declared = (type: 'string' | 'number') =>
    subjectSchemas([{ name: 'grade', of: 'users', type, caseExact: false }])
  const population = new Population(declared('string'))
  population.upsertUser(0, { ...world.user(), attributes: { grade: 'A' } })
  const rows = (type: 'string' | 'number', text: string) => {
    const rule = ruleOf(text, 'users', declared(type))
    return [...evaluateSet(rule, 'users', population, { now, members })]
  }
  t.same(rows('string', 'grade eq "a"'), [1])
  t.throws(() => rows('number', 'grade eq 1'), /no column for the attribute "grade": declare it/)
  population.declare(declared('number'))
  t.same(rows('number', 'grade pr'), [0], 'empty at first')
  population.upsertUser(0, { ...world.user(), attributes: { grade: 1 } })
  t.same(rows('number', 'grade eq 1'), [1])
  population.declare(subjectSchemas([]))
  t.throws(() => rows('number', 'grade eq 1'), RangeError)
})

t.test('memory does not grow with changes', async (t) => {
  const world = new World(1, 4, 100)
  const population = new Population(schemas, { mostUnasked: 100 })
  const put = (ordinal: number, round: number) =>
    population.upsertUser(ordinal, {
      ...world.user(),
      username: `user-${ordinal}-${round}`,
      email: `user-${ordinal}-${round}@acme.example`,
      attributes: { skills: [`skill ${round % 7}`, `other ${ordinal}-${round}`], nick: `nick ${round}` },
    })
  const everybody = Array.from({ length: 2_000 }, (_, i) => i)
  for (const ordinal of everybody) put(ordinal, 0)
  population.fit()
  const before = population.bytes
  for (let round = 1; round < 20; round++) for (const ordinal of everybody) put(ordinal, round)
  t.ok(population.bytes < before * 1.7, `${population.bytes} after ${before}`)
  for (const ordinal of everybody) population.removeUser(ordinal)
  population.fit()
  t.ok(population.bytes < before, 'and shrinks with removal')
  t.same(rowsWith(population, 'username pr'), [])
})
