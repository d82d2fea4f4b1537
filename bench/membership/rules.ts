// The rules of the benchmark: about three comparisons each, of such kinds as rules of organizations have.
import { newId } from '../../src/base/ids.ts'
import type { Group, SubjectKind } from '../../src/core/directory/types.ts'
import { attributes, type BenchAttribute, highestOf, osVersions, shared } from './attributes.ts'
import { below, pick, type Random, zipf } from './random.ts'

/** Share of the groups that are groups of devices. */
const ofDevices = 0.12
/** Share of a user rule's comparisons that are inside `devices[…]`. */
const insideDevices = 0.08

const kinds = ['eq', 'in', 'ne', 'text', 'matches', 'range', 'relative', 'list', 'pr', 'memberOf'] as const
/** In the order of `kinds`, of a hundred comparisons. */
const shares = [57.5, 12, 4, 7, 2, 5, 6, 4, 1.5, 1]

function kindOf(random: Random): (typeof kinds)[number] {
  let left = random() * 100
  for (const [i, kind] of kinds.entries()) if ((left -= shares[i] as number) < 0) return kind
  return 'eq'
}

const quoted = (text: string): string => JSON.stringify(text)
const choose = (random: Random, of: SubjectKind, types: readonly BenchAttribute['type'][]): BenchAttribute =>
  pick(
    random,
    shared.filter((one) => one.of === of && types.includes(one.type)),
  )

/** One of the values that are asked for: a frequent one, or any. */
function value(random: Random, { values = [] }: BenchAttribute): string {
  const count = Math.min(values.length, 200)
  return values[random() < 0.4 ? zipf(random, count) : below(random, count)] as string
}

function equality(random: Random, of: SubjectKind): string {
  const attribute = choose(random, of, ['string', 'boolean'])
  return attribute.type === 'boolean'
    ? `${attribute.name} eq ${random() < 0.5}`
    : `${attribute.name} eq ${quoted(value(random, attribute))}`
}

function textual(random: Random, of: SubjectKind): string {
  const own = attributes.filter(
    (one) => one.of === of && one.values === undefined && one.type === 'string' && !one.custom,
  )
  if (random() < 0.4)
    return `${pick(random, own).name} co ${quoted(`${below(random, 90) + 10}${below(random, 10)}`)}`
  const attribute = choose(random, of, ['string'])
  const text = value(random, attribute)
  return random() < 0.6
    ? `${attribute.name} sw ${quoted(text)}`
    : `${attribute.name} ew ${quoted(text.slice(-2))}`
}

/** `earlier`: names of groups of the same kind that the rule may read. */
function comparison(random: Random, of: SubjectKind, earlier: readonly string[]): string {
  const kind = kindOf(random)
  switch (kind) {
    case 'eq':
      return equality(random, of)
    case 'in': {
      const attribute = choose(random, of, ['string'])
      const list = Array.from({ length: 2 + below(random, 6) }, () => quoted(value(random, attribute)))
      return `${attribute.name} in (${[...new Set(list)].join(', ')})`
    }
    case 'ne': {
      const attribute = choose(random, of, ['string'])
      return `${attribute.name} ne ${quoted(value(random, attribute))}`
    }
    case 'text':
      return textual(random, of)
    case 'matches': {
      const attribute = choose(random, of, ['string'])
      return `${attribute.name} matches ${quoted(`^${value(random, attribute).slice(0, 8)}[0-9]?$`)}`
    }
    case 'range': {
      if (of === 'devices' && random() < 0.5)
        return `osVersion ${pick(random, ['ge', 'lt'])} ${quoted(pick(random, osVersions))}`
      const { name } = choose(random, of, ['number'])
      return `${name} ${pick(random, ['gt', 'ge', 'lt', 'le'])} ${below(random, highestOf(name))}`
    }
    case 'relative': {
      const { name } = choose(random, of, ['date'])
      return `${name} ${pick(random, ['gt', 'lt'])} now-${pick(random, [7, 14, 30, 60, 90])}d`
    }
    case 'list': {
      const lists = attributes.filter((one) => one.of === of && one.type === 'list' && one.custom)
      const attribute = pick(random, lists)
      return `${attribute.name} eq ${quoted(value(random, attribute))}`
    }
    case 'pr':
      return `${choose(random, of, ['string', 'number', 'date']).name} pr`
    case 'memberOf':
      return earlier.length === 0
        ? equality(random, of)
        : `memberOf eq ${quoted(pick(random, earlier.slice(0, 300)))}`
    default:
      return kind satisfies never
  }
}

/** Attributes with so many values that few subjects have a certain one. */
const narrow = attributes.filter(({ values = [] }) => values.length >= 40).map(({ name }) => name)
const fewHaveIt = new RegExp(`^(devices\\[|owner\\.)?(${narrow.join('|')}) (eq|in|sw) `)

/**
 * A rule of one to five comparisons. It asks for something that few have, and beside it for other things: a rule for half of an
 * organization is rare.
 */
export function makeRule(random: Random, of: SubjectKind, earlier: readonly string[]): string {
  const one = (): string => {
    if (of === 'users' && random() < insideDevices) return `devices[${comparison(random, 'devices', [])}]`
    if (of === 'devices' && random() < 0.1) return `owner.${equality(random, 'users')}`
    return comparison(random, of, earlier)
  }
  const share = random()
  const count = share < 0.05 ? 1 : share < 0.27 ? 2 : share < 0.77 ? 3 : share < 0.93 ? 4 : 5
  const isRareException = random() < 0.006
  for (;;) {
    const all = Array.from({ length: count }, one)
    const narrowing = all.findIndex((comparison) => fewHaveIt.test(comparison))
    if (narrowing < 0 && !isRareException) continue
    const [first] = all.splice(Math.max(0, narrowing), 1)
    if (all.length < 2 || random() < 0.5) return [first, ...all].join(' and ')
    return [first, ...all.slice(0, -2), `(${all.slice(-2).join(' or ')})`].join(' and ')
  }
}

/** `count` groups; one in eight is of devices. */
export function makeGroups(count: number, random: Random, at: Date): readonly Group[] {
  const earlier: Record<SubjectKind, string[]> = { users: [], devices: [] }
  return Array.from({ length: count }, (_, i): Group => {
    const of = random() < ofDevices ? 'devices' : 'users'
    const rule = makeRule(random, of, earlier[of])
    const name = `rule-${i}`
    // What is read must not read in turn, or depths would add up.
    if (!rule.includes('memberOf')) earlier[of].push(name)
    return {
      ...{ id: newId(), version: 1, createdAt: at, updatedAt: at, posixId: 0, status: 'active' },
      ...{ name, of, mode: 'dynamic', rule, factors: [] },
    }
  })
}
