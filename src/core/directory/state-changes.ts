// Scheduled states: from an instant on, a user is to be staged, active or suspended. They belong to the user's cell, which
// is evaluated when the instant comes.
import type { Clock } from '../../base/clock.ts'
import { newId, type OrganizationId, type StateChangeId, type UserId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { DirectoryReader, Page, StateChanges } from '../ports.ts'
import { type AuthorityPorts, deciding, mayManage } from './authority.ts'
import { type CellWriter, changeCells, type Plan, signal } from './cells.ts'
import { Problems } from './problem.ts'
import { readObject, required, type Shape } from './spec.ts'
import { type StateChange, userStates } from './types.ts'
import { choice, date, id, reason, set } from './values.ts'
import { type By, changeBody, difference, invalid, notFound, type Refusal } from './writing.ts'

const mostUsers = 1_000
/** Of one user: more states than that are a mistake. */
export const mostScheduledOfUser = 20

const scheduleShape = {
  userIds: required(set(id<UserId>('a user'), mostUsers)),
  state: choice(userStates),
  at: date(),
  reason: reason(),
} satisfies Shape

export interface StateChangePorts extends AuthorityPorts {
  readonly stateChanges: StateChanges
  readonly reader: Pick<DirectoryReader, 'usersByKey'>
  readonly engine: CellWriter
  readonly clock: Clock
}

export interface ScheduledStates {
  readonly shape: Shape
  list(
    organization: OrganizationId,
    where: { readonly user?: UserId },
    page: Page,
  ): Promise<readonly StateChange[]>
  /**
   * Reads `{ userIds, state, at, reason }`. A user has one state for each instant: what was scheduled for the same one is
   * replaced, so that a call that stopped halfway can be repeated.
   */
  schedule(by: By, body: unknown): Promise<Result<readonly StateChange[], Refusal>>
  cancel(by: By, id: string): Promise<Result<null, Refusal>>
}

export function scheduledStates(ports: StateChangePorts): ScheduledStates {
  const { engine, clock } = ports
  const shown = ({ state, at, reason }: StateChange) => ({ state, at: at.toISOString(), reason })

  async function scheduleOne(
    by: By,
    userId: UserId,
    wanted: Pick<StateChange, 'state' | 'at' | 'reason'>,
  ): Promise<Result<StateChange, Refusal>> {
    const now = clock.now()
    const fresh: StateChange = { id: newId<StateChangeId>(), userId, ...wanted, createdAt: now }
    let row = fresh
    const plan: Plan = ([cell]) => {
      if (!cell?.user) return signal('not-found')
      const before = cell.stateChanges.find(({ at }) => at.getTime() === wanted.at.getTime())
      if (!before && cell.stateChanges.length >= mostScheduledOfUser) {
        const name = JSON.stringify(cell.user.username)
        const message = `${name} has ${mostScheduledOfUser} scheduled states already: cancel one of them first`
        return fail([{ field: 'userIds', code: 'too-many', message }])
      }
      row = before ? { ...before, ...wanted } : fresh
      const target = { kind: 'user', id: userId, name: cell.user.username }
      const details = { scheduled: row.id, ...difference(before ? shown(before) : null, shown(row)) }
      const audit = [changeBody(by, now, 'user.schedule', target, details)]
      return ok({ stateChanges: [{ do: before ? 'update' : 'insert', row }], audit })
    }
    const cells = [{ kind: 'user', id: userId } as const]
    const written = await deciding(by, ports, ({ guard }) =>
      changeCells(engine, by.organization.id, cells, 'user', plan, guard),
    )
    return written.ok ? ok(row) : written
  }

  return {
    shape: scheduleShape,
    list: (organization, where, page) => ports.stateChanges.list(organization, where, page),

    async schedule(by, body) {
      const problems = new Problems()
      const values = readObject(scheduleShape, body, '', problems)
      if (values?.userIds.length === 0) problems.add('userIds', 'empty', 'name at least one user')
      if (values && values.at <= clock.now())
        problems.add('at', 'past', 'this is in the past: give an instant to come, or set the state itself')
      if (!values || !problems.none) return invalid(problems.list)
      const { userIds, ...wanted } = values
      const found = await ports.reader.usersByKey(by.organization.id, 'id', userIds)
      const known = new Set<string>(found.map(({ user }) => user.id))
      for (const [index, userId] of userIds.entries())
        if (!known.has(userId)) problems.add(`userIds[${index}]`, 'missing', 'there is no such user')
      if (!problems.none) return invalid(problems.list)
      // Here, so that nothing is written where one is refused; each is judged again when it is written.
      for (const userId of userIds) {
        const may = await mayManage(by, userId, ports)
        if (!may.ok) return may
      }
      const rows: StateChange[] = []
      for (const userId of userIds) {
        const row = await scheduleOne(by, userId, wanted)
        if (!row.ok) return row
        rows.push(row.value)
      }
      return ok(rows)
    },

    async cancel(by, own) {
      const found = await ports.stateChanges.find(by.organization.id, own as StateChangeId)
      if (!found) return notFound('scheduled state')
      const may = await mayManage(by, found.userId, ports)
      if (!may.ok) return may
      const at = clock.now()
      const cells = [{ kind: 'user', id: found.userId } as const]
      const plan: Plan = ([cell]) => {
        const one = cell?.stateChanges.find((each) => each.id === found.id)
        if (!cell?.user || !one) return signal('not-found')
        const target = { kind: 'user', id: cell.user.id, name: cell.user.username }
        const details = { scheduled: one.id, ...difference(shown(one), null) }
        const audit = [changeBody(by, at, 'user.schedule.cancel', target, details)]
        return ok({ stateChanges: [{ do: 'remove', id: one.id }], audit })
      }
      return deciding(by, ports, ({ guard }) =>
        changeCells(engine, by.organization.id, cells, 'scheduled state', plan, guard),
      )
    },
  }
}
