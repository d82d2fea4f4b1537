// What the rules of review groups suggest: showing it, approving and rejecting it.
import type { Command } from 'commander'
import type { Api, Item } from '../api.ts'
import { define, type Handler, option, type Surroundings } from '../command.ts'
import { exitCodes, Failure } from '../failure.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { formatTime, printable } from '../output.ts'
import { mostRows, noteMore, rowOptions } from '../rows.ts'

interface Suggestion extends Item {
  readonly subjectId: string
  readonly name: string | null
  readonly operation: 'join' | 'leave'
  readonly since: string
  readonly rejectedAt: string | null
}

interface Counts {
  readonly joins: number
  readonly leaves: number
}

interface Answered {
  readonly approved?: number
  readonly rejected?: number
  readonly withdrawn: number
  readonly more: boolean
}

/** All of a group are answered in parts: each may take its time. */
const timeoutMs = 600_000

export function addReviewCommands(group: Command, around: Surroundings): void {
  define(
    group,
    {
      name: 'suggestions',
      summary: 'who would join or leave a review group, if it were approved',
      words: [['<group>', 'name or id of the group']],
      options: [option('--rejected', 'those that were rejected'), ...rowOptions()],
      examples: ['contractors', 'contractors --rejected --json'],
    },
    around,
    async (session, [name = '']) => {
      const api = await session.api()
      const { id, mode } = await resolve(api, kinds.group, name)
      const query = session.options.rejected === true ? { rejected: 'true' } : {}
      const path = `/groups/${id}/suggestions`
      const { counts } = await api.request<{ counts: Counts }>('GET', path, { query: { ...query, limit: 1 } })
      const { items, more } = await api.list<Suggestion>(path, query, mostRows(session))
      session.answer({ items, next: more ? (items.at(-1)?.id ?? null) : null, counts }, () =>
        items.length === 0
          ? `nothing is suggested for ${printable(name)}${notReviewed(mode)}\n`
          : `${session.table(
              [
                { title: 'NAME', value: (one) => one.name ?? one.subjectId },
                {
                  title: 'WOULD',
                  value: ({ operation }) => operation,
                  style: ({ operation }) => (operation === 'join' ? 'green' : 'yellow'),
                },
                { title: 'SINCE', value: ({ since }) => formatTime(since) },
                { title: 'REJECTED', value: ({ rejectedAt }) => rejectedAt && formatTime(rejectedAt) },
              ],
              items.toSorted((a, b) => (a.name ?? '').localeCompare(b.name ?? '')),
            )}${counts.joins} would join, ${counts.leaves} would leave\n`,
      )
      noteMore(session, items.length, more)
    },
  )

  for (const [verb, done, summary] of [
    ['approve', 'approved', 'carries out what is suggested for a group, or for these members of it'],
    [
      'reject',
      'rejected',
      'turns down what is suggested: not to come again while the facts stay as they are',
    ],
  ] as const) {
    define(
      group,
      {
        name: verb,
        summary,
        words: [
          ['<group>', 'name or id of the group'],
          ['[members...]', 'usernames, or names of devices (default: all that are suggested)'],
        ],
        options: [option('--reason <text>', 'why, for the audit log')],
        examples: ['contractors', `contractors erin frank --reason "asked their managers"`],
      },
      around,
      answer(verb, done),
    )
  }
}

/** Why there can be nothing, in groups that are not reviewed. */
function notReviewed(mode: unknown): string {
  if (mode === 'dynamic') return ': it is no review group, its rule decides by itself'
  return mode === 'static' ? ': it is no review group, and has no rule' : ''
}

function answer(verb: 'approve' | 'reject', done: 'approved' | 'rejected'): Handler {
  return async (session, [name = '', ...members]) => {
    const api = await session.api()
    const group = await resolve(api, kinds.group, name)
    const { reason } = session.options
    const why = typeof reason === 'string' ? { reason } : {}
    const ids = members.length === 0 ? null : await suggestionsOf(api, group, name, members)
    const body = ids === null ? { groupId: group.id, ...why } : { ids, ...why }
    let [count, withdrawn] = [0, 0]
    for (let more = true; more; ) {
      const part = await api.request<Answered>('POST', `/suggestions/${verb}`, { body, timeoutMs })
      count += part[done] ?? 0
      withdrawn += part.withdrawn
      // Where nothing stands any more, another call finds nothing either.
      more = part.more && (part[done] ?? 0) > 0
    }
    session.answer({ group: group.id, [done]: count, withdrawn }, () => {
      const late = withdrawn === 0 ? '' : `; ${withdrawn} no longer stood`
      return `${done} ${count}${late}${count === 0 ? notReviewed(group.mode) : ''}\n`
    })
  }
}

/** All are looked up first, so that a misspelled name changes nothing. */
async function suggestionsOf(
  api: Api,
  group: Item,
  name: string,
  members: readonly string[],
): Promise<readonly string[]> {
  const kind = group.of === 'devices' ? kinds.device : kinds.user
  return Promise.all(
    members.map(async (member) => {
      const { id } = await resolve(api, kind, member)
      const path = `/groups/${group.id}/suggestions`
      const [one] = (await api.list<Suggestion>(path, { subjectId: id }, 1)).items
      if (one !== undefined) return one.id
      throw new Failure(exitCodes.refused, `nothing is suggested for ${printable(member)}`, {
        advice: `See: muster group suggestions ${printable(name)}`,
      })
    }),
  )
}
