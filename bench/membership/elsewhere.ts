// How soon another process knows of a change: from its commit here until it is heard of there, and until it is read from memory
// there. What is read has to be what was written.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { changeOne } from './changes.ts'
import {
  type ElsewhereTask,
  type FromElsewhere,
  instant,
  type Memory,
  type ToElsewhere,
} from './elsewhere-child.ts'
import type { Filled } from './fill.ts'
import type { House } from './house.ts'
import { pick, type Random } from './random.ts'

export interface Elsewhere {
  /** With the memberships in memory; `took`: from opening the database until then. */
  readonly opened: Memory
  preview(group: Filled['groups'][number]): Promise<Memory>
  /** Milliseconds from commit to hearing, and to reading it from memory. */
  follow(count: number, atOnce: number): Promise<{ readonly heard: number[]; readonly readable: number[] }>
  close(): Promise<void>
}

const longestMs = 30_000

export async function openElsewhere(
  house: House,
  filled: Filled,
  task: ElsewhereTask,
  random: Random,
): Promise<Elsewhere> {
  const child = fork(join(import.meta.dirname, 'elsewhere-child.ts'), { execArgv: [] })
  const waiting = new Map<string, (seen: Extract<FromElsewhere, { said: 'seen' }>) => void>()
  child.on('message', (message: FromElsewhere) => {
    if (message.said === 'seen') waiting.get(message.user)?.(message)
  })
  const say = (message: ToElsewhere): void => void child.send(message)
  const memoryOf = async (what: 'opened' | 'previewed'): Promise<Memory> => {
    for (;;) {
      const [message] = (await Promise.race([once(child, 'message'), died(child)])) as [FromElsewhere]
      if (message.said === what) return message.memory
    }
  }
  const opening = memoryOf('opened')
  say({ say: 'open', task })
  const opened = await opening

  /** When the changes of a user are committed: the feed tells of its own right then. */
  const committed = new Map<string, number>()
  const unsubscribe = house.store.feed.subscribe((changes) => {
    for (const { kind, id } of changes)
      if (kind === 'user' && !committed.has(id)) committed.set(id, instant())
  })

  async function one(user: string): Promise<{ heard: number; readable: number }> {
    committed.delete(user)
    const seen = new Promise<Extract<FromElsewhere, { said: 'seen' }>>((resolve, reject) => {
      waiting.set(user, resolve)
      setTimeout(() => reject(new Error('a change is not seen elsewhere')), longestMs).unref()
    })
    const { joined, left } = await changeOne(house, filled, user, random)
    const { heard, readable, groups } = await seen
    waiting.delete(user)
    const there = new Set(groups)
    if (joined.some(({ groupId }) => !there.has(groupId)) || left.some(({ groupId }) => there.has(groupId)))
      throw new Error('what is seen elsewhere is not what was written')
    const from = committed.get(user) as number
    return { heard: heard - from, readable: readable - from }
  }

  return {
    opened,
    preview(group) {
      const previewed = memoryOf('previewed')
      say({ say: 'preview', group })
      return previewed
    },
    async follow(count, atOnce) {
      const [heard, readable]: [number[], number[]] = [[], []]
      // Each user once: what is told twice would be taken for the other.
      const users = new Set<string>()
      while (users.size < count) users.add(pick(random, filled.users))
      const left = [...users]
      const work = async (): Promise<void> => {
        for (let user = left.pop(); user !== undefined; user = left.pop()) {
          const times = await one(user)
          heard.push(times.heard)
          readable.push(times.readable)
          // At different distances from the polls.
          if (atOnce === 1) await new Promise((resolve) => setTimeout(resolve, random() * 10))
        }
      }
      await Promise.all(Array.from({ length: atOnce }, work))
      return { heard, readable }
    },
    async close() {
      unsubscribe()
      const exited = once(child, 'exit')
      say({ say: 'close' })
      await exited
    },
  }
}

async function died(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`the other process has ended with ${code}`)
}
