// Why somebody gets in, or not: the decision in plain words, with what led to it and what to do about a refusal.
import { type Command, Option } from 'commander'
import type { Api } from '../api.ts'
import { parseDate } from '../assignments.ts'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { nobodyCanHave } from '../factors.ts'
import { exitCodes, Failure } from '../failure.ts'
import { idOf, namesOf, quoted } from '../names.ts'
import { formatValue, orList, type Paint, printable } from '../output.ts'
import { portalAddress } from '../portal.ts'

export interface Trace {
  readonly subject: { readonly claimed: string; readonly name: string | null; readonly state: string | null }
  readonly resource: { readonly claimed: string; readonly id: string | null; readonly name: string | null }
  readonly memberships: readonly { readonly name: string; readonly reasons: readonly string[] }[]
  readonly bindings: readonly { readonly group: string; readonly factors: readonly string[] }[]
  readonly demands: readonly {
    readonly anyOf: readonly string[]
    readonly from: string
    readonly satisfied: boolean
  }[]
  readonly proofs: readonly string[]
  readonly steps: readonly string[]
}

export interface Explanation {
  readonly outcome: 'permit' | 'challenge' | 'deny' | 'indeterminate'
  readonly reason?: string
  readonly message?: string
  readonly cause?: string
  readonly attributes?: unknown
  readonly step?: { readonly kind: string; readonly factors: readonly string[] }
  readonly trace: Trace
}

export function addExplain(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'explain',
      summary: 'why a user may use a resource, or not; nothing is counted, recorded or sent',
      words: [
        ['<user>', 'username, e-mail address or id'],
        ['<resource>', 'name or id of a resource, or: directory, portal, console'],
      ],
      options: [
        option('--from <address>', 'IP address that the request comes from'),
        option('--evidence <factors>', 'factors taken as proven, separated by commas (default: password)'),
        option('--insecure', 'the connection is not encrypted'),
        option('--at <time>', 'at another time, such as 2026-01-31T09:30:00Z or now+2h'),
        new Option('--expect <outcome>', 'exit with 1 where the outcome is another').choices([
          'permit',
          'challenge',
          'deny',
        ]),
      ],
      examples: [
        'alice directory --from 10.0.0.7',
        'bob vpn --evidence password,totp',
        'carol payroll --expect deny',
      ],
    },
    around,
    async (session, [user = '', resource = '']) => {
      const { from, evidence, insecure, at, expect } = session.options
      const body = {
        user,
        resource,
        ...(typeof from === 'string' && { from }),
        ...(typeof evidence === 'string' && {
          evidence: evidence
            .split(',')
            .map((factor) => factor.trim())
            .filter((factor) => factor !== ''),
        }),
        ...(insecure === true && { secured: false }),
        ...(typeof at === 'string' && { at: parseDate(at, session.terminal.now()) }),
      }
      const api = await session.api()
      const answer = await api
        .request<Explanation>('POST', '/access/explain', { body })
        .catch(async (error: unknown) => {
          // Looked for by name again: that refusal has a guess at what was meant.
          if (error instanceof Failure && error.problem?.errors?.some(({ field }) => field === 'resource'))
            await idOf(api, 'resource', resource)
          throw error
        })
      const advice = session.json ? [] : await adviceFor(api, answer)
      session.answer(answer, () => describe(answer, advice, session))
      if (expect === undefined || expect === answer.outcome) return exitCodes.ok
      session.terminal.err(`expected ${expect}, and it is ${answer.outcome}\n`)
      return exitCodes.refused
    },
  )
}

const verdicts: Readonly<Record<Explanation['outcome'], readonly [string, 'green' | 'yellow' | 'red']>> = {
  permit: ['PERMIT', 'green'],
  challenge: ['CHALLENGE', 'yellow'],
  deny: ['DENY', 'red'],
  indeterminate: ['UNDECIDED', 'red'],
}

function describe(answer: Explanation, advice: readonly string[], { paint }: Session): string {
  const { outcome, trace } = answer
  const who = printable(trace.subject.name ?? trace.subject.claimed)
  const what = printable(trace.resource.name ?? trace.resource.claimed)
  const [word, style] = verdicts[outcome]
  const parts = [`${paint(style, word)}  ${sentence(answer, who, what)}\n`]
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0)
      parts.push(`\n${paint('bold', title)}\n${lines.map((line) => `  ${line}\n`).join('')}`)
  }
  section(
    'Groups',
    trace.memberships
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .map(({ name, reasons }) => `${printable(name)} ${paint('dim', `(${reasons.join(', ')})`)}`),
  )
  section(
    'Access through',
    trace.bindings.map(({ group, factors }) => {
      const demand = factors.length > 0 ? `, which demands ${orList(factors)}` : ''
      return `the binding of ${printable(group)} to ${what}${demand}`
    }),
  )
  section(
    'Has to be proven',
    trace.demands.map((demand) => proof(demand, paint)),
  )
  section('Receives', formatGiven(answer.attributes))
  section(
    'Steps',
    trace.steps.map((step, index) => `${index + 1}. ${printable(step)}`),
  )
  section('What to do', advice)
  return parts.join('')
}

const proof = ({ anyOf, from, satisfied }: Trace['demands'][number], paint: Paint): string =>
  `${satisfied ? paint('green', '✓') : paint('red', '✗')} ${orList(anyOf)} ${paint('dim', `(${printable(from)})`)}`

function sentence({ outcome, message, step, cause }: Explanation, who: string, what: string): string {
  switch (outcome) {
    case 'permit':
      return `${who} may use ${what}`
    case 'challenge':
      return `${who} may use ${what} after one more step: ${orList(step?.factors ?? [])}`
    case 'deny':
      return `${who} may not use ${what}: ${printable(message ?? 'refused')}`
    case 'indeterminate':
      return `it could not be decided whether ${who} may use ${what} (${cause}): nobody is let in then`
    default:
      return outcome satisfies never
  }
}

function formatGiven(attributes: unknown): string[] {
  if (typeof attributes !== 'object' || attributes === null) return []
  return Object.entries(attributes).map(([door, value]) => `${door}: ${formatValue(value)}`)
}

/** What an administrator could do, by reason; `no-binding` looks which groups would help. */
async function adviceFor(api: Api, { outcome, reason, cause, trace }: Explanation): Promise<string[]> {
  const who = printable(trace.subject.name ?? trace.subject.claimed)
  const what = printable(trace.resource.name ?? trace.resource.claimed)
  const missing = trace.demands.filter(({ satisfied }) => !satisfied)
  if (outcome === 'challenge') return [`Try with the next factor proven: --evidence ${withNext(trace)}`]
  if (outcome === 'indeterminate') return [`See the server's log and \`muster doctor\` (${cause})`]
  switch (reason) {
    case 'unknown-subject':
      return ['Check the spelling (muster user list), or make the user: muster user create <username>']
    case 'subject-staged':
    case 'subject-suspended':
      return [`muster user activate ${who}`]
    case 'unknown-resource':
      return [`muster resource update ${what} enabled=true`]
    case 'no-binding':
      return adviceOnBindings(api, trace, who, what)
    case 'no-proof':
      return [
        `Give ${who} a password (muster user password ${who}), or name what is shown: --evidence password`,
      ]
    case 'factor-not-enrolled':
      return adviceOnFactors(api, missing, trace.subject.name ?? trace.subject.claimed)
    case 'factor-missing':
      return [
        `This way in cannot ask for it: the person types password,123456 in the password field. Try --evidence ${withNext(trace)}`,
      ]
    case 'transport-not-secure':
      return ['Use TLS: ldaps or StartTLS']
    case 'account-disabled':
      return ['Turn the service account on again']
    default:
      return []
  }
}

const withNext = (trace: Trace): string =>
  [
    ...trace.proofs,
    ...trace.demands.flatMap(({ satisfied, anyOf }) => (satisfied ? [] : (anyOf[0] ?? []))),
  ].join(',')

async function adviceOnFactors(api: Api, missing: Trace['demands'], user: string): Promise<string[]> {
  const who = printable(user)
  const own = missing.some(({ anyOf }) => !nobodyCanHave(anyOf)) && (await mayEnterPortal(api, user))
  const portal = own ? printable(await portalAddress(api.url, await api.organization())) : null
  return missing.map(({ anyOf, from }) => {
    const because = `(demanded by ${printable(from)})`
    if (nobodyCanHave(anyOf))
      return `Nobody can have ${orList(anyOf)} yet: let another factor do as well, such as totp  ${because}`
    if (anyOf.includes('password')) return `Set a password: muster user password ${who}`
    const self = portal === null ? '' : `; or ${who} does it in the portal: ${portal}`
    return anyOf.includes('totp')
      ? `Set up an authenticator: muster user totp ${who}${self}  ${because}`
      : `Recovery codes come with an authenticator that is set up in the portal${self}  ${because}`
  })
}

/** With a password alone: where the portal demands the missing factor, too, nobody can set it up there. */
async function mayEnterPortal(api: Api, user: string): Promise<boolean> {
  const body = { user, resource: 'portal' }
  const answer = await api.request<Explanation>('POST', '/access/explain', { body }).catch(() => null)
  return answer?.outcome === 'permit'
}

async function adviceOnBindings(api: Api, { resource }: Trace, who: string, what: string): Promise<string[]> {
  if (resource.id === null) return []
  const { items } = await api.list('/bindings', { filter: `resourceId eq ${quoted(resource.id)}` }, 20)
  const groups = [
    ...(
      await namesOf(
        api,
        'group',
        items.map(({ groupId }) => String(groupId)),
      )
    ).values(),
  ]
  const bind = `Bind one of the groups of ${who}: muster binding create <group> ${what}`
  if (groups.length === 0) return [`No group at all is bound to ${what}.`, bind]
  return [
    `Make ${who} a member of ${orList(groups.map(printable))} (muster group show <group> shows its rule), or`,
    bind,
  ]
}
