// Questions about everybody: previews, the comparison of everything with the rules, and a rule that moves everybody; with how
// long the main thread was kept from its work meanwhile.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import type { CellSubject } from '../../src/core/membership/cell.ts'
import type { Filled } from './fill.ts'
import type { House } from './house.ts'
import { pick, type Random } from './random.ts'
import { changeRecord } from './records.ts'
import { makeRule } from './rules.ts'

export interface Lag {
  readonly p99: number
  readonly max: number
}

const resolutionMs = 1

/** How late the main thread's timers were while `work` ran, in milliseconds. */
export async function withLag<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly took: number; readonly lag: Lag }> {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const began = performance.now()
  const value = await work()
  const took = performance.now() - began
  delay.disable()
  const late = (ns: number): number => Math.max(0, ns / 1e6 - resolutionMs)
  return { value, took, lag: { p99: late(delay.percentile(99)), max: late(delay.max) } }
}

/** Milliseconds of previews: other rules for groups that are there. The first one, which reads everybody, is told apart. */
export async function previews(
  { thread }: House,
  { organization, groups }: Filled,
  count: number,
  random: Random,
) {
  const names = { users: [] as string[], devices: [] as string[] }
  for (const { of, name, rule } of groups) if (!rule?.includes('memberOf')) names[of].push(name)
  const draft = () => {
    // Groups that others read would make a circle possible, and are few.
    const group = pick(random, groups)
    const read = names[group.of].filter((name) => name !== group.name)
    const rule = makeRule(random, group.of, names[group.of].includes(group.name) ? [] : read)
    return { ...group, rule }
  }
  const ask = async (group = draft()): Promise<number> => {
    const began = performance.now()
    await thread.sets.preview(organization.id, group, { limit: 50 })
    return performance.now() - began
  }
  const first = await ask()
  for (let i = 0; i < 20; i++) await ask()
  const measured = await withLag(async () => {
    const times: number[] = []
    const slowest = { ms: 0, rule: '' }
    for (let i = 0; i < count; i++) {
      const group = draft()
      const ms = await ask(group)
      times.push(ms)
      if (ms > slowest.ms) Object.assign(slowest, { ms, rule: group.rule })
    }
    return { times, slowest }
  })
  return { first, ...measured.value, lag: measured.lag }
}

/** Cells that are not what the rules say. Throws where one is not merely due, which is left to a timer that does not run here. */
export async function reconcile({ store, thread }: House, { organization }: Filled) {
  const found = await withLag(async () => {
    const cells: CellSubject[] = []
    for await (const page of thread.sets.differing(organization.id, 'all')) cells.push(...page)
    return cells
  })
  for (const { due, subject } of await store.cells.readMany(organization.id, found.value))
    if (due === null || due > systemClock.now()) throw new Error(`${subject.id} is not what the rules say`)
  return found
}

/** To save a rule that every user fulfils in the place of one that few do; then, to remove that group. */
export async function everybodyMoves(house: House, { organization, groups }: Filled) {
  const { store, engine } = house
  const [first] = groups.filter(
    ({ of, name }) => of === 'users' && !groups.some(({ rule }) => rule?.includes(`"${name}"`)),
  )
  if (first === undefined) throw new Error('no group that no other one reads')
  const group = await store.groups.find(organization.id, first.id)
  if (group === null) throw new Error('the group is gone')
  const target = { kind: 'group', id: group.id, name: group.name }
  const move = async () => {
    const row = { ...group, rule: 'username pr', status: 'activating' } as const
    const { outcome } = await store.groups.update(organization.id, row, changeRecord('group.update', target))
    if (outcome !== 'written') throw new Error(`not written: ${outcome}`)
    await engine.activateGroup(organization.id, group.id)
  }
  const remove = async () => {
    const { version } = (await store.groups.find(organization.id, group.id)) ?? group
    const record = changeRecord('group.remove', target)
    const { outcome } = await store.groups.remove(organization.id, group.id, version, record)
    if (outcome !== 'written') throw new Error(`not removed: ${outcome}`)
    await engine.activateGroup(organization.id, group.id)
  }
  return {
    move: () => besideRecords(house, organization, move),
    remove: () => besideRecords(house, organization, remove),
  }
}

/** Does the work while somebody else writes one record after the other, as every sign-in does: how long did each take? */
async function besideRecords(
  { store }: House,
  { id, name }: Filled['organization'],
  work: () => Promise<void>,
) {
  const records: number[] = []
  const target = { kind: 'organization', id, name }
  return withLag(async () => {
    const working = work()
    let isOver = false
    const over = () => {
      isOver = true
    }
    working.then(over, over)
    while (!isOver) {
      const began = performance.now()
      await store.audit.append(id, changeRecord('benchmark', target))
      records.push(performance.now() - began)
      await sleep(20)
    }
    await working
    return records
  })
}
