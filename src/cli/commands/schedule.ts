// States that users are to have from an instant on: scheduling, showing and cancelling them.
import type { Command } from 'commander'
import type { Item } from '../api.ts'
import { parseDate } from '../assignments.ts'
import { define, option, type Surroundings } from '../command.ts'
import { usage } from '../failure.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { formatTime, printable } from '../output.ts'

interface Scheduled extends Item {
  readonly userId: string
  readonly username: string | null
  readonly state: string
  readonly at: string
  readonly reason: string
}

export function addScheduleCommands(user: Command, around: Surroundings): void {
  define(
    user,
    {
      name: 'schedule',
      summary: 'gives users a state from an instant on',
      words: [['<usernames...>', 'usernames, e-mail addresses or ids']],
      options: [
        option('--state <state>', 'staged, active or suspended'),
        option('--at <instant>', 'such as 2026-12-31, 2026-12-31T17:00:00Z or now+30d'),
        option('--reason <text>', 'why'),
      ],
      examples: ['alice bob --state suspended --at 2026-12-31 --reason "the contract ends"'],
    },
    around,
    async (session, usernames) => {
      const { state, at, reason } = session.options
      if (typeof state !== 'string' || typeof at !== 'string' || typeof reason !== 'string')
        throw usage('say what is to be: --state <state> --at <instant> --reason <text>')
      const api = await session.api()
      const users = await Promise.all(usernames.map((name) => resolve(api, kinds.user, name)))
      const body = { userIds: users.map(({ id }) => id), state, at: parseDate(at, new Date()), reason }
      const made = await api.request<{ items: readonly Scheduled[] }>('POST', '/state-changes', { body })
      session.answer(made, () =>
        made.items
          .map(
            (one) => `${printable(one.username ?? one.userId)} is ${state} from ${formatTime(one.at)} on\n`,
          )
          .join(''),
      )
    },
  )

  define(
    user,
    {
      name: 'scheduled',
      summary: 'states that users are to have',
      words: [['[username]', 'username, e-mail address or id (default: everybody)']],
      examples: ['', 'alice --json'],
    },
    around,
    async (session, [username]) => {
      const api = await session.api()
      const query = username === undefined ? {} : { userId: (await resolve(api, kinds.user, username)).id }
      const { items } = await api.list<Scheduled>('/state-changes', query, Number.MAX_SAFE_INTEGER)
      session.answer({ items, next: null }, () =>
        items.length === 0
          ? 'nothing is scheduled\n'
          : session.table(
              [
                { title: 'USER', value: (one) => one.username ?? one.userId },
                { title: 'STATE', value: ({ state }) => state },
                { title: 'FROM', value: ({ at }) => formatTime(at) },
                { title: 'REASON', value: ({ reason }) => reason },
                { title: 'ID', value: ({ id }) => id },
              ],
              items.toSorted((a, b) => a.at.localeCompare(b.at)),
            ),
      )
    },
  )

  define(
    user,
    {
      name: 'unschedule',
      summary: 'cancels scheduled states',
      words: [['<ids...>', 'as muster user scheduled shows them']],
      examples: ['0198f3a2-7c41-7d52-8d0e-2b6f5c9a1e34'],
    },
    around,
    async (session, ids) => {
      const api = await session.api()
      for (const id of ids) await api.request('DELETE', `/state-changes/${encodeURIComponent(id)}`)
      session.answer({ cancelled: ids }, () => ids.map((id) => `cancelled ${printable(id)}\n`).join(''))
    },
  )
}
