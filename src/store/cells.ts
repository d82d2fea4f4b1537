// Cells: read whole in one statement, written in one conditional statement. The version that is compared is read in the
// same statement as everything it stands for, so whoever compares it later knows that nothing of it has changed.
import type { OrganizationId, SubjectId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import type { Device } from '../core/directory/types.ts'
import type { Cell, CellSubject, Membership } from '../core/membership/cell.ts'
import type { Cells, Change, RuleSource, WriteOutcome } from '../core/ports.ts'
import { bodies, changesOf, guardsOf, isTold, rewriteStatement, writeStatement } from './cell-writing.ts'
import {
  type Database,
  isMissingReference,
  isRetryable,
  isUniqueViolation,
  type Queryable,
} from './database.ts'
import { toReasons } from './reasons.ts'
import { deviceColumns, devices, fromJson, stateChanges, toUser, userColumns } from './rows.ts'
import { name, nothing, type Sql, sql } from './sql.ts'

/** How often a device that changes its owner is looked for. */
const mostReads = 10

interface CellRow {
  readonly cell_version: string
  readonly next_due: Date | null
  readonly epoch: string
  readonly devices: object[]
  readonly memberships: [Membership['subjectId'], Membership['groupId'], number][]
  readonly manual: [Membership['subjectId'], Membership['groupId'], boolean][]
  readonly suggestions: [Membership['subjectId'], Membership['groupId'], 'join' | 'leave', boolean][]
  readonly state_changes: object[]
  readonly exemptions: [
    Membership['subjectId'],
    Membership['groupId'],
    'always' | 'never',
    Cell['exemptionIds'][number]['id'],
    /** Epoch milliseconds. */
    number | null,
  ][]
}

type Scoped = Sql<'organization'>

/** Everything about the subjects of a cell, given as a query for their ids. */
function parts(organization: OrganizationId, subjects: Sql<'fragment'>): Scoped {
  return sql`
    (select epoch from rules_epoch where org = ${organization}) as epoch,
    (select coalesce(json_agg(json_build_array(m.subject_id, m.group_id, m.reasons)), '[]') from membership m
      where m.org = ${organization} and m.subject_id in (${subjects})) as memberships,
    (select coalesce(json_agg(json_build_array(h.subject_id, h.group_id, h.approved)), '[]') from manual_member h
      where h.org = ${organization} and h.subject_id in (${subjects})) as manual,
    (select coalesce(json_agg(json_build_array(e.subject_id, e.group_id, e.kind, e.id, extract(epoch from e.expires_at) * 1000)), '[]') from exemption e
      where e.org = ${organization} and e.subject_id in (${subjects})) as exemptions,
    (select coalesce(json_agg(json_build_array(g.subject_id, g.group_id, g.operation, g.rejected_at is not null)), '[]') from suggestion g
      where g.org = ${organization} and g.subject_id in (${subjects})) as suggestions,
    (select coalesce(json_agg(planned), '[]') from (select ${stateChanges.select('c')} from state_change c
      where c.org = ${organization} and c.user_id in (${subjects}) order by c.at) planned) as state_changes`
}

async function readUserCells(on: Queryable, organization: OrganizationId, where: Scoped): Promise<Cell[]> {
  const subjects = sql`select u.id union all select d.id from devices d where d.org = u.org and d.owner_id = u.id`
  const rows = await on.query<CellRow>(sql`
    select ${userColumns('u')}, u.cell_version, u.next_due,
      (select coalesce(json_agg(owned), '[]') from (select ${deviceColumns('d')} from devices d
        where d.org = u.org and d.owner_id = u.id order by d.id) owned) as devices,
      ${parts(organization, subjects)}
    from users u where u.org = ${organization} and ${where} order by u.id`)
  return rows.map((row) => {
    const user = toUser(row)
    return toCell(
      { kind: 'user', id: user.id },
      row,
      user,
      row.devices.map((device) => fromJson(devices, device)),
    )
  })
}

async function readLoneDevices(on: Queryable, organization: OrganizationId, where: Scoped): Promise<Cell[]> {
  const rows = await on.query<CellRow>(sql`
    select ${deviceColumns('d')}, d.cell_version, d.next_due, '[]'::json as devices, ${parts(organization, sql`d.id`)}
    from devices d where d.org = ${organization} and d.owner_id is null and ${where} order by d.id`)
  return rows.map((row) => {
    const device = devices.read(row)
    return toCell({ kind: 'device', id: device.id }, row, null, [device])
  })
}

function toCell(subject: CellSubject, row: CellRow, user: Cell['user'], own: readonly Device[]): Cell {
  return {
    subject,
    version: BigInt(row.cell_version),
    user,
    devices: own,
    memberships: row.memberships.map(([subjectId, groupId, reasons]) => ({
      subjectId,
      groupId,
      reasons: toReasons(reasons),
    })),
    inputs: [
      ...row.manual.map(([subjectId, groupId, approved]) => ({
        ...{ subjectId, groupId, kind: 'manual' as const, expiresAt: null, approved },
      })),
      ...row.exemptions.map(([subjectId, groupId, kind, , endMs]) => ({
        ...{ subjectId, groupId, kind, expiresAt: endMs === null ? null : new Date(endMs) },
      })),
    ],
    exemptionIds: row.exemptions.map(([subjectId, groupId, , id]) => ({ subjectId, groupId, id })),
    suggestions: row.suggestions.map(([subjectId, groupId, operation, rejected]) => ({
      ...{ subjectId, groupId, operation, rejected },
    })),
    stateChanges: row.state_changes.map((change) => fromJson(stateChanges, change)),
    epoch: BigInt(row.epoch),
    due: row.next_due,
  }
}

export function createCells(
  database: Database,
  announce: (changes: readonly Change[]) => void,
  insertMany: Cells['insertMany'],
): Cells & Pick<RuleSource, 'epoch'> {
  return {
    async epoch(organization) {
      const [row] = await database.query<{ epoch: string }>(
        sql`select epoch from rules_epoch where org = ${organization}`,
      )
      return BigInt(row?.epoch ?? 0)
    },

    async read(organization, { kind, id }) {
      const owner =
        kind === 'user'
          ? sql`${id}::uuid`
          : sql`(select owner_id from devices where org = ${organization} and id = ${id})`
      for (let attempt = 0; attempt < mostReads; attempt++) {
        const [cell] = await readUserCells(
          database,
          organization,
          sql`u.org = ${organization} and u.id = ${owner}`,
        )
        if (cell !== undefined || kind === 'user') return cell ?? null
        const [lone] = await readLoneDevices(
          database,
          organization,
          sql`d.org = ${organization} and d.id = ${id}`,
        )
        if (lone !== undefined) return lone
        // It may have got an owner between the two statements.
        const there = await database.query(
          sql`select from devices where org = ${organization} and id = ${id}`,
        )
        if (there.length === 0) return null
      }
      throw new Fault('busy', 'a device that changes its owner again and again')
    },

    async scan(organization, after, limit) {
      const from = after ?? '00000000-0000-0000-0000-000000000000'
      const ids = await database.query<{ id: string; lone: boolean }>(sql`
        (select id, false as lone from users where org = ${organization} and id > ${from} order by id limit ${limit})
        union all
        (select id, true as lone from devices where org = ${organization} and owner_id is null and id > ${from} order by id limit ${limit})
        order by id limit ${limit}`)
      const subjects = ids.map(({ id, lone }) => ({ kind: lone ? 'device' : 'user', id }) as CellSubject)
      const cells = await this.readMany(organization, subjects)
      // A page whose cells all went away meanwhile is not the end.
      const last = ids.at(-1)
      return cells.length === 0 && last !== undefined ? this.scan(organization, last.id, limit) : cells
    },

    async readMany(organization, subjects) {
      const of = (kind: CellSubject['kind']): string[] =>
        subjects.filter((one) => one.kind === kind).map(({ id }) => id)
      const [owned, lone] = await Promise.all([
        readUserCells(
          database,
          organization,
          sql`u.org = ${organization} and u.id = any(${of('user')}::uuid[])`,
        ),
        readLoneDevices(
          database,
          organization,
          sql`d.org = ${organization} and d.id = any(${of('device')}::uuid[])`,
        ),
      ])
      return [...owned, ...lone].sort((a, b) => (a.subject.id < b.subject.id ? -1 : 1))
    },

    async names(organization, kind, ids) {
      const [table, column] = kind === 'users' ? ['users', 'username'] : ['devices', 'name']
      const rows = await database.query<{ id: SubjectId; name: string }>(
        sql`select id, ${name(column)} as name from ${name(table)} where org = ${organization} and id = any(${ids}::uuid[])`,
      )
      return new Map(rows.map((row) => [row.id, row.name]))
    },

    async due(at, limit, organization) {
      const of = organization === undefined ? nothing : sql` and org = ${organization}`
      const rows = await database.house<{ org: OrganizationId } & CellSubject>(sql`
        (select org, id, 'user' as kind, next_due from users where next_due <= ${at}${of} order by next_due limit ${limit})
        union all
        (select org, id, 'device', next_due from devices where next_due <= ${at} and owner_id is null${of} order by next_due limit ${limit})
        order by next_due limit ${limit}`)
      return rows.map(({ org, kind, id }) => ({ organization: org, subject: { kind, id } as CellSubject }))
    },

    async firstDue() {
      const [row] = await database.house<{ first: Date | null }>(sql`
        select least((select min(next_due) from users), (select min(next_due) from devices where owner_id is null)) as first`)
      return row?.first ?? null
    },

    async write(organization, change) {
      const statement = writeStatement(organization, change)
      const wanted = String(guardsOf(change))
      try {
        // One row is written or not; where there are several, all of them must be, or none.
        if (guardsOf(change) < 2) {
          const [row] = await database.query<{ cells: string }>(statement)
          if (row?.cells !== wanted) return { outcome: 'conflict' }
        } else {
          await database.transaction(async (tx) => {
            const [row] = await tx.query<{ cells: string }>(statement)
            if (row?.cells !== wanted) throw new Missed()
          })
        }
        announce(changesOf(organization, change))
        return { outcome: 'written' }
      } catch (error) {
        return refusal(error)
      }
    },

    async rewrite(organization, epoch, rewrites, at) {
      const rows = await database.transaction(async (tx) => {
        const statement = rewriteStatement(organization, epoch, rewrites, at)
        const written = await tx.query<{ id: string }>(statement)
        const ids = new Set(written.map(({ id }) => id))
        const audit = rewrites.flatMap((one) => (ids.has(one.subject.id) ? one.audit : []))
        // last, because it makes the organization's other writers wait
        if (audit.length > 0)
          await tx.query(sql`select append_audit(${organization}, ${bodies(audit)}::text[])`)
        return written
      })
      const done = new Set(rows.map(({ id }) => id))
      const changed = rewrites.filter((one) => done.has(one.subject.id) && isTold(one))
      announce(changed.map(({ subject }) => ({ organization, kind: subject.kind, id: subject.id })))
      return rewrites.filter(({ subject }) => !done.has(subject.id)).map(({ subject }) => subject)
    },

    insertMany,
  }
}

class Missed extends Error {}

/** What columns are called outside, where that is not the same. */
const fieldOf: Readonly<Record<string, string>> = {
  serial: 'serialNumber',
  posix_id: 'posixId',
  group_id_subject_id: 'subjectId',
}

/** What an error of a cell's write means to whoever asked for it. */
export function refusal(error: unknown): WriteOutcome {
  // A missing group went away between evaluation and writing.
  if (error instanceof Missed || isRetryable(error) || isMissingReference(error))
    return { outcome: 'conflict' }
  if (isUniqueViolation(error)) {
    const column = /_org_(.+?)(?:_key)?_key$/.exec(error.constraint ?? '')?.[1] ?? 'id'
    return { outcome: 'taken', field: fieldOf[column] ?? column }
  }
  throw error
}
