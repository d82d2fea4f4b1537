// From an Access-Request to the one question. What cannot be evidence (CHAP, EAP, a password that is none, an attribute
// twice) leaves the question without any, so that it is refused where every refusal is recorded.
import { utf8 } from '../../base/bytes.ts'
import { type ConversationId, isId, type ResourceId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import type { AccessRequest, Evidence, Means } from '../../core/access/request.ts'
import type { RadiusSite } from '../../core/ports.ts'
import { type RadiusPacket, type } from '../../wire/radius/packet.ts'
import { revealPassword } from '../../wire/radius/password.ts'
import type { Client } from './clients.ts'

/** `peer`: the canonical address that the datagram came from. */
export function ask(packet: RadiusPacket, client: Client, peer: string, at: Date): AccessRequest {
  const shown = read(packet)
  const name = nameOf(shown.userName)
  const resource = chooseResource(client.resources, shown.nasIdentifier, shown.calledStationId)
  const usable = name !== null && name !== '' && resource !== null && shown.plain
  return {
    organization: client.organization,
    subject: { by: 'login', name: name ?? '\ufffd' },
    evidence: usable ? evidenceOf(packet, shown, client) : [],
    resource: { kind: 'id', id: resource ?? (nobody as ResourceId) },
    // User-Password is hidden by the secret (RFC 2865 §5.2), and nothing else is taken for evidence.
    circumstance: { peer, door: 'radius', secured: true },
    means,
    at,
  }
}

const means: readonly Means[] = ['prompt']
/** An id that nothing has: asked about where the request names nothing that exists. */
const nobody = '00000000-0000-0000-0000-000000000000'

interface Shown {
  userName: Buffer | null
  password: Buffer | null
  state: Buffer | null
  nasIdentifier: Buffer | null
  calledStationId: Buffer | null
  /** No other kind of authentication is there, and nothing twice that may be there once (RFC 2865 §5.44). */
  plain: boolean
}

function read(packet: RadiusPacket): Shown {
  const shown: Shown = {
    userName: null,
    password: null,
    state: null,
    nasIdentifier: null,
    calledStationId: null,
    plain: true,
  }
  for (const attribute of packet.attributes) {
    switch (attribute.type) {
      case type.userName:
        if (shown.userName !== null) shown.plain = false
        shown.userName ??= attribute.value
        break
      case type.userPassword:
        if (shown.password !== null) shown.plain = false
        shown.password ??= attribute.value
        break
      case type.state:
        if (shown.state !== null) shown.plain = false
        shown.state ??= attribute.value
        break
      case type.nasIdentifier:
        shown.nasIdentifier ??= attribute.value
        break
      case type.calledStationId:
        shown.calledStationId ??= attribute.value
        break
      // RFC 2865 §5.2: never beside a User-Password; RFC 3579 §3.3: neither.
      case type.chapPassword:
      case type.eapMessage:
        shown.plain = false
    }
  }
  return shown
}

/** Empty where there is none; null where it cannot be anybody's: not UTF-8, or with control characters. */
function nameOf(userName: Buffer | null): string | null {
  if (userName === null) return ''
  const name = utf8(userName)
  return name === null || /[\x00-\x1f\x7f]/.test(name) ? null : name
}

function evidenceOf(packet: RadiusPacket, { password, state }: Shown, client: Client): readonly Evidence[] {
  if (password === null) return []
  const revealed = revealPassword(password, packet.authenticator, client.secret)
  if (!revealed.ok || revealed.value === '') return []
  const secret = new Secret(revealed.value)
  if (state === null) return [{ kind: 'password', password: secret }]
  const id = state.toString('latin1')
  return [
    { kind: 'conversation', id: (isId(id) ? id : nobody) as ConversationId },
    { kind: 'code', code: secret },
  ]
}

/**
 * The resource that the client means: one whose SSID matches before one whose NAS-Identifier does before one that asks
 * for neither; one that asks for something else is out of the question.
 */
export function chooseResource(
  resources: RadiusSite['resources'],
  nasIdentifier: Buffer | null,
  calledStationId: Buffer | null,
): ResourceId | null {
  let best: ResourceId | null = null
  let most = -1
  for (const resource of resources) {
    let points = 0
    if (resource.ssid !== null) {
      if (ssidOf(calledStationId) !== resource.ssid) continue
      points += 2
    }
    if (resource.nasIdentifier !== null) {
      if (nasIdentifier?.toString() !== resource.nasIdentifier) continue
      points += 1
    }
    if (points <= most) continue
    best = resource.id
    most = points
  }
  return best
}

const station = /^(?:(?:[0-9a-f]{2}[-:]?){5}[0-9a-f]{2}|(?:[0-9a-f]{4}[-.:]){2}[0-9a-f]{4}):(.+)$/is

/** RFC 3580 §3.20: `AA-BB-CC-DD-EE-FF:ssid`, in whatever spelling of the address; an SSID may hold colons itself. */
function ssidOf(calledStationId: Buffer | null): string | null {
  return calledStationId === null ? null : (station.exec(calledStationId.toString())?.[1] ?? null)
}
