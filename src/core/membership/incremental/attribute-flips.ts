// Which rules a new value of one attribute can concern: those with a comparison of it that holds for the old value and not
// for the new one, or the reverse. Found by look-up, not by going through the rules. Means the same as language/compile.ts.
import type { CheckedRule } from '../language/checked.ts'
import { compileRule, type Predicate } from '../language/compile.ts'
import type { Facts } from '../language/facts.ts'
import { type Read, reader } from '../language/read.ts'
import type { Attribute } from '../language/schema.ts'
import type { OrderOp } from '../language/syntax.ts'
import { compareTexts, compareVersions, fold, parseVersion, type Version } from '../language/values.ts'
import type { Marks } from './marks.ts'
import type { RememberedAnswers } from './remembered-answers.ts'
import { Thresholds } from './thresholds.ts'

/** A comparison of an attribute. */
export type AttributeTest = Extract<CheckedRule, { attribute: Attribute }>

type Value = string | number | boolean

const noAnswers: readonly boolean[] = []

export class AttributeFlips {
  readonly #attribute: Attribute
  readonly #read: Read<Value | readonly string[]>
  /** Rules by what they are true or false for, and not for anything else. */
  readonly #equal = new Map<Value, number[]>()
  readonly #present: number[] = []
  readonly #numbers = new Thresholds<number>((value, threshold) => value - threshold)
  readonly #fromNow = new Thresholds<number>((value, threshold, now) => value - (now + threshold))
  readonly #texts = new Thresholds<string>(compareTexts)
  readonly #versions = new Thresholds<Version>(compareVersions)
  /** Tests that can only be run, each with the rules it is part of. */
  readonly #others = new Map<string, { readonly test: Predicate; readonly rules: number[] }>()
  readonly #remembered: RememberedAnswers

  /** @param remembered what the tests said of texts; for all attributes, so that it is bounded as a whole */
  constructor(attribute: Attribute, remembered: RememberedAnswers) {
    this.#attribute = attribute
    this.#read = reader(attribute)
    this.#remembered = remembered
  }

  add(test: AttributeTest, rule: number): void {
    switch (test.kind) {
      case 'present':
        this.#present.push(rule)
        return
      case 'in':
        for (const value of test.values) this.#addEqual(value, rule)
        return
      case 'date': {
        const op = test.op as OrderOp | 'eq' | 'ne'
        const thresholds = 'at' in test.when ? this.#numbers : this.#fromNow
        thresholds.add(op === 'ne' ? 'eq' : op, 'at' in test.when ? test.when.at : test.when.fromNow, rule)
        return
      }
      case 'compare':
        if (test.op === 'eq' || test.op === 'ne') this.#addEqual(test.value, rule)
        else if (test.op === 'co' || test.op === 'sw' || test.op === 'ew')
          this.#addOther(test, test.value, rule)
        else this.#addOrder(test.op, test.value, rule)
        return
      case 'matches':
        this.#addOther(test, test.source, rule)
        return
      default:
        test satisfies never
    }
  }

  /** Marks the rules that have a comparison of this attribute which is not the same for both; null: nothing is known. */
  mark(before: Facts | null, after: Facts | null, now: number, into: Marks): void {
    const [old, current] = [before && this.#read(before), after && this.#read(after)]
    if (old === current) return
    this.#mark(old ?? undefined, current ?? undefined, now, into)
    if (this.#others.size > 0)
      this.#markOthers(before, after, old ?? undefined, current ?? undefined, now, into)
  }

  #mark(
    old: Value | readonly string[] | undefined,
    current: Value | readonly string[] | undefined,
    now: number,
    into: Marks,
  ): void {
    if ((old === undefined) !== (current === undefined)) into.addAll(this.#present)
    const [oldKeys, newKeys] = [this.#keys(old), this.#keys(current)]
    this.#markEqual(oldKeys, newKeys, into)
    this.#markEqual(newKeys, oldKeys, into)
    const { type } = this.#attribute
    if (type === 'string') this.#texts.mark(oldKeys[0] as string, newKeys[0] as string, now, into)
    else if (type === 'version') this.#versions.mark(versionOf(old), versionOf(current), now, into)
    else if (type === 'number' || type === 'date') {
      this.#numbers.mark(old as number, current as number, now, into)
      this.#fromNow.mark(old as number, current as number, now, into)
    }
  }

  /** What only one of the two has. */
  #markEqual(keys: readonly Value[], others: readonly Value[], into: Marks): void {
    const known = others.length > 8 ? new Set(others) : null
    for (const key of keys) {
      if (known === null ? others.includes(key) : known.has(key)) continue
      const rules = this.#equal.get(key)
      if (rules !== undefined) into.addAll(rules)
    }
  }

  #markOthers(
    before: Facts | null,
    after: Facts | null,
    old: Value | readonly string[] | undefined,
    current: Value | readonly string[] | undefined,
    now: number,
    into: Marks,
  ): void {
    const oldAnswers = this.#answersFor(before, old, now)
    const newAnswers = this.#answersFor(after, current, now)
    let index = 0
    for (const { rules } of this.#others.values()) {
      // none: it fails every test
      if ((oldAnswers[index] ?? false) !== (newAnswers[index] ?? false)) into.addAll(rules)
      index++
    }
  }

  #answersFor(
    facts: Facts | null,
    value: Value | readonly string[] | undefined,
    now: number,
  ): readonly boolean[] {
    if (facts === null || value === undefined) return noAnswers
    const known = typeof value === 'string' ? this.#remembered.find(this, value) : undefined
    if (known !== undefined) return known
    const answers = [...this.#others.values()].map(({ test }) => test(facts, now))
    if (typeof value === 'string') this.#remembered.keep(this, value, answers)
    return answers
  }

  #addEqual(value: Value, rule: number): void {
    const key = this.#attribute.type === 'version' ? versionKey(parseVersion(String(value))) : value
    const rules = this.#equal.get(key)
    if (rules === undefined) this.#equal.set(key, [rule])
    else rules.push(rule)
  }

  #addOrder(op: OrderOp, value: Value, rule: number): void {
    if (typeof value === 'number') this.#numbers.add(op, value, rule)
    else if (this.#attribute.type === 'version') this.#versions.add(op, parseVersion(String(value)), rule)
    else this.#texts.add(op, String(value), rule)
  }

  #addOther(test: AttributeTest, argument: Value, rule: number): void {
    const key = `${test.kind === 'compare' ? test.op : test.kind} ${argument}`
    const known = this.#others.get(key)
    if (known !== undefined) known.rules.push(rule)
    else this.#others.set(key, { test: compileRule({ ...test, side: 'self' }), rules: [rule] })
  }

  /** What the values of the subject are called in `#equal`. */
  #keys(value: Value | readonly string[] | undefined): readonly Value[] {
    if (value === undefined) return []
    if (typeof value === 'object') return value.map((one) => (this.#attribute.caseExact ? one : fold(one)))
    if (typeof value !== 'string') return [value]
    if (this.#attribute.type === 'version') return [versionKey(parseVersion(value))]
    return [this.#attribute.caseExact ? value : fold(value)]
  }
}

const versionOf = (value: unknown): Version | undefined =>
  value === undefined ? undefined : parseVersion(String(value))

/** Versions that compare as equal have the same: parts that are missing at the end count as 0. */
function versionKey(version: Version): string {
  return version.slice(0, version.findLastIndex((part) => part !== '0') + 1).join(' ')
}
