// Which groups a user is in, and which resources they are bound to: from shared memory, and by SQL beside it.
import { Client } from 'pg'
import type { UserId } from '../../src/base/ids.ts'
import { Reach } from '../../src/core/access/reach.ts'
import type { Filled } from './fill.ts'
import type { House } from './house.ts'
import { pick, type Random } from './random.ts'

const fromMemory = 200_000
const bySql = 3_000

export async function reading(
  { store }: House,
  { organization, users }: Filled,
  url: string,
  random: Random,
) {
  const { replica } = store
  const memory: number[] = []
  const lists = { found: 0, groups: 0 }
  for (let i = -20_000; i < fromMemory; i++) {
    const id = pick(random, users) as UserId
    const began = performance.now()
    const groups = replica.groupsOf(organization.id, id)
    const ended = performance.now()
    // Others write in between.
    if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (i < 0) continue
    memory.push(ended - began)
    if (groups === null) continue
    lists.found++
    lists.groups += groups.length
  }
  const reach = new Reach(store)
  const reached: number[] = []
  let resources = 0
  for (let i = -20_000; i < fromMemory; i++) {
    const id = pick(random, users) as UserId
    const began = performance.now()
    const found = await reach.resourcesOf(organization.id, id)
    const ended = performance.now()
    if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    if (i < 0) continue
    reached.push(ended - began)
    resources += found.size
  }
  const client = new Client({ connectionString: url })
  await client.connect()
  const sql: number[] = []
  try {
    for (let i = -300; i < bySql; i++) {
      const values = [organization.id, pick(random, users)]
      const began = performance.now()
      const text = 'select group_id, reasons from membership where org = $1 and subject_id = $2'
      await client.query({ name: 'groups-of', text, values })
      if (i >= 0) sql.push(performance.now() - began)
    }
  } finally {
    await client.end()
  }
  return {
    ...{ memory, sql, found: lists.found / fromMemory, groupsOfEach: lists.groups / lists.found },
    ...{ reached, resourcesOfEach: resources / fromMemory },
  }
}
