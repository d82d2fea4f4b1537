// Who is in a group and why, and membership by hand.
import type { Command } from 'commander'
import { define, type Handler, type Surroundings } from '../command.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { printable } from '../output.ts'
import { shownReasons } from '../reasons.ts'
import { mostRows, noteMore, rowOptions } from '../rows.ts'
import { addGroupPreview, addRuleCheck } from './group-preview.ts'
import { addGroupInsights } from './insights.ts'
import { addReviewCommands } from './review.ts'

interface Member {
  readonly subjectId: string
  readonly name: string | null
  readonly reasons: readonly string[]
  readonly approved?: boolean
}

export function addGroupCommands(group: Command, around: Surroundings): void {
  addGroupInsights(group, around)
  addGroupPreview(group, around)
  addRuleCheck(group, around)
  define(
    group,
    {
      name: 'members',
      summary: 'the members of a group, each with its reasons',
      words: [['<name>', 'name or id of the group']],
      options: rowOptions(),
      examples: ['engineering', 'trusted-macs --all --json'],
    },
    around,
    async (session, [name = '']) => {
      const api = await session.api()
      const { id } = await resolve(api, kinds.group, name)
      const { items, more } = await api.list<Member>(`/groups/${id}/members`, {}, mostRows(session))
      session.answer({ items, next: more ? (items.at(-1)?.subjectId ?? null) : null }, () =>
        items.length === 0
          ? `${printable(name)} has no members\n`
          : session.table(
              [
                { title: 'NAME', value: (member) => member.name ?? member.subjectId },
                { title: 'BECAUSE OF', value: shownReasons },
              ],
              items.toSorted((a, b) => (a.name ?? '').localeCompare(b.name ?? '')),
            ),
      )
      noteMore(session, items.length, more)
    },
  )

  const change =
    (method: 'PUT' | 'DELETE', done: string): Handler =>
    async (session, [name = '', ...members]) => {
      const api = await session.api()
      const { id, of } = await resolve(api, kinds.group, name)
      const kind = of === 'devices' ? kinds.device : kinds.user
      // All are looked up first, so that a misspelled name changes nothing.
      const found = await Promise.all(members.map((member) => resolve(api, kind, member)))
      const notes: (string | null)[] = []
      for (const member of found) {
        const path = `/groups/${id}/members/${member.id}`
        notes.push((await api.request<{ message: string } | null>(method, path))?.message ?? null)
      }
      const warnings = notes.filter((note) => note !== null)
      session.answer({ group: id, [done]: found.map((member) => member.id), warnings }, () =>
        notes
          .map((note, index) => {
            const warning = note === null ? '' : `warning: ${printable(note)}\n`
            return `${done} ${printable(members[index] ?? '')}\n${warning}`
          })
          .join(''),
      )
    }
  const words = [
    ['<name>', 'name or id of the group'],
    ['<members...>', 'usernames, or names of devices'],
  ] as const
  define(
    group,
    {
      name: 'add',
      summary: 'adds members by hand',
      words,
      examples: ['it-admins erin', 'it-admins erin frank'],
    },
    around,
    change('PUT', 'added'),
  )
  define(
    group,
    {
      name: 'remove',
      summary: 'removes members that were added by hand',
      words,
      examples: ['it-admins erin'],
    },
    around,
    change('DELETE', 'removed'),
  )
  addReviewCommands(group, around)
}
