// How often one peer may ask: a token bucket each, IPv6 by the /64 of a subscriber, and a bounded number of them in memory.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, systemClock } from '../../base/clock.ts'
import { type Rate, TokenBucket } from '../limits.ts'
import { limitKey } from '../peer.ts'

export interface PeerLimit {
  readonly size: number
  /** null, and one token less; or the seconds after which to ask again. */
  take(peer: string | null): number | null
}

const mostPeers = 10_000

/** Beyond `most` peers the one that has not asked for longest is forgotten, and may begin anew. Peers without an address share a bucket. */
export function peerLimit(rate: Rate, most = mostPeers, clock: Clock = systemClock): PeerLimit {
  const buckets = new Map<string, TokenBucket>()
  return {
    get size() {
      return buckets.size
    },
    take(peer) {
      const key = limitKey({ address: peer, port: 0, text: peer ?? 'unknown' })
      const bucket = buckets.get(key) ?? new TokenBucket(rate, clock)
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > most) buckets.delete(buckets.keys().next().value as string)
      return bucket.take() ? null : Math.max(1, Math.ceil(1 / rate.perSecond))
    },
  }
}

/** A hook for scopes whose requests have a visitor; `refuse` sends the page or the answer with status 429, Retry-After is set. */
export function limitPeers(
  limit: PeerLimit,
  refuse: (request: FastifyRequest, reply: FastifyReply) => unknown,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const seconds = limit.take(request.visitor.peer)
    if (seconds === null) return undefined
    reply.code(429).header('retry-after', String(seconds))
    await refuse(request, reply)
    return reply
  }
}
