// Rules asked of a whole population at once. Gives, row for row, what the closures of compile.ts give.
import type { SubjectKind } from '../../directory/types.ts'
import type { CheckedRule, Constant } from '../language/checked.ts'
import type { Missing } from '../language/compile.ts'
import type { Attribute } from '../language/schema.ts'
import type { RowTest } from './column.ts'
import { countOf, intersect, rowsOf, unite, without } from './mask.ts'
import { none } from './owners.ts'
import { type Plan, planRule } from './plan.ts'
import type { Population } from './population.ts'
import type { Circumstances, Mask } from './shapes.ts'

/** Those for whom the rule holds. Throws a RangeError where it speaks of an attribute that has no column. */
export function evaluateSet(
  rule: CheckedRule,
  of: SubjectKind,
  population: Population,
  circumstances: Circumstances,
): Mask {
  return evaluate(rule, of, population, circumstances, 'as defined')
}

/**
 * Those for whom the rule is decided only because a value is missing. A comparison with a missing value is unknown, `pr` and
 * `memberOf` never are; `and`, `or`, `not` and `devices[…]` are those of Kleene's logic. `matching`: what `evaluateSet` gives,
 * where it is known already.
 */
export function unknowns(
  rule: CheckedRule,
  of: SubjectKind,
  population: Population,
  circumstances: Circumstances,
  matching?: Mask,
): Mask {
  const possibly = evaluate(rule, of, population, circumstances, 'true')
  const certainly =
    matching !== undefined && !hasNegation(rule)
      ? matching
      : evaluate(rule, of, population, circumstances, 'false')
  without(possibly, certainly)
  return possibly
}

/** Where nothing is negated, what is missing never makes a rule hold. */
function hasNegation(rule: CheckedRule): boolean {
  switch (rule.kind) {
    case 'not':
      return true
    case 'and':
    case 'or':
      return rule.items.some(hasNegation)
    case 'any':
      return hasNegation(rule.where)
    default:
      return 'op' in rule && rule.op === 'ne'
  }
}

/** Does anybody have this value? Texts are folded unless the attribute is `caseExact`; dates are epoch milliseconds. */
export function seen(
  population: Population,
  of: SubjectKind,
  attribute: Attribute,
  value: Constant,
): boolean {
  const common = { side: 'self', attribute, op: 'eq', at: { start: 0, end: 0 } } as const
  const rule: CheckedRule =
    attribute.type === 'date'
      ? { kind: 'date', when: { at: value as number }, ...common }
      : { kind: 'compare', value, ...common }
  const plan = planRule(rule, of, population, 0, 'as defined')
  if (plan.kind !== 'term') return false
  const { column, test } = plan
  if (column.estimate(test).isExact) return true
  const mask = population.masks.copy(liveOf(population, of))
  column.narrow(test, mask)
  const isSeen = mask.includes(1)
  population.masks.give(mask)
  return isSeen
}

function evaluate(
  rule: CheckedRule,
  of: SubjectKind,
  population: Population,
  circumstances: Circumstances,
  missing: Missing,
): Mask {
  const plan = planRule(rule, of, population, circumstances.now, missing)
  const mask = new Uint8Array(population[of].length)
  mask.set(liveOf(population, of))
  new Evaluator(population, circumstances).narrow(plan, mask)
  return mask.subarray(0, population[of].size)
}

const liveOf = (population: Population, of: SubjectKind): Uint8Array =>
  population[of].live.subarray(0, population[of].length)

/** Below this part of the rows, those left are looked at one by one. */
const fewOf = 1 / 12

class Evaluator {
  readonly #population: Population
  readonly #circumstances: Circumstances

  constructor(population: Population, circumstances: Circumstances) {
    this.#population = population
    this.#circumstances = circumstances
  }

  /** Leaves in `mask` those for whom the plan holds. */
  narrow(plan: Plan, mask: Mask): void {
    switch (plan.kind) {
      case 'and':
        this.#all(plan.items, mask)
        return
      case 'or':
        this.#oneOf(plan.items, mask)
        return
      case 'not': {
        const right = this.#population.masks.copy(mask)
        this.narrow(plan.item, right)
        without(mask, right)
        this.#population.masks.give(right)
        return
      }
      case 'any':
        this.#anyDevice(plan.where, mask)
        return
      case 'owner':
        this.#owner(plan.of, mask)
        return
      case 'member': {
        const members = this.#members(plan)
        intersect(mask, members)
        this.#population.masks.give(members)
        return
      }
      case 'term':
        plan.column.narrow(plan.test, mask)
        return
      case 'never':
        mask.fill(0)
        return
      default:
        plan satisfies never
    }
  }

  #all(items: readonly Plan[], mask: Mask): void {
    for (const [i, item] of items.entries()) {
      this.narrow(item, mask)
      if (i + 1 === items.length) return
      const left = countOf(mask)
      if (left > mask.length * fewOf) continue
      if (left > 0) this.#narrowFew({ kind: 'and', items: items.slice(i + 1), cost: 0, share: 0 }, mask, left)
      return
    }
  }

  #oneOf(items: readonly Plan[], mask: Mask): void {
    const { masks } = this.#population
    // Those for whom no item has held yet.
    const open = masks.copy(mask)
    for (const item of items) {
      const left = countOf(open)
      if (left === 0) break
      const right = masks.copy(open)
      if (left > mask.length * fewOf) this.narrow(item, right)
      else this.#narrowFew(item, right, left)
      without(open, right)
      masks.give(right)
    }
    without(mask, open)
    masks.give(open)
  }

  #narrowFew(plan: Plan, mask: Mask, count: number): void {
    const isRight = this.rowTest(plan)
    for (const row of rowsOf(mask, count)) if (!isRight(row)) mask[row] = 0
  }

  #anyDevice(where: Plan, mask: Mask): void {
    const { masks, owners } = this.#population
    const devices = masks.copy(liveOf(this.#population, 'devices'))
    this.narrow(where, devices)
    const owning = masks.take(mask.length).fill(0)
    const { ofDevice } = owners
    const last = mask.length - 1
    for (let device = 0; device < devices.length; device++) {
      const owner = ofDevice[device] as number
      // Without a jump, which would be foreseen wrongly often; nobody is in the last row.
      ;(owning[owner === none ? last : owner] as number) |= devices[device] as number
    }
    intersect(mask, owning)
    masks.give(owning)
    masks.give(devices)
  }

  #owner(of: Plan, mask: Mask): void {
    const { masks, owners, users } = this.#population
    const right = masks.take(users.length).fill(1)
    this.narrow(of, right)
    const { ofDevice } = owners
    // Of whoever would be in the last row, nothing is known.
    const last = users.length - 1
    for (let device = 0; device < mask.length; device++) {
      const owner = ofDevice[device] as number
      ;(mask[device] as number) &= right[owner === none ? last : owner] as number
    }
    masks.give(right)
  }

  #members({ of, groups }: Extract<Plan, { kind: 'member' }>): Mask {
    const { members, computed } = this.#circumstances
    const population = this.#population
    const mask = population.masks.take(population[of].length).fill(0)
    if (groups === null) {
      const except = new Set<number>()
      for (const [id, group] of computed ?? []) {
        if (group.of !== of) continue
        except.add(members.numberOf(id))
        unite(mask, group.mask)
      }
      members.fillAny(of, except, mask)
    }
    for (const id of groups ?? []) {
      const those = computed?.get(id)?.mask
      const group = members.numberOf(id)
      if (those !== undefined) unite(mask, those)
      else if (group !== -1) members.fill(of, group, mask)
    }
    // The view may know of somebody who is not here yet, or not any more.
    const live = liveOf(population, of)
    for (let row = 0; row < mask.length; row++) (mask[row] as number) &= live[row] as number
    return mask
  }

  /** The plan for single rows. */
  rowTest(plan: Plan): RowTest {
    switch (plan.kind) {
      case 'and':
      case 'or': {
        const items = plan.items.map((item) => this.rowTest(item))
        const decisive = plan.kind === 'or'
        return (row) => {
          for (const item of items) if (item(row) === decisive) return decisive
          return !decisive
        }
      }
      case 'not': {
        const item = this.rowTest(plan.item)
        return (row) => !item(row)
      }
      case 'any': {
        const { owners } = this.#population
        const where = this.rowTest(plan.where)
        return (row) => {
          for (let device = owners.first(row); device !== none; device = owners.next(device)) {
            if (where(device)) return true
          }
          return false
        }
      }
      case 'owner': {
        const { owners, users } = this.#population
        const { ofDevice } = owners
        const of = this.rowTest(plan.of)
        const nobody = of(users.length - 1)
        return (row) => {
          const owner = ofDevice[row] as number
          return owner === none ? nobody : of(owner)
        }
      }
      case 'member':
        return this.#memberTest(plan)
      case 'term':
        return plan.column.rowTest(plan.test)
      case 'never':
        return () => false
      default:
        return plan satisfies never
    }
  }

  #memberTest(plan: Extract<Plan, { kind: 'member' }>): RowTest {
    const { members, computed } = this.#circumstances
    const { of, groups } = plan
    if (groups === null) {
      const mask = this.#members(plan)
      return (row) => mask[row] === 1
    }
    const { live } = this.#population[of]
    const tests = groups.map((id): RowTest => {
      const those = computed?.get(id)?.mask
      if (those !== undefined) return (row) => those[row] === 1
      const group = members.numberOf(id)
      return group === -1 ? () => false : (row) => members.has(of, row, group)
    })
    return (row) => live[row] === 1 && tests.some((test) => test(row))
  }
}
