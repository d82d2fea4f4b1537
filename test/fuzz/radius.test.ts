// Any bytes at all: a packet or a WireError, never anything else; and what we encode is what we decode.
import fc from 'fast-check'
import t from 'tap'
import { WireError } from '../../src/base/bytes.ts'
import { describe, encodeAttribute, parseReplyAttribute } from '../../src/wire/radius/attributes.ts'
import {
  SharedSecret,
  verifyMessageAuthenticator,
  verifyReply,
  verifyRequestAuthenticator,
} from '../../src/wire/radius/authenticator.ts'
import { definitions } from '../../src/wire/radius/dictionary/dictionary.ts'
import { encodeReply, encodeTlv } from '../../src/wire/radius/encode.ts'
import { decodePacket, listValues, type RadiusPacket, type } from '../../src/wire/radius/packet.ts'
import { hidePassword, revealPassword } from '../../src/wire/radius/password.ts'
import { fromHex, readVectors } from '../vectors/radius/read.ts'

const secret = new SharedSecret('muster-radius-secret')
const cases = 240_000

/** xorshift32, so that a failure can be met again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const seeds = ['rfc2865', 'radclient', 'hostile']
  .flatMap((name) => readVectors(name))
  .flatMap((vector) => [vector.request, vector.reply])
  .filter((hex) => hex !== undefined)
  .map(fromHex)
  .filter((bytes) => bytes.length >= 20)

function randomBytes(random: (below: number) => number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = random(256)
  return bytes
}

/** A vector with some bytes changed, cut, grown or doubled; its Length field mostly put right again. */
function mutate(random: (below: number) => number): Buffer {
  let bytes = Buffer.from(seeds[random(seeds.length)] as Buffer)
  for (let changes = random(4); changes >= 0; changes--) {
    const at = random(bytes.length)
    const how = random(5)
    if (how <= 1) bytes[at] = random(256)
    else if (how === 2) bytes = bytes.subarray(0, Math.max(1, at))
    else if (how === 3) bytes = Buffer.concat([bytes, randomBytes(random, random(40))])
    else bytes = Buffer.concat([bytes, bytes.subarray(Math.min(20, at))])
  }
  if (bytes.length >= 20 && random(4) > 0) bytes.writeUInt16BE(Math.min(bytes.length, 0xffff), 2)
  return bytes
}

/** A right header and attributes of likely types with anything inside. */
function compose(random: (below: number) => number): Buffer {
  const types = [1, 2, 4, 26, 26, 26, 33, 64, 69, 79, 80, 81, 97, 241, random(256)]
  const attributes = Array.from({ length: random(12) }, () => {
    const value = randomBytes(random, random(24))
    if (value.length > 4 && random(2) === 0) value.writeUInt32BE([9, 311, 14988][random(3)] as number, 0)
    return encodeTlv(types[random(types.length)] as number, value)
  })
  const bytes = Buffer.concat([Buffer.from([random(50), 1, 0, 0]), randomBytes(random, 16), ...attributes])
  bytes.writeUInt16BE(bytes.length, 2)
  return bytes
}

/** Everything a door does with a packet; throws where something is amiss. */
function use(packet: RadiusPacket, datagram: Buffer): void {
  const size = packet.attributes.reduce((sum, attribute) => sum + attribute.value.length + 2, 20)
  if (size !== packet.length || size > datagram.length || size > 4096)
    throw new Error('attributes do not fill the packet')
  for (const attribute of packet.attributes) {
    for (const { name, value } of describe(attribute)) {
      if (name === '' || /[\x00-\x1f\x7f]/.test(value)) throw new Error(`not fit for a log: ${name}`)
    }
  }
  for (const hidden of listValues(packet, type.userPassword))
    revealPassword(hidden, packet.authenticator, secret)
  verifyMessageAuthenticator(packet, secret)
  verifyRequestAuthenticator(packet, secret)
  verifyReply(packet, packet.authenticator, secret)
}

t.test(`${cases} datagrams: a packet or a WireError`, async (t) => {
  const random = randomFrom(0x5eed)
  const outcomes = new Map<string, number>()
  for (let i = 0; i < cases; i++) {
    const kind = i % 4
    const datagram =
      kind === 0 ? randomBytes(random, random(80)) : kind === 1 ? compose(random) : mutate(random)
    let outcome = 'packet'
    try {
      const packet = decodePacket(datagram)
      if (i % 3 === 0) use(packet, datagram)
    } catch (error) {
      if (!(error instanceof WireError)) {
        t.fail(`case ${i}: ${error}`, { datagram: datagram.toString('hex') })
        return
      }
      outcome = error.code
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  for (const outcome of ['packet', 'truncated', 'length-short', 'length-long', 'attribute-length']) {
    t.ok((outcomes.get(outcome) ?? 0) > 100, `${outcome}: ${outcomes.get(outcome)}`)
  }
})

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array))

t.test('decode undoes encode', async (t) => {
  const value = fc.record({ type: fc.integer({ min: 81, max: 255 }), value: bytes(0, 60) })
  const fields = {
    identifier: fc.nat(255),
    authenticator: bytes(16, 16),
    proxyStates: fc.array(bytes(0, 20), { maxLength: 4 }),
  }
  const reply = fc.record({
    ...fields,
    code: fc.constantFrom(2, 3, 11, 41, 45),
    values: fc.array(value, { maxLength: 40 }),
  })
  const replies = fc.check(
    fc.property(reply, ({ code, identifier, authenticator, values, proxyStates }) => {
      const attributes = values.map((one) => encodeTlv(one.type, one.value))
      const packet = decodePacket(
        encodeReply({
          code,
          identifier,
          requestAuthenticator: authenticator,
          attributes,
          proxyStates,
          secret,
        }),
      )
      const proven = verifyReply(packet, authenticator, secret)
      const back = packet.attributes.slice(1).map((one) => `${one.type}:${one.value.toString('hex')}`)
      const sent = [...values, ...proxyStates.map((state) => ({ type: 33, value: state }))]
      if (!proven.authenticator || proven.messageAuthenticator !== 'valid') return false
      return String(back) === String(sent.map((one) => `${one.type}:${one.value.toString('hex')}`))
    }),
    { numRuns: 500 },
  )
  const passwords = fc.check(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), bytes(16, 16), (password, authenticator) => {
      const hidden = hidePassword(password, authenticator, secret)
      if (hidden === null) return Buffer.byteLength(password) > 128
      const revealed = revealPassword(hidden, authenticator, secret)
      if (revealed.ok) return revealed.value === password.replace(/\0+$/, '')
      return revealed.error === 'nul' && password.includes('\0')
    }),
    { numRuns: 2_000 },
  )
  t.equal(replies.failed, false, fc.defaultReportMessage(replies) ?? 'replies')
  t.equal(passwords.failed, false, fc.defaultReportMessage(passwords) ?? 'passwords')
})

t.test('what parseReplyAttribute accepts, encodeAttribute encodes; neither is surprised', async (t) => {
  const hiding = { secret, requestAuthenticator: Buffer.alloc(16), salt: Buffer.from([1, 2]) }
  const name = fc.oneof(fc.constantFrom(...definitions.map((definition) => definition.name)), fc.string())
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.ipV4(),
    fc.ipV6(),
    fc.nat().map(String),
  )
  const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.nat(4_294_967_295))
  let accepted = 0
  fc.assert(
    fc.property(name, value, fc.integer({ min: 0, max: 33 }), (name, value, tag) => {
      const parsed = parseReplyAttribute({ name, value, tag: tag > 20 ? tag : 0 })
      if (!parsed.ok) return parsed.error.length > 0
      accepted++
      const tlv = encodeAttribute(parsed.value.name, parsed.value.value, parsed.value.tag, hiding)
      const [shown] = describe({ type: tlv[0] as number, value: tlv.subarray(2) })
      return tlv[1] === tlv.length && shown?.name.split(':')[0] === parsed.value.name
    }),
    { numRuns: 5_000 },
  )
  t.ok(accepted > 500, `${accepted} accepted`)
})
