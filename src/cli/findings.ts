// What is odd about a rule, line by line: warnings, which refuse nothing.
import { printable } from './output.ts'

export interface Finding {
  readonly code: string
  readonly at: { readonly start: number; readonly end: number }
  readonly message: string
}

/** Nothing where there are none. */
export const tellFindings = (findings: readonly Finding[]): string =>
  findings.map(({ at, message }) => `warning: at character ${at.start + 1}: ${printable(message)}\n`).join('')
