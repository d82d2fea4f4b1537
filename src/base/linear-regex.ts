// Regular expressions that take linear time whatever the text. V8 has a breadth-first engine for the patterns that allow
// it, and falls back to it when backtracking gets out of hand; both are switched on here, in one place. The fallback
// does not exist for the flags `i`, `u` and `v`, so they are not offered: with `i`, `^(a+)+$` took 2.5 s on 27 characters.
import v8 from 'node:v8'

let enabled = false

/** Switches V8's linear engine on, for the whole process. Call it before the first pattern runs; again is harmless. */
export function enableLinearRegex(): void {
  if (enabled) return
  v8.setFlagsFromString('--enable-experimental-regexp-engine')
  v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
  enabled = true
}

/**
 * Compiles `source` without flags, or gives null where V8 cannot promise linear time (look-around, back-references,
 * counted repetitions above 16) or where it is no regular expression at all.
 */
export function linearRegex(source: string): RegExp | null {
  enableLinearRegex()
  try {
    // The flag `l` throws unless the linear engine can take the pattern. It is six times slower than backtracking on
    // harmless input, so it only serves as the check: what is returned falls back to the same engine when needed.
    new RegExp(source, 'l')
    return new RegExp(source)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
