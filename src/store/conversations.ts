// Challenges that wait for their answer: in memory, or in Redis where several processes share them. What is parked may be
// lost, which costs the person one more try; it is never given twice.
import type { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { ConversationId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import type { Conversation, Conversations } from '../core/ports.ts'

const mostParked = 50_000

export function memoryConversations(clock: Clock): Conversations {
  const parked = new Map<ConversationId, { conversation: Conversation; until: number }>()
  return {
    async park(id, conversation, ttlSeconds) {
      const now = clock.monotonicMs()
      // Oldest first: everything at the front that is over goes.
      for (const [old, { until }] of parked) {
        if (until > now && parked.size < mostParked) break
        parked.delete(old)
      }
      parked.set(id, { conversation, until: now + ttlSeconds * 1000 })
    },
    async take(id) {
      const found = parked.get(id)
      parked.delete(id)
      return found !== undefined && found.until > clock.monotonicMs() ? found.conversation : null
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
    async take(id) {
      const text = await redis.getdel(key(id)).catch(away)
      if (text === null) return null
      const read = JSON.parse(text) as Conversation
      return { ...read, proof: read.proof.map((one) => ({ ...one, at: new Date(one.at) })) }
    },
  }
}
