// A rule that is not saved: is it sound, what is odd about it, and its other form. For builders and for whoever writes rules.
import { fail, ok, type Result } from '../../base/result.ts'
import type { Finding } from '../membership/analysis/finding.ts'
import { formatRule } from '../membership/language/format.ts'
import { fromJson, type RuleJson, toJson } from '../membership/language/json.ts'
import { placesIn } from '../membership/language/json-places.ts'
import { parseRule } from '../membership/language/parse.ts'
import type { Expr } from '../membership/language/syntax.ts'
import type { RuleSourceText } from '../membership/rule-set.ts'
import type { RuleSource } from '../ports.ts'
import { groupShape } from './groups.ts'
import { type Problem, Problems } from './problem.ts'
import { type FindingPorts, findingsOf } from './rule-findings.ts'
import { Rules } from './rules.ts'
import { optional, readObject, required, type Shape, type Spec } from './spec.ts'
import type { SubjectKind } from './types.ts'
import { type By, invalid, type Refusal, refuse } from './writing.ts'

/** Read by its own reader, which names the places in it. */
const json: Spec<unknown> = { schema: {}, absent: { value: undefined }, read: (value) => value }

export const checkShape = {
  of: required(groupShape.of),
  rule: optional(groupShape.rule),
  json,
} satisfies Shape

export interface RuleCheck {
  /** As it is printed: lower-case keywords, single spaces. */
  readonly rule: string
  readonly json: RuleJson
  /** `at` is a place in `rule`, `path` the same one in `json`. */
  readonly findings: readonly (Finding & { readonly path: string })[]
}

export interface CheckPorts extends FindingPorts {
  readonly rules: Pick<RuleSource, 'read'>
}

export function ruleCheck(ports: CheckPorts) {
  return async (by: By, body: unknown): Promise<Result<RuleCheck, Refusal>> => {
    const problems = new Problems()
    const values = readObject(checkShape, body, '', problems)
    if (!values) return invalid(problems.list)
    const { of, rule: text } = values
    if ((typeof text === 'string') === (values.json !== undefined)) {
      return refuse('invalid', 'rule', 'send the rule as a text (`rule`), or in its JSON form (`json`)')
    }
    const source = await ports.rules.read(by.organization.id)
    const read = typeof text === 'string' ? fromText(of, text, source) : fromForm(of, values.json, source)
    if (!read.ok) return invalid(read.error)
    const [rule, form] = [formatRule(read.value), toJson(read.value)]
    const placeOf = placesIn(form, read.value)
    const findings = await findingsOf(by, { of, rule }, source, ports)
    return ok({ rule, json: form, findings: findings.map((one) => ({ ...one, path: placeOf(one.at) })) })
  }
}

type Read = Result<Expr, readonly Problem[]>

/** The places of problems are those in what was sent, those of the tree in what is printed. */
function fromText(of: SubjectKind, text: string, { groups, attributes }: RuleSourceText): Read {
  const sound = new Rules(groups, attributes).check(of, text)
  if (!sound.ok) return sound
  const sent = parseRule(text)
  const read = sent.ok ? parseRule(formatRule(sent.value)) : sent
  return read.ok ? read : fail(read.error.map((problem) => ({ field: 'rule', ...problem })))
}

/** Problems name the place in the JSON form. */
function fromForm(of: SubjectKind, form: unknown, { groups, attributes }: RuleSourceText): Read {
  const sent = fromJson(form, 'json')
  if (!sent.ok) return sent
  const sound = new Rules(groups, attributes).check(of, formatRule(sent.value))
  if (sound.ok) return sent
  const placeOf = placesIn(form as RuleJson, sent.value, 'json')
  return fail(
    sound.error.map(({ at = sent.value.at, message, ...problem }) => ({
      ...{ ...problem, field: placeOf(at) },
      message: message.replace(/^at character \d+: /, ''),
    })),
  )
}
