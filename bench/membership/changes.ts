// What a change of one attribute costs: evaluating it, and committing it with its memberships beside a bare UPDATE of the same row.
import { Client } from 'pg'
import { systemClock } from '../../src/base/clock.ts'
import type { UserId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import type { Cell } from '../../src/core/membership/cell.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { evaluateChange } from '../../src/core/membership/incremental/evaluate-change.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import type { Filled } from './fill.ts'
import type { House } from './house.ts'
import { changed } from './population.ts'
import { pick, type Random } from './random.ts'
import { changeRecord } from './records.ts'

const warmUp = 500
const evaluations = 5_000

const subject = (id: string) => ({ kind: 'user', id: id as UserId }) as const

/** Milliseconds of evaluating one change, in full and in part. Throws where the two differ. */
export async function evaluating(house: House, { organization, users }: Filled, random: Random) {
  const { store } = house
  const set = { ...compileRules(await store.rules.read(organization.id), silentLog), unsettled: [] }
  const [inFull, inPart]: [number[], number[]] = [[], []]
  const ids = Array.from({ length: 1_000 }, () => pick(random, users))
  const cells: Cell[] = []
  for (let from = 0; from < ids.length; from += 500)
    cells.push(...(await store.cells.readMany(organization.id, ids.slice(from, from + 500).map(subject))))
  const now = systemClock.now()
  const current = cells.filter(({ due }) => due === null || due > now)
  for (let i = -warmUp; i < evaluations; i++) {
    const cell = pick(random, current)
    if (cell.user === null) continue
    const after = { ...cell, user: changed(cell.user, random, now).user }
    const began = performance.now()
    const full = evaluate(after, set, now)
    const between = performance.now()
    const part = evaluateChange(cell, after, set, now)
    const ended = performance.now()
    const spell = (list: typeof full.memberships): string =>
      list
        .map(({ subjectId, groupId }) => subjectId + groupId)
        .sort()
        .join()
    if (spell(full.memberships) !== spell(part.memberships))
      throw new Error('a change evaluated in part is not what it is in full')
    if (i < 0) continue
    inFull.push(between - began)
    inPart.push(ended - between)
  }
  return { inFull, inPart }
}

/** One attribute of one user is changed, as the API does it. Gives the groups that were joined and left by the user itself. */
export async function changeOne({ engine }: House, { organization }: Filled, id: string, random: Random) {
  const outcome = await engine.change(organization.id, [subject(id)], ([cell]) => {
    if (!cell?.user) throw new Error('the user is not there')
    const { user, name } = changed(cell.user, random, systemClock.now())
    const target = { kind: 'user', id, name: user.username }
    return ok({
      user: { do: 'update', row: user },
      audit: [
        { ...changeRecord('user.update', target), details: { [name]: 'changed' } } as ReturnType<
          typeof changeRecord
        >,
      ],
    })
  })
  if (outcome.outcome !== 'written') throw new Error(`not written: ${JSON.stringify(outcome)}`)
  const own = <T extends { readonly subjectId: string }>(list: readonly T[]) =>
    list.filter((one) => one.subjectId === id)
  return { joined: own(outcome.joined), left: own(outcome.left) }
}

/** Milliseconds of changes one after the other, each followed by a bare UPDATE of the same row. */
export async function committing(house: House, filled: Filled, url: string, count: number, random: Random) {
  const client = new Client({ connectionString: url })
  await client.connect()
  const [changes, updates]: [number[], number[]] = [[], []]
  let moved = 0
  try {
    for (let i = -200; i < count; i++) {
      const id = pick(random, filled.users)
      const began = performance.now()
      const { joined, left } = await changeOne(house, filled, id, random)
      const between = performance.now()
      await client.query({
        name: 'bare',
        text: 'update users set department = department, updated_at = $3 where org = $1 and id = $2',
        values: [filled.organization.id, id, new Date()],
      })
      const ended = performance.now()
      if (i < 0) continue
      if (joined.length + left.length > 0) moved++
      changes.push(between - began)
      updates.push(ended - between)
    }
  } finally {
    await client.end()
  }
  return { changes, updates, moved }
}

/** Changes a second, with so many at once. */
export async function throughput(
  house: House,
  filled: Filled,
  atOnce: number,
  seconds: number,
  random: Random,
) {
  const began = performance.now()
  let count = 0
  const one = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1_000) {
      await changeOne(house, filled, pick(random, filled.users), random)
      count++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return count / ((performance.now() - began) / 1_000)
}
