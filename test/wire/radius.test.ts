// The RADIUS codec against bytes that it did not make: the RFC's examples, captures of radclient, the radius package, and a
// builder of this test's own.
import { createHash, createHmac } from 'node:crypto'
import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import t from 'tap'
import { WireError } from '../../src/base/bytes.ts'
import {
  describe,
  encodeAttribute,
  parseReplyAttribute,
  vlanAttributes,
} from '../../src/wire/radius/attributes.ts'
import {
  SharedSecret,
  verifyMessageAuthenticator,
  verifyReply,
  verifyRequestAuthenticator,
} from '../../src/wire/radius/authenticator.ts'
import { definitions } from '../../src/wire/radius/dictionary/dictionary.ts'
import { encodeReply, encodeRequest, encodeSplit, encodeTlv } from '../../src/wire/radius/encode.ts'
import {
  code,
  decodePacket,
  findVendorValue,
  joinValues,
  listValues,
  type RadiusPacket,
  type,
} from '../../src/wire/radius/packet.ts'
import {
  encodeMppeKeys,
  encryptSalted,
  hidePassword,
  revealPassword,
} from '../../src/wire/radius/password.ts'
import { fromHex, readVectors, type Vector } from '../vectors/radius/read.ts'

const secret = new SharedSecret('muster-radius-secret')
const authenticator = fromHex('000102030405060708090a0b0c0d0e0f')
const salt = fromHex('1234')
const hiding = { secret, requestAuthenticator: authenticator, salt }

const lines = (packet: RadiusPacket): string =>
  packet.attributes
    .flatMap(describe)
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ')

const bytesOf = (vector: Vector): Buffer => {
  const bytes = fromHex(vector.request ?? '')
  return vector.cut === undefined ? bytes : bytes.subarray(0, Number(vector.cut))
}

const codeOf = (datagram: Buffer): string => {
  try {
    decodePacket(datagram)
    return 'a packet'
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return `${error.code} ${error.offset}`
  }
}

/** A packet built without our code: attributes as [type, hex of the value]. */
function build(
  packetCode: number,
  attributes: readonly (readonly [number, string])[],
  header = authenticator,
): Buffer {
  const body = attributes.map(([number, hex]) => {
    const value = Buffer.from(hex, 'hex')
    return Buffer.concat([Buffer.from([number, value.length + 2]), value])
  })
  const bytes = Buffer.concat([Buffer.from([packetCode, 7, 0, 0]), header, ...body])
  bytes.writeUInt16BE(bytes.length, 2)
  return bytes
}

const zeros = '00'.repeat(16)
/** Puts the HMAC over the packet as it is into the 16 bytes at `at`. */
function sign(packet: Buffer, at: number, key = 'muster-radius-secret'): Buffer {
  const signed = Buffer.from(packet)
  createHmac('md5', key).update(packet).digest().copy(signed, at)
  return signed
}

t.test('vectors', async (t) => {
  for (const vector of [...readVectors('rfc2865'), ...readVectors('radclient')]) {
    const key = new SharedSecret(vector.secret ?? '')
    const request = decodePacket(bytesOf(vector))
    t.equal(lines(request), vector.attributes, vector.title)
    t.equal(
      verifyMessageAuthenticator(request, key),
      vector['message-authenticator'] ?? 'absent',
      vector.title,
    )
    t.equal(verifyRequestAuthenticator(request, key), vector.digest === 'yes', vector.title)
    const hidden = listValues(request, type.userPassword)[0]
    if (vector.password !== undefined) {
      const password = { ok: true, value: vector.password }
      t.same(revealPassword(hidden as Buffer, request.authenticator, key), password, vector.title)
      t.same(hidePassword(vector.password, request.authenticator, key), hidden, `${vector.title}: and back`)
    }
    if (vector.reply === undefined) continue
    const reply = decodePacket(fromHex(vector.reply))
    t.equal(lines(reply), vector['reply-attributes'], vector.title)
    const proven = verifyReply(reply, request.authenticator, key)
    t.same(proven, { authenticator: true, messageAuthenticator: 'absent' }, vector.title)
    t.equal(
      verifyReply(reply, authenticator, key).authenticator,
      false,
      `${vector.title}: of another request`,
    )
  }
})

t.test('R09 lengths that lie, R10 too many attributes', async (t) => {
  for (const vector of readVectors('hostile')) {
    if (vector.error !== undefined) t.equal(codeOf(bytesOf(vector)), vector.error, vector.title)
    else t.equal(lines(decodePacket(bytesOf(vector))), vector.attributes, vector.title)
  }
  const classes = (count: number): Buffer =>
    build(
      1,
      Array.from({ length: count }, () => [25, '61'] as const),
    )
  t.equal(decodePacket(classes(200)).attributes.length, 200, '200 attributes are a packet')
  t.equal(codeOf(classes(201)), 'attribute-count 620', '201 are not')
  const longest = build(
    1,
    Array.from({ length: 18 }, (_, i) => [25, '61'.repeat(i < 15 ? 253 : 79)] as const),
  )
  const padded = Buffer.concat([longest, Buffer.alloc(4096)])
  t.equal(decodePacket(padded).length, longest.length, 'a datagram over 4096 bytes may be mostly padding')
})

t.test('R01 Message-Authenticator', async (t) => {
  const status = (packet: Buffer, key = secret): string =>
    verifyMessageAuthenticator(decodePacket(packet), key)
  const first = build(1, [
    [80, zeros],
    [1, '616c696365'],
  ])
  const last = build(1, [
    [1, '616c696365'],
    [80, zeros],
  ])
  t.equal(status(sign(first, 22)), 'valid', 'first')
  t.equal(status(sign(last, 29)), 'valid', 'last')
  t.equal(status(build(1, [[1, '61']])), 'absent', 'none')
  t.equal(status(sign(first, 22), new SharedSecret('another-secret')), 'invalid', 'another secret')
  t.equal(status(build(1, [[80, zeros.slice(2)]])), 'invalid', 'of length 17')
  t.equal(status(build(1, [[80, `${zeros}00`]])), 'invalid', 'of length 19')
  t.equal(status(build(1, [[80, '']])), 'invalid', 'empty')
  const twice = build(1, [
    [80, zeros],
    [80, zeros],
  ])
  t.equal(status(sign(twice, 22)), 'invalid', 'two of them, the first right')
  t.equal(status(sign(twice, 40)), 'invalid', 'two of them, the second right')
  const whole = sign(first, 22)
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const changed = Buffer.from(whole)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    const result = /^(truncated|attribute-length|length)/.test(codeOf(changed))
      ? 'no packet'
      : status(changed)
    if (result === 'valid') t.fail(`one flipped bit (${bit}) went unnoticed`)
  }
  t.same(decodePacket(whole).bytes, whole, 'verification leaves the datagram as it was')
  const accounting = build(
    4,
    [
      [40, '00000001'],
      [80, zeros],
    ],
    Buffer.alloc(16),
  )
  const signed = sign(accounting, 28)
  createHash('md5').update(signed).update('muster-radius-secret').digest().copy(signed, 4)
  t.equal(status(signed), 'valid', 'accounting: over a header of zeros (RFC 5176 §3.3)')
  t.equal(verifyRequestAuthenticator(decodePacket(signed), secret), true)
  signed[20] = 41
  t.equal(
    verifyRequestAuthenticator(decodePacket(signed), secret),
    false,
    'R29 changed accounting is noticed',
  )
  t.equal(
    `${secret} ${JSON.stringify({ secret })} ${inspect(secret)}`,
    '[secret] {"secret":"[secret]"} [secret]',
  )
})

interface RadiusPackage {
  decode(args: { packet: Buffer; secret: string }): {
    attributes: Record<string, unknown>
    raw_attributes: unknown
  }
  encode(args: object): Buffer
  encode_response(args: object): Buffer
  verify_response(args: { request: Buffer; response: Buffer; secret: string }): boolean
}
const radius = createRequire(import.meta.url)('radius') as RadiusPackage

t.test('R01 HMAC-MD5 is that of another implementation, whatever the length of key and text', async (t) => {
  for (let length = 0; length <= 200; length++) {
    const key = createHash('sha512')
      .update(`key ${length}`)
      .digest()
      .subarray(0, length % 65)
    const secret = Buffer.concat([key, Buffer.alloc(length - key.length, length)])
    const text = Buffer.alloc((length * 7) % 191, length)
    const expected = createHmac('md5', secret).update(text).digest('hex')
    t.equal(new SharedSecret(secret).hmac(text).toString('hex'), expected, `${length} bytes of key`)
  }
})

t.test('R01 a forged Message-Authenticator that the radius package accepts', async (t) => {
  // The forger knows no secret: every byte 0xff is invalid UTF-8 and decodes to U+FFFD, and so do some right digests, one in
  // a million, here that of request 1,834,834. Compared as text, as radius 1.1.4 does, the two are equal.
  const header = Buffer.alloc(16)
  header.writeUInt32BE(1_834_834, 12)
  const forged = build(
    1,
    [
      [1, '616c696365'],
      [80, 'ff'.repeat(16)],
    ],
    header,
  )
  forged[1] = 1
  const right = fromHex('abf79bd7e09480cdc8d0f6918997c09d')
  t.doesNotThrow(
    () => radius.decode({ packet: Buffer.from(forged), secret: 'muster-radius-secret' }),
    'theirs',
  )
  t.equal(verifyMessageAuthenticator(decodePacket(forged), secret), 'invalid', 'ours refuses it')
  right.copy(forged, 29)
  t.equal(verifyMessageAuthenticator(decodePacket(forged), secret), 'valid', 'and takes the right one')
  t.equal(right.toString(), '\ufffd'.repeat(16), 'which looks the same as text')
})

t.test('R03 R04 replies', async (t) => {
  const request = encodeRequest({
    code: code.accessRequest,
    identifier: 9,
    authenticator,
    attributes: [],
    secret,
  })
  const proxyStates = [Buffer.from([1, 2]), Buffer.alloc(0), Buffer.alloc(253, 7)]
  const common = { identifier: 9, requestAuthenticator: authenticator, proxyStates, secret }
  for (const reply of [
    code.accessAccept,
    code.accessReject,
    code.accessChallenge,
    code.coaAck,
    code.disconnectNak,
  ]) {
    const bytes = encodeReply({
      ...common,
      code: reply,
      attributes: [encodeAttribute('Reply-Message', 'hello')],
    })
    t.equal(bytes.toString('hex', 20, 22), '5012', `R04 code ${reply}: Message-Authenticator is first`)
    const header = Buffer.from(bytes)
    authenticator.copy(header, 4)
    const digest = createHash('md5').update(header).update('muster-radius-secret').digest()
    t.same(bytes.subarray(4, 20), digest, 'Response Authenticator')
    t.same(sign(Buffer.from(header).fill(0, 22, 38), 22), header, 'Message-Authenticator')
    const packet = decodePacket(bytes)
    t.same(verifyReply(packet, authenticator, secret), { authenticator: true, messageAuthenticator: 'valid' })
    t.same(listValues(packet, type.proxyState), proxyStates, 'R03 Proxy-State unchanged, in order')
  }
  const accounting = encodeReply({
    ...common,
    code: code.accountingResponse,
    attributes: [],
    proxyStates: [],
  })
  t.equal(accounting.length, 20, 'Accounting-Response has none')
  t.ok(
    radius.verify_response({
      request,
      response: encodeReply({ ...common, code: 2, attributes: [] }),
      secret: 'muster-radius-secret',
    }),
  )
  const room = [...encodeSplit(79, Buffer.alloc(15 * 253)), encodeTlv(25, Buffer.alloc(231))]
  const full = { ...common, proxyStates: [], code: 2, attributes: room }
  t.equal(encodeReply(full).length, 4096, '4096 bytes can be sent')
  const over = { ...full, attributes: [...room.slice(0, -1), encodeTlv(25, Buffer.alloc(232))] }
  t.throws(() => encodeReply(over), { name: 'WireError', code: 'too-long', offset: 4097 }, '4097 cannot')
  t.throws(
    () => encodeReply({ ...full, attributes: [Buffer.from([1, 4, 0])] }),
    RangeError,
    'half an attribute',
  )
})

t.test('requests', async (t) => {
  const attributes = [encodeAttribute('User-Name', 'alice'), ...encodeSplit(79, Buffer.alloc(600, 1))]
  const common = { identifier: 1, authenticator, attributes, secret }
  for (const place of ['first', 'last'] as const) {
    for (const request of [code.accessRequest, code.statusServer, code.coaRequest, code.accountingRequest]) {
      const packet = decodePacket(encodeRequest({ ...common, code: request, messageAuthenticator: place }))
      t.equal(verifyMessageAuthenticator(packet, secret), 'valid', `code ${request}, ${place}`)
      t.equal(verifyRequestAuthenticator(packet, secret), request === 43 || request === 4)
      t.equal(packet.attributes.at(place === 'first' ? 0 : -1)?.type, 80)
    }
  }
  const packet = decodePacket(encodeRequest({ ...common, code: 1 }))
  t.same(joinValues(packet, type.eapMessage), Buffer.alloc(600, 1), 'EAP-Message in three pieces')
  t.equal(listValues(packet, type.eapMessage).length, 3)
  t.equal(joinValues(packet, type.state), null)
})

t.test('R14 User-Password', async (t) => {
  const reveal = (hidden: Buffer): unknown => {
    const result = revealPassword(hidden, authenticator, secret)
    return result.ok ? result.value : `refused: ${result.error}`
  }
  const hide = (password: string | Buffer): Buffer => hidePassword(password, authenticator, secret) as Buffer
  for (const length of [0, 15, 17, 31, 144, 253])
    t.equal(reveal(Buffer.alloc(length)), 'refused: length', `${length} bytes`)
  for (const password of ['', 'a', 'x'.repeat(16), 'pässwörd €', 'y'.repeat(128)])
    t.equal(reveal(hide(password)), password)
  t.equal(hide('').length, 16)
  t.equal(hide('x'.repeat(16)).length, 16)
  t.equal(hide('x'.repeat(17)).length, 32)
  t.equal(hidePassword('x'.repeat(129), authenticator, secret), null, '129 bytes cannot be hidden')
  t.equal(reveal(hide('a\0b')), 'refused: nul', 'NUL inside')
  t.equal(reveal(hide('\0a')), 'refused: nul', 'NUL first')
  t.equal(reveal(hide(Buffer.from([0x61, 0xff]))), 'refused: utf-8', 'no UTF-8')
  t.equal(reveal(hide(Buffer.from([0xed, 0xa0, 0x80]))), 'refused: utf-8', 'a surrogate')
})

/** RFC 2868 §3.5 read backwards, with node:crypto only. */
function decryptSalted(value: Buffer): Buffer {
  let previous: Buffer = Buffer.concat([authenticator, value.subarray(0, 2)])
  const plain: Buffer[] = []
  for (let at = 2; at < value.length; at += 16) {
    const pad = createHash('md5').update('muster-radius-secret').update(previous).digest()
    plain.push(Buffer.from(pad.map((byte, i) => byte ^ (value[at + i] as number))))
    previous = value.subarray(at, at + 16)
  }
  const whole = Buffer.concat(plain)
  return whole.subarray(1, 1 + (whole[0] as number))
}

t.test('salted hiding and MPPE keys', async (t) => {
  for (const length of [0, 15, 16, 239]) {
    const hidden = encryptSalted(Buffer.alloc(length, 5), salt, authenticator, secret)
    t.same(decryptSalted(hidden), Buffer.alloc(length, 5), `${length} bytes`)
    t.equal(hidden.toString('hex', 0, 2), '9234', 'the top bit of the salt is set')
  }
  t.throws(() => encryptSalted(Buffer.alloc(240), salt, authenticator, secret), RangeError)
  const material = Buffer.from(Array.from({ length: 64 }, (_, i) => i))
  const keys = encodeMppeKeys(material, Buffer.alloc(4, 0x55), authenticator, secret)
  const packet = decodePacket(
    encodeRequest({ code: 1, identifier: 1, authenticator, attributes: keys, secret }),
  )
  const recv = findVendorValue(packet, 311, 17) as Buffer
  const send = findVendorValue(packet, 311, 16) as Buffer
  t.same(decryptSalted(recv), material.subarray(0, 32), 'Recv-Key is the first half')
  t.same(decryptSalted(send), material.subarray(32), 'Send-Key the second')
  t.equal(recv.length, 50)
  t.not(recv.toString('hex', 0, 2), send.toString('hex', 0, 2), 'salts differ, whatever the random bytes')
  t.notMatch(lines(packet), /0x[0-9a-f]{40}/, 'keys are not for logs')
  t.equal(findVendorValue(packet, 9, 17), null)
})

t.test('R27 VLAN', async (t) => {
  // The bytes that hostapd and FreeRADIUS read as untagged: tag 0 in the integers, no tag byte before the text (RFC 3580 §3.31).
  t.equal(Buffer.concat(vlanAttributes(20)).toString('hex'), '40060000000d410600000006' + '51043230')
  t.equal(vlanAttributes(4094)[2]?.toString('hex'), '510634303934')
  for (const vlan of [0, 4095, -1, 1.5, Number.NaN])
    t.throws(() => vlanAttributes(vlan), RangeError, String(vlan))
  for (const value of ['0', '4095', 5000]) {
    t.match(parseReplyAttribute({ name: 'Tunnel-Private-Group-Id', value }), {
      ok: false,
      error: /1 to 4094/,
    })
  }
  t.match(parseReplyAttribute({ name: 'Tunnel-Private-Group-ID', value: 'guests' }), { ok: true })
})

t.test('values of every type, there and back', async (t) => {
  const cases: [name: string, value: string | number | boolean, hex: string, shown?: string][] = [
    ['Reply-Message', 'grüß\tdich', '120d6772c3bcc39f0964696368', 'grüß\\u0009dich'],
    ['Session-Timeout', 3600, '1b0600000e10', '3600'],
    ['session-timeout', ' 3600 ', '1b0600000e10', '3600'],
    ['Session-Timeout', '4294967295', '1b06ffffffff'],
    ['Service-Type', 'administrative-user', '060600000006', 'Administrative-User'],
    ['Service-Type', 99, '060600000063', '99'],
    ['Extreme-Netlogin-Only', true, '1a0c0000077cce0600000001', 'Enabled'],
    ['Framed-IP-Address', '10.1.2.3', '08060a010203'],
    ['Framed-IPv6-Address', '2001:db8::10', 'a81220010db8000000000000000000000010'],
    ['Framed-IPv6-Address', '::ffff:1.2.3.4', 'a81200000000000000000000ffff01020304', '1.2.3.4'],
    ['Framed-IPv6-Prefix', '2001:db8:12::/47', '610a002f20010db80012', '2001:db8:12::/47'],
    ['Framed-IPv6-Prefix', '2001:db8:13::/47', '610a002f20010db80012', '2001:db8:12::/47'],
    ['Framed-IPv6-Prefix', '::/0', '61040000'],
    ['Framed-Interface-Id', '1:22:333:4444', '600a0001002203334444', '0001:0022:0333:4444'],
    ['Event-Timestamp', '2030-01-31T12:00:00Z', '3706' + '71040e40', '2030-01-31T12:00:00.000Z'],
    ['Event-Timestamp', 0x71040e40, '370671040e40', '2030-01-31T12:00:00.000Z'],
    ['Class', 'OU=Sales;', '190b4f553d53616c65733b'],
    ['Class', '0x00ff', '190400ff'],
    ['Cisco-AVPair', 'shell:priv-lvl=15', '1a1900000009' + '01137368656c6c3a707269762d6c766c3d3135'],
    ['Attr-26.41112.5', '0x0102', '1a0a0000a09805040102', '0x0102'],
    ['Attr-26.9.1', 'a', '1a090000000901' + '0361', 'a'],
    ['Attr-199', 'a', 'c70361', 'a'],
  ]
  for (const [name, value, hex, shown = String(value)] of cases) {
    const bytes = encodeAttribute(name, value)
    t.equal(bytes.toString('hex'), hex, `${name} ${value}`)
    t.equal(
      describe({ type: bytes[0] as number, value: bytes.subarray(2) })[0]?.value,
      shown,
      `${name} shown`,
    )
  }
  t.equal(encodeAttribute('Tunnel-Type', 'VLAN', 3).toString('hex'), '40060300000d', 'tagged integer')
  t.equal(encodeAttribute('Tunnel-Assignment-Id', 'a', 3).toString('hex'), '52040361', 'tagged text')
  t.same(describe({ type: 82, value: Buffer.from([3, 0x61]) }), [
    { name: 'Tunnel-Assignment-Id:3', value: 'a' },
  ])
  const password = encodeAttribute('Tunnel-Password', 'hush', 0, hiding)
  t.equal(password.toString('hex', 0, 5), '4515009234', 'Tunnel-Password always has its tag')
  t.same(decryptSalted(password.subarray(3)), Buffer.from('hush'))
  t.same(describe({ type: 69, value: password.subarray(2) }), [
    { name: 'Tunnel-Password', value: '[secret]' },
  ])
  t.throws(() => encodeAttribute('Tunnel-Password', 'hush'), /needs a secret/)
  t.throws(() => encodeAttribute('Nonsense', 'a'), RangeError)
})

t.test('what an administrator may ask for', async (t) => {
  const fault = (name: string, value: string | number | boolean, tag?: number): string => {
    const result = parseReplyAttribute(tag === undefined ? { name, value } : { name, value, tag })
    return result.ok ? 'accepted' : result.error
  }
  t.same(parseReplyAttribute({ name: ' tunnel-type:2 ', value: 'VLAN' }), {
    ok: true,
    value: { name: 'Tunnel-Type', value: 'VLAN', tag: 2 },
  })
  t.match(fault('Sesion-Timeout', 1), /did you mean Session-Timeout\?/)
  t.match(fault('AVPair', 'a'), /did you mean Cisco-AVPair\?/)
  t.match(fault('Aruba_User_Role', 'a'), /did you mean Aruba-User-Role\?/)
  t.match(fault('qqqqqqqqqqqqqqqq', 'a'), /write Attr-26/)
  t.match(
    fault('Session-Timeout', 'soon'),
    'Session-Timeout: expected a whole number from 0 to 4294967295, not "soon"',
  )
  for (const value of ['-1', 4294967296, 1.5, '', '0x10', '99999999999'])
    t.match(fault('Session-Timeout', value), /expected/)
  t.match(fault('Service-Type', 'Admin'), /one of Login-User, Framed-User/)
  t.match(fault('Framed-IP-Address', '10.1.2'), /expected an IPv4 address/)
  for (const value of ['10.1.2.3', 'fe80::1%eth0', 'x'])
    t.match(fault('Framed-IPv6-Address', value), /an IPv6 address/)
  for (const value of ['2001:db8::', '::/129', '::/1/2', '10.0.0.0/8'])
    t.match(fault('Framed-IPv6-Prefix', value), /prefix/)
  t.match(fault('Class', '0xabc'), /expected text, or bytes/)
  t.equal(fault('Filter-Id', 'x'.repeat(253)), 'accepted')
  t.match(fault('Filter-Id', 'x'.repeat(254)), '254 bytes, at most 253 can be sent')
  t.equal(fault('Cisco-AVPair', 'x'.repeat(247)), 'accepted')
  t.match(fault('Cisco-AVPair', 'x'.repeat(248)), '248 bytes, at most 247')
  t.match(fault('Tunnel-Password', 'x'.repeat(240)), 'at most 239')
  t.notMatch(fault('Tunnel-Password', 'hush\0'), /hush/, 'a secret is not repeated in the message')
  t.match(fault('Filter-Id', 'ü'.repeat(127)), '254 bytes')
  for (const value of ['', 'a\0b', '\ud800', 'a\x1b[2J']) t.not(fault('Filter-Id', value), 'accepted')
  t.match(fault('Session-Timeout', 1, 3), /takes no tag/)
  t.match(fault('Tunnel-Type', 'VLAN', 32), /1 to 31/)
  t.match(fault('Tunnel-Assignment-Id', '\tx'), /expected text/, 'a first byte that would be read as a tag')
  const kept =
    'User-Name User-Password CHAP-Password State Proxy-State EAP-Message Message-Authenticator Vendor-Specific'
  const alias =
    'attr-80 Attr-26.311.16 MS-MPPE-Recv-Key MS-CHAP2-Success Calling-Station-Id Acct-Session-Id EAP-Key-Name'
  for (const name of `${kept} ${alias}`.split(' ')) t.match(fault(name, 'x'), /cannot be set/, name)
  for (const name of [
    'Attr-0',
    'Attr-241',
    'Attr-256',
    'Attr-26.0.1',
    'Attr-26.16777216.1',
    'Attr-26.9.256',
    '',
  ]) {
    t.match(fault(name, 'x'), /unknown RADIUS attribute/, name)
  }
})

t.test('the dictionary is sound', async (t) => {
  const names = new Set(definitions.map(({ name }) => name.toLowerCase()))
  const numbers = new Set(definitions.map(({ vendor, number }) => `${vendor}.${number}`))
  t.equal(names.size, definitions.length, 'no name twice')
  t.equal(numbers.size, definitions.length, 'no number twice')
  for (const { name, number, values, type, tagged, hidden, secret } of definitions) {
    t.ok(number >= 1 && number <= 255, name)
    if (values !== null) t.equal(type, 'integer', `${name}: named values are integers`)
    if (tagged) t.ok(type === 'integer' || type === 'text', name)
    if (hidden !== null) t.ok(secret, `${name}: what is hidden on the wire is a secret in logs`)
  }
})

t.test('agreement with the radius package on plain attributes', async (t) => {
  const key = 'muster-radius-secret'
  // No tagged ones: behind them the package writes a wrong length into every attribute that is given as bytes.
  const theirs = radius.encode({
    code: 'Access-Request',
    identifier: 3,
    authenticator,
    secret: key,
    add_message_authenticator: true,
    attributes: [
      ['User-Name', 'alice'],
      ['User-Password', 'muster-alice,123456 xyz'],
      ['NAS-IP-Address', '10.0.0.1'],
      ['Service-Type', 'Framed-User'],
      ['Event-Timestamp', new Date('2030-01-31T12:00:00Z')],
    ],
  })
  const attributes = [
    encodeAttribute('User-Name', 'alice'),
    encodeAttribute('User-Password', 'muster-alice,123456 xyz', 0, hiding),
    encodeAttribute('NAS-IP-Address', '10.0.0.1'),
    encodeAttribute('Service-Type', 'Framed-User'),
    encodeAttribute('Event-Timestamp', '2030-01-31T12:00:00Z'),
  ]
  const common = {
    code: code.accessRequest,
    identifier: 3,
    authenticator,
    secret,
    messageAuthenticator: 'last',
  } as const
  t.equal(encodeRequest({ ...common, attributes }).toString('hex'), theirs.toString('hex'), 'the same bytes')
  const tunnel = [
    encodeAttribute('Tunnel-Type', 'VLAN', 1),
    encodeAttribute('Tunnel-Private-Group-Id', '20', 1),
  ]
  const ours = encodeRequest({ ...common, attributes: [...attributes, ...tunnel] })
  t.match(radius.decode({ packet: ours, secret: key }).attributes, {
    'User-Name': 'alice',
    'User-Password': 'muster-alice,123456 xyz',
    'Service-Type': 'Framed-User',
    'Tunnel-Type': [1, 'VLAN'],
    'Tunnel-Private-Group-Id': [1, '20'],
  })
  const packet = radius.decode({ packet: theirs, secret: key })
  const response = radius.encode_response({ packet, code: 'Access-Accept', secret: key })
  const proven = verifyReply(decodePacket(response), authenticator, secret)
  t.same(proven, { authenticator: true, messageAuthenticator: 'valid' }, 'their reply convinces us')
})
