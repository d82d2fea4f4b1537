// Static groups that a user is probably missing from: showing them with the reason, and adding the user to some at once.
import type { Command } from 'commander'
import { option, type Surroundings } from '../command.ts'
import { exitCodes, Failure } from '../failure.ts'
import { printable } from '../output.ts'
import { defineForUser } from './one-user.ts'

interface Proposal {
  readonly group: { readonly id: string; readonly name: string }
  readonly message: string
}

export function addGroupSuggestions(user: Command, around: Surroundings): void {
  defineForUser(
    user,
    {
      name: 'group-suggestions',
      summary: 'static groups that most of those like the user are in, and the user is not',
      options: [
        option('--accept <group...>', 'adds the user to these of them (names or ids)'),
        option('--accept-all', 'adds the user to all of them').conflicts('accept'),
      ],
      examples: ['alice', 'alice --accept wiki-editors on-call', 'alice --accept-all'],
    },
    around,
    async (session, { api, id, username }) => {
      const path = `/users/${id}/group-suggestions`
      const { items } = await api.request<{ items: readonly Proposal[] }>('GET', path)
      const { accept, acceptAll } = session.options
      if (!Array.isArray(accept) && acceptAll !== true) {
        session.answer({ items, next: null }, () =>
          items.length === 0
            ? `no group is suggested for ${printable(username)}\n`
            : session.table(
                [
                  { title: 'GROUP', value: ({ group }) => group.name },
                  { title: 'BECAUSE', value: ({ message }) => message },
                ],
                items,
              ),
        )
        return
      }
      // All are found first, so that a misspelled name changes nothing.
      const chosen = Array.isArray(accept)
        ? [...new Set(accept.map((name) => suggested(items, String(name), username)))]
        : items
      if (chosen.length > 0)
        await api.request('POST', `${path}/accept`, {
          body: { groupIds: chosen.map(({ group }) => group.id) },
        })
      session.answer({ user: id, added: chosen.map(({ group }) => group.id) }, () =>
        chosen.length === 0
          ? `no group is suggested for ${printable(username)}\n`
          : chosen.map(({ group }) => `added ${printable(username)} to ${printable(group.name)}\n`).join(''),
      )
    },
  )
}

function suggested(items: readonly Proposal[], name: string, username: string): Proposal {
  const isIt = ({ group }: Proposal): boolean => group.id === name || group.name === name
  const same = ({ group }: Proposal): boolean => group.name.toLowerCase() === name.toLowerCase()
  const found = items.find(isIt) ?? items.find(same)
  if (found !== undefined) return found
  throw new Failure(exitCodes.refused, `${JSON.stringify(name)} is not suggested for ${username}`, {
    advice: `Nobody was added. See: muster user group-suggestions ${username}; to add without a suggestion: muster group add`,
  })
}
