// What users have beyond the common commands: their state, password, authenticator, sessions and groups.
import type { Command } from 'commander'
import type { Api, Item } from '../api.ts'
import { define, option, type Surroundings } from '../command.ts'
import { exitCodes, Failure, usage } from '../failure.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { formatTime, formatValue, printable, shorten } from '../output.ts'
import { shownReasons } from '../reasons.ts'
import { readPassword } from '../terminal.ts'
import { addGroupSuggestions } from './group-suggestions.ts'
import { addUserInsights } from './insights.ts'
import { defineForUser, userWords } from './one-user.ts'
import { addScheduleCommands } from './schedule.ts'

export function addUserCommands(user: Command, around: Surroundings): void {
  addUserInsights(user, around)
  addScheduleCommands(user, around)
  addGroupSuggestions(user, around)
  for (const [name, state, summary] of [
    ['suspend', 'suspended', 'takes all access away, at every door at once'],
    ['activate', 'active', 'gives a staged or suspended user access again'],
  ] as const) {
    const words = [['<usernames...>', 'usernames, e-mail addresses or ids']] as const
    const examples = ['alice', 'alice bob']
    define(user, { name, summary, words, examples }, around, async (session, usernames) => {
      const api = await session.api()
      // All are looked up first, so that a misspelled name changes nothing.
      const found = await Promise.all(usernames.map((username) => resolve(api, kinds.user, username)))
      const changed: Item[] = []
      for (const { id } of found)
        changed.push(await api.request<Item>('PATCH', `/users/${id}`, { body: { state } }))
      const [only, ...others] = changed
      session.answer(others.length === 0 ? only : { items: changed }, () =>
        changed.map(({ username }) => `${printable(String(username))} is ${state}\n`).join(''),
      )
    })
  }

  define(
    user,
    {
      name: 'password',
      summary: 'sets a password, read from standard input or asked for without echo',
      words: userWords,
      options: [option('--password-stdin', 'read it from standard input even on a terminal')],
      examples: ['alice', 'alice --password-stdin < password.txt'],
    },
    around,
    async (session, [username = '']) => {
      const { terminal } = session
      const piped = session.options.passwordStdin === true
      const password = await readPassword(piped ? { ...terminal, interactive: false } : terminal)
      if (password === '') throw usage('the password is empty')
      const api = await session.api()
      const { id } = await resolve(api, kinds.user, username)
      const made = await api.request<Item>('POST', `/users/${id}/factors`, {
        body: { kind: 'password', password },
      })
      session.answer(made, () => `the password of ${printable(username)} is set\n`)
    },
  )

  defineForUser(
    user,
    {
      name: 'totp',
      summary: 'makes a new TOTP seed for an authenticator app, and shows it once',
      examples: ['bob', 'bob --json'],
    },
    around,
    async (session, { api, id, username }) => {
      const made = await api.request<Item>('POST', `/users/${id}/factors`, { body: { kind: 'totp' } })
      session.answer(
        made,
        () =>
          `A new authenticator for ${printable(username)}; the one before it no longer works. Shown now and never again:\n` +
          `  ${formatValue(made.uri)}\n  seed ${formatValue(made.secret)}\n`,
      )
    },
  )

  defineForUser(
    user,
    {
      name: 'sessions',
      summary: 'where a user is signed in, and what applications keep',
      examples: ['alice', 'alice --json'],
    },
    around,
    async (session, { api, id, username }) => {
      const { items } = await api.list<OpenSession>(`/users/${id}/sessions`, {}, Number.MAX_SAFE_INTEGER)
      session.answer({ items, next: null }, () =>
        items.length === 0
          ? `${printable(username)} is signed in nowhere\n`
          : session.table(
              [
                { title: 'WHERE', value: whereOf },
                { title: 'SINCE', value: ({ since }) => formatTime(since) },
                { title: 'LAST USED', value: ({ lastUsedAt }) => lastUsedAt && formatTime(lastUsedAt) },
                { title: 'ADDRESS', value: ({ address }) => address },
                { title: 'BROWSER', value: ({ browser }) => browser && shorten(browser, browserColumns) },
              ],
              items.toSorted((a, b) => a.since.localeCompare(b.since)),
            ),
      )
    },
  )

  defineForUser(
    user,
    {
      name: 'sign-out',
      summary: 'ends all sessions of a user, here and at applications',
      examples: ['alice'],
    },
    around,
    async (session, { api, id, username }) => {
      await api.request('DELETE', `/users/${id}/sessions`)
      const name = printable(username)
      session.answer(
        { id, signedOut: true },
        () =>
          `${name} is signed out everywhere, and may sign in again: muster user suspend ${name} takes all access away\n`,
      )
    },
  )

  defineForUser(
    user,
    { name: 'groups', summary: 'the groups of a user, each with its reasons', examples: ['alice'] },
    around,
    async (session, { api, id, username }) => {
      const groups = await groupsOf(api, id)
      session.answer({ items: groups, next: null }, () =>
        groups.length === 0
          ? `${printable(username)} is in no group\n`
          : session.table(
              [
                { title: 'GROUP', value: ({ name }) => name },
                { title: 'BECAUSE OF', value: shownReasons },
              ],
              groups,
            ),
      )
    },
  )
}

/** What browsers say of themselves is long; --json has all of it. */
const browserColumns = 40

interface OpenSession {
  readonly application: { readonly name: string } | null
  /** Null where the application keeps access without a browser. */
  readonly sessionId: string | null
  readonly since: string
  readonly lastUsedAt: string | null
  readonly address: string | null
  readonly browser: string | null
}

function whereOf({ application, sessionId }: OpenSession): string {
  if (application === null) return 'browser'
  return sessionId === null ? `${application.name}, without a browser` : application.name
}

interface Membership {
  readonly groupId: string
  readonly name: string
  readonly reasons: readonly string[]
  readonly approved?: boolean
}

/** Whether a member was added by hand or by approval is known to the explanation only. */
async function withApproval(api: Api, id: string, one: Membership): Promise<Membership> {
  if (!one.reasons.includes('manual')) return one
  const path = `/groups/${one.groupId}/members/${id}/explanation`
  const { because } = await api.request<{ because: readonly { readonly kind: string }[] }>('GET', path)
  return { ...one, approved: because.some(({ kind }) => kind === 'approved') }
}

/** A decision names all memberships of its subject, with their reasons, whatever the resource. */
async function groupsOf(api: Api, id: string): Promise<readonly Membership[]> {
  const [resource] = (await api.list('/resources', {}, 1)).items
  if (resource === undefined) {
    throw new Failure(
      exitCodes.refused,
      'there is no resource yet, for which memberships could be explained',
      {
        advice: 'Make one: muster resource create directory --kind directory',
      },
    )
  }
  const body = { user: id, resource: resource.id }
  const { trace } = await api.request<{ trace: { memberships: readonly Membership[] } }>(
    'POST',
    '/access/explain',
    {
      body,
    },
  )
  const groups: Membership[] = []
  for (const one of trace.memberships) groups.push(await withApproval(api, id, one))
  return groups.toSorted((a, b) => a.name.localeCompare(b.name))
}
