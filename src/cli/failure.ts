// How a command ends when it does not succeed: an exit code, and plain words from the server's problem documents.
import { printable } from './output.ts'

export const exitCodes = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** RFC 9457, as the API sends it. */
export interface ProblemDocument {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly errors?: readonly FieldProblem[]
}

export interface FieldProblem {
  readonly field: string
  readonly message: string
  readonly at?: { readonly start: number; readonly end: number }
  readonly suggestion?: string
}

export class Failure extends Error {
  readonly exitCode: number
  /** What to do about it. */
  readonly advice: string | null
  readonly problem: ProblemDocument | null
  /** What the problem's fields speak of, to show the place. */
  readonly sent: unknown

  constructor(
    exitCode: number,
    message: string,
    more: { advice?: string | undefined; problem?: ProblemDocument; sent?: unknown; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.name = 'Failure'
    this.exitCode = exitCode
    this.advice = more.advice ?? null
    this.problem = more.problem ?? null
    this.sent = more.sent
  }
}

export const usage = (message: string, advice?: string): Failure =>
  new Failure(exitCodes.usage, message, { advice })

/** Lines for a person, each field's problem on one of its own. */
export function formatFailure({ message, problem, advice, sent }: Failure): string {
  const errors = problem?.errors ?? []
  const lines = [`error: ${printable(message)}`]
  for (const error of errors) {
    const { field } = error
    lines.push(`  ${field === '' ? '' : `${printable(field)}: `}${printable(error.message)}`)
    lines.push(...excerpt(error, sent))
    if (error.suggestion !== undefined) lines.push(`    write: ${printable(error.suggestion)}`)
  }
  if (errors.length === 0 && problem?.detail !== undefined && problem.detail !== message) {
    lines.push(`  ${printable(problem.detail)}`)
  }
  if (advice !== null) lines.push(`  ${advice}`)
  return `${lines.join('\n')}\n`
}

/** The place in a rule or filter, marked. */
function excerpt({ field, at }: FieldProblem, sent: unknown): string[] {
  const text =
    typeof sent === 'object' && sent !== null ? (sent as Record<string, unknown>)[field] : undefined
  if (at === undefined || typeof text !== 'string') return []
  const from = text.lastIndexOf('\n', Math.max(0, at.start - 1)) + 1
  const to = text.indexOf('\n', at.start)
  const line = text.slice(from, to === -1 ? undefined : to)
  // Beyond a line's width the marks would stand anywhere.
  if (line.length > 160) return []
  const width = Math.max(1, Math.min(at.end, from + line.length) - at.start)
  return [`    ${printable(line)}`, `    ${' '.repeat(at.start - from)}${'^'.repeat(width)}`]
}
