// Why somebody is in a group or not, what a user gets through which groups, who joined and left, and what looks wrong.
import type { Command } from 'commander'
import { define, type Session, type Surroundings } from '../command.ts'
import { kinds } from '../kinds.ts'
import { idOf, resolve } from '../names.ts'
import { formatTime, formatValue, printable } from '../output.ts'
import { mostRows, noteMore, rowOptions } from '../rows.ts'
import { defineForUser, userWords } from './one-user.ts'

interface Because {
  readonly kind: string
  readonly message: string
  readonly clauses?: readonly { readonly holds: boolean; readonly message: string }[]
}

interface Explained {
  readonly group: { readonly name: string; readonly mode: string; readonly rule: string | null }
  readonly subject: { readonly name: string }
  readonly member: boolean
  readonly because: readonly Because[]
}

interface Chain {
  readonly group: { readonly name: string }
  readonly reasons: readonly string[]
  readonly binding: {
    readonly attributes: Readonly<Record<string, unknown>>
    readonly factors: readonly string[]
  }
  readonly resource: { readonly name: string; readonly kind: string; readonly enabled: boolean }
}

interface Access {
  readonly user: { readonly username: string }
  readonly note: string | null
  readonly chains: readonly Chain[]
  readonly more: boolean
}

interface Named {
  readonly id: string
  readonly name: string | null
}

interface Entry {
  readonly sequence: string
  readonly at: string
  readonly subject: Named
  readonly joined: readonly Named[]
  readonly left: readonly Named[]
  readonly stayed?: readonly Named[]
  readonly cause: string
  readonly group?: Named | null
  readonly actor: { readonly name: string }
}

interface Finding {
  readonly message: string
  readonly count: number
  readonly items: readonly { readonly group: Named | null; readonly subject: Named | null }[]
}

const nameOf = ({ id, name }: Named): string => name ?? id

export function addGroupInsights(group: Command, around: Surroundings): void {
  define(
    group,
    {
      name: 'explain',
      summary: 'why a user or device is in a group, or is not',
      words: [
        ['<group>', 'name or id of the group'],
        ['<member>', 'username, or name of a device'],
      ],
      examples: ['engineering carol', 'trusted-macs mac-alice --json'],
    },
    around,
    async (session, [name = '', member = '']) => {
      const api = await session.api()
      const { id, of } = await resolve(api, kinds.group, name)
      const subject = await resolve(api, of === 'devices' ? kinds.device : kinds.user, member)
      const path = `/groups/${id}/members/${subject.id}/explanation`
      const answer = await api.request<Explained>('GET', path)
      session.answer(answer, () => explained(answer, session))
    },
  )
  addHistory(group, around, 'group', 'who joined and left a group, newest first', [
    'engineering',
    'engineering --all --json',
  ])
  define(
    group,
    {
      name: 'findings',
      summary: 'what looks wrong: groups that grant access to nobody, users in no group, old exemptions …',
      examples: ['', '--json'],
    },
    around,
    async (session) => {
      const api = await session.api()
      const answer = await api.request<{ items: readonly Finding[] }>('GET', '/findings')
      session.answer(answer, () =>
        answer.items.length === 0 ? 'nothing looks wrong\n' : answer.items.map(finding).join('\n'),
      )
    },
  )
}

export function addUserInsights(user: Command, around: Surroundings): void {
  defineForUser(
    user,
    {
      name: 'access',
      summary: 'the resources that a user gets, and through which groups',
      examples: ['alice', 'alice --json'],
    },
    around,
    async (session, { api, id }) => {
      const answer = await api.request<Access>('GET', `/users/${id}/access`)
      session.answer(answer, () => access(answer, session))
    },
  )
  addHistory(user, around, 'user', 'the groups that a user joined and left, newest first', [
    'alice',
    'alice --limit 10',
  ])
}

export function addDeviceInsights(device: Command, around: Surroundings): void {
  addHistory(device, around, 'device', 'the groups that a device joined and left, newest first', [
    'mac-alice',
    'mac-alice --limit 10',
  ])
}

function explained({ group, subject, member, because }: Explained, { paint }: Session): string {
  const word = member ? paint('green', 'MEMBER') : paint('red', 'NO MEMBER')
  const who = `${printable(subject.name)} is ${member ? '' : 'not '}in ${printable(group.name)}`
  const lines = [`${word}  ${who}`, ...(group.rule === null ? [] : [`rule: ${printable(group.rule)}`])]
  for (const { message, clauses } of because) {
    lines.push(`- ${printable(message)}`)
    for (const clause of clauses ?? [])
      lines.push(`  ${clause.holds ? paint('green', '✓') : paint('red', '✗')} ${printable(clause.message)}`)
  }
  return `${lines.join('\n')}\n`
}

function access({ user, note, chains, more }: Access, session: Session): string {
  const parts: string[] = note === null ? [] : [`${session.paint('yellow', printable(note))}\n`]
  if (chains.length === 0) parts.push(`no group of ${printable(user.username)} is bound to a resource\n`)
  else
    parts.push(
      session.table(
        [
          { title: 'RESOURCE', value: ({ resource }) => resource.name },
          {
            title: 'KIND',
            value: ({ resource }) => (resource.enabled ? resource.kind : `${resource.kind}, off`),
          },
          { title: 'THROUGH', value: ({ group }) => group.name },
          { title: 'BECAUSE OF', value: ({ reasons }) => reasons },
          { title: 'GIVES', value: ({ binding }) => given(binding.attributes) },
          { title: 'DEMANDS', value: ({ binding }) => binding.factors },
        ],
        chains,
      ),
    )
  if (more) parts.push(`the first ${chains.length} are shown\n`)
  return parts.join('')
}

const given = (attributes: Chain['binding']['attributes']): string =>
  Object.entries(attributes)
    .map(([door, value]) => `${door}: ${formatValue(value)}`)
    .join('; ')

/** Of a rule it is told whose: many may have been saved at that time. */
const causeOf = ({ cause, group }: Entry): string =>
  cause === 'rule' && group ? `rule of ${nameOf(group)}` : cause

/** An id is not looked up: its object may be gone, and its history is there. */
function addHistory(
  command: Command,
  around: Surroundings,
  kind: 'group' | 'user' | 'device',
  summary: string,
  examples: readonly string[],
): void {
  define(
    command,
    {
      ...{ name: 'history', summary, examples, options: rowOptions() },
      words: kind === 'user' ? userWords : [[`<${kind}>`, `name or id of the ${kind}`]],
    },
    around,
    (session, [name = '']) => showHistory(session, kind, name),
  )
}

async function showHistory(session: Session, kind: 'group' | 'user' | 'device', name: string): Promise<void> {
  const api = await session.api()
  const path = `/${kinds[kind].path}/${await idOf(api, kind, name)}/history`
  const { items, more } = await api.list<Entry>(path, {}, mostRows(session))
  session.answer({ items, next: more ? (items.at(-1)?.sequence ?? null) : null }, () =>
    items.length === 0
      ? `nothing is recorded of ${printable(name)}\n`
      : session.table(
          [
            { title: 'TIME', value: ({ at }) => formatTime(at) },
            { title: 'WHO', value: ({ subject }) => nameOf(subject) },
            { title: 'JOINED', value: ({ joined }) => joined.map(nameOf) },
            { title: 'LEFT', value: ({ left }) => left.map(nameOf) },
            { title: 'OTHER REASONS', value: ({ stayed }) => stayed?.map(nameOf) },
            { title: 'CAUSE', value: causeOf },
            { title: 'BY', value: ({ actor }) => actor.name },
          ],
          items,
        ),
  )
  noteMore(session, items.length, more)
}

function finding({ message, count, items }: Finding): string {
  const lines = items.map(({ group, subject }) => {
    const [first = '', second] = [subject, group].flatMap((one) => (one === null ? [] : [nameOf(one)]))
    return `  ${printable(second === undefined ? first : `${first} in ${second}`)}`
  })
  const left = count - items.length
  return `${[printable(message), ...lines, ...(left > 0 ? [`  and ${left} more`] : [])].join('\n')}\n`
}
