// Reading the directory with plain SQL, in pages in id order. What a condition means is condition-sql's; nothing is
// cached here, and nothing is written.
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../base/ids.ts'
import { isId } from '../base/ids.ts'
import type { Condition } from '../core/directory/condition.ts'
import { nameKey } from '../core/directory/names.ts'
import type { Device, Group, User } from '../core/directory/types.ts'
import type {
  DeviceEntry,
  DirectoryReader,
  ListedMember,
  Page,
  PosixGrant,
  UserEntry,
} from '../core/ports.ts'
import { conditionSql } from './condition-sql.ts'
import type { Database } from './database.ts'
import { toReasons } from './reasons.ts'
import * as rows from './rows.ts'
import { name, nothing, type Sql, sql } from './sql.ts'

/** ` and alias.column > …` where a page goes on after an id. */
export function after(column: Sql<'fragment'>, page: Page): Sql<'fragment'> {
  return page.after === undefined ? nothing : sql` and ${column} > ${page.after}::uuid`
}

/** Runs one statement of reading; TimedOut when it takes longer than the page allows. */
export async function readPage<Row extends object>(
  database: Database,
  statement: Sql<'organization'>,
  page: Page,
): Promise<Row[]> {
  const { timeoutMs } = page
  if (timeoutMs === undefined) return database.query<Row>(statement)
  return database.transaction((tx) => tx.query<Row>(statement), { timeoutMs })
}

/** The ids of the groups that the row of `alias` is an effective member of. */
const groupsOf = (alias: string) => sql`array(select m.group_id::text from membership m
  where m.org = ${name(alias)}.org and m.subject_id = ${name(alias)}.id
  order by m.group_id) as "groups"`

interface GroupsRow {
  readonly groups: readonly GroupId[]
}

const toUserEntry = (row: GroupsRow): UserEntry => ({ user: rows.toUser(row), groups: row.groups })

export class Reader implements DirectoryReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async users(
    organization: OrganizationId,
    where: Condition,
    page: Page,
    activeOnly: boolean,
  ): Promise<UserEntry[]> {
    const active = activeOnly ? sql` and u.state = 'active'` : nothing
    return this.#users(
      organization,
      sql`${conditionSql('users', where, 'u')}${active}${after(sql`u.id`, page)}`,
      page,
    )
  }

  async usersByKey(
    organization: OrganizationId,
    by: 'username' | 'email' | 'id',
    keys: readonly string[],
  ): Promise<UserEntry[]> {
    const asked =
      by === 'id'
        ? keys.map((key) => key.toLowerCase()).filter(isId)
        : keys.filter((key) => !key.includes('\0') && key.isWellFormed()).map(nameKey)
    if (asked.length === 0) return []
    const found =
      by === 'id' ? sql`u.id = any(${asked}::uuid[])` : sql`u.${name(`${by}_key`)} = any(${asked}::text[])`
    // Neither ordered nor limited: PostgreSQL would take the limit for a reason to walk over all users in id order, and does
    // so until it has statistics of them (100 ms for 100,000 just imported).
    const rowsFound = await this.#database.query<GroupsRow>(
      sql`select ${rows.userColumns('u')}, ${groupsOf('u')} from users u where u.org = ${organization} and ${found}`,
    )
    return rowsFound.map(toUserEntry)
  }

  async #users(organization: OrganizationId, where: Sql<'fragment'>, page: Page): Promise<UserEntry[]> {
    const found = await readPage<GroupsRow>(
      this.#database,
      sql`select ${rows.userColumns('u')}, ${groupsOf('u')} from users u
        where u.org = ${organization} and ${where} order by u.id limit ${page.limit}`,
      page,
    )
    return found.map(toUserEntry)
  }

  async devices(organization: OrganizationId, where: Condition, page: Page): Promise<DeviceEntry[]> {
    const found = await readPage<GroupsRow>(
      this.#database,
      sql`select ${rows.deviceColumns('d')}, ${groupsOf('d')} from devices d
        where d.org = ${organization} and ${conditionSql('devices', where, 'd')}${after(sql`d.id`, page)}
        order by d.id limit ${page.limit}`,
      page,
    )
    return found.map((row) => ({ device: rows.toDevice(row), groups: row.groups }))
  }

  async groups(organization: OrganizationId, where: Condition, page: Page): Promise<Group[]> {
    const found = await readPage(
      this.#database,
      sql`select ${rows.groups.select('g')} from groups g
        where g.org = ${organization} and ${conditionSql('groups', where, 'g')}${after(sql`g.id`, page)}
        order by g.id limit ${page.limit}`,
      page,
    )
    return found.map(rows.groups.read)
  }

  async memberNames(
    organization: OrganizationId,
    group: GroupId,
    page: Page,
  ): Promise<{ id: SubjectId; name: string }[]> {
    return readPage(
      this.#database,
      sql`select m.subject_id as id, coalesce(u.username, d.name) as name from membership m
        join groups g on g.org = m.org and g.id = m.group_id
        left join users u on g.of = 'users' and u.org = m.org and u.id = m.subject_id and u.state = 'active'
        left join devices d on g.of = 'devices' and d.org = m.org and d.id = m.subject_id
        where m.org = ${organization} and m.group_id = ${group} and coalesce(u.id, d.id) is not null
        ${after(sql`m.subject_id`, page)} order by m.subject_id limit ${page.limit}`,
      page,
    )
  }

  async members(organization: OrganizationId, group: GroupId, page: Page): Promise<ListedMember[]> {
    const found = await readPage<{ subjectId: SubjectId; reasons: number; approved: boolean | null }>(
      this.#database,
      sql`select m.subject_id as "subjectId", m.reasons, h.approved from membership m
        left join manual_member h on h.org = m.org and h.group_id = m.group_id and h.subject_id = m.subject_id
        where m.org = ${organization} and m.group_id = ${group}${after(sql`m.subject_id`, page)}
        order by m.subject_id limit ${page.limit}`,
      page,
    )
    return found.map(({ subjectId, reasons, approved }) => ({
      ...{ subjectId, groupId: group, reasons: toReasons(reasons) },
      ...(approved === true && { approved }),
    }))
  }

  async findUser(organization: OrganizationId, id: UserId): Promise<User | null> {
    return this.#findUser(sql`u.org = ${organization} and u.id = ${id}`)
  }

  async findUserByUsername(organization: OrganizationId, username: string): Promise<User | null> {
    if (username.includes('\0') || !username.isWellFormed()) return null
    return this.#findUser(sql`u.org = ${organization} and u.username_key = ${nameKey(username)}`)
  }

  async #findUser(where: Sql<'organization'>): Promise<User | null> {
    const [row] = await this.#database.query(sql`select ${rows.userColumns('u')} from users u where ${where}`)
    return row === undefined ? null : rows.toUser(row)
  }

  async findDevice(organization: OrganizationId, id: DeviceId): Promise<Device | null> {
    const [row] = await this.#database.query(
      sql`select ${rows.deviceColumns('d')} from devices d where d.org = ${organization} and d.id = ${id}`,
    )
    return row === undefined ? null : rows.toDevice(row)
  }

  async groupNames(organization: OrganizationId): Promise<{ id: GroupId; name: string; of: Group['of'] }[]> {
    return this.#database.query(
      sql`select g.id, g.name, g.of from groups g where g.org = ${organization} order by g.id`,
    )
  }

  async posixGrants(organization: OrganizationId): Promise<PosixGrant[]> {
    return this.#database.query(
      sql`select b.group_id as "groupId", b.attributes->'ldap' as ldap from binding b
        join resource r on r.org = b.org and r.id = b.resource_id
        where b.org = ${organization} and b.attributes ? 'ldap' and r.kind = 'directory' and r.enabled
        order by b.position, b.created_at, b.id`,
    )
  }
}
