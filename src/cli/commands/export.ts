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
      const left = (await api.list('/exemptions', {}, 1)).items.length
      terminal.err(
        `passwords, TOTP seeds, secrets of RADIUS and OIDC clients, signing keys and API tokens are not in the file${left > 0 ? ', nor are exemptions' : ''}\n`,
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

/** Members by hand belong to the file; those whom a rule or an exemption makes do not. */
async function withMembers(api: Api, items: readonly Item[]): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const item of items) {
    const members: string[] = []
    if (item.mode === 'static' || item.mode === 'review') {
      for await (const member of api.each<{ name: string | null; reasons: readonly string[] }>(
        `/groups/${item.id}/members`,
      )) {
        if (member.name !== null && member.reasons.includes('manual')) members.push(member.name)
      }
    }
    entries.push({ ...plain(item), ...(members.length > 0 && { members }) })
  }
  return entries
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
