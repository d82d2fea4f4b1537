// What is odd about a rule that is sound: it can never hold, or always does, a part of it makes no difference, it asks for
// what nobody has, or rests on what users change themselves. Nothing is reported that is not certain: what would take too
// long to find out is left out. The work is bounded by budgets, whatever the rule.
import type { SubjectKind } from '../../directory/types.ts'
import type { CheckedRule, Constant } from '../language/checked.ts'
import type { Attribute } from '../language/schema.ts'
import type { Expr, Span } from '../language/syntax.ts'
import { reportBranches } from './branches.ts'
import { Budget } from './budget.ts'
import { type Clause, clausesOf, type Term, type TermClause } from './clauses.ts'
import { isImpossible } from './conjunction.ts'
import { around, type Finding, listed, quoteLiteral } from './finding.ts'
import { clashOf } from './reasons.ts'

/** What the analysis is told of the organization. */
export interface Knowledge {
  /** Of whom the rule is. */
  readonly of: SubjectKind
  /**
   * Does anybody have this value (of a list: among others)? Texts are folded unless the attribute is `caseExact`.
   * Undefined: not known, nothing is said.
   */
  seen(of: SubjectKind, attribute: string, value: string | number): boolean | undefined
  /** May users change this attribute themselves? */
  selfEditable(of: SubjectKind, attribute: string): boolean
}

/** Reports at most so many of each of: branches, values, attributes. */
const maxFindings = 20
/** For the whole rule: can it hold, and can it fail? Then for its parts, and for saying why. */
const steps = { rule: 100_000, branches: 120_000, reasons: 50_000 } as const

/** Findings in the order of the text. `rule` is what the checker made of `expr`. */
export function analyse(rule: CheckedRule, expr: Expr, knowledge: Knowledge): readonly Finding[] {
  const root = clausesOf(rule, expr)
  const findings = [
    ...wholeOrParts(root, knowledge.of),
    ...valuesNeverSeen(root, knowledge),
    ...selfEditable(rule, expr, knowledge),
  ]
  return findings.sort((a, b) => a.at.start - b.at.start)
}

function wholeOrParts(root: Clause, of: SubjectKind): readonly Finding[] {
  const one = of === 'users' ? 'user' : 'device'
  if (isImpossible([{ clause: root, holds: true }], new Budget(steps.rule))) return [contradiction(root, one)]
  if (isImpossible([{ clause: root, holds: false }], new Budget(steps.rule))) {
    const clash = clashOf([{ clause: root, holds: false }], new Budget(steps.reasons))
    const why = clash.length > 1 ? `: one of ${listed(clash.map(opposite))} always holds` : ''
    const message = `every ${one} fulfils this rule${why}. If all are meant, \`${of === 'users' ? 'username' : 'name'} pr\` says so plainly; else mend it`
    return [{ code: 'always-true', at: root.expr.at, message }]
  }
  const findings: Finding[] = []
  reportBranches(root, findings, new Budget(steps.branches), maxFindings)
  return findings
}

const opposite = ({ clause, holds }: Parameters<typeof quoteLiteral>[0]): string =>
  quoteLiteral({ clause, holds: !holds })

function contradiction(root: Clause, one: string): Finding {
  const clash = clashOf([{ clause: root, holds: true }], new Budget(steps.reasons))
  const [first, second] = clash
  const code = 'contradiction'
  if (first === undefined) {
    const message = `no ${one} can ever fulfil this rule: its parts contradict each other. Take one of them out, or join them with \`or\``
    return { code, at: root.expr.at, message }
  }
  const at = around(clash.map(({ clause }) => clause.expr.at))
  const why =
    second === undefined
      ? `nothing fulfils ${quoteLiteral(first)}. Mend it or take it out`
      : `${listed(clash.map(quoteLiteral))} cannot hold together. Take one of them out, or join them with \`or\``
  return { code, at, message: `no ${one} can ever fulfil this rule: ${why}` }
}

/** An attribute that a rule reads, once for each place. */
export interface AttributeRead {
  /** Whose attribute it is. */
  readonly of: SubjectKind
  readonly attribute: Attribute
  /** Of its name in the text. */
  readonly at: Span
}

/** Every place where the rule of subjects `of` reads an attribute, in the order of the text. `memberOf` is none. */
export function attributesRead(rule: CheckedRule, expr: Expr, of: SubjectKind): readonly AttributeRead[] {
  const found: AttributeRead[] = []
  for (const { clause, whose } of termsOf(clausesOf(rule, expr), of)) {
    if (clause.rule.kind === 'member') continue
    const at = 'path' in clause.expr ? clause.expr.path.at : clause.expr.at
    found.push({ of: whose, attribute: clause.rule.attribute, at })
  }
  return found
}

interface PlacedTerm {
  readonly clause: TermClause
  readonly whose: SubjectKind
}

function termsOf(root: Clause, of: SubjectKind): readonly PlacedTerm[] {
  const found: PlacedTerm[] = []
  const visit = (clause: Clause, self: SubjectKind): void => {
    if (clause.kind === 'term') found.push({ clause, whose: clause.rule.side === 'owner' ? 'users' : self })
    else if (clause.kind === 'not') visit(clause.item, self)
    else if (clause.kind === 'any') visit(clause.where, 'devices')
    else for (const item of clause.items) visit(item, self)
  }
  visit(root, of)
  return found
}

/** Not of versions, which can be written differently, and not where only certain values are accepted anyway. */
const hasTellingValues = ({ type, choices }: Attribute): boolean =>
  (type === 'string' || type === 'list' || type === 'number') && choices === undefined

/** A value that a rule asks for: texts are folded unless the attribute is `caseExact`. */
export interface ValueAsked {
  /** Whose attribute it is. */
  readonly of: SubjectKind
  readonly attribute: string
  readonly value: string | number
}

/** Asks about so many; of further values nothing is said. */
const maxValuesAsked = 200

/** The distinct values of which `analyse` will ask whether anybody has them, the first 200. */
export function valuesAsked(rule: CheckedRule, expr: Expr, of: SubjectKind): readonly ValueAsked[] {
  const found = new Map<string, ValueAsked>()
  for (const { at: _, ...asked } of placedValues(clausesOf(rule, expr), of)) {
    found.set(keyOfValue(asked), asked)
    if (found.size >= maxValuesAsked) break
  }
  return [...found.values()]
}

/** Equal for the same value of the same attribute. */
export const keyOfValue = ({ of, attribute, value }: ValueAsked): string =>
  JSON.stringify([of, attribute, value])

function* placedValues(root: Clause, of: SubjectKind): Generator<ValueAsked & { readonly at: Span }> {
  for (const { clause, whose } of termsOf(root, of)) {
    const { rule, expr } = clause
    if (rule.kind === 'member' || !hasTellingValues(rule.attribute)) continue
    for (const { value, at } of constantsOf(rule, expr))
      if (typeof value !== 'boolean') yield { of: whose, attribute: rule.attribute.name, value, at }
  }
}

function valuesNeverSeen(root: Clause, knowledge: Knowledge): readonly Finding[] {
  const findings: Finding[] = []
  for (const { of, attribute, value, at } of placedValues(root, knowledge.of)) {
    if (knowledge.seen(of, attribute, value) !== false) continue
    const which = `no ${of === 'users' ? 'user' : 'device'} has this value of \`${attribute}\``
    findings.push({ code: 'value-never-seen', at, message: `${which}: check how it is written` })
    if (findings.length >= maxFindings) break
  }
  return findings
}

/** The constants of a comparison for equality, each with its place. */
function constantsOf(rule: Term, expr: Expr): readonly { readonly value: Constant; readonly at: Span }[] {
  if (rule.kind === 'compare' && (rule.op === 'eq' || rule.op === 'ne') && expr.kind === 'compare') {
    return [{ value: rule.value, at: expr.value.at }]
  }
  if (rule.kind !== 'in' || expr.kind !== 'in') return []
  return rule.values.map((value, index) => ({ value, at: expr.values[index]?.at ?? expr.at }))
}

function selfEditable(rule: CheckedRule, expr: Expr, knowledge: Knowledge): readonly Finding[] {
  const findings = new Map<string, Finding>()
  for (const { of, attribute, at } of attributesRead(rule, expr, knowledge.of)) {
    const key = `${of} ${attribute.name}`
    if (findings.has(key) || !knowledge.selfEditable(of, attribute.name)) continue
    const name = `\`${attribute.name}\``
    const message = `users change their ${name} themselves, and with it who fulfils this rule. Use an attribute that only administrators change, or take ${name} off the self-editable ones`
    findings.set(key, { code: 'self-editable', at, message })
    if (findings.size >= maxFindings) break
  }
  return [...findings.values()]
}
