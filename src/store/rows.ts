// How each kind of object lies in its table: one list of columns per kind, from which come the select list, what is
// written, and what conditions may ask for. Knows rows and objects; runs nothing.
import { parseCidr } from '../base/ip.ts'
import { applicationName } from '../core/directory/applications.ts'
import { nameKey } from '../core/directory/names.ts'
import type {
  Application,
  AttributeDefinition,
  Binding,
  Device,
  Exemption,
  Group,
  Organization,
  Resource,
  ServiceAccount,
  StateChange,
  Suggestion,
  User,
} from '../core/directory/types.ts'
import { userTexts } from '../core/directory/types.ts'
import type { ApiToken } from '../core/ports.ts'
import { join, name, Sql, sql } from './sql.ts'

type Fragment = Sql<'fragment'>
type Plain = string | number | boolean | Date | Buffer | null
type ColumnType = 'uuid' | 'text' | 'integer' | 'boolean' | 'timestamptz' | 'text[]' | 'jsonb'

export interface Column<T> {
  /** Name of the property in the object, and in a Condition. */
  readonly property: string
  readonly column: string
  readonly type: ColumnType
  readonly value: (object: T) => Plain | readonly Plain[]
  /** The column with the folded spelling (`nameKey`), by which it is found. */
  readonly key: string | null
  /** Written by the insert and never again. */
  readonly once: boolean
}

/** Parts of statements that write one object: every value is a parameter with its type. None of them names `org`. */
export interface Writing {
  /** `id, username, …` */
  readonly columns: Fragment
  /** `$1::uuid, $2::text, …`, in that order. */
  readonly values: Fragment
  /** `username = $1::text, …`: without what is written once, and without `version`. */
  readonly set: Fragment
}

export interface Mapping<T> {
  readonly table: string
  readonly columns: readonly Column<T>[]
  /** Select list for a table that the statement calls `alias`. */
  select(alias: string): Fragment
  /** The object in a row that was selected so; other columns of the row are left out. */
  read(row: object): T
  write(object: T): Writing
}

interface Options<T> {
  readonly column?: string
  readonly key?: boolean
  readonly once?: boolean
  readonly value?: (object: T) => Plain | readonly Plain[]
}

function column<T>(property: string, type: ColumnType, options: Options<T> = {}): Column<T> {
  const columnName = options.column ?? property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return {
    property,
    column: columnName,
    type,
    value: options.value ?? ((object) => (object as Record<string, Plain>)[property] ?? null),
    key: options.key ? `${columnName.replace(/_number$/, '')}_key` : null,
    once: options.once ?? false,
  }
}

const id = column<unknown>('id', 'uuid', { once: true })
const created = column<unknown>('createdAt', 'timestamptz', { once: true })
const stored = [
  column<unknown>('version', 'integer', { once: true }),
  created,
  column('updatedAt', 'timestamptz'),
]
const posixId = column<unknown>('posixId', 'integer', { once: true })
const attributes = column<unknown>('attributes', 'jsonb')

interface Extra<T> {
  /** Selected beside the columns. */
  readonly select?: (alias: string) => Fragment
  readonly assemble?: (read: Record<string, unknown>, row: Record<string, unknown>) => T
}

function mapping<T>(table: string, columns: readonly Column<T>[], extra: Extra<T> = {}): Mapping<T> {
  const lists = new Map<string, Fragment>()
  return {
    table,
    columns,
    select(alias) {
      let list = lists.get(alias)
      if (list === undefined) {
        const of = name(alias)
        const parts = columns.map((each) => sql`${of}.${name(each.column)} as ${quoted(each.property)}`)
        if (extra.select) parts.push(extra.select(alias))
        // made once: there are no values in it
        list = new Sql([join(parts, ', ').compile().text], [])
        lists.set(alias, list)
      }
      return list
    },
    read(row) {
      const from = row as Record<string, unknown>
      const read: Record<string, unknown> = {}
      for (const each of columns) {
        const value = from[each.property]
        read[each.property] = each.type === 'jsonb' ? bare(value) : value
      }
      return extra.assemble ? extra.assemble(read, from) : (read as T)
    },
    write(object) {
      const pairs = columns.flatMap((each) => {
        const value = each.value(object)
        const own = { column: name(each.column), value: parameter(each, value), once: each.once }
        if (each.key === null) return [own]
        const key = typeof value === 'string' ? nameKey(value) : null
        return [own, { column: name(each.key), value: sql`${key}::text`, once: false }]
      })
      const set = pairs.filter((pair) => !pair.once)
      return {
        columns: join(
          pairs.map((pair) => pair.column),
          ', ',
        ),
        values: join(
          pairs.map((pair) => pair.value),
          ', ',
        ),
        set: join(
          set.map((pair) => sql`${pair.column} = ${pair.value}`),
          ', ',
        ),
      }
    },
  }
}

function parameter(of: Column<never>, value: Plain | readonly Plain[]): Fragment {
  // 0: not given yet
  if (of.column === 'posix_id') {
    return sql`coalesce(nullif(${value as number}::integer, 0), nextval('posix_id')::integer)`
  }
  return new Sql(
    ['', `::${of.type}`],
    [of.type === 'jsonb' && value !== null ? JSON.stringify(value) : value],
  )
}

/** The object in a row that came as JSON: dates are texts there. */
export function fromJson<T>(of: Mapping<T>, row: object): T {
  const from: Record<string, unknown> = { ...row }
  for (const { type, property } of of.columns) {
    const value = from[property]
    if (type === 'timestamptz' && typeof value === 'string') from[property] = new Date(value)
  }
  return of.read(from)
}

const quoted = (property: string): Fragment => new Sql([`"${property}"`], [])

/** Objects out of JSON have no prototype here, so that a key called `constructor` is a key and nothing else. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, inner] of Object.entries(value)) copy[key] = bare(inner)
  return copy
}

export const users = mapping<User>('users', [
  id,
  column('username', 'text', { key: true }),
  column('email', 'text', { key: true }),
  column('state', 'text'),
  ...userTexts.map((each) => column<User>(each, 'text')),
  column('managerId', 'uuid'),
  posixId,
  attributes,
  ...stored,
])
export const userColumns = users.select
export const toUser = users.read
export const userValues = users.write

export const devices = mapping<Device>('devices', [
  id,
  column('name', 'text', { key: true }),
  column('os', 'text'),
  column('osVersion', 'text'),
  column('serialNumber', 'text', { key: true }),
  column('ownerId', 'uuid'),
  column('managed', 'boolean'),
  column('diskEncrypted', 'boolean'),
  column('lastContact', 'timestamptz'),
  column('mac', 'text[]'),
  attributes,
  ...stored,
])
export const deviceColumns = devices.select
export const toDevice = devices.read
export const deviceValues = devices.write

export const groups = mapping<Group>('groups', [
  id,
  column('name', 'text', { key: true }),
  column('of', 'text', { once: true }),
  column('mode', 'text'),
  column('rule', 'text'),
  column('factors', 'text[]'),
  posixId,
  column('status', 'text'),
  ...stored,
])

export const bindings = mapping<Binding>('binding', [
  id,
  column('groupId', 'uuid'),
  column('resourceId', 'uuid'),
  attributes,
  column('factors', 'text[]'),
  column('order', 'integer', { column: 'position' }),
  ...stored,
])

interface ClientRow {
  readonly id: string
  readonly network: string
}

export const resources = mapping<Resource>(
  'resource',
  [
    id,
    column('name', 'text', { key: true }),
    column('kind', 'text', { once: true }),
    column('enabled', 'boolean'),
    column('nasIdentifier', 'text', { value: (each) => each.network?.nasIdentifier ?? null }),
    column('ssid', 'text', { value: (each) => each.network?.ssid ?? null }),
    column('application', 'jsonb'),
    column('applicationKey', 'text', {
      value: ({ application }) =>
        application && applicationKey(application.protocol, applicationName(application)),
    }),
    ...stored,
  ],
  {
    select: (alias) =>
      sql`(select coalesce(jsonb_agg(jsonb_build_object('id', rc.id, 'network', rc.network::text) order by rc.network), '[]')
        from network_client nc join radius_client rc on rc.org = nc.org and rc.id = nc.client_id
        where nc.org = ${name(alias)}.org and nc.resource_id = ${name(alias)}.id) as clients`,
    assemble: ({ nasIdentifier, ssid, applicationKey: _key, ...resource }, row) => {
      const clients = (row.clients as readonly ClientRow[]).map((each) => ({
        id: each.id,
        network: canonicalNetwork(each.network),
      }))
      const network = resource.kind === 'network' ? { clients, nasIdentifier, ssid } : null
      return { ...resource, network } as unknown as Resource
    },
  },
)

/** By what an application is found: unique within its organization. */
export const applicationKey = (protocol: Application['protocol'], name: string): string =>
  `${protocol}:${name}`

/** PostgreSQL spells some IPv6 networks in its own way. */
export const canonicalNetwork = (text: string): string => parseCidr(text)?.text ?? text

export const attributeDefinitions = mapping<AttributeDefinition>('attribute_definition', [
  id,
  column('name', 'text', { key: true }),
  column('of', 'text', { once: true }),
  column('type', 'text'),
  column('caseExact', 'boolean'),
  column('selfEditable', 'boolean'),
  column('description', 'text'),
  ...stored,
])

export const serviceAccounts = mapping<ServiceAccount>('service_account', [
  id,
  column('name', 'text', { key: true }),
  column('enabled', 'boolean'),
  column('reads', 'text[]'),
  ...stored,
])

export const apiTokens = mapping<ApiToken>('api_token', [
  id,
  column('name', 'text'),
  column('role', 'text'),
  column('expiresAt', 'timestamptz'),
  ...stored,
])

export const exemptions = mapping<Exemption>('exemption', [
  id,
  column('groupId', 'uuid'),
  column('subjectId', 'uuid'),
  column('kind', 'text'),
  column('reason', 'text'),
  column('expiresAt', 'timestamptz'),
  created,
])

export const stateChanges = mapping<StateChange>('state_change', [
  id,
  column('userId', 'uuid', { once: true }),
  column('state', 'text'),
  column('at', 'timestamptz'),
  column('reason', 'text'),
  created,
])

export const suggestions = mapping<Suggestion>('suggestion', [
  id,
  column('groupId', 'uuid'),
  column('subjectId', 'uuid'),
  column('operation', 'text'),
  column('since', 'timestamptz'),
  column('rejectedAt', 'timestamptz'),
])

/** Has no `org` column: its id is the organization. */
export const organizations = mapping<Organization>('organization', [
  id,
  column('slug', 'text', { once: true }),
  column('name', 'text'),
  column('domain', 'text'),
  column('settings', 'jsonb'),
  ...stored,
])
