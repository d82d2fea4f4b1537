// Does a literal fit the type of its attribute? Gives the constant that evaluation compares with.

import { nearest } from '../../../base/nearest.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import type { Constant, When } from './checked.ts'
import { type Pattern, translatePattern } from './pattern.ts'
import type { Attribute } from './schema.ts'
import {
  type CompareOp,
  orderOps,
  problem,
  type RuleProblem,
  relativeUnits,
  type StringValue,
  type Value,
} from './syntax.ts'
import { fold, parseInstant, parseVersion } from './values.ts'

/** Enough to mend a rule by; what follows is not looked at. */
export const maxProblems = 20

type Checked<T> = Result<T, readonly RuleProblem[]>

const kinds = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  relative: 'an instant',
} as const

/** The constant for `attribute op value`; not for dates. */
export function checkConstant(value: Value, attribute: Attribute, op: CompareOp): Checked<Constant> {
  const { type, name } = attribute
  const wanted = type === 'number' || type === 'boolean' ? type : 'string'
  if (value.kind === 'relative' || value.kind !== wanted) {
    const what = `\`${name}\` is compared with ${kinds[wanted]}, not with ${kinds[value.kind]}`
    return refuse('wrong-type', value, what, suggestLiteral(value, wanted))
  }
  if (value.kind !== 'string') return ok(value.value)
  if (value.value === '') {
    return refuse(
      'empty-text',
      value,
      `an empty text counts as missing: write \`${name} pr\` or \`not (${name} pr)\``,
    )
  }
  if (attribute.choices && (op === 'eq' || op === 'ne'))
    return checkChoice(value, attribute, attribute.choices)
  if (type === 'version' && (orderOps as readonly string[]).includes(op) && !/[0-9]/.test(value.value)) {
    return refuse('wrong-type', value, `\`${name}\` is compared with a version such as "14.2.1"`)
  }
  if (type === 'version' && (op === 'eq' || op === 'ne') && parseVersion(value.value).length === 0) {
    return refuse('wrong-type', value, `\`${name}\` is compared with a version such as "14.2.1"`)
  }
  return ok(attribute.caseExact ? value.value : fold(value.value))
}

/** The constants of `attribute in (…)`; every one that does not fit is told. */
export function checkList(values: readonly Value[], attribute: Attribute): Checked<readonly Constant[]> {
  const constants: Constant[] = []
  const problems: RuleProblem[] = []
  for (const value of values) {
    const checked = checkConstant(value, attribute, 'eq')
    if (checked.ok) constants.push(checked.value)
    else problems.push(...checked.error)
    if (problems.length >= maxProblems) break
  }
  return problems.length > 0 ? fail(problems) : ok(constants)
}

/** The instant that a date is compared with. */
export function checkWhen(value: Value, attribute: Attribute): Checked<When> {
  if (value.kind === 'relative') return ok({ fromNow: value.amount * relativeUnits[value.unit] })
  const at = value.kind === 'string' ? parseInstant(value.value) : undefined
  if (at !== undefined) return ok({ at })
  const examples = '"2026-01-31", "2026-01-31T08:00:00Z" or now-30d'
  const zone = value.kind === 'string' && parseInstant(`${value.value}Z`) !== undefined
  const suggestion = zone ? JSON.stringify(`${value.value}Z`) : undefined
  return refuse(
    'bad-instant',
    value,
    `\`${attribute.name}\` is compared with a date such as ${examples}`,
    suggestion,
  )
}

/** The pattern of `attribute matches …`, see pattern.ts. */
export function checkPattern(pattern: StringValue, attribute: Attribute): Checked<Pattern> {
  const translated = translatePattern(pattern.value, attribute.caseExact)
  return translated.ok ? translated : refuse('bad-pattern', pattern, translated.error)
}

function checkChoice(
  value: StringValue,
  attribute: Attribute,
  choices: readonly string[],
): Checked<Constant> {
  const folded = fold(value.value)
  if (choices.some((choice) => fold(choice) === folded)) return ok(folded)
  const near = nearest(value.value, choices)
  const what = `\`${attribute.name}\` is one of ${choices.map((choice) => `"${choice}"`).join(', ')}`
  return refuse('unknown-value', value, what, near === undefined ? undefined : JSON.stringify(near), choices)
}

/** `"true"` for a boolean and `"5"` for a number lack only their missing quotes, and the reverse. */
function suggestLiteral(value: Value, wanted: 'string' | 'number' | 'boolean'): string | undefined {
  if (value.kind === 'relative') return undefined
  if (wanted === 'string') return JSON.stringify(String(value.value))
  if (value.kind !== 'string') return undefined
  if (wanted === 'boolean')
    return /^(?:true|false)$/i.test(value.value) ? value.value.toLowerCase() : undefined
  return /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$/.test(value.value) ? value.value : undefined
}

function refuse(
  code: 'wrong-type' | 'empty-text' | 'unknown-value' | 'bad-instant' | 'bad-pattern',
  value: Value,
  what: string,
  suggestion?: string,
  expected?: readonly string[],
): Checked<never> {
  return fail([problem(code, value.at, what, { suggestion, ...(expected && { expected }) })])
}
