// What `co`, `sw`, `ew` and `matches` demand of one text, and whether they contradict each other.
import { linearRegex } from '../../../base/linear-regex.ts'
import { compareTexts } from '../language/values.ts'
import type { Budget } from './budget.ts'
import type { Range } from './range.ts'

/** Reading a pattern costs about as much as so many comparisons. */
const patternSteps = 200

export class TextParts {
  readonly #budget: Budget
  readonly #contained: string[] = []
  readonly #refused: { readonly op: 'co' | 'sw' | 'ew'; readonly part: string }[] = []
  /** By their source: must they match? */
  readonly #patterns = new Map<string, boolean>()
  #start = ''
  #end = ''
  #isContrary = false

  constructor(budget: Budget) {
    this.#budget = budget
  }

  part(op: 'co' | 'sw' | 'ew', part: string, holds: boolean): void {
    if (!holds) this.#refused.push({ op, part })
    else if (op === 'co') this.#contained.push(part)
    else if (op === 'sw') {
      // Of two beginnings one is the beginning of the other.
      if (part.startsWith(this.#start)) this.#start = part
      else if (!this.#start.startsWith(part)) this.#isContrary = true
    } else if (part.endsWith(this.#end)) this.#end = part
    else if (!this.#end.endsWith(part)) this.#isContrary = true
  }

  pattern(source: string, holds: boolean): void {
    if ((this.#patterns.get(source) ?? holds) !== holds) this.#isContrary = true
    this.#patterns.set(source, holds)
  }

  /** Is there certainly no text that has all of these parts and none of those? */
  get isContrary(): boolean {
    if (this.#isContrary) return true
    const demanded = [...this.#contained, this.#start, this.#end]
    const steps = stepsOf(demanded)
    return this.#refused.some(({ op, part }) => {
      if (op === 'sw') return this.#start.startsWith(part)
      if (op === 'ew') return this.#end.endsWith(part)
      if (!this.#budget.spend(steps)) return false
      return demanded.some((one) => one.includes(part))
    })
  }

  /** Is every text with this beginning outside of the range? Texts with a beginning stand together in the order. */
  isOutside({ lower, upper }: Range<string>): boolean {
    if (this.#start === '') return false
    if (lower !== null && compareTexts(lower.value, this.#start) > 0 && !lower.value.startsWith(this.#start))
      return true
    if (upper === null) return false
    const difference = compareTexts(this.#start, upper.value)
    return difference > 0 || (difference === 0 && upper.isOpen)
  }

  /** Is none of these texts what is demanded? Counts as no where there is not enough budget to look. */
  refusesAll(texts: readonly string[]): boolean {
    const each = this.#contained.length + this.#refused.length + 2
    if (!this.#budget.spend(stepsOf(texts) * each)) return false
    const right = texts.filter((text) => this.#hasParts(text))
    if (right.length === 0 || this.#patterns.size === 0) return right.length === 0
    if (!this.#budget.spend(this.#patterns.size * (patternSteps + 16 * stepsOf(right)))) return false
    const patterns = [...this.#patterns].map(([source, holds]) => ({ regex: linearRegex(source), holds }))
    return right.every((text) =>
      patterns.some(({ regex, holds }) => regex !== null && regex.test(text) !== holds),
    )
  }

  #hasParts(text: string): boolean {
    if (!text.startsWith(this.#start) || !text.endsWith(this.#end)) return false
    if (!this.#contained.every((part) => text.includes(part))) return false
    return !this.#refused.some(({ op, part }) => {
      if (op === 'co') return text.includes(part)
      return op === 'sw' ? text.startsWith(part) : text.endsWith(part)
    })
  }
}

/** Of looking for something in each of these; long texts take longer. */
const stepsOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + 1 + Math.floor(text.length / 16), 0)
