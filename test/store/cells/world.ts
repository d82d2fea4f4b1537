import type { Device } from '../../../src/core/directory/types.ts'
import type { Cell, CellChange, CellSubject } from '../../../src/core/membership/cell.ts'
import { createInsertMany } from '../../../src/store/cell-batch.ts'
import { createCells } from '../../../src/store/cells.ts'
import { sql } from '../../../src/store/sql.ts'
import {
  at,
  auditOf,
  makeGroup,
  makeUser,
  plant,
  plantOrganization,
  type StoreUnderTest,
} from '../../support/store.ts'

/** An organization with a group of users and one of devices, and what tests do with it. */
export async function begin(store: StoreUnderTest, slug: string) {
  const { database, sealer } = store
  const { id: organization } = await plantOrganization(store, slug)
  const [staff, macs] = [makeGroup('staff'), makeGroup('macs', { of: 'devices' })]
  await plant(store, organization, { groups: [staff, macs] })
  const cells = createCells(database, store.announce, createInsertMany(database, sealer, store.announce))
  const user = (id: string): CellSubject => ({ kind: 'user', id: id as never })
  const device = (id: string): CellSubject => ({ kind: 'device', id: id as never })
  const read = async (subject: CellSubject): Promise<Cell> => {
    const cell = await cells.read(organization, subject)
    if (cell === null) throw new Error(`no cell of ${subject.kind} ${subject.id}`)
    return cell
  }
  const guard = ({ subject, version }: Cell) => ({ subject, version })
  const change = (more: Partial<CellChange>): CellChange => ({
    ...{
      epoch: 1n,
      cells: [],
      devices: [],
      memberships: { put: [], remove: [] },
      dues: [],
      audit: [auditOf('test')],
      at,
    },
    ...more,
  })
  const write = (more: Partial<CellChange>) => cells.write(organization, change(more))
  const count = async (
    table: 'change_log' | 'audit' | 'users' | 'devices' | 'membership' | 'factor',
  ): Promise<number> => {
    const of = {
      change_log: sql`change_log`,
      audit: sql`audit`,
      users: sql`users`,
      devices: sql`devices`,
      membership: sql`membership`,
      factor: sql`factor`,
    }
    const [row] = await database.query<{ n: number }>(
      sql`select count(*)::int as n from ${of[table]} where org = ${organization}`,
    )
    return row?.n ?? 0
  }
  /** What tables hold, to see that nothing was left behind. */
  const everything = async () => {
    const rows = await database.query<{ all: unknown }>(sql`
      select json_build_array(
        (select json_agg(u order by id) from users u where org = ${organization}), (select json_agg(d order by id) from devices d where org = ${organization}),
        (select json_agg(m order by subject_id, group_id) from membership m where org = ${organization}),
        (select json_agg(m order by subject_id, group_id) from manual_member m where org = ${organization}),
        (select json_agg(e order by id) from exemption e where org = ${organization}), (select json_agg(l order by seq) from change_log l where org = ${organization}),
        (select json_agg(a order by sequence) from audit a where org = ${organization}), (select count(*) from factor where org = ${organization})) as all`)
    return rows[0]?.all
  }
  return {
    organization,
    staff,
    macs,
    cells,
    user,
    device,
    read,
    guard,
    write,
    count,
    everything,
    store,
    database,
  }
}

export type World = Awaited<ReturnType<typeof begin>>

export async function insertUser({ write, staff }: World, name: string, devices: readonly Device[] = []) {
  const user = makeUser(name)
  const own = devices.map((one) => ({ ...one, ownerId: user.id }))
  const outcome = await write({
    user: { do: 'insert', row: user },
    devices: own.map((row) => ({ do: 'insert', row })),
    memberships: {
      put: [{ subjectId: user.id, groupId: staff.id, reasons: ['rule', 'manual'] }],
      remove: [],
    },
    manual: { add: [{ subjectId: user.id, groupId: staff.id }], remove: [] },
  })
  return { user, devices: own, outcome }
}
