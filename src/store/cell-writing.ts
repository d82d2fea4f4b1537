// The statements that write cells. Rows that stand for a cell are changed if they have their versions and the rules their
// epoch (`guard`); everything else happens only if all of them were (`tally`). Builds statements; runs nothing.
import type { DeviceId, OrganizationId, SubjectId } from '../base/ids.ts'
import type { AuditBody } from '../core/audit/record.ts'
import { formatAudit } from '../core/audit/text.ts'
import type {
  CellChange,
  CellRewrite,
  CellSubject,
  Membership,
  SubjectInGroup,
  SuggestionChanges,
} from '../core/membership/cell.ts'
import { noSuggestions } from '../core/membership/engine.ts'
import type { Change } from '../core/ports.ts'
import { fromReasons } from './reasons.ts'
import { deviceValues, exemptions, stateChanges, userValues } from './rows.ts'
import { join, name, nothing, type Sql, sql } from './sql.ts'

type Scoped = Sql<'organization'>
type Fragment = Sql<'fragment'>

/** How many rows must have been changed for the write to count. */
export function guardsOf(change: CellChange): number {
  return change.cells.length + (insertsCell(change) ? 1 : 0)
}

/** A new user or unowned device has no version to compare: its insertion stands for its cell. */
function insertsCell(change: CellChange): boolean {
  return change.user?.do === 'insert' || insertsLoneDevice(change)
}

function insertsLoneDevice(change: CellChange): boolean {
  return (
    change.cells.length === 0 &&
    change.user === undefined &&
    change.devices.some((device) => device.do === 'insert')
  )
}

/** Of a row that stands for a cell: when that is next due. Null for devices within the cell of their owner. */
function dueOf(change: CellChange, id: SubjectId): Date | null {
  return change.dues.find(({ subject }) => subject.id === id)?.due ?? null
}

const deviceIdOf = (device: CellChange['devices'][number]): DeviceId =>
  device.do === 'remove' ? device.id : device.row.id

/** What the change log tells: every user and device of which anything is not what it was. */
export function changesOf(organization: OrganizationId, change: CellChange): readonly Change[] {
  const users = change.user?.do === 'insert' ? [change.user.row.id] : []
  const devices = new Set<string>(change.devices.map(deviceIdOf))
  for (const { subject } of change.cells) if (subject.kind === 'device') devices.add(subject.id)
  return [
    ...change.cells
      .flatMap(({ subject }) => (subject.kind === 'user' ? [subject.id as string] : []))
      .concat(users)
      .map((id) => ({ organization, kind: 'user' as const, id })),
    ...[...devices].map((id) => ({ organization, kind: 'device' as const, id })),
  ]
}

/** Answers one row: `cells`, the number of cells that were as expected. It counts only if that is `guardsOf(change)`. */
export function writeStatement(organization: OrganizationId, change: CellChange): Scoped {
  const all = sql`exists (select from tally where cells = ${guardsOf(change)})`
  const guards = [
    ...change.cells.map((cell) => guardedCell(organization, cell, change)),
    ...insertedCell(organization, change),
  ]
  const rest = [
    ...otherDevices(organization, change, all),
    ...exemptionRows(organization, change, all),
    ...manualRows(organization, change, all),
    ...stateChangeRows(organization, change, all),
    ...suggestionRows(organization, change.suggestions ?? noSuggestions, change.at, all),
    putMemberships(organization, change.memberships.put, change.at, all),
    removeMemberships(organization, change.memberships.remove, all),
    ...forgotten(organization, change, all),
    logged(organization, changesOf(organization, change), all),
  ]
  const tally = join(
    guards.map((_, i) => sql`(select count(*) from ${name(`cell_${i}`)})`),
    ' + ',
  )
  const named = [
    sql`guard as (select from rules_epoch where org = ${organization} and epoch = ${change.epoch})`,
    ...guards.map((guard, i) => sql`${name(`cell_${i}`)} as (${guard})`),
    sql`tally as (select ${tally} as cells)`,
    ...rest.map((part, i) => sql`${name(`part_${i}`)} as (${part})`),
  ]
  return sql`with ${join<'organization' | 'fragment'>(named, ', ')}
    select cells, case when cells = ${guardsOf(change)} then append_audit(${organization}, ${bodies(change.audit)}::text[]) end as audited from tally`
}

function guardedCell(
  organization: OrganizationId,
  cell: CellChange['cells'][number],
  change: CellChange,
): Scoped {
  const { subject, version } = cell
  const where = sql`where org = ${organization} and id = ${subject.id} and cell_version = ${version} and exists (select from guard) returning id`
  const device = change.devices.find((one) => deviceIdOf(one) === subject.id)
  const row = subject.kind === 'user' ? change.user : device
  const table = name(subject.kind === 'user' ? 'users' : 'devices')
  const next = sql`cell_version = cell_version + 1, next_due = ${dueOf(change, subject.id)}::timestamptz`
  if (row === undefined || row.do === 'insert') return sql`update ${table} set ${next} ${where}`
  if (row.do === 'remove') return sql`delete from ${table} ${where}`
  const { set } =
    subject.kind === 'user' && change.user?.do === 'update' ? userValues(change.user.row) : setOf(device)
  return sql`update ${table} set ${set}, version = version + 1, ${next} ${where}`
}

function setOf(device: CellChange['devices'][number] | undefined): { set: Fragment } {
  if (device?.do !== 'update') throw new TypeError('no device to write')
  return deviceValues(device.row)
}

function insertedCell(organization: OrganizationId, change: CellChange): Scoped[] {
  const guard = sql`exists (select from guard)`
  if (change.user?.do === 'insert')
    return [
      insertion('users', organization, userValues(change.user.row), guard, dueOf(change, change.user.row.id)),
    ]
  if (!insertsLoneDevice(change)) return []
  return change.devices.flatMap((device) =>
    device.do === 'insert'
      ? [insertion('devices', organization, deviceValues(device.row), guard, dueOf(change, device.row.id))]
      : [],
  )
}

function insertion(
  table: string,
  organization: OrganizationId,
  row: { columns: Fragment; values: Fragment },
  condition: Fragment,
  due?: Date | null,
): Scoped {
  const [column, value] =
    due === undefined ? [nothing, nothing] : [sql`, next_due`, sql`, ${due}::timestamptz`]
  return sql`insert into ${name(table)} (org, ${row.columns}${column}) select ${organization}::uuid, ${row.values}${value}
    where ${condition} returning id`
}

/** Devices that belong to a cell without being one. */
function otherDevices(organization: OrganizationId, change: CellChange, all: Fragment): Scoped[] {
  const cells = new Set<string>(change.cells.map(({ subject }) => subject.id))
  return change.devices.flatMap((device) => {
    const id = deviceIdOf(device)
    if (cells.has(id) || (device.do === 'insert' && insertsLoneDevice(change))) return []
    if (device.do === 'insert') return [insertion('devices', organization, deviceValues(device.row), all)]
    const where = sql`where org = ${organization} and id = ${id} and ${all}`
    if (device.do === 'remove') return [sql`delete from devices ${where}`]
    return [
      sql`update devices set ${deviceValues(device.row).set}, version = version + 1, cell_version = cell_version + 1,
        next_due = ${dueOf(change, id)}::timestamptz ${where}`,
    ]
  })
}

function exemptionRows(organization: OrganizationId, change: CellChange, all: Fragment): Scoped[] {
  return (change.exemptions ?? []).map((exemption) => {
    if (exemption.do === 'insert')
      return insertion('exemption', organization, exemptions.write(exemption.row), all)
    const id = exemption.do === 'remove' ? exemption.id : exemption.row.id
    const where = sql`where org = ${organization} and id = ${id} and ${all}`
    if (exemption.do === 'remove') return sql`delete from exemption ${where}`
    return sql`update exemption set ${exemptions.write(exemption.row).set} ${where}`
  })
}

function manualRows(organization: OrganizationId, change: CellChange, all: Fragment): Scoped[] {
  const { add, remove } = change.manual ?? { add: [], remove: [] }
  const added =
    add.length === 0
      ? []
      : [
          sql`insert into manual_member (org, subject_id, group_id, approved) select ${organization}::uuid, p.*
            from unnest(${add.map(({ subjectId }) => subjectId)}::uuid[], ${add.map(({ groupId }) => groupId)}::uuid[],
              ${add.map(({ approved }) => approved === true)}::boolean[]) as p (subject_id, group_id, approved)
            where ${all} on conflict (org, subject_id, group_id) do update set approved = excluded.approved`,
        ]
  const removed =
    remove.length === 0
      ? []
      : [
          sql`delete from manual_member h using ${pairs(remove)} as p (subject_id, group_id)
            where h.org = ${organization} and h.subject_id = p.subject_id and h.group_id = p.group_id and ${all}`,
        ]
  return [...added, ...removed]
}

function stateChangeRows(organization: OrganizationId, change: CellChange, all: Fragment): Scoped[] {
  return (change.stateChanges ?? []).map((one) => {
    if (one.do === 'insert') return insertion('state_change', organization, stateChanges.write(one.row), all)
    const id = one.do === 'remove' ? one.id : one.row.id
    const where = sql`where org = ${organization} and id = ${id} and ${all}`
    if (one.do === 'remove') return sql`delete from state_change ${where}`
    return sql`update state_change set ${stateChanges.write(one.row).set} ${where}`
  })
}

function suggestionRows(
  organization: OrganizationId,
  { put, remove, reject = [] }: SuggestionChanges,
  at: Date,
  all: Fragment,
): Scoped[] {
  const rows: Scoped[] = []
  if (put.length > 0)
    rows.push(sql`insert into suggestion (org, subject_id, group_id, operation, since)
      select ${organization}::uuid, p.subject_id, p.group_id, p.operation, ${at}::timestamptz
      from unnest(${put.map(({ subjectId }) => subjectId)}::uuid[], ${put.map(({ groupId }) => groupId)}::uuid[],
        ${put.map(({ operation }) => operation)}::text[]) as p (subject_id, group_id, operation) where ${all}
      on conflict (org, subject_id, group_id) do update
        set operation = excluded.operation, since = excluded.since, rejected_at = null, id = gen_random_uuid()`)
  if (remove.length > 0)
    rows.push(sql`delete from suggestion s using ${pairs(remove)} as p (subject_id, group_id)
      where s.org = ${organization} and s.subject_id = p.subject_id and s.group_id = p.group_id and ${all}`)
  if (reject.length > 0)
    rows.push(sql`update suggestion s set rejected_at = ${at}::timestamptz from ${pairs(reject)} as p (subject_id, group_id)
      where s.org = ${organization} and s.subject_id = p.subject_id and s.group_id = p.group_id and ${all}`)
  return rows
}

function pairs(list: readonly SubjectInGroup[]): Fragment {
  return sql`unnest(${list.map(({ subjectId }) => subjectId)}::uuid[], ${list.map(({ groupId }) => groupId)}::uuid[])`
}

function putMemberships(
  organization: OrganizationId,
  put: readonly Membership[],
  at: Date,
  all: Fragment,
): Scoped {
  const reasons = put.map((one) => fromReasons(one.reasons))
  return sql`insert into membership (org, subject_id, group_id, reasons, since)
    select ${organization}::uuid, p.subject_id, p.group_id, p.reasons, ${at}::timestamptz
    from unnest(${put.map(({ subjectId }) => subjectId)}::uuid[], ${put.map(({ groupId }) => groupId)}::uuid[], ${reasons}::smallint[])
      as p (subject_id, group_id, reasons) where ${all}
    on conflict (org, subject_id, group_id) do update set reasons = excluded.reasons`
}

function removeMemberships(
  organization: OrganizationId,
  remove: readonly SubjectInGroup[],
  all: Fragment,
): Scoped {
  return sql`delete from membership m using ${pairs(remove)} as p (subject_id, group_id)
    where m.org = ${organization} and m.subject_id = p.subject_id and m.group_id = p.group_id and ${all}`
}

/** What is left of somebody who goes: nothing under an id that will never come back. */
function forgotten(organization: OrganizationId, change: CellChange, all: Fragment): Scoped[] {
  const gone: SubjectId[] = change.devices.flatMap((device) => (device.do === 'remove' ? [device.id] : []))
  if (change.user?.do === 'remove') gone.push(change.user.id)
  if (gone.length === 0) return []
  const of = (table: string, column: string): Scoped =>
    sql`delete from ${name(table)} where org = ${organization} and ${name(column)} = any(${gone}::uuid[]) and ${all}`
  return [
    of('manual_member', 'subject_id'),
    of('exemption', 'subject_id'),
    of('suggestion', 'subject_id'),
    of('state_change', 'user_id'),
    of('factor', 'owner_id'),
    of('lockout', 'subject_id'),
    of('familiar_source', 'subject_id'),
  ]
}

function logged(organization: OrganizationId, changes: readonly Change[], all: Fragment): Scoped {
  return sql`insert into change_log (org, kind, id) select ${organization}::uuid, c.kind, c.id
    from unnest(${changes.map(({ kind }) => kind)}::text[], ${changes.map(({ id }) => id)}::uuid[]) as c (kind, id) where ${all}`
}

export const bodies = (audit: readonly AuditBody[]): readonly string[] => audit.map(formatAudit)

/** New memberships for many cells: those that are as they were read. Answers the ids of the cells that were. */
export function rewriteStatement(
  organization: OrganizationId,
  epoch: bigint,
  rewrites: readonly CellRewrite[],
  at: Date,
): Scoped {
  const put = rewrites.flatMap(({ subject, put: list }) => list.map((one) => ({ cell: subject.id, ...one })))
  const remove = rewrites.flatMap(({ subject, remove: list }) =>
    list.map((one) => ({ cell: subject.id, ...one })),
  )
  return sql`with guard as (select from rules_epoch where org = ${organization} and epoch = ${epoch}),
    done_users as (${bumped('users', organization, rewrites, 'user')}),
    done_devices as (${bumped('devices', organization, rewrites, 'device')}),
    done as (select id, 'user' as kind, told from done_users union all select id, 'device', told from done_devices),
    put as (insert into membership (org, subject_id, group_id, reasons, since)
      select ${organization}::uuid, p.subject_id, p.group_id, p.reasons, ${at}::timestamptz
      from unnest(${put.map(({ cell }) => cell)}::uuid[], ${put.map(({ subjectId }) => subjectId)}::uuid[],
        ${put.map(({ groupId }) => groupId)}::uuid[], ${put.map(({ reasons }) => fromReasons(reasons))}::smallint[])
        as p (cell, subject_id, group_id, reasons) where p.cell in (select id from done)
      on conflict (org, subject_id, group_id) do update set reasons = excluded.reasons),
    removed as (delete from membership m
      using unnest(${remove.map(({ cell }) => cell)}::uuid[], ${remove.map(({ subjectId }) => subjectId)}::uuid[],
        ${remove.map(({ groupId }) => groupId)}::uuid[]) as p (cell, subject_id, group_id)
      where m.org = ${organization} and m.subject_id = p.subject_id and m.group_id = p.group_id and p.cell in (select id from done)),
    ${rewrittenInputs(organization, rewrites, at)}
    told as (insert into change_log (org, kind, id) select ${organization}::uuid, kind, id from done where told)
    select id from done`
}

/** Suggestions, and manual members that a rule has taken over or leaves behind; nothing where there are none. */
function rewrittenInputs(
  organization: OrganizationId,
  rewrites: readonly CellRewrite[],
  at: Date,
): Fragment | Scoped {
  const pick = <T extends SubjectInGroup>(of: (one: CellRewrite) => readonly T[]) =>
    rewrites.flatMap((one) => of(one).map((each) => ({ cell: one.subject.id, ...each })))
  const suggested = pick(({ suggestions }) => suggestions?.put ?? [])
  const withdrawn = pick(({ suggestions }) => suggestions?.remove ?? [])
  const takenOver = pick((one) => one.takenOver ?? [])
  const kept = pick((one) => one.kept ?? [])
  const named: Scoped[] = []
  const cells = (
    list: readonly { readonly cell: SubjectId; readonly subjectId: SubjectId; readonly groupId: string }[],
  ) =>
    sql`${list.map(({ cell }) => cell)}::uuid[], ${list.map(({ subjectId }) => subjectId)}::uuid[], ${list.map(({ groupId }) => groupId)}::uuid[]`
  if (suggested.length > 0)
    named.push(sql`suggested as (insert into suggestion (org, subject_id, group_id, operation, since)
      select ${organization}::uuid, p.subject_id, p.group_id, p.operation, ${at}::timestamptz
      from unnest(${cells(suggested)}, ${suggested.map(({ operation }) => operation)}::text[]) as p (cell, subject_id, group_id, operation)
      where p.cell in (select id from done)
      on conflict (org, subject_id, group_id) do update
        set operation = excluded.operation, since = excluded.since, rejected_at = null, id = gen_random_uuid()), `)
  const gone = (table: 'suggestion' | 'manual_member', list: typeof takenOver): Scoped =>
    sql`${name(`gone_${table}`)} as (delete from ${name(table)} s using unnest(${cells(list)}) as p (cell, subject_id, group_id)
      where s.org = ${organization} and s.subject_id = p.subject_id and s.group_id = p.group_id and p.cell in (select id from done)), `
  if (withdrawn.length > 0) named.push(gone('suggestion', withdrawn))
  if (takenOver.length > 0) named.push(gone('manual_member', takenOver))
  if (kept.length > 0)
    named.push(sql`kept as (insert into manual_member (org, subject_id, group_id, approved)
      select ${organization}::uuid, p.subject_id, p.group_id, true from unnest(${cells(kept)}) as p (cell, subject_id, group_id)
      where p.cell in (select id from done) on conflict (org, subject_id, group_id) do nothing), `)
  return named.length === 0 ? nothing : join(named, '')
}

/** Is anything but the next evaluation different? Whoever follows the change log need not hear of that. */
export function isTold({ put, remove, suggestions = noSuggestions }: CellRewrite): boolean {
  return put.length + remove.length + suggestions.put.length + suggestions.remove.length > 0
}

function bumped(
  table: 'users' | 'devices',
  organization: OrganizationId,
  rewrites: readonly CellRewrite[],
  kind: CellSubject['kind'],
): Scoped {
  const cells = rewrites.filter(({ subject }) => subject.kind === kind)
  const lone = table === 'devices' ? sql`and t.owner_id is null` : sql``
  // Locked in the order of their ids, so that two who rewrite the same cells do not wait for each other.
  return sql`update ${name(table)} u set cell_version = u.cell_version + 1, next_due = w.next_due
    from (select w.id, w.next_due, w.told
      from unnest(${cells.map(({ subject }) => subject.id)}::uuid[], ${cells.map(({ version }) => version)}::bigint[],
        ${cells.map(({ due }) => due)}::timestamptz[], ${cells.map(isTold)}::boolean[]) as w (id, cell_version, next_due, told)
      join ${name(table)} t on t.org = ${organization} and t.id = w.id and t.cell_version = w.cell_version ${lone}
      where exists (select from guard) order by t.id for no key update of t) w
    where u.org = ${organization} and u.id = w.id returning u.id, w.told`
}
