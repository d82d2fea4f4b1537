// What is wrong with a configuration, in words that name the place and the way out, and never a password.
import type { Refusal } from './schema.ts'

export interface ConfigProblem {
  /** A variable's name, or `config/muster.yaml: httpPort`. */
  readonly where: string
  /** The value as given, passwords masked; null where there is none to show. */
  readonly value: string | null
  readonly expected: string
  readonly suggestion: string | null
}

export function problem(where: string, value: string | null, refusal: Refusal): ConfigProblem {
  return { where, value: value === null ? null : printable(value), ...refusal }
}

/** One line, without a control character. */
export function formatProblem({ where, value, expected, suggestion }: ConfigProblem): string {
  const shown = value === null ? '' : ` is "${value}"`
  const meant = suggestion === null ? '' : ` Did you mean ${suggestion}?`
  return `${where}${shown}: expected ${expected}.${meant}`
}

/**
 * All of a URL that can be shown: its scheme. Not its host either: with an unescaped `@` or `/` in the password,
 * what parses as the host is a piece of the password.
 */
export function maskUrl(text: string): string {
  return `${/^[a-z][a-z0-9+.-]{0,20}:\/\//i.exec(text)?.[0] ?? ''}(hidden)`
}

function printable(text: string): string {
  const clean = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029"]/g, '?')
  return clean.length > 100 ? `${clean.slice(0, 100)}…` : clean
}
