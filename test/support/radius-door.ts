// A RADIUS door for tests, whose decisions are looked up in a table and whose clock stands still: straight, or behind a
// real socket.
import { systemClock } from '../../src/base/clock.ts'
import type { ConversationId, OrganizationId, ResourceId } from '../../src/base/ids.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import type { BindingAttributes } from '../../src/core/directory/types.ts'
import type { Change, RadiusSite } from '../../src/core/ports.ts'
import { createRadiusDoor, type RadiusDoor } from '../../src/doors/radius/door.ts'
import type { RadiusSettings } from '../../src/doors/radius/settings.ts'
import { peerOf } from '../../src/net/peer.ts'
import { listenUdp } from '../../src/net/udp.ts'
import type { WithTeardown } from './database.ts'
import { NasSocket, nasSecret } from './radius-nas.ts'

export const organization = '0a000000-0000-4000-8000-000000000001' as OrganizationId
export const conversation = '0c000000-0000-4000-8000-000000000001' as ConversationId
export const wifi = '0e000000-0000-4000-8000-000000000001' as ResourceId
export const vpn = '0e000000-0000-4000-8000-000000000002' as ResourceId
export const guests = '0e000000-0000-4000-8000-000000000003' as ResourceId

export const permit = (radius?: BindingAttributes['radius']) =>
  ({ outcome: 'permit', attributes: radius === undefined ? {} : { radius } }) as Decision
const challenge = {
  outcome: 'challenge',
  step: { kind: 'code', factors: ['totp'], conversation, because: null },
} as unknown as Decision
export const deny = { outcome: 'deny', reason: 'wrong-proof' } as Decision
export const indeterminate = { outcome: 'indeterminate', cause: 'unavailable' } as Decision

/** By user; without evidence nobody gets in, as with the real one. */
const table: Record<string, Decision> = {
  alice: permit({ vlan: 20, reply: [{ name: 'Filter-Id', value: 'staff' }] }),
  bob: challenge,
  carol: permit(),
  lost: indeterminate,
}
const byTable = (request: AccessRequest): Decision => {
  const { subject, evidence } = request
  if (evidence.length === 0 || !('name' in subject)) return deny
  if (evidence[0]?.kind === 'conversation')
    return evidence[0].id === conversation ? permit({ vlan: 30 }) : deny
  return table[subject.name] ?? deny
}

export const site = (
  network: string,
  secret = nasSecret,
  resources = [{ id: wifi }] as object[],
): RadiusSite => ({
  organization,
  network,
  secret: new Secret(secret),
  resources: resources.map((resource) => ({
    nasIdentifier: null,
    ssid: null,
    ...resource,
  })) as unknown as RadiusSite['resources'],
})

interface Setup {
  readonly decide?: (request: AccessRequest) => Decision | Promise<Decision>
  readonly list?: () => Promise<RadiusSite[]>
  readonly settings?: Partial<RadiusSettings>
  readonly log?: Log
}

export async function open(t: WithTeardown, setup: Setup = {}) {
  const fates: string[] = []
  const troubles: string[] = []
  const asked: AccessRequest[] = []
  const clock = { nowMs: 0, stalenessMs: 0 }
  let changed: (changes: readonly Change[]) => void = () => {}
  const door: RadiusDoor = createRadiusDoor({
    access: {
      // Not async: what is thrown here is thrown at the door, and not made into a rejection.
      decide(request) {
        asked.push(request)
        return (setup.decide ?? byTable)(request) as Promise<Decision>
      },
    },
    sites: { list: setup.list ?? (async () => [site('127.0.0.1/32')]) },
    feed: {
      subscribe: (listener) => {
        changed = listener
        return () => (changed = () => {})
      },
      stalenessMs: () => clock.stalenessMs,
    },
    clock: { now: systemClock.now, monotonicMs: () => clock.nowMs },
    log: setup.log ?? silentLog,
    metrics: {
      datagram: (fate) => void fates.push(fate),
      attribute: (trouble) => void troubles.push(trouble),
    },
    settings: { rejectDelayMs: 0, ...setup.settings },
  })
  t.teardown(() => door.close())
  /** Straight in, without a socket: what was sent back, once the door is done with it. */
  const receive = async (bytes: Buffer, address = '127.0.0.1', port = 4000): Promise<Buffer[]> => {
    const sent: Buffer[] = []
    await door.onDatagram(bytes, peerOf(address, port), (reply) => void sent.push(Buffer.from(reply)))
    return sent
  }
  await door.ready()
  return {
    door,
    fates,
    troubles,
    asked,
    clock,
    receive,
    change: (kind: Change['kind']) => changed([{ organization, kind, id: wifi }]),
  }
}

export async function listen(t: WithTeardown, door: RadiusDoor) {
  const listener = await listenUdp({
    name: 'radius',
    hosts: ['127.0.0.1'],
    port: 0,
    onDatagram: (bytes, peer, reply) => door.onDatagram(bytes, peer, reply),
    log: silentLog,
  })
  const nas = new NasSocket(listener.port)
  t.teardown(async () => {
    nas.close()
    await listener.close(100)
  })
  return { port: listener.port, nas }
}
