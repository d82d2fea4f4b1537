// What waits for somebody, a challenge or a request that a door goes on with: in memory, or in Redis where several processes
// share it. It may be lost, which costs the person one more try; it is never given twice.
import type { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { ConversationId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import type { Conversation, Conversations } from '../core/ports.ts'

/** Of each kind, so that a crowd of beginners pushes out nobody who is halfway through. */
const mostParked = 50_000
const mostBytes = 32 * 1024 * 1024

interface Parked {
  /** JSON of its own: a text out of a message would hold the whole message for as long. */
  readonly text: string
  readonly until: number
}

/** What is parked of one kind, the oldest first, bounded in number and size. */
class Lot {
  readonly #parked = new Map<ConversationId, Parked>()
  #size = 0

  find(id: ConversationId): Parked | undefined {
    return this.#parked.get(id)
  }

  put(id: ConversationId, one: Parked, now: number): void {
    this.remove(id)
    this.#parked.set(id, one)
    this.#size += one.text.length
    for (const [old, { until }] of this.#parked) {
      const isFull = this.#parked.size > mostParked || this.#size > mostBytes
      if (until > now && !isFull) break
      this.remove(old)
    }
  }

  remove(id: ConversationId): void {
    this.#size -= this.#parked.get(id)?.text.length ?? 0
    this.#parked.delete(id)
  }
}

export function memoryConversations(clock: Clock): Conversations {
  const lots: Record<Conversation['kind'], Lot> = {
    challenge: new Lot(),
    'sign-in': new Lot(),
    request: new Lot(),
  }
  const find = (id: ConversationId): Conversation | null => {
    for (const lot of Object.values(lots)) {
      const found = lot.find(id)
      if (found !== undefined) return found.until > clock.monotonicMs() ? read(found.text) : null
    }
    return null
  }
  return {
    async park(id, conversation, ttlSeconds) {
      const now = clock.monotonicMs()
      const text = JSON.stringify(conversation)
      lots[conversation.kind].put(id, { text, until: now + ttlSeconds * 1000 }, now)
    },
    find: async (id) => find(id),
    async take(id) {
      const found = find(id)
      for (const lot of Object.values(lots)) lot.remove(id)
      return found
    },
  }
}

export function redisConversations(redis: Redis): Conversations {
  const key = (id: ConversationId): string => `muster:conversation:${id}`
  const away = (error: unknown): never => {
    throw new Fault('unavailable', 'Redis does not answer', { cause: error })
  }
  return {
    async park(id, conversation, ttlSeconds) {
      await redis.set(key(id), JSON.stringify(conversation), 'EX', ttlSeconds).catch(away)
    },
    find: async (id) => read(await redis.get(key(id)).catch(away)),
    take: async (id) => read(await redis.getdel(key(id)).catch(away)),
  }
}

/** Instants are texts in JSON. */
function read(text: string | null): Conversation | null {
  if (text === null) return null
  const parked = JSON.parse(text) as Conversation
  switch (parked.kind) {
    case 'challenge':
      return { ...parked, proof: parked.proof.map((one) => ({ ...one, at: new Date(one.at) })) }
    case 'sign-in': {
      const { freshSince } = parked.wanted
      return {
        ...parked,
        wanted: { ...parked.wanted, freshSince: freshSince === null ? null : new Date(freshSince) },
      }
    }
    case 'request':
      return parked
    default:
      return parked satisfies never
  }
}
