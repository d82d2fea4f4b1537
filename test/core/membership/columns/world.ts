// Generated organizations for tests of the set engine: users, devices and groups with awkward values, and rules about them. The
// same subjects are kept as plain objects, so that closures can be asked what columns are asked.
import type { DeviceId, GroupId, UserId } from '../../../../src/base/ids.ts'
import {
  type AttributeValues,
  type Device,
  operatingSystems,
  type SubjectKind,
  type User,
  userStates,
  userTexts,
} from '../../../../src/core/directory/types.ts'
import { Population } from '../../../../src/core/membership/columns/population.ts'
import type { ComputedGroup, Mask, MembersView } from '../../../../src/core/membership/columns/shapes.ts'
import { type GroupNames, readRule } from '../../../../src/core/membership/language/check.ts'
import type { CheckedRule } from '../../../../src/core/membership/language/checked.ts'
import {
  deviceFacts,
  type Facts,
  type Subject,
  userFacts,
} from '../../../../src/core/membership/language/facts.ts'
import { subjectSchemas } from '../../../../src/core/membership/language/schema.ts'

export const now = Date.UTC(2026, 5, 15)
const hour = 3_600_000

/** Repeatable: the same seed gives the same numbers (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

const custom = [
  { name: 'badge', of: 'users', type: 'string', caseExact: true },
  { name: 'nick', of: 'users', type: 'string', caseExact: false },
  { name: 'level', of: 'users', type: 'number', caseExact: false },
  { name: 'started', of: 'users', type: 'date', caseExact: false },
  { name: 'remote', of: 'users', type: 'boolean', caseExact: false },
  { name: 'skills', of: 'users', type: 'list', caseExact: false },
  { name: 'tags', of: 'users', type: 'list', caseExact: true },
  { name: '__proto__', of: 'users', type: 'string', caseExact: false },
  { name: 'asset', of: 'devices', type: 'string', caseExact: true },
  { name: 'memory', of: 'devices', type: 'number', caseExact: false },
  { name: 'labels', of: 'devices', type: 'list', caseExact: false },
  { name: 'leased', of: 'devices', type: 'boolean', caseExact: false },
] as const
export const schemas = subjectSchemas(custom)

const groupIds = { users: ['g0', 'g1', 'g2', 'g3'], devices: ['d0', 'd1', 'd2'] } as const
/** A group whose number the view does not know: nobody is in it. */
const strangers = ['gx', 'dx']
const kindOf = (name: string): SubjectKind => (name.startsWith('g') ? 'users' : 'devices')
const groupNames: GroupNames = {
  find: (name) => (/^[gd][0-3x]$/.test(name) ? { id: name as GroupId, of: kindOf(name) } : undefined),
  names: () => [...groupIds.users, ...groupIds.devices],
}

const ids = Array.from(
  { length: 40 },
  (_, i) =>
    `${((i * 0x9e3779b1) % 2 ** 32).toString(16).padStart(8, '0')}-0000-4000-8000-${String(i % 7).padStart(12, '0')}`,
)
const nil = '00000000-0000-0000-0000-000000000000'

/** Case, composition, final sigma, code points beyond UTF-16 units, control characters, halves of pairs, look-alikes of ids. */
const fewTexts = [
  ...[
    'a',
    'A',
    'ab',
    'aB',
    'b',
    'ba',
    'aba',
    'É',
    'é',
    'e\u0301',
    'Σ',
    'σ',
    'ς',
    'οδος',
    'ΟΔΟΣ',
    'ß',
    'ſ',
    'SS',
  ],
  ...[
    'İ',
    'ı',
    '\u212a',
    'k',
    '\u{1F600}',
    'a\u{1F600}b',
    '\uffee',
    '\u{10000}',
    '\u00ff',
    '\u07ff',
    '\u0800',
  ],
  ...[
    'a\nb',
    '\n',
    'b\n',
    'a\u0000b',
    '\t',
    ' ',
    'a ',
    '"',
    '\\',
    '1',
    '1.0',
    '01.10',
    '1.9',
    '1.9-beta',
    '---',
  ],
  ...['\ud83d', '\ude00b', 'a\ud83d', nil, (ids[0] as string).toUpperCase(), `${ids[1]}0`, 'constructor'],
  ...ids.slice(0, 3),
  // Up to its last digit that of an id.
  `${ids[0]?.slice(0, 35)}x`,
]
const parts = [
  'a',
  'B',
  'é',
  'e\u0301',
  '\u{1F600}',
  'ς',
  '\n',
  '-',
  '.',
  '0',
  '7',
  'xyz',
  'Smith',
  '@acme.example',
]

const versions = [
  '1',
  '1.0',
  '1.10',
  '1.9',
  '01.9',
  '1.9-beta',
  '2',
  '1.9.0',
  '---',
  '14.2.1',
  'Ⅳ',
  '10.0.0.0.0',
]
const numbers = [0, -0, 1, -1, 0.1, 0.5, 5e-324, 2 ** 53, 2 ** 53 + 2, 1e21, 1.7e308, -1.7e308]
const wrong: readonly unknown[] = [
  '',
  null,
  1,
  true,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [],
  [''],
  '5',
  'soon',
]
const instants = [now, now - 1, now + 1, now - hour, now + hour, now - 24 * hour, now + 48 * hour, 0]

function text(dice: Dice): string {
  if (dice.chance(0.5)) return dice.of(fewTexts)
  if (dice.chance(0.0001)) return 'y'.repeat(70_000)
  return Array.from({ length: 1 + dice.below(5) }, () => dice.of(parts)).join('')
}

const list = (dice: Dice): readonly string[] =>
  Array.from({ length: dice.below(dice.chance(0.1) ? 30 : 4) }, () => (dice.chance(0.1) ? '' : text(dice)))

function anyValue(dice: Dice, type: string): unknown {
  if (dice.chance(0.08)) return dice.of(wrong)
  switch (type) {
    case 'number':
      return dice.of(numbers)
    case 'boolean':
      return dice.chance(0.5)
    case 'list':
      return list(dice)
    case 'date':
      return dice.chance(0.3) ? dice.of(['2026-06-15', '2026-06-14T23:00:00Z', 'soon']) : dice.of(instants)
    default:
      return text(dice)
  }
}

function attributesOf(dice: Dice, of: SubjectKind): AttributeValues {
  const values: Record<string, unknown> = Object.create(null)
  for (const one of custom) if (one.of === of && dice.chance(0.7)) values[one.name] = anyValue(dice, one.type)
  // Of the name of a standard attribute: it never counts.
  if (dice.chance(0.1)) values[dice.of(['department', 'os', 'id'])] = text(dice)
  return values as AttributeValues
}

const maybe = <T>(dice: Dice, value: T): T | null => (dice.chance(0.7) ? value : null)
const date = (dice: Dice): Date => new Date(dice.chance(0.03) ? Number.NaN : dice.of(instants))

function anyUser(dice: Dice): User {
  const texts = Object.fromEntries(userTexts.map((name) => [name, maybe(dice, text(dice))]))
  return {
    ...(texts as Record<(typeof userTexts)[number], string | null>),
    id: (dice.chance(0.02) ? nil : dice.of(ids)) as UserId,
    ...{ version: 1, createdAt: date(dice), updatedAt: date(dice), posixId: 1 },
    username: text(dice),
    email: maybe(dice, text(dice)),
    state: dice.of(userStates),
    managerId: maybe(dice, dice.of(ids) as UserId),
    attributes: attributesOf(dice, 'users'),
  }
}

function anyDevice(dice: Dice): Device {
  return {
    id: dice.of(ids) as DeviceId,
    ...{ version: 1, createdAt: date(dice), updatedAt: date(dice) },
    name: text(dice),
    os: maybe(dice, dice.of(operatingSystems)),
    osVersion: maybe(dice, dice.of(versions)),
    serialNumber: maybe(dice, text(dice)),
    ownerId: maybe(dice, dice.of(ids) as UserId),
    managed: dice.chance(0.5),
    diskEncrypted: maybe(dice, dice.chance(0.5)),
    lastContact: maybe(dice, date(dice)),
    mac: list(dice),
    attributes: attributesOf(dice, 'devices'),
  }
}

// ---- rules ---------------------------------------------------------------------------------------------------

const equality = ['eq', 'ne']
const order = ['gt', 'ge', 'lt', 'le']
const part = ['co', 'sw', 'ew']
const patterns = ['^a', 'b$', 'a|b', '^a?b*$', '.', '[A-Z]+', '\\n', '\\bsmith', '^[0-9a-f]{8}-', 'é', '\\S@']

const constants: Readonly<Record<string, (dice: Dice) => string>> = {
  string: (dice) => JSON.stringify(text(dice).slice(0, 60)),
  list: (dice) => JSON.stringify(text(dice).slice(0, 60)),
  version: (dice) => JSON.stringify(dice.of(versions)),
  number: (dice) => String(dice.of(numbers)),
  boolean: (dice) => String(dice.chance(0.5)),
  date: (dice) =>
    dice.chance(0.6)
      ? dice.of(['now', 'now-1h', 'now+1h', 'now-1d', 'now+2d', 'now-0s', 'now-400000d'])
      : dice.of(['"2026-06-15"', '"2026-06-14T23:00:00Z"', '"1970-01-01"', '"2026-06-15T02:00:00+01:00"']),
}

const operators: Readonly<Record<string, readonly string[]>> = {
  string: [...equality, ...part, ...order, 'pr', 'in', 'matches'],
  version: [...equality, ...part, ...order, 'pr', 'in', 'matches'],
  list: [...equality, ...part, 'pr', 'in', 'matches'],
  number: [...equality, ...order, 'pr', 'in'],
  date: [...equality, ...order, 'pr'],
  boolean: [...equality, 'pr'],
}

const reach = {
  users: [...schemas.users.attributes.values()],
  devices: [...schemas.devices.attributes.values()],
}

function term(dice: Dice, of: SubjectKind, prefix: string): string {
  if (dice.chance(0.05)) return chain(dice, of, prefix)
  if (dice.chance(0.12)) {
    const group = () =>
      JSON.stringify(dice.of([...groupIds[of], ...strangers.filter((one) => kindOf(one) === of)]))
    const asked = dice.of([`eq ${group()}`, `ne ${group()}`, `in (${group()}, ${group()})`, 'pr'])
    return `${prefix}memberOf ${asked}`
  }
  const attribute = dice.of(reach[of])
  const path = prefix + (attribute.custom ? `attributes.${attribute.name}` : attribute.name)
  const constant = attribute.choices
    ? () => JSON.stringify(dice.of(attribute.choices as readonly string[]))
    : () => (constants[attribute.type] as (dice: Dice) => string)(dice)
  const operator = dice.of(operators[attribute.type] as readonly string[])
  if (operator === 'pr') return `${path} pr`
  if (operator === 'matches') return `${path} matches ${JSON.stringify(dice.of(patterns))}`
  if (operator !== 'in') return `${path} ${operator} ${constant()}`
  const many = dice.chance(0.1) ? 40 : 3
  return `${path} in (${Array.from({ length: 1 + dice.below(many) }, constant).join(', ')})`
}

/** One attribute asked for one value after the other. */
function chain(dice: Dice, of: SubjectKind, prefix: string): string {
  const attribute = dice.of(reach[of].filter(({ choices, type }) => !choices && type !== 'date'))
  const word = dice.of(['and', 'or'])
  const items = Array.from({ length: 2 + dice.below(3) }, () => {
    const value = (constants[attribute.type] as (dice: Dice) => string)(dice)
    const one = `${prefix}${attribute.name} ${dice.of(equality)} ${value}`
    return dice.chance(0.2) ? `not (${one})` : one
  })
  return `(${items.join(` ${word} `)})`
}

function expression(dice: Dice, depth: number, leaf: () => string): string {
  if (depth === 0 || dice.chance(0.35)) return leaf()
  if (dice.chance(0.2)) return `not (${expression(dice, depth - 1, leaf)})`
  const items = Array.from({ length: 2 + dice.below(2) }, () => expression(dice, depth - 1, leaf))
  return `(${items.join(dice.chance(0.5) ? ' and ' : ' or ')})`
}

const deviceTerm = (dice: Dice) => term(dice, 'devices', '')

function ruleText(dice: Dice, of: SubjectKind): string {
  return expression(dice, dice.chance(0.2) ? 3 : 2, () => {
    if (of === 'devices') return dice.chance(0.35) ? term(dice, 'users', 'owner.') : deviceTerm(dice)
    return dice.chance(0.25)
      ? `devices[${expression(dice, 2, () => deviceTerm(dice))}]`
      : term(dice, 'users', '')
  })
}

export interface RuleOfWorld {
  readonly text: string
  readonly rule: CheckedRule
}

/** A rule that is sound: words are chosen until one is. */
export function anyRule(dice: Dice, of: SubjectKind): RuleOfWorld {
  for (;;) {
    const text = ruleText(dice, of)
    const read = readRule(text, schemas[of], groupNames)
    if (read.ok) return { text, rule: read.value }
  }
}

/** The rule of a text that is sound. */
export function ruleOf(text: string, of: SubjectKind, known: typeof schemas = schemas): CheckedRule {
  const read = readRule(text, known[of], groupNames)
  if (!read.ok) throw new Error(`${text}: ${read.error[0]?.message}`)
  return read.value
}

// ---- a population and its model ------------------------------------------------------------------------------

/** Memberships in plain arrays of bytes. */
export class PlainView implements MembersView {
  readonly groups: readonly { readonly id: string; readonly of: SubjectKind; readonly members: Uint8Array }[]

  constructor(rows: number) {
    this.groups = [...groupIds.users, ...groupIds.devices].map((id) => ({
      ...{ id, of: kindOf(id), members: new Uint8Array(rows) },
    }))
  }

  numberOf(group: GroupId): number {
    return this.groups.findIndex(({ id }) => id === group)
  }

  has(of: SubjectKind, ordinal: number, group: number): boolean {
    const found = this.groups[group]
    return found !== undefined && found.of === of && found.members[ordinal] === 1
  }

  fill(of: SubjectKind, group: number, mask: Uint8Array): void {
    for (let row = 0; row < mask.length; row++) if (this.has(of, row, group)) mask[row] = 1
  }

  fillAny(of: SubjectKind, except: ReadonlySet<number>, mask: Uint8Array): void {
    for (const number of this.groups.keys()) if (!except.has(number)) this.fill(of, number, mask)
  }
}

export class World {
  readonly dice: Dice
  readonly population: Population
  readonly view: PlainView
  readonly users: (User | undefined)[] = []
  readonly devices: { readonly device: Device; readonly owner: number }[] = []
  readonly computed = new Map<GroupId, ComputedGroup>()
  readonly #rows: number

  /** `rows`: the most ordinals of each kind. */
  constructor(seed: number, rows: number, mostUnasked: number) {
    this.dice = new Dice(seed)
    this.#rows = rows
    this.population = new Population(schemas, { mostUnasked })
    this.view = new PlainView(rows)
    // Also of subjects that are not there: the replica and the columns are not changed in the same instant.
    for (const { members } of this.view.groups) {
      const share = this.dice.next()
      for (let row = 0; row < rows; row++) members[row] = this.dice.chance(share) ? 1 : 0
    }
  }

  /** Puts everybody in, in an order that is not that of the ordinals where `isShuffled`. */
  fillUp(isShuffled: boolean): void {
    for (const kind of ['users', 'devices'] as const) {
      const ordinals = Array.from({ length: this.#rows }, (_, i) => i)
      if (isShuffled) ordinals.sort(() => this.dice.next() - 0.5)
      for (const ordinal of ordinals) this.#put(kind, ordinal)
    }
  }

  /** So many changes of any kind. */
  change(count: number): void {
    for (let i = 0; i < count; i++) {
      const of = this.dice.of(['users', 'devices'] as const)
      const ordinal = this.dice.below(this.#rows)
      const kind = this.dice.next()
      if (kind < 0.2) this.#remove(of, ordinal)
      else if (kind < 0.5 && of === 'devices' && this.devices[ordinal] !== undefined) this.#reown(ordinal)
      else this.#put(of, ordinal)
    }
    this.computed.clear()
    for (const { id, of } of this.view.groups) {
      if (!this.dice.chance(0.3)) continue
      const mask: Mask = new Uint8Array(this.#rows - this.dice.below(10))
      for (let row = 0; row < mask.length; row++) mask[row] = this.dice.below(2)
      this.computed.set(id as GroupId, { of, mask })
    }
  }

  /** Somebody who is not in it. */
  user(): User {
    return anyUser(this.dice)
  }

  device(): Device {
    return anyDevice(this.dice)
  }

  #put(of: SubjectKind, ordinal: number): void {
    if (of === 'users') {
      const user = this.user()
      this.users[ordinal] = user
      this.population.upsertUser(ordinal, user)
      return
    }
    this.#putDevice(ordinal, this.device())
  }

  #putDevice(ordinal: number, device: Device): void {
    // Few users have many devices; some owners are not there (any more).
    const owner = this.dice.chance(0.15) ? -1 : Math.floor(this.#rows * this.dice.next() ** 2)
    this.devices[ordinal] = { device, owner }
    this.population.upsertDevice(ordinal, device, owner)
  }

  #reown(ordinal: number): void {
    this.#putDevice(ordinal, (this.devices[ordinal] as { device: Device }).device)
  }

  #remove(of: SubjectKind, ordinal: number): void {
    if (of === 'devices') {
      delete this.devices[ordinal]
      this.population.removeDevice(ordinal)
      return
    }
    delete this.users[ordinal]
    for (const [i, one] of this.devices.entries())
      if (one?.owner === ordinal) this.devices[i] = { ...one, owner: -1 }
    this.population.removeUser(ordinal)
  }

  /** Everybody as closures see them; undefined where nobody has the ordinal. */
  subjects(): Readonly<Record<SubjectKind, readonly (Subject | undefined)[]>> {
    const rows = Array.from({ length: this.#rows }, (_, i) => i)
    const users = rows.map((i): Facts | undefined => {
      const user = this.users[i]
      return user && userFacts(user, this.#groupsOf('users', i))
    })
    const devices = rows.map((i): Subject | undefined => {
      const one = this.devices[i]
      if (one === undefined) return undefined
      const owner = users[one.owner]
      return { ...deviceFacts(one.device, this.#groupsOf('devices', i)), ...(owner && { owner }) }
    })
    const owned = Map.groupBy(
      rows.filter((i) => devices[i] !== undefined),
      (i) => (this.devices[i] as { owner: number }).owner,
    )
    return {
      users: users.map((user, i): Subject | undefined => {
        const own = (owned.get(i) ?? []).map((device): Facts => {
          const { values, memberOf } = devices[device] as Subject
          return { values, memberOf }
        })
        return user && { ...user, devices: own }
      }),
      devices,
    }
  }

  #groupsOf(of: SubjectKind, ordinal: number): ReadonlySet<GroupId> {
    const groups = new Set<GroupId>()
    for (const [number, { id }] of this.view.groups.entries()) {
      const computed = this.computed.get(id as GroupId)
      const isIn =
        computed === undefined
          ? this.view.has(of, ordinal, number)
          : computed.of === of && computed.mask[ordinal] === 1
      if (isIn) groups.add(id as GroupId)
    }
    return groups
  }
}
