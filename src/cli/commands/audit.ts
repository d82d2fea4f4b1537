// The audit log: what was decided and changed, as it comes (--follow), and whether its chain of hashes is unbroken.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { Api } from '../api.ts'
import { parseDate } from '../assignments.ts'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { exitCodes, usage } from '../failure.ts'
import type { Names } from '../kinds.ts'
import { idOf, namesOf } from '../names.ts'
import { type Column, formatTime, formatValue, printable, type Style } from '../output.ts'
import { limitOption, mostRows } from '../rows.ts'
import type { Trace } from './explain.ts'

interface AuditRecord {
  readonly sequence: string
  readonly body: Decided | Changed
}

interface Decided {
  readonly kind: 'decision'
  readonly at: string
  readonly outcome: string
  readonly reason: string | null
  readonly circumstance: { readonly peer: string | null; readonly door: string }
  readonly trace: Pick<Trace, 'subject' | 'resource'>
}

interface Changed {
  readonly kind: 'change'
  readonly at: string
  readonly actor: { readonly kind: string; readonly name: string }
  readonly action: string
  readonly target: { readonly kind: string; readonly name: string }
  readonly details: Readonly<Record<string, unknown>>
}

type Row = AuditRecord['body']

const pollMs = 1_000

const styles: Readonly<Record<string, Style>> = {
  permit: 'green',
  deny: 'red',
  challenge: 'yellow',
  indeterminate: 'red',
}

/** `groups`: names of those that records tell of. */
const columnsWith = (groups: Names): readonly Column<Row>[] => [
  { title: 'TIME', value: ({ at }) => formatTime(at) },
  {
    title: 'WHO',
    value: (row) =>
      row.kind === 'decision' ? (row.trace.subject.name ?? row.trace.subject.claimed) : row.actor.name,
  },
  {
    title: 'WHAT',
    value: (row) => (row.kind === 'decision' ? row.outcome : row.action),
    style: (row) => (row.kind === 'decision' ? (styles[row.outcome] ?? null) : null),
  },
  {
    title: 'TARGET',
    value: (row) =>
      row.kind === 'decision'
        ? (row.trace.resource.name ?? row.trace.resource.claimed)
        : targetOf(row, groups),
  },
  { title: 'DOOR', value: (row) => (row.kind === 'decision' ? row.circumstance.door : null) },
  { title: 'FROM', value: (row) => (row.kind === 'decision' ? row.circumstance.peer : null) },
  { title: 'REASON', value: (row) => (row.kind === 'decision' ? row.reason : null) },
]

/** The object by names: a binding has none of its own, and of a membership it matters whose it is. */
function targetOf({ action, target, details }: Changed, groups: Names): string {
  const plain = `${target.kind} ${target.name}`
  const { group, resource, member } = details
  if (action.startsWith('binding.') && typeof group === 'string' && typeof resource === 'string')
    return `binding ${group} → ${resource}`
  if (action === 'membership.change') {
    const moves = movesOf(details).map(({ sign, id }) => `${sign}${groups.get(id) ?? id}`)
    const more = moves.length > mostMoves ? ` and ${moves.length - mostMoves} more` : ''
    return `${plain}: ${moves.slice(0, mostMoves).join(' ')}${more}`
  }
  if (!action.startsWith('membership.')) return plain
  const name = typeof member === 'object' && member !== null && 'name' in member ? member.name : member
  return typeof name === 'string' ? `${plain}: ${name}` : plain
}

/** A line stays a line; --json has all of them. */
const mostMoves = 10

/** Groups that somebody joined (+) and left (-), and is in for other reasons than before (=), by id. */
function movesOf({ joined, left, stayed }: Changed['details']) {
  const of = (sign: string, ids: unknown) =>
    Array.isArray(ids) ? ids.map((id) => ({ sign, id: String(id) })) : []
  return [...of('+', joined), ...of('-', left), ...of('=', stayed)]
}

/** Of a group that is removed the name is in the record. */
async function groupNames(api: Api, records: readonly AuditRecord[]): Promise<Names> {
  const changes = records.flatMap(({ body }) =>
    body.kind === 'change' && body.action === 'membership.change' ? [body.details] : [],
  )
  const kept = changes.flatMap(({ group }) => (isNamed(group) ? [[group.id, group.name] as const] : []))
  const ids = changes.flatMap((details) => movesOf(details).map(({ id }) => id))
  return new Map([...kept, ...(await namesOf(api, 'group', ids))])
}

const isNamed = (value: unknown): value is { readonly id: string; readonly name: string } =>
  typeof value === 'object' && value !== null && 'id' in value && 'name' in value

/** As they are read out on the phone: without dash, in small letters, and with letters that no reference has. */
function parseReference(text: string): string {
  const letters = text
    .toUpperCase()
    .replace(/[\s\p{Dash_Punctuation}]/gu, '')
    .replace(/[IL]/g, '1')
    .replaceAll('O', '0')
  if (/^[0-9A-HJKMNP-TV-Z]{8}$/.test(letters)) return `${letters.slice(0, 4)}-${letters.slice(4)}`
  throw usage(`${JSON.stringify(text)} is no reference`, 'Eight letters and digits, such as 7K3M-Q0XA')
}

const stoppedBefore = `References of requests that were stopped before anybody was asked about (wrong redirect address, unknown
application, unreadable request) are in the server's own log (standard error), not in the audit log.
`

export function addAudit(program: Command, around: Surroundings): void {
  const audit = program.command('audit').description('the audit log: list, verify')
  define(
    audit,
    {
      name: 'list',
      summary: 'decisions and changes, newest first',
      options: [
        new Option('--kind <kind>', 'only these').choices(['decision', 'change']),
        option('--outcome <outcome>', 'permit, deny …, or an action such as user.update'),
        option('--user <user>', 'decisions about this user; with --kind change, changes of it'),
        option('--reference <reference>', 'what a refused person was shown, such as 7K3M-Q0XA'),
        option('--since <time>', 'such as 2026-01-31 or now-1d'),
        option('--until <time>', ''),
        limitOption(),
        option('--follow', 'go on printing what comes, oldest first, until interrupted'),
      ],
      examples: [
        '--kind decision --outcome deny --since now-1d',
        '--reference 7K3M-Q0XA',
        '--user alice --limit 10 --json',
        '--user alice --kind change',
        '--follow',
      ],
    },
    around,
    async (session) => {
      const api = await session.api()
      const query = await queryOf(session, api)
      const { follow } = session.options
      const { items, more } = await api.list<AuditRecord>('/audit', query, mostRows(session))
      if (follow === true) return followLog(session, api, query, items)
      const columns = columnsWith(session.json ? new Map() : await groupNames(api, items))
      session.answer({ items, next: more ? (items.at(-1)?.sequence ?? null) : null }, () =>
        items.length === 0
          ? query.reference === undefined
            ? 'nothing in the log\n'
            : `nothing in the log under ${query.reference}\n${stoppedBefore}`
          : session.table(
              columns,
              items.map(({ body }) => body),
            ),
      )
    },
  )

  define(
    audit,
    {
      name: 'verify',
      summary: 'checks the chain of hashes from its beginning; exit code 1 where it is broken',
      examples: ['', '--json'],
    },
    around,
    async (session) => {
      const api = await session.api()
      const verdict = await api.request<{
        readonly intact: boolean
        readonly records?: string
        readonly head?: string
        readonly sequence?: string
        readonly fault?: string
      }>('GET', '/audit/verify', { timeoutMs: 60 * 60 * 1000 })
      session.answer(verdict, () =>
        verdict.intact
          ? `intact: ${formatValue(verdict.records)} records, the last with hash ${formatValue(verdict.head)}\n`
          : `${session.paint('red', 'BROKEN')} at record ${formatValue(verdict.sequence)}: ${formatValue(verdict.fault)}\n`,
      )
      return verdict.intact ? exitCodes.ok : exitCodes.refused
    },
  )
}

async function queryOf(session: Session, api: Api): Promise<Record<string, string>> {
  const { kind, outcome, user, reference, since, until } = session.options
  const now = session.terminal.now()
  return {
    ...(typeof kind === 'string' && { kind }),
    ...(typeof outcome === 'string' && { outcome }),
    ...(typeof user === 'string' && {
      [kind === 'change' ? 'target' : 'subject']: await idOf(api, 'user', user),
    }),
    ...(typeof reference === 'string' && { reference: parseReference(reference) }),
    ...(typeof since === 'string' && { from: parseDate(since, now) }),
    ...(typeof until === 'string' && { to: parseDate(until, now) }),
  }
}

/** Prints records in the order in which they come: JSON lines, or lines of fixed columns. Never returns by itself. */
async function followLog(
  session: Session,
  api: Api,
  query: Readonly<Record<string, string>>,
  first: readonly AuditRecord[],
): Promise<never> {
  const print = async (records: readonly AuditRecord[]): Promise<void> => {
    const columns = columnsWith(session.json ? new Map() : await groupNames(api, records))
    for (const { sequence, body } of records.toReversed()) {
      if (session.json) session.terminal.out(`${JSON.stringify({ sequence, body })}\n`)
      else session.terminal.out(`${lineOf(body, columns, session)}\n`)
    }
  }
  await print(first)
  let last = BigInt(first[0]?.sequence ?? 0)
  for (;;) {
    await sleep(pollMs)
    const fresh: AuditRecord[] = []
    for await (const record of api.each<AuditRecord>('/audit', query)) {
      if (BigInt(record.sequence) <= last) break
      fresh.push(record)
    }
    await print(fresh)
    last = BigInt(fresh[0]?.sequence ?? last)
  }
}

function lineOf(body: Row, columns: readonly Column<Row>[], { paint }: Session): string {
  const cells = columns.map(({ value, style }) => {
    const text = printable(formatValue(value(body)))
    const chosen = style?.(body) ?? null
    return chosen === null ? text : paint(chosen, text)
  })
  return cells.filter((cell) => cell !== '').join('  ')
}
