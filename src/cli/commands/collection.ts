// The five commands that every kind of object has: list, show, create, update, delete. One table of kinds feeds them.
import { type Command, InvalidArgumentError, type Option } from 'commander'
import type { Api, Item } from '../api.ts'
import { type Assignment, bodyOf, parseAssignment } from '../assignments.ts'
import { define, type Handler, option, type Session, type Surroundings } from '../command.ts'
import { noteOnFactors } from '../factors.ts'
import { usage } from '../failure.ts'
import { tellFindings } from '../findings.ts'
import type { Field, Kind } from '../kinds.ts'
import { namesIn, resolve, resolveBinding } from '../names.ts'
import { fields as fieldLines, printable } from '../output.ts'
import { mostRows, noteMore, rowOptions } from '../rows.ts'
import { readPassword } from '../terminal.ts'
import { metadataFlags, saveFromMetadata } from './metadata.ts'
import { clientSecretOf, describeApplication } from './resource.ts'

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const placeholders: Readonly<Partial<Record<Field['type'], string>>> = {
  boolean: 'true|false',
  number: 'number',
  list: 'list',
  clients: 'list',
  services: 'list',
  replies: 'list',
}

const flagOf = ({ name, type, about }: Field): Option =>
  option(`--${kebab(name)} <${placeholders[type] ?? 'text'}>`, about)

const setFlag = (): Option =>
  option(
    '--set <key=value>',
    'any field, such as attributes.badge=4711; key:=json for JSON; repeatable',
  ).argParser((word: string, before: Assignment[] = []) => [...before, assignmentOf(word)])

function assignmentOf(word: string): Assignment {
  const assignment = parseAssignment(word)
  if (assignment !== null) return assignment
  throw new InvalidArgumentError('Expected key=value.')
}

/** What is read from standard input or asked for without echo, by kind. */
const secretFlags: Readonly<Record<string, Option>> = {
  user: option('--password-stdin', 'a password: read from standard input, or asked for'),
  resource: option(
    '--secret-stdin',
    'the secret of the RADIUS clients named, or of the OIDC client: read from standard input, or asked for',
  ),
}

/** Kinds of which a write may have to be confirmed. */
const confirmable = ['group', 'binding', 'attribute']

const confirmation = ({ options }: Session): { query?: { confirm: string } } =>
  options.confirm === true ? { query: { confirm: 'true' } } : {}

export function addCollection(program: Command, kind: Kind, around: Surroundings): Command {
  const { name } = kind
  const isBinding = kind.called === null
  const parent = program.command(name).description(`${kind.path}: list, show, create, update, delete`)
  const secret = secretFlags[name]
  const writing = [
    ...kind.fields.map(flagOf),
    ...(name === 'resource' ? metadataFlags : []),
    setFlag(),
    ...(confirmable.includes(name) ? [option('--confirm', 'do it although it moves or opens much')] : []),
    ...(secret ? [secret] : []),
  ]
  const called: readonly (readonly [string, string])[] = isBinding
    ? [
        ['<group>', 'name of the group, or id of the binding'],
        ['[resource]', 'name of the resource'],
      ]
    : [[`<${kind.called ?? 'id'}>`, name === 'user' ? 'username, e-mail address or id' : 'name or id']]
  const one = async (api: Api, words: readonly string[]): Promise<Item> =>
    isBinding ? resolveBinding(api, words) : resolve(api, kind, words[0] ?? '')

  const list: Handler = async (session) => {
    const api = await session.api()
    const { filter } = session.options
    const query = typeof filter === 'string' ? { filter } : {}
    const { items, more } = await api.list(`/${kind.path}`, query, mostRows(session))
    const names = session.json ? new Map<string, string>() : await namesIn(api, kind, items)
    session.answer({ items, next: more ? (items.at(-1)?.id ?? null) : null }, () => {
      if (items.length === 0)
        return `no ${kind.path}${filter === undefined ? '' : ' that the filter accepts'}\n`
      const columns = kind.columns(names)
      const key = (item: Item): string =>
        columns
          .slice(0, 2)
          .map(({ value }) => String(value(item) ?? ''))
          .join('\0')
      return session.table(
        columns,
        items.toSorted((a, b) => key(a).localeCompare(key(b))),
      )
    })
    noteMore(session, items.length, more)
  }

  const show: Handler = async (session, words) => {
    const api = await session.api()
    const item = await one(api, words)
    const names = session.json ? new Map<string, string>() : await namesIn(api, kind, [item])
    session.answer(item, () => describe(kind, item, names, session))
  }

  const create: Handler = async (session, words) => {
    const assignments = [...flagsOf(kind, session), ...readWords(kind, words)]
    const body = withDefaults(
      kind,
      await bodyOf(kind, assignments, { api: session.api, now: session.terminal.now }),
    )
    await addSecret(kind, body, session)
    const made =
      (await saveFromMetadata(session, body)) ??
      (await (await session.api()).request<Item>('POST', `/${kind.path}`, { body, ...confirmation(session) }))
    const title = await titleOf(session, kind, made)
    session.answer(
      made,
      () => `created ${name} ${title}\n${onceOnly(made)}${withoutPassword(kind, body, title)}`,
    )
    warn(kind, body, made, session)
  }

  const update: Handler = async (session, words) => {
    const named = isBinding ? words.filter((word) => parseAssignment(word) === null) : words.slice(0, 1)
    const rest = words.filter((word) => !named.includes(word))
    const assignments = [...flagsOf(kind, session), ...rest.map(strictAssignment)]
    const body = await bodyOf(kind, assignments, { api: session.api, now: session.terminal.now })
    await addSecret(kind, body, session)
    const { metadataFile, metadataUrl } = session.options
    if (Object.keys(body).length === 0 && (metadataFile ?? metadataUrl) === undefined) {
      throw usage('nothing is to be changed', `Say what: muster ${name} update ${kind.examples.update[0]}`)
    }
    const api = await session.api()
    const { id } = await one(api, named)
    const changed =
      (await saveFromMetadata(session, body, id)) ??
      (await api.request<Item>('PATCH', `/${kind.path}/${id}`, { body, ...confirmation(session) }))
    const title = await titleOf(session, kind, changed)
    session.answer(changed, () => `changed ${name} ${title}\n${onceOnly(changed)}`)
    warn(kind, body, changed, session)
  }

  const remove: Handler = async (session, words) => {
    const api = await session.api()
    const item = await one(api, words)
    const title = await titleOf(session, kind, item)
    if (session.terminal.interactive && session.options.yes !== true) {
      const answer = await session.terminal.ask(`Delete ${name} ${title}? [y/N] `)
      if (!/^y(?:es)?$/i.test(answer.trim())) {
        session.terminal.err('nothing was deleted\n')
        return 1
      }
    }
    await api.request('DELETE', `/${kind.path}/${item.id}`)
    session.answer({ deleted: item.id }, () => `deleted ${name} ${title}\n`)
    return 0
  }

  const words = (about: string) => [...called, ['[key=value...]', about]] as const
  define(
    parent,
    {
      name: 'list',
      summary: `lists ${kind.path}`,
      options: [option('-f, --filter <filter>', 'SCIM filter, the same language as rules'), ...rowOptions()],
      examples: kind.examples.list,
    },
    around,
    list,
  )
  define(
    parent,
    { name: 'show', summary: `shows one ${name}`, words: called, examples: kind.examples.show },
    around,
    show,
  )
  define(
    parent,
    {
      name: 'create',
      summary: `makes a ${name}`,
      words: [
        ...(isBinding
          ? ([
              ['[group]', 'name of the group'],
              ['[resource]', 'name of the resource'],
            ] as const)
          : ([[`[${kind.called}]`, `the ${kind.called}`]] as const)),
        ['[key=value...]', 'fields'],
      ],
      options: writing,
      examples: kind.examples.create,
    },
    around,
    create,
  )
  define(
    parent,
    {
      name: 'update',
      summary: `changes a ${name}; an empty value clears a field`,
      words: words('what to change'),
      options: writing,
      examples: kind.examples.update,
    },
    around,
    update,
  )
  define(
    parent,
    {
      name: 'delete',
      summary: `deletes a ${name}`,
      words: called,
      options: [option('-y, --yes', 'do not ask (where there is no terminal, nothing is asked)')],
      examples: kind.examples.delete,
    },
    around,
    remove,
  )
  return parent
}

/** The flags that were given, as assignments. */
function flagsOf(kind: Kind, { options }: Session): Assignment[] {
  const given = kind.fields.flatMap(({ name }) => {
    const value = options[name]
    return typeof value === 'string' ? [{ key: name, value, json: false }] : []
  })
  return [...given, ...((options.set as Assignment[] | undefined) ?? [])]
}

function strictAssignment(word: string): Assignment {
  const assignment = parseAssignment(word)
  if (assignment !== null) return assignment
  throw usage(`${JSON.stringify(word)} is not understood: expected key=value`)
}

/** The words of `create`: what it is called, then key=value. */
function readWords(kind: Kind, words: readonly string[]): Assignment[] {
  const naming = kind.called === null ? ['group', 'resource'] : [kind.called]
  const named: Assignment[] = []
  for (const [index, key] of naming.entries()) {
    const value = words[index]
    if (value === undefined || parseAssignment(value) !== null) break
    named.push({ key, value, json: false })
  }
  return [...named, ...words.slice(named.length).map(strictAssignment)]
}

/** What goes without saying: a group is of users, a rule makes it dynamic, and flags of an application make one. */
function withDefaults(kind: Kind, body: Record<string, unknown>): Record<string, unknown> {
  if (kind.name === 'group') {
    const mode = typeof body.rule === 'string' ? { mode: 'dynamic' } : {}
    return { of: 'users', ...mode, ...body }
  }
  const { application } = body
  if (kind.name !== 'resource' || typeof application !== 'object' || application === null) return body
  const isSaml = 'entityId' in application || 'assertionConsumerServices' in application
  const protocol = isSaml ? 'saml' : 'oidc'
  return { kind: 'application', ...body, application: { protocol, ...application } }
}

async function addSecret(kind: Kind, body: Record<string, unknown>, session: Session): Promise<void> {
  if (kind.name === 'user' && session.options.passwordStdin === true) {
    body.password = given(await readPassword(session.terminal), 'password')
  }
  if (kind.name !== 'resource' || session.options.secretStdin !== true) return
  const clients = (body.network as { clients?: { address: string; secret?: string }[] } | undefined)?.clients
  if (body.network !== undefined || body.kind === 'network') {
    if (clients === undefined || clients.length === 0) {
      throw usage(
        '--secret-stdin goes with the clients that get this secret',
        'Name them: --clients 10.1.1.1',
      )
    }
    const secret = given(await readPassword(session.terminal, 'Secret'), 'secret')
    for (const client of clients) client.secret = secret
  } else body.clientSecret = given(await readPassword(session.terminal, 'Secret'), 'secret')
}

function given(secret: string, what: string): string {
  if (secret !== '') return secret
  throw usage(`the ${what} is empty: nothing was changed`)
}

function withoutPassword({ name }: Kind, body: Readonly<Record<string, unknown>>, title: string): string {
  if (name !== 'user' || typeof body.password === 'string') return ''
  return `${title} has no password yet. To set one: npx muster user password ${title}\n`
}

function warn(kind: Kind, body: Readonly<Record<string, unknown>>, item: Item, session: Session): void {
  const note = body.factors === undefined ? null : noteOnFactors(kind, item)
  if (note !== null) session.terminal.err(note)
  if (!session.json && Array.isArray(item.findings)) session.terminal.err(tellFindings(item.findings))
}

/** What it is called in a sentence; a binding by what it binds. */
async function titleOf(session: Session, kind: Kind, item: Item): Promise<string> {
  if (kind.called !== null) return printable(String(item[kind.called]))
  if (session.json) return item.id
  const names = await namesIn(await session.api(), kind, [item])
  return ['groupId', 'resourceId'].map((key) => printable(names.get(String(item[key])) ?? '?')).join(' → ')
}

/** Generated secrets, which no answer shows again. */
function onceOnly(item: Item): string {
  const secrets = (item.clientSecrets ?? []) as { address: string; secret: string }[]
  if (secrets.length === 0) return clientSecretOf(item)
  const lines = secrets.map(({ address, secret }) => `  ${printable(address)}  ${printable(secret)}\n`)
  return `RADIUS secrets, shown now and never again:\n${lines.join('')}`
}

function describe(kind: Kind, item: Item, names: ReadonlyMap<string, string>, session: Session): string {
  const { id, version, createdAt, updatedAt, ...rest } = item
  const named = Object.entries(rest).map(([key, value]) => {
    const field = kind.fields.find(({ path }) => path === key)
    const name = typeof value === 'string' ? names.get(value) : undefined
    return field && name !== undefined ? [field.name, name] : [key, value]
  })
  if (kind.name === 'resource') {
    const { clients = [], ...others } = (rest.network ?? {}) as { clients?: { address: string }[] }
    named.push(['network', { clients: clients.map(({ address }) => address), ...others }])
    named.push(['application', describeApplication(rest.application)])
  }
  const shown = { ...Object.fromEntries(named), id, version, createdAt, updatedAt }
  return fieldLines(shown, session.paint)
}
