// What waits for somebody, a challenge or a request that a door goes on with: in memory, or in Redis where several processes
// share it. It may be lost, which costs the person one more try; it is never given twice.
import type { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { ConversationId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import type { Conversation, Conversations } from '../core/ports.ts'

/** Of each kind, so that a crowd of beginners pushes out nobody who is halfway through. */
const mostParked = 50_000

export function memoryConversations(clock: Clock): Conversations {
  type Parked = Map<ConversationId, { readonly conversation: Conversation; readonly until: number }>
  const kinds: Record<Conversation['kind'], Parked> = {
    challenge: new Map(),
    'sign-in': new Map(),
    request: new Map(),
  }
  const find = (id: ConversationId): Conversation | null => {
    const found = Object.values(kinds)
      .find((parked) => parked.has(id))
      ?.get(id)
    return found !== undefined && found.until > clock.monotonicMs() ? found.conversation : null
  }
  return {
    async park(id, conversation, ttlSeconds) {
      const now = clock.monotonicMs()
      const parked = kinds[conversation.kind]
      // Oldest first: everything at the front that is over goes.
      for (const [old, { until }] of parked) {
        if (until > now && parked.size < mostParked) break
        parked.delete(old)
      }
      parked.set(id, { conversation, until: now + ttlSeconds * 1000 })
    },
    find: async (id) => find(id),
    async take(id) {
      const found = find(id)
      for (const parked of Object.values(kinds)) parked.delete(id)
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
