// Another process of the same house, over the same database: says when it has heard of a change, and when it can read from memory
// what the change has made. Entry point; elsewhere.ts starts it and talks to it.
import { setImmediate as turn } from 'node:timers/promises'
import type { OrganizationId, UserId } from '../../src/base/ids.ts'
import type { Group } from '../../src/core/directory/types.ts'
import { openHouse, untilReadable } from './house.ts'

export interface ElsewhereTask {
  readonly dataFolder: string
  readonly url: string
  readonly organization: OrganizationId
}

export type ToElsewhere =
  | { readonly say: 'open'; readonly task: ElsewhereTask }
  | { readonly say: 'preview'; readonly group: Group }
  | { readonly say: 'close' }

export interface Memory {
  /** Of the whole process. */
  readonly rss: number
  readonly replica: number
  readonly columns: number
  /** Milliseconds. */
  readonly took: number
}

export type FromElsewhere =
  | { readonly said: 'opened' | 'previewed'; readonly memory: Memory }
  /** Instants of the machine's monotonic clock, in milliseconds. */
  | {
      readonly said: 'seen'
      readonly user: string
      readonly heard: number
      readonly readable: number
      readonly groups: readonly string[]
    }

/** The same clock in every process of a machine, in milliseconds. */
export const instant = (): number => Number(process.hrtime.bigint()) / 1e6

const tell = (message: FromElsewhere): void => void process.send?.(message)

async function open({ dataFolder, url, organization }: ElsewhereTask) {
  const began = performance.now()
  const house = await openHouse(dataFolder, url)
  const { replica, feed } = house.store
  await untilReadable(house, organization)
  const memory = (took: number): Memory => ({
    ...{ rss: process.memoryUsage.rss(), replica: replica.bytes, columns: house.thread.columnBytes, took },
  })
  tell({ said: 'opened', memory: memory(performance.now() - began) })
  const see = async (user: string): Promise<void> => {
    const heard = instant()
    for (;;) {
      const groups = replica.groupsOf(organization, user as UserId)
      if (groups !== null) {
        const readable = instant()
        return tell({ said: 'seen', user, heard, readable, groups: groups.map(({ groupId }) => groupId) })
      }
      await turn()
    }
  }
  feed.subscribe((changes) => {
    // After the replica, which has been told first, knows of it.
    for (const { kind, id } of changes) if (kind === 'user') void see(id)
  })
  return {
    async preview(group: Group): Promise<void> {
      const asked = performance.now()
      await house.thread.sets.preview(organization, group, { limit: 50 })
      const took = performance.now() - asked
      // The thread says how much it keeps after its answer.
      await new Promise((resolve) => setTimeout(resolve, 200))
      tell({ said: 'previewed', memory: memory(took) })
    },
    close: house.close,
  }
}

let opened: Awaited<ReturnType<typeof open>> | undefined

process.on('message', (message: ToElsewhere) => {
  const work = async (): Promise<void> => {
    if (message.say === 'open') opened = await open(message.task)
    else if (message.say === 'preview') await opened?.preview(message.group)
    else {
      await opened?.close()
      process.disconnect()
    }
  }
  work().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
