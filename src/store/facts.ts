// The facts of one decision, read from the database: who is asked for with groups and factors, what is asked for with its
// bindings. Each in one statement, so that it is of one moment; memberships come from memory where those there belong to the very
// version of the cell that the statement has read.
import type { FactorId, GroupId, OrganizationId } from '../base/ids.ts'
import type {
  BindingFact,
  EnrolledFactor,
  GroupFacts,
  MembershipFact,
  SubjectFacts,
} from '../core/access/facts.ts'
import { KeptPerOrganization } from '../core/access/kept-per-organization.ts'
import type { ClaimedSubject, ResourceClaim } from '../core/access/request.ts'
import { nameKey } from '../core/directory/names.ts'
import type { FactorKind } from '../core/directory/types.ts'
import type { GroupReasons, MembershipReplica } from '../core/membership/replica/replica.ts'
import type { AccessFacts, ChangeFeed } from '../core/ports.ts'
import type { Database } from './database.ts'
import { toReasons } from './reasons.ts'
import { bindings, fromJson, organizations, resources, serviceAccounts, users } from './rows.ts'
import { name, type Sql, sql } from './sql.ts'

type FactorRow = [FactorId, FactorKind, string, string]
type MembershipRow = [GroupId, string, number, FactorKind[]]
interface UserRow {
  readonly factors: FactorRow[]
  readonly due: Date | null
}
/** Memberships in memory, and the feed that they and the groups' names follow. */
export interface InMemory {
  readonly replica: Pick<MembershipReplica, 'isReady' | 'membershipsAt'>
  readonly feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>
}

export class StoredFacts implements AccessFacts {
  readonly #database: Database
  readonly #replica: InMemory['replica'] | null
  readonly #groups: KeptPerOrganization<GroupFacts> | null

  /** `memory` null: memberships are always the database's. */
  constructor(database: Database, memory: InMemory | null = null) {
    this.#database = database
    this.#replica = memory?.replica ?? null
    this.#groups =
      memory &&
      new KeptPerOrganization((organization) => this.#readGroups(organization), memory.feed, ['group'])
  }

  async findOrganization(organization: OrganizationId) {
    const [row] = await this.#database.query(
      sql`select ${organizations.select('o')} from organization o where o.id = ${organization}`,
    )
    return row === undefined ? null : organizations.read(row)
  }

  async findSubject(organization: OrganizationId, claimed: ClaimedSubject): Promise<SubjectFacts | null> {
    switch (claimed.by) {
      case 'login':
        return isStorable(claimed.name) ? this.#findUser(organization, byLogin(nameKey(claimed.name))) : null
      case 'user-id':
        return this.#findUser(organization, sql`u.id = ${claimed.id}`)
      case 'service':
        return isStorable(claimed.name)
          ? this.#findService(organization, sql`s.name_key = ${nameKey(claimed.name)}`)
          : null
      case 'service-id':
        return this.#findService(organization, sql`s.id = ${claimed.id}`)
      default:
        return claimed satisfies never
    }
  }

  async #findUser(organization: OrganizationId, where: Sql<'fragment'>): Promise<SubjectFacts | null> {
    const groups = this.#replica?.isReady(organization) ? await this.#groups?.of(organization) : undefined
    if (groups === undefined) return this.#findWhole(organization, where)
    const [row] = await this.#database.query<UserRow & { cell_version: string }>(sql`
      select ${users.select('u')}, ${factorsOf('u')}, u.next_due as due, u.cell_version
      from users u where u.org = ${organization} and ${where}`)
    if (row === undefined) return null
    const user = users.read(row)
    const known = this.#replica?.membershipsAt(organization, user.id, BigInt(row.cell_version))
    const memberships = known ? named(known, groups) : null
    if (memberships === null) return this.#findWhole(organization, sql`u.id = ${user.id}`)
    return { kind: 'user', user, memberships, factors: row.factors.map(toFactor), due: row.due }
  }

  async #findWhole(organization: OrganizationId, where: Sql<'fragment'>): Promise<SubjectFacts | null> {
    const [row] = await this.#database.query<UserRow & { memberships: MembershipRow[] }>(sql`
      select ${users.select('u')}, ${factorsOf('u')}, u.next_due as due,
        (select coalesce(json_agg(json_build_array(m.group_id, g.name, m.reasons, g.factors)), '[]') from membership m
          join groups g on g.org = m.org and g.id = m.group_id where m.org = u.org and m.subject_id = u.id) as memberships
      from users u where u.org = ${organization} and ${where}`)
    if (row === undefined) return null
    return {
      kind: 'user',
      user: users.read(row),
      memberships: row.memberships.map(([groupId, groupName, reasons, factors]) => ({
        groupId,
        name: groupName,
        reasons: toReasons(reasons),
        factors,
      })),
      factors: row.factors.map(toFactor),
      due: row.due,
    }
  }

  async #readGroups(organization: OrganizationId): Promise<GroupFacts> {
    const rows = await this.#database.query<{ id: GroupId; name: string; factors: FactorKind[] }>(
      sql`select g.id, g.name, g.factors from groups g where g.org = ${organization}`,
    )
    return new Map(rows.map(({ id, name: groupName, factors }) => [id, { name: groupName, factors }]))
  }

  async #findService(organization: OrganizationId, where: Sql<'fragment'>): Promise<SubjectFacts | null> {
    const [row] = await this.#database.query<{ factors: FactorRow[] }>(sql`
      select ${serviceAccounts.select('s')}, ${factorsOf('s')} from service_account s where s.org = ${organization} and ${where}`)
    return row === undefined
      ? null
      : { kind: 'service', account: serviceAccounts.read(row), factors: row.factors.map(toFactor) }
  }

  async findResource(organization: OrganizationId, claim: ResourceClaim) {
    const where = claim.kind === 'id' ? sql`r.id = ${claim.id}` : sql`r.kind = ${claim.kind}`
    const [row] = await this.#database.query<{ bindings: object[] }>(sql`
      select ${resources.select('r')}, (select coalesce(json_agg(bound), '[]') from (
          select ${bindings.select('b')} from binding b where b.org = r.org and b.resource_id = r.id
          order by b.position, b.created_at, b.id) bound) as bindings
      from resource r where r.org = ${organization} and ${where} order by r.created_at, r.id limit 1`)
    if (row === undefined) return null
    const bound = row.bindings.map((binding): BindingFact => {
      const { id, groupId, factors, attributes } = fromJson(bindings, binding)
      return { id, groupId, factors, attributes }
    })
    return { resource: resources.read(row), bindings: bound }
  }
}

/** A user is known by username, or else by e-mail address. */
function byLogin(key: string): Sql<'fragment'> {
  return sql`(u.username_key = ${key} or u.email_key = ${key}) order by u.username_key = ${key} desc limit 1`
}

/** Null where a group is not known yet. */
function named(memberships: readonly GroupReasons[], groups: GroupFacts): readonly MembershipFact[] | null {
  const facts: MembershipFact[] = []
  for (const { groupId, reasons } of memberships) {
    const group = groups.get(groupId)
    if (group === undefined) return null
    facts.push({ groupId, reasons, ...group })
  }
  return facts
}

/** Text that PostgreSQL cannot hold names nobody. */
const isStorable = (text: string): boolean =>
  text.length <= 512 && !text.includes('\0') && text.isWellFormed()

const factorsOf = (
  alias: string,
): Sql<'fragment'> => sql`(select coalesce(json_agg(json_build_array(f.id, f.kind, f.version, encode(f.secret, 'base64'))), '[]')
  from factor f where f.org = ${name(alias)}.org and f.owner_id = ${name(alias)}.id) as factors`

function toFactor([id, kind, version, secret]: FactorRow): EnrolledFactor {
  // Of its own: facts are kept for long, and a slice of a pool would hold the whole pool for as long.
  const read = Buffer.from(secret, 'base64')
  const sealed = Buffer.allocUnsafeSlow(read.length)
  read.copy(sealed)
  return { id, kind, version, sealed }
}
