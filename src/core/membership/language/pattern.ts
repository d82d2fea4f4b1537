// Reads the regular expression of `matches` and writes it anew for V8's linear engine: without look-around and
// back-references, with letters folded instead of the flag `i` (for which that engine does not exist), with counted
// repetitions cut into pieces that it takes. Only whether a text matches is kept: not groups, not laziness.
import { linearRegex } from '../../../base/linear-regex.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import { ruleLimits } from './syntax.ts'
import { fold } from './values.ts'

/** Bounds the size of what repetitions are copied out to. */
const maxSourceCharacters = 20_000
const maxDepth = 50
/** V8 refuses nested repetitions whose counts multiply to more than this. */
const maxReplication = 16

const tooLarge = 'the repetitions multiply to something too large'

class PatternError extends Error {}

export interface Pattern {
  /** For V8, without flags. */
  readonly source: string
  /** How many steps it has, repetitions multiplied out: the time per character of text is in proportion. */
  readonly steps: number
}

/** The pattern as V8 source; the error is a sentence without its place. */
export function translatePattern(pattern: string, caseExact: boolean): Result<Pattern, string> {
  if (pattern.length > ruleLimits.patternCharacters) {
    return fail(`a regular expression may have at most ${ruleLimits.patternCharacters} characters`)
  }
  try {
    const { source, steps } = new PatternReader(
      caseExact ? pattern : pattern.normalize('NFC'),
      caseExact,
    ).read()
    if (linearRegex(source) !== null) return ok({ source, steps })
    return fail('this regular expression nests its repetitions too deeply to run in linear time')
  } catch (error) {
    if (error instanceof PatternError) return fail(error.message)
    throw error
  }
}

/** `factor`: how often repetitions multiply the piece, as V8 counts it. */
interface Piece extends Pattern {
  readonly factor: number
}

class PatternReader {
  readonly #pattern: string
  readonly #caseExact: boolean
  #offset = 0
  #depth = 0

  constructor(pattern: string, caseExact: boolean) {
    this.#pattern = pattern
    this.#caseExact = caseExact
  }

  read(): Pattern {
    const piece = this.#alternatives()
    if (this.#offset < this.#pattern.length)
      this.#stop('`)` closes no group; write `\\)` for the character itself')
    return piece
  }

  #alternatives(): Piece {
    const branches: string[] = []
    let factor = 1
    let steps = 0
    do {
      let branch = ''
      while (this.#offset < this.#pattern.length && !this.#sees('|') && !this.#sees(')')) {
        const piece = this.#repeated()
        branch += piece.source
        steps += piece.steps
        factor = Math.max(factor, piece.factor)
        if (branch.length > maxSourceCharacters) this.#stop(tooLarge)
      }
      branches.push(branch)
    } while (this.#take('|'))
    return { source: branches.join('|'), factor, steps: steps + branches.length }
  }

  #repeated(): Piece {
    const assertion = /[$^]|\\[bB]/y
    assertion.lastIndex = this.#offset
    const found = assertion.exec(this.#pattern)?.[0]
    if (found !== undefined) {
      this.#offset += found.length
      if (/[*+?{]/.test(this.#pattern[this.#offset] ?? '')) this.#stop(`\`${found}\` cannot be repeated`)
      return { source: found, factor: 1, steps: 1 }
    }
    return this.#repeat(this.#atom())
  }

  #repeat(piece: Piece): Piece {
    const count = /(?:([*+?])|\{([0-9]{1,5})(?:(,)([0-9]{1,5})?)?\})\??/y
    count.lastIndex = this.#offset
    const found = count.exec(this.#pattern)
    if (!found) return piece
    const [text, sign, least, comma, most] = found
    this.#offset += text.length
    if (/[*+?{]/.test(this.#pattern[this.#offset] ?? ''))
      this.#stop('nothing to repeat; put the repeated part in `( )`')
    if (sign !== undefined) {
      const times = sign === '+' ? 2 : 1
      return { source: piece.source + sign, factor: piece.factor * times, steps: piece.steps * times + 1 }
    }
    const min = Number(least)
    const max = comma === undefined ? min : most === undefined ? Number.POSITIVE_INFINITY : Number(most)
    if (max < min) this.#stop(`in \`${text}\` the second number is smaller than the first`)
    return this.#count(piece, min, max)
  }

  /** x{2,40} as x{2}x{0,16}x{0,16}x{0,6}: the same texts, in pieces that V8 takes. */
  #count(piece: Piece, min: number, max: number): Piece {
    const isOpen = max === Number.POSITIVE_INFINITY
    const size = Math.max(1, Math.floor(maxReplication / piece.factor))
    const copies = Math.ceil(min / size) + (isOpen ? 1 : Math.ceil((max - min) / size))
    const steps = piece.steps * (isOpen ? min + 1 : max) + 1
    const characters = copies * (piece.source.length + 6)
    if (characters > maxSourceCharacters || steps > ruleLimits.patternSteps) this.#stop(tooLarge)
    let source = ''
    for (let left = min; left > 0; left -= size) source += `${piece.source}{${Math.min(left, size)}}`
    for (let left = isOpen ? 0 : max - min; left > 0; left -= size)
      source += `${piece.source}{0,${Math.min(left, size)}}`
    if (isOpen) source += `${piece.source}*`
    const largest = isOpen ? min : Math.max(min, max - min)
    return { source: `(?:${source})`, factor: piece.factor * Math.max(1, Math.min(size, largest)), steps }
  }

  #atom(): Piece {
    const character = this.#next()
    if (character === '(') return this.#group()
    if (character === '[') return { source: this.#class(), factor: 1, steps: 1 }
    if (character === '.') return { source: '.', factor: 1, steps: 1 }
    if ('*+?'.includes(character)) this.#stop(`nothing stands before \`${character}\` that it could repeat`)
    if (character === '{') this.#stop('`{` repeats nothing here; write `\\{` for the character itself')
    if (character !== '\\') return { source: this.#literal(character), factor: 1, steps: 1 }
    const escaped = this.#escape()
    return { source: escaped.set ?? this.#literal(escaped.character), factor: 1, steps: 1 }
  }

  #group(): Piece {
    if (++this.#depth > maxDepth) this.#stop(`groups may be nested at most ${maxDepth} deep`)
    if (this.#sees('?')) {
      const kind = /\?(?::|<[A-Za-z_$][\w$]*>)/y
      kind.lastIndex = this.#offset
      const found = kind.exec(this.#pattern)?.[0]
      if (found === undefined) {
        this.#stop(
          'look-ahead, look-behind and flags inside a pattern are not offered: they cannot run in linear time',
        )
      }
      this.#offset += found.length
    }
    const inner = this.#alternatives()
    if (!this.#take(')')) this.#stop('a group `(` is not closed')
    this.#depth--
    return { ...inner, source: `(?:${inner.source})` }
  }

  #class(): string {
    let source = this.#take('^') ? '[^' : '['
    let isEmpty = true
    while (!this.#take(']')) {
      source += this.#classItem()
      isEmpty = false
    }
    if (isEmpty) this.#stop('an empty `[]` matches nothing')
    return `${source}]`
  }

  #classItem(): string {
    const from = this.#classCharacter()
    if (from.set !== undefined) return from.set
    if (!this.#sees('-') || this.#pattern[this.#offset + 1] === ']') return this.#classLiteral(from.character)
    this.#next()
    const to = this.#classCharacter()
    if (to.set !== undefined) return this.#classLiteral(from.character) + unit('-') + to.set
    if (to.character < from.character)
      this.#stop(`the range \`${from.character}-${to.character}\` is upside down`)
    return this.#range(from.character, to.character)
  }

  #range(from: string, to: string): string {
    const ranges = new Set([`${unit(from)}-${unit(to)}`])
    if (!this.#caseExact) {
      const capitals = [from > 'A' ? from : 'A', to < 'Z' ? to : 'Z'] as const
      if (capitals[0] <= capitals[1]) ranges.add(`${unit(fold(capitals[0]))}-${unit(fold(capitals[1]))}`)
      const folded = [fold(from), fold(to)] as const
      const isRange = folded[0].length === 1 && folded[1].length === 1 && folded[0] <= folded[1]
      // Beyond ASCII the capitals and small letters of an alphabet lie in the same order, near enough.
      if (isRange && to > '\x7f') ranges.add(`${unit(folded[0])}-${unit(folded[1])}`)
    }
    return [...ranges].join('')
  }

  #classLiteral(character: string): string {
    const folded = this.#caseExact ? character : fold(character)
    return unit(folded.length === 1 ? folded : character)
  }

  #classCharacter(): Escaped {
    if (this.#offset >= this.#pattern.length) this.#stop('a class `[` is not closed')
    const character = this.#next()
    const found: Escaped = character === '\\' ? this.#escape() : { character }
    if (found.set === undefined && found.character.length > 1) {
      this.#stop(`\`${found.character}\` cannot stand in \`[ ]\`; write \`(…|…)\``)
    }
    return found
  }

  #literal(character: string): string {
    const units = (this.#caseExact ? character : fold(character)).split('').map(unit)
    return units.length === 1 ? units[0]! : `(?:${units.join('')})`
  }

  /** What follows a backslash: one character, or a set such as \d. */
  #escape(): Escaped {
    if (this.#offset >= this.#pattern.length)
      this.#stop('a backslash at the end; write `\\\\` for the character itself')
    const character = this.#next()
    if ('dDwWsS'.includes(character)) return { set: `\\${character}`, character: '' }
    const control = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v' }[character]
    if (control !== undefined) return { character: control }
    if (/[1-9k]/.test(character))
      this.#stop('back-references are not offered: they cannot run in linear time')
    if (character === 'x' || character === 'u') return { character: this.#codePoint(character) }
    if (/[A-Za-z0-9]/.test(character)) {
      this.#stop(
        `unknown escape \`\\${character}\`; there are \\d \\w \\s \\b \\t \\n \\r \\f \\v \\xHH \\uHHHH`,
      )
    }
    return { character }
  }

  #codePoint(kind: 'x' | 'u'): string {
    const digits = kind === 'x' ? /([0-9a-f]{2})/iy : /(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/iy
    digits.lastIndex = this.#offset
    const found = digits.exec(this.#pattern)
    const value = Number.parseInt(found?.[1] ?? found?.[2] ?? '', 16)
    if (!found || value > 0x10ffff)
      this.#stop(`after \`\\${kind}\` there must be ${kind === 'x' ? 'two' : 'four'} hex digits`)
    this.#offset += found[0].length
    return String.fromCodePoint(value)
  }

  #next(): string {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#offset) ?? 0)
    this.#offset += character.length
    return character
  }

  #sees(character: string): boolean {
    return this.#pattern[this.#offset] === character
  }

  #take(character: string): boolean {
    const seen = this.#sees(character)
    if (seen) this.#offset++
    return seen
  }

  #stop(what: string): never {
    throw new PatternError(
      `in the regular expression, near its character ${Math.max(1, this.#offset)}: ${what}`,
    )
  }
}

interface Escaped {
  readonly character: string
  /** A set such as `\d`, which stands for itself. */
  readonly set?: string
}

/** One UTF-16 unit, written so that it means itself everywhere in a pattern. */
function unit(character: string): string {
  if (/^[A-Za-z0-9]$/.test(character)) return character
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
