// Writes the organization as a file that import takes: names instead of ids, no secrets. Page by page, so that its size
// does not matter.
import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import type { Api, Item } from '../api.ts'
import { define, type Surroundings } from '../command.ts'
import { namesOf } from '../names.ts'

type Entry = Readonly<Record<string, unknown>>

interface Section {
  readonly name: string
  readonly path: string
  /** A page of objects as the file has them. */
  readonly entries: (api: Api, items: readonly Item[]) => Promise<readonly Entry[]>
}

const perPage = 200

const asIs = async (_api: Api, items: readonly Item[]): Promise<readonly Entry[]> => items.map(plain)

const sections: readonly Section[] = [
  { name: 'attributes', path: '/attributes', entries: asIs },
  { name: 'users', path: '/users', entries: named([['managerId', 'manager', 'user']]) },
  { name: 'devices', path: '/devices', entries: named([['ownerId', 'owner', 'user']]) },
  { name: 'groups', path: '/groups', entries: withMembers },
  { name: 'exemptions', path: '/exemptions', entries: exemptions },
  { name: 'stateChanges', path: '/state-changes', entries: stateChanges },
  { name: 'resources', path: '/resources', entries: asIs },
  {
    name: 'bindings',
    path: '/bindings',
    entries: named([
      ['groupId', 'group', 'group'],
      ['resourceId', 'resource', 'resource'],
    ]),
  },
  { name: 'serviceAccounts', path: '/service-accounts', entries: asIs },
]

export function addExport(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'export',
      summary: 'writes the organization to standard output, without passwords and other secrets',
      options: [new Option('--format <format>', 'yaml or json').choices(['yaml', 'json']).default('yaml')],
      examples: ['> organization.yaml', '--format json > organization.json'],
    },
    around,
    async (session) => {
      const { terminal } = session
      const api = await session.api()
      const format = session.json || session.options.format === 'json' ? json : yaml
      const { slug, name, domain, settings } = await api.request('GET', '/organization')
      terminal.out(format.begin({ slug, name, domain, settings }))
      for (const section of sections) {
        let first = true
        for await (const page of pages(api, section.path)) {
          terminal.out(format.entries(section.name, await section.entries(api, page), first))
          first = false
        }
        if (!first) terminal.out(format.endSection)
      }
      terminal.out(format.end)
      terminal.err(
        'passwords, TOTP seeds, secrets of RADIUS and OIDC clients, signing keys and API tokens are not in the file\n',
      )
    },
  )
}

async function* pages(api: Api, path: string): AsyncGenerator<readonly Item[]> {
  let page: Item[] = []
  for await (const item of api.each(path)) {
    page.push(item)
    if (page.length < perPage) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** What import accepts of an object: nothing that the server sets, and nothing that is empty. */
function plain(item: Entry): Entry {
  const { id: _id, version, createdAt, updatedAt, posixId, status, ...rest } = item
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (isNothing(value) ? [] : [[name, value] as const])),
  )
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** Ids of others become their names. */
function named(
  fields: readonly (readonly [string, string, 'user' | 'group' | 'resource'])[],
): Section['entries'] {
  return async (api, items) => {
    let entries = items.map(plain)
    for (const [from, to, kind] of fields) {
      const ids = items.flatMap((item) => (typeof item[from] === 'string' ? [item[from]] : []))
      const names = await namesOf(api, kind, ids)
      entries = entries.map(({ [from]: id, ...rest }) => {
        const name = names.get(String(id))
        return name === undefined ? rest : { [to]: name, ...rest }
      })
    }
    return entries
  }
}

interface ManualMember {
  readonly name: string | null
  readonly approved: boolean
}

/** Members by hand and by approval, and what was rejected, belong to the file; what rules and exemptions make does not. */
async function withMembers(api: Api, items: readonly Item[]): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const item of items) {
    const members: string[] = []
    const approved: string[] = []
    for await (const one of api.each<ManualMember>(`/groups/${item.id}/manual-members`))
      if (one.name !== null) (one.approved ? approved : members).push(one.name)
    const rejected: string[] = []
    if (item.mode === 'review') {
      const path = `/groups/${item.id}/suggestions`
      for await (const { name } of api.each<{ name: string | null }>(path, { rejected: 'true' }))
        if (name !== null) rejected.push(name)
    }
    entries.push({ ...plain(item), ...plain({ members, approved, rejected }) })
  }
  return entries
}

/** The subject is a user or a device, as its group has it. */
async function exemptions(api: Api, items: readonly Item[]): Promise<readonly Entry[]> {
  const idsOf = (field: string): string[] => items.map(({ [field]: id }) => String(id))
  const groups = await namesOf(api, 'group', idsOf('groupId'))
  const users = await namesOf(api, 'user', idsOf('subjectId'))
  const devices = await namesOf(
    api,
    'device',
    idsOf('subjectId').filter((id) => !users.has(id)),
  )
  return items.flatMap(({ groupId, subjectId, ...rest }) => {
    const group = groups.get(String(groupId))
    const subject = users.get(String(subjectId)) ?? devices.get(String(subjectId))
    // Gone since the page was read.
    if (group === undefined || subject === undefined) return []
    return [plain({ group, subject, ...rest })]
  })
}

async function stateChanges(_api: Api, items: readonly Item[]): Promise<readonly Entry[]> {
  return items.flatMap(({ userId: _userId, username, ...rest }) =>
    username === null ? [] : [plain({ user: username, ...rest })],
  )
}

interface Format {
  begin(organization: Entry): string
  entries(section: string, entries: readonly Entry[], first: boolean): string
  readonly endSection: string
  readonly end: string
}

const yaml: Format = {
  begin: (organization) => stringify({ organization }),
  entries: (section, entries, first) =>
    `${first ? `\n${section}:\n` : ''}${indent(stringify(entries, { lineWidth: 0 }))}`,
  endSection: '',
  end: '',
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ')

const json: Format = {
  begin: (organization) => `{\n"organization": ${JSON.stringify(organization)}`,
  entries: (section, entries, first) =>
    `${first ? `,\n"${section}": [\n` : ',\n'}${entries.map((entry) => JSON.stringify(entry)).join(',\n')}`,
  endSection: '\n]',
  end: '\n}\n',
}
