// Reads the text of a rule into its tree: recursive descent over the SCIM filter grammar (RFC 7644 §3.4.2.2) with this
// product's additions. Whether the attributes exist and the operators fit is for check.ts to say.

import { nearest } from '../../../base/nearest.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import { otherSpellings } from './spellings.ts'
import {
  type CompareOp,
  compareOps,
  type Expr,
  type Path,
  problem,
  type RelativeUnit,
  type RuleProblem,
  type RuleProblemCode,
  relativeUnits,
  ruleLimits,
  type Span,
  type Value,
} from './syntax.ts'
import { keywords, nextToken, RuleSyntaxError, type Token } from './tokens.ts'

const operators = [...compareOps, 'pr', 'in', 'matches']
const someOperators = 'an operator such as eq, ne, co, sw, ew, gt, ge, lt, le, pr, in or matches'

/** Parses a rule. Never throws; the problems (at present always one) name the first place that is wrong. */
export function parseRule(text: string): Result<Expr, readonly RuleProblem[]> {
  if (text.length > ruleLimits.characters) {
    const at = { start: ruleLimits.characters, end: text.length }
    return fail([problem('too-long', at, `a rule may have at most ${ruleLimits.characters} characters`)])
  }
  try {
    return ok(new RuleParser(text).parse())
  } catch (error) {
    if (error instanceof RuleSyntaxError) return fail([error.problem])
    throw error
  }
}

class RuleParser {
  readonly #text: string
  #token: Token
  #end = 0
  #depth = 0
  #terms = 0

  constructor(text: string) {
    this.#text = text
    this.#token = nextToken(text, 0)
  }

  parse(): Expr {
    const expr = this.#chain('or')
    if (this.#token.kind !== 'end') this.#unexpected('`and`, `or` or the end of the rule', ['and', 'or'])
    return expr
  }

  /** `and` binds tighter than `or` (RFC 7644 §3.4.2.2); a chain is one node, so that its length costs no depth. */
  #chain(kind: 'and' | 'or'): Expr {
    // Not that of the first item, which can stand in parentheses of its own.
    const { start } = this.#token.at
    const first = this.#chained(kind)
    if (!this.#isWord(kind)) return first
    const items = [first]
    while (this.#isWord(kind)) {
      this.#advance()
      items.push(this.#chained(kind))
    }
    return { kind, items, at: { start, end: this.#end } }
  }

  #chained(kind: 'and' | 'or'): Expr {
    return kind === 'or' ? this.#chain('and') : this.#unary()
  }

  #unary(): Expr {
    const start = this.#token.at.start
    if (this.#isWord('not')) {
      this.#advance()
      if (!this.#isMark('(')) this.#unexpected('`(` after `not`, as in `not (department eq "Sales")`', ['('])
      const item = this.#inside('(', ')')
      return { kind: 'not', item, at: { start, end: this.#end } }
    }
    return this.#isMark('(') ? this.#inside('(', ')') : this.#term()
  }

  #inside(open: '(' | '[', close: ')' | ']'): Expr {
    const opened = this.#advance()
    if (++this.#depth > ruleLimits.depth) {
      this.#stop('too-deep', opened.at, `parentheses may be nested at most ${ruleLimits.depth} deep`)
    }
    const expr = this.#chain('or')
    if (!this.#isMark(close)) {
      const where = opened.at.start + 1
      this.#unexpected(`\`and\`, \`or\` or \`${close}\` to close the \`${open}\` at character ${where}`, [
        'and',
        'or',
        close,
      ])
    }
    this.#advance()
    this.#depth--
    return expr
  }

  #term(): Expr {
    const token = this.#token
    if (token.kind !== 'word' || keywords.has(token.text.toLowerCase())) {
      this.#unexpected('an attribute, `not` or `(`', ['attribute', 'not', '('])
    }
    this.#advance()
    if (++this.#terms > ruleLimits.terms) {
      this.#stop('too-many-terms', token.at, `a rule may have at most ${ruleLimits.terms} comparisons`)
    }
    const path: Path = { name: token.text, at: token.at }
    const start = token.at.start
    if (this.#isMark('[')) {
      const where = this.#inside('[', ']')
      return { kind: 'any', collection: path, where, at: { start, end: this.#end } }
    }
    return this.#comparison(path, this.#operator())
  }

  #operator(): string {
    const token = this.#token
    const written = token.kind === 'word' || token.kind === 'strange' ? token.text.toLowerCase() : ''
    if (token.kind === 'word' && operators.includes(written)) {
      this.#advance()
      return written
    }
    if (written === 'not') {
      this.#unexpected(
        'an operator (`not` stands before it all, as in `not (department in ("a", "b"))`)',
        operators,
      )
    }
    const guess = keywords.has(written) ? undefined : nearest(written, operators)
    this.#unexpected(someOperators, operators, guess)
  }

  #comparison(path: Path, op: string): Expr {
    const start = path.at.start
    if (op === 'pr') return { kind: 'present', path, at: { start, end: this.#end } }
    if (op === 'in') {
      const values = this.#list()
      return { kind: 'in', path, values, at: { start, end: this.#end } }
    }
    if (op === 'matches') {
      if (this.#token.kind !== 'string') this.#unexpected('a regular expression in double quotes', ['text'])
      const pattern = this.#value()
      if (pattern.kind !== 'string') throw new Error('a string token gives a string value')
      return { kind: 'matches', path, pattern, at: { start, end: this.#end } }
    }
    const value = this.#value()
    return { kind: 'compare', path, op: op as CompareOp, value, at: { start, end: this.#end } }
  }

  #list(): Value[] {
    if (!this.#isMark('(')) this.#unexpected('`(` and a list, as in `in ("a", "b")`', ['('])
    const values: Value[] = []
    do {
      this.#advance()
      if (values.length === ruleLimits.listValues) {
        this.#stop('list-too-long', this.#token.at, `a list may have at most ${ruleLimits.listValues} values`)
      }
      values.push(this.#value())
    } while (this.#isMark(','))
    if (!this.#isMark(')')) this.#unexpected('`,` or `)`', [',', ')'])
    this.#advance()
    return values
  }

  #value(): Value {
    const token = this.#token
    if (token.kind === 'string' || token.kind === 'number') {
      this.#advance()
      return token.kind === 'string'
        ? { kind: 'string', value: token.value, at: token.at }
        : { kind: 'number', value: token.value, at: token.at }
    }
    const written = token.kind === 'word' ? token.text.toLowerCase() : ''
    if (written === 'true' || written === 'false') {
      this.#advance()
      return { kind: 'boolean', value: written === 'true', at: token.at }
    }
    if (written === 'null') {
      this.#stop(
        'null-value',
        token.at,
        'null is not a value here: to ask for a missing value write `not (… pr)`',
      )
    }
    if (/^now(?:-|$)/.test(written)) return this.#relative(token.at)
    const quoted = token.kind === 'word' && !keywords.has(written) ? JSON.stringify(token.text) : undefined
    this.#unexpected('a value: a text in double quotes, a number, true, false or now', ['value'], quoted)
  }

  /** `now`, `now-30d`, `now+12h`: read from the text, because `+` and `-` mean nothing elsewhere. */
  #relative(at: Span): Value {
    const pattern = /now(?:([+-])([0-9]{1,6})([smhdw]))?(?![A-Za-z0-9_$.:+-])/iy
    pattern.lastIndex = at.start
    const found = pattern.exec(this.#text)
    if (found && /now[ \t\r\n]+[+-]/iy.test(this.#text.slice(at.start, at.start + 100))) {
      throw new RuleSyntaxError(
        problem('bad-instant', at, 'now and its distance stand together, as in now-30d'),
      )
    }
    if (!found) {
      const expected = Object.keys(relativeUnits)
      const what =
        'expected now, or now with a distance such as now-30d or now+12h (units s, m, h, d, w; at most 6 digits)'
      throw new RuleSyntaxError(problem('bad-instant', at, what, { expected }))
    }
    const [text, sign, digits = '0', unit = 's'] = found
    this.#end = at.start + text.length
    this.#token = nextToken(this.#text, this.#end)
    const size = Number(digits)
    const span = { start: at.start, end: this.#end }
    if (size === 0) return { kind: 'relative', amount: 0, unit: 's', at: span }
    return {
      kind: 'relative',
      amount: sign === '-' ? -size : size,
      unit: unit.toLowerCase() as RelativeUnit,
      at: span,
    }
  }

  #isWord(keyword: string): boolean {
    return this.#token.kind === 'word' && this.#token.text.toLowerCase() === keyword
  }

  #isMark(mark: string): boolean {
    return this.#token.kind === 'mark' && this.#token.text === mark
  }

  /** Steps over the current token and gives it. */
  #advance(): Token {
    const passed = this.#token
    this.#end = passed.at.end
    this.#token = nextToken(this.#text, this.#end)
    return passed
  }

  #stop(code: RuleProblemCode, at: Span, what: string): never {
    throw new RuleSyntaxError(problem(code, at, what))
  }

  #unexpected(wanted: string, expected: readonly string[], suggestion?: string): never {
    const { at } = this.#token
    const spelled = otherSpellings.get(this.#text.slice(at.start, at.end).toLowerCase())
    const guess = spelled !== undefined && expected.includes(spelled) ? spelled : suggestion
    throw new RuleSyntaxError(
      problem('syntax', at, `expected ${wanted} but found ${this.#found()}`, { expected, suggestion: guess }),
    )
  }

  #found(): string {
    const { kind, at } = this.#token
    if (kind === 'end') return this.#text.trim() === '' ? 'nothing: the rule is empty' : 'the end of the rule'
    if (/^['‘’“”„`]/.test(this.#text.slice(at.start, at.end)))
      return 'a quote of another kind: use double quotes (")'
    const written = this.#text.slice(at.start, at.end)
    return `\`${written.length > 40 ? `${written.slice(0, 40)}…` : written}\``
  }
}
