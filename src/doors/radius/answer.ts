// From a decision to the reply that carries it out. A reply attribute that cannot be sent locks nobody out, unless it
// steers the VLAN: then a reply without it would put somebody into the default one, and nobody is let in.
import { randomBytes } from 'node:crypto'
import { conversationSeconds } from '../../core/access/decide.ts'
import type { Decision, Permit } from '../../core/access/decision.ts'
import type { RadiusReply } from '../../core/directory/types.ts'
import { encodeAttribute, isVlan, parseReplyAttribute, vlanAttributes } from '../../wire/radius/attributes.ts'
import type { SharedSecret } from '../../wire/radius/authenticator.ts'
import { encodeTlv } from '../../wire/radius/encode.ts'
import {
  code,
  headerLength,
  joinValues,
  maximumLength,
  type RadiusPacket,
  type,
} from '../../wire/radius/packet.ts'

export interface Answer {
  readonly code: number
  readonly attributes: readonly Uint8Array[]
  /** Why attributes of the bindings were not sent; for administrators. */
  readonly leftOut: readonly string[]
  /** Why somebody who may come in was refused nevertheless. */
  readonly refused: string | null
}

/** `proxyStates` go into the same reply and need their room. Null: silence, so that the NAS asks another server. */
export function answer(
  decision: Decision,
  request: RadiusPacket,
  secret: SharedSecret,
  proxyStates: readonly Uint8Array[],
): Answer | null {
  switch (decision.outcome) {
    case 'permit':
      return accept(decision, request, secret, proxyStates)
    case 'challenge':
      // Other steps are not among this door's means.
      if (decision.step.kind !== 'code') return reject(request, null)
      return {
        code: code.accessChallenge,
        attributes: prompt(decision.step.conversation),
        leftOut,
        refused: null,
      }
    case 'deny':
      return reject(request, null)
    case 'indeterminate':
      return null
    default:
      throw new TypeError(`no decision: ${JSON.stringify(decision satisfies never)}`)
  }
}

const leftOut: readonly string[] = []

/** No reason is given: whoever guesses learns nothing from the reply. */
function reject(request: RadiusPacket, refused: string | null): Answer {
  const eap = joinValues(request, type.eapMessage)
  // RFC 3579 §2.6.3: whoever came with EAP is told in EAP, too. Code 4 is Failure (RFC 3748 §4.2).
  const attributes =
    eap === null || eap.length < 4
      ? []
      : [encodeTlv(type.eapMessage, Buffer.from([4, eap[1] as number, 0, 4]))]
  return { code: code.accessReject, attributes, leftOut, refused }
}

const replyMessage = encodeTlv(type.replyMessage, Buffer.from('Enter your verification code'))
/** In a challenge: how long the NAS may wait for the person (RFC 2865 §5.27). */
const timeToAnswer = encodeTlv(
  type.sessionTimeout,
  Buffer.from([0, 0, conversationSeconds >> 8, conversationSeconds & 255]),
)

function prompt(conversation: string): readonly Uint8Array[] {
  return [encodeTlv(type.state, Buffer.from(conversation, 'latin1')), replyMessage, timeToAnswer]
}

const messageAuthenticatorLength = 18

function accept(
  { attributes: { radius } }: Permit,
  request: RadiusPacket,
  secret: SharedSecret,
  proxyStates: readonly Uint8Array[],
): Answer {
  if (radius === undefined) return { code: code.accessAccept, attributes: [], leftOut, refused: null }
  if (radius.vlan !== undefined && !isVlan(radius.vlan)) return reject(request, `no VLAN: ${radius.vlan}`)
  const attributes = radius.vlan === undefined ? [] : vlanAttributes(radius.vlan)
  let room = maximumLength - headerLength - messageAuthenticatorLength
  for (const value of proxyStates) room -= value.length + 2
  for (const attribute of attributes) room -= attribute.length
  const problems: string[] = []
  for (const wanted of radius.reply ?? []) {
    const encoded = encode(wanted, request, secret, attributes.length)
    if (typeof encoded !== 'string' && encoded.length <= room) {
      attributes.push(encoded)
      room -= encoded.length
      continue
    }
    const problem = typeof encoded === 'string' ? encoded : `${wanted.name}: no room left in the reply`
    if (steersVlan.test(wanted.name.trim())) return reject(request, problem)
    problems.push(problem)
  }
  return { code: code.accessAccept, attributes, leftOut: problems, refused: null }
}

/** Tunnel attributes by name or number (RFC 3580 §3.31), Egress-VLAN (RFC 4675), and the vendors' own. */
const steersVlan = /^tunnel-|^attr-(?:6[4-7]|8[1-3]|5[689])\b|vlan/i

/** The bytes, or what is wrong. `index` keeps the salts of one packet apart (RFC 2868 §3.5). */
function encode(
  wanted: NonNullable<RadiusReply['reply']>[number],
  request: RadiusPacket,
  secret: SharedSecret,
  index: number,
): Buffer | string {
  const parsed = parseReplyAttribute(wanted)
  if (!parsed.ok) return parsed.error
  const { name, value, tag } = parsed.value
  const salt = Buffer.from([randomBytes(1)[0] as number, index & 255])
  return encodeAttribute(name, value, tag, { secret, requestAuthenticator: request.authenticator, salt })
}
