// The LDAP codec against recorded and separately built bytes, its limits, and its text forms.
import t from 'tap'
import { WireError } from '../../src/base/bytes.ts'
import { BerWriter } from '../../src/wire/ber/writer.ts'
import { decodeMessage } from '../../src/wire/ldap/decode.ts'
import { canonicalDn, canonicalRdns, dnLimits, formatDn, isWithin, parseDn } from '../../src/wire/ldap/dn.ts'
import { encodeMessage, writeMessage } from '../../src/wire/ldap/encode.ts'
import {
  encodeAttribute,
  encodeSearchResultEntry,
  writeSearchResultEntry,
} from '../../src/wire/ldap/encode-entry.ts'
import { formatFilter, maxFilterText, parseFilter } from '../../src/wire/ldap/filter-text.ts'
import { frame } from '../../src/wire/ldap/frame.ts'
import { ldapLimits, RefusedMessage } from '../../src/wire/ldap/limits.ts'
import { type LdapMessage, ldapResult, type SearchRequest } from '../../src/wire/ldap/messages.ts'
import { decodePagedResults, encodePagedResults } from '../../src/wire/ldap/paged-results.ts'
import { decodePasswordPolicy, encodePasswordPolicy } from '../../src/wire/ldap/password-policy.ts'
import { resultCodeName, resultCodes } from '../../src/wire/ldap/result-codes.ts'
import { readVectors, show } from '../vectors/ldap/read.ts'

const cap = ldapLimits.messageAfterBind

// A message as the vectors write it: its filter as text.
const shown = (message: LdapMessage): string =>
  show('filter' in message ? { ...message, filter: formatFilter(message.filter) } : message)

function wireError(run: () => unknown): WireError {
  try {
    run()
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

// Bytes of our own making, apart from the encoder under test: a TLV with four length octets.
function tlv(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const contents = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const header = Buffer.from([tag, 0x84, 0, 0, 0, 0])
  header.writeUInt32BE(contents.length, 2)
  return Buffer.concat([header, contents])
}

function searchBytes(filter: Buffer, attributes: Buffer = Buffer.alloc(0)): Buffer {
  const fixed = Buffer.from('0400' + '0a0102' + '0a0100' + '020100' + '020100' + '010100', 'hex')
  return tlv(0x30, Buffer.from('020107', 'hex'), tlv(0x63, fixed, filter, tlv(0x30, attributes)))
}

function nested(depth: number, tag: number): Buffer {
  let filter = tlv(0x87, 'cn')
  for (let i = 1; i < depth; i++) filter = tlv(tag, filter)
  return filter
}

t.test('recorded and separately built messages are decoded, and encoded back to the same bytes', (t) => {
  for (const name of ['openldap', 'rfc4511']) {
    for (const { title, bytes, expected } of readVectors(name)) {
      t.same(frame(bytes, 0, cap), { complete: true, length: bytes.length }, `${title}: frame`)
      const message = decodeMessage(bytes)
      t.equal(shown(message), expected, title)
      t.equal(encodeMessage(message).toString('hex'), bytes.toString('hex'), `${title}: encoded back`)
      if ('filter' in message) t.same(parseFilter(formatFilter(message.filter)), message.filter, 'as text')
    }
  }
  t.end()
})

t.test('what BER allows and clients send is decoded', (t) => {
  for (const { title, bytes, expected } of readVectors('lenient')) {
    t.same(frame(bytes, 0, cap), { complete: true, length: bytes.length }, `${title}: frame`)
    const message = decodeMessage(bytes)
    t.equal(shown(message), expected, title)
    t.same(decodeMessage(encodeMessage(message)), message, `${title}: the same in its shortest form`)
  }
  t.end()
})

t.test('hostile messages are refused, those that can be answered with their id (L07, L09)', (t) => {
  for (const { title, bytes, expected } of readVectors('hostile')) {
    const error = wireError(() => decodeMessage(bytes))
    const answerable = error instanceof RefusedMessage ? ` ${error.protocolOp} ${error.messageID}` : ''
    t.equal(error.code + answerable, expected, title)
    t.ok(error.offset >= 0 && error.offset <= bytes.length, `${title}: offset within`)
  }
  t.end()
})

t.test('framing looks at the first bytes only, and refuses by the declared length (L09, L10)', (t) => {
  const hex = (digits: string): Buffer => Buffer.from(digits, 'hex')
  const refused: [string, string][] = [
    ['3084ffffffff', 'message-too-large'],
    ['30847fffffff', 'message-too-large'],
    ['3088ffffffffffffffff', 'length-too-long'],
    ['3085', 'length-too-long'],
    ['3080', 'indefinite-length'],
    ['1603', 'unexpected-tag'],
    ['47', 'unexpected-tag'],
    ['3f', 'unexpected-tag'],
  ]
  for (const [digits, code] of refused) {
    t.equal(wireError(() => frame(hex(digits), 0, cap)).code, code, digits)
  }
  t.equal(wireError(() => frame(hex('3081ff'), 0, 254)).code, 'message-too-large', 'as soon as it is known')
  const incomplete: [string, number][] = [
    ['', 2],
    ['30', 2],
    ['3005', 7],
    ['300502010342', 7],
    ['3084', 6],
    ['308400', 6],
    ['30840000', 6],
    ['3084000000', 6],
    ['308400000005', 11],
  ]
  for (const [digits, length] of incomplete) {
    t.same(frame(hex(digits), 0, cap), { complete: false, length }, `${digits} is not complete`)
  }
  t.same(frame(hex('ffff30050201034200ff'), 2, cap), { complete: true, length: 7 }, 'at an offset')
  for (const limit of [ldapLimits.messageBeforeBind, ldapLimits.messageAfterBind]) {
    const header = tlv(0x30)
    header.writeUInt32BE(limit - 6, 2)
    t.same(frame(header, 0, limit), { complete: false, length: limit }, 'the cap itself is allowed')
    header.writeUInt32BE(limit - 5, 2)
    t.equal(wireError(() => frame(header, 0, limit)).code, 'message-too-large', 'one more is not')
  }
  t.end()
})

t.test('refusing declared lengths allocates nothing, 10,000 times over (L09)', (t) => {
  const hostile = ['3084ffffffff', '30847fffffff', '308401000000', '3088ffffffffffffffff'].map((digits) =>
    Buffer.from(digits, 'hex'),
  )
  const before = process.memoryUsage()
  for (let i = 0; i < 10_000; i++) {
    const bytes = hostile[i % hostile.length] as Buffer
    wireError(() => frame(bytes, 0, cap))
    wireError(() => decodeMessage(bytes))
  }
  const after = process.memoryUsage()
  t.ok(after.arrayBuffers - before.arrayBuffers < 8 << 20, 'no buffers')
  t.ok(after.rss - before.rss < 128 << 20, 'resident memory stays')
  t.end()
})

t.test(
  'filters: 100 deep answered, beyond 200 refused with the message id, never a stack overflow (L07)',
  (t) => {
    for (const tag of [0xa0, 0xa1, 0xa2]) {
      for (const depth of [100, ldapLimits.filterDepth]) {
        t.equal(decodeMessage(searchBytes(nested(depth, tag))).protocolOp, 'searchRequest', `${depth} deep`)
      }
      for (const depth of [ldapLimits.filterDepth + 1, 1001, 5000]) {
        const error = wireError(() => decodeMessage(searchBytes(nested(depth, tag))))
        t.match(
          error,
          { code: 'filter-too-deep', messageID: 7, protocolOp: 'searchRequest' },
          `${depth} deep`,
        )
        t.type(error, RefusedMessage)
      }
    }
    const open = Buffer.alloc(cap - 64, Buffer.from('a284003fff00', 'hex'))
    t.throws(() => decodeMessage(searchBytes(open)), WireError, 'a whole message of opening NOTs')
    t.end()
  },
)

t.test('lists are bounded', (t) => {
  const times = (count: number, part: Buffer): Buffer => Buffer.alloc(count * part.length, part)
  const item = Buffer.from('8700', 'hex')
  const items = (count: number): Buffer => searchBytes(tlv(0xa1, times(count, item)))
  t.equal(
    decodeMessage(items(ldapLimits.filterItems - 1)).protocolOp,
    'searchRequest',
    'filters up to the cap',
  )
  t.match(
    wireError(() => decodeMessage(items(ldapLimits.filterItems))),
    { code: 'filter-too-large', messageID: 7 },
  )
  const pieces = tlv(
    0xa4,
    tlv(0x04, 'cn'),
    tlv(0x30, times(ldapLimits.filterItems, Buffer.from('810161', 'hex'))),
  )
  t.match(
    wireError(() => decodeMessage(searchBytes(pieces))),
    { code: 'filter-too-large', messageID: 7 },
  )

  const asked = (count: number): Buffer => searchBytes(item, times(count, Buffer.from('0400', 'hex')))
  const search = decodeMessage(asked(ldapLimits.requestedAttributes)) as SearchRequest
  t.equal(search.attributes.length, ldapLimits.requestedAttributes)
  t.match(
    wireError(() => decodeMessage(asked(ldapLimits.requestedAttributes + 1))),
    {
      code: 'too-many-attributes',
      messageID: 7,
    },
  )

  const id = Buffer.from('020107', 'hex')
  const control = tlv(0x30, tlv(0x04, '1.2'))
  const controls = (count: number): Buffer => tlv(0x30, id, tlv(0x42), tlv(0xa0, times(count, control)))
  t.equal(decodeMessage(controls(ldapLimits.controls)).controls.length, ldapLimits.controls)
  t.match(
    wireError(() => decodeMessage(controls(ldapLimits.controls + 1))),
    {
      code: 'too-many-controls',
      messageID: 7,
    },
  )

  const values = (count: number): Buffer =>
    tlv(0x30, tlv(0x04, 'cn'), tlv(0x31, times(count, Buffer.from('0400', 'hex'))))
  const add = (count: number): Buffer => tlv(0x30, id, tlv(0x68, tlv(0x04), tlv(0x30, values(count))))
  t.equal(decodeMessage(add(ldapLimits.listItems - 1)).protocolOp, 'addRequest')
  t.match(
    wireError(() => decodeMessage(add(ldapLimits.listItems))),
    { code: 'too-many-items', messageID: 7 },
  )
  const change = tlv(0x30, Buffer.from('0a0102', 'hex'), values(ldapLimits.listItems / 2))
  const modify = tlv(0x30, id, tlv(0x66, tlv(0x04), tlv(0x30, change, change)))
  t.match(
    wireError(() => decodeMessage(modify)),
    { code: 'too-many-items', protocolOp: 'modifyRequest' },
  )
  t.end()
})

t.test('values are views of the message, not copies', (t) => {
  const bytes = Buffer.from(readVectors('rfc4511')[0]?.bytes ?? [])
  const message = decodeMessage(bytes)
  bytes.fill('z', bytes.length - 2)
  t.match(show(message), /bob\\\\x00zz/, 'a change shows through')
  t.end()
})

t.test('entries from attributes encoded beforehand are those of the plain encoder', (t) => {
  const attributes = [
    { type: 'cn', vals: ['Alice Adams'] },
    { type: 'description', vals: ['é'.repeat(20), 'x'.repeat(39), 'y'.repeat(41), 'z'.repeat(70_000), ''] },
    { type: 'memberOf', vals: [] },
  ].map(({ type, vals }) => ({ type, vals: vals.map((value) => Buffer.from(value)) }))
  const encoded = attributes.map(({ type, vals }) => encodeAttribute(type, vals))
  t.same(encoded[1], encodeAttribute('description', attributes[1]?.vals.map(String) ?? []), 'text or bytes')
  for (const messageID of [0, 1, 127, 128, 255, 256, 32_767, 32_768, 8_388_607, 8_388_608, 2 ** 31 - 1]) {
    for (const objectName of ['', 'uid=alice,dc=x', `cn=${'ñ'.repeat(60)}`, `cn=${'a'.repeat(300)}`]) {
      const plain = encodeMessage({
        messageID,
        controls: [],
        protocolOp: 'searchResultEntry',
        objectName,
        attributes,
      })
      t.ok(encodeSearchResultEntry(messageID, objectName, encoded).equals(plain), `${messageID}: by text`)
      t.ok(encodeSearchResultEntry(messageID, Buffer.from(objectName), encoded).equals(plain), 'by bytes')
    }
  }
  t.end()
})

t.test('several messages in one writer follow each other, and its buffer grows', (t) => {
  const done: LdapMessage = { messageID: 5, controls: [], protocolOp: 'searchResultDone', ...ldapResult(0) }
  const writer = new BerWriter(8)
  const attribute = encodeAttribute('cn', ['x'.repeat(1000)])
  for (let i = 0; i < 10; i++) writeSearchResultEntry(writer, 5, `cn=${i}`, [attribute])
  writeMessage(writer, done)
  const bytes = writer.take()
  t.equal(writer.written, 0)
  const messages: LdapMessage[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const { complete, length } = frame(bytes, offset, cap)
    t.ok(complete)
    messages.push(decodeMessage(bytes.subarray(offset, offset + length)))
    offset += length
  }
  t.equal(messages.length, 11)
  t.match(messages[9], { objectName: 'cn=9', attributes: [{ type: 'cn' }] })
  t.same(messages[10], done)
  t.throws(() => encodeMessage({ ...done, messageID: -1 }), RangeError)
  t.throws(() => encodeMessage({ ...done, messageID: 2 ** 31 }), RangeError)
  t.same(decodeMessage(encodeMessage(done)), done, 'the encoder works on after an error')
  t.end()
})

t.test('control values: paged results (RFC 2696) and password policy', (t) => {
  // From the recorded search with -E pr=2.
  const first = Buffer.from('30050201020400', 'hex')
  const next = Buffer.from('300d02010004080300000000000000', 'hex')
  t.same(decodePagedResults(first), { size: 2, cookie: Buffer.alloc(0) })
  t.same(decodePagedResults(next), { size: 0, cookie: Buffer.from('0300000000000000', 'hex') })
  for (const value of [first, next]) t.same(encodePagedResults(decodePagedResults(value)), value)
  for (const bad of ['', '3000', '3003020102', '30050201ff0400', '3005020102040000', '30060201020400ff']) {
    t.throws(() => decodePagedResults(Buffer.from(bad, 'hex')), WireError, `paged results: ${bad}`)
  }
  const policies: [string, ReturnType<typeof decodePasswordPolicy>][] = [
    ['3000', { warning: null, error: null }],
    ['3003810101', { warning: null, error: 'accountLocked' }],
    ['3005a003800178', { warning: { choice: 'timeBeforeExpiration', value: 120 }, error: null }],
    [
      '3008a003810102810100',
      { warning: { choice: 'graceAuthNsRemaining', value: 2 }, error: 'passwordExpired' },
    ],
  ]
  for (const [digits, policy] of policies) {
    t.same(decodePasswordPolicy(Buffer.from(digits, 'hex')), policy)
    t.equal(encodePasswordPolicy(policy).toString('hex'), digits)
  }
  t.throws(() => decodePasswordPolicy(Buffer.from('300381010a', 'hex')), WireError)
  t.end()
})

t.test('text filters (RFC 4515)', (t) => {
  for (const { title, text, expected } of readVectors('filter-text')) {
    if (expected.startsWith('!')) {
      const error = wireError(() => parseFilter(text))
      t.equal(`!${error.code} ${error.offset}`, expected, `${title}: ${text}`)
    } else {
      t.equal(formatFilter(parseFilter(text)), expected, `${title}: ${text}`)
      t.same(parseFilter(expected), parseFilter(text), `${title}: read again`)
    }
  }
  const deep = (depth: number): string => `${'(!'.repeat(depth - 1)}(a=b)${')'.repeat(depth - 1)}`
  t.equal(formatFilter(parseFilter(deep(ldapLimits.filterDepth))), deep(ldapLimits.filterDepth))
  t.equal(wireError(() => parseFilter(deep(ldapLimits.filterDepth + 1))).code, 'filter-too-deep')
  t.equal(wireError(() => parseFilter('(!'.repeat(30_000))).code, 'filter-too-deep')
  t.equal(
    wireError(() => parseFilter(`(&${'(a=b)'.repeat(ldapLimits.filterItems)})`)).code,
    'filter-too-large',
  )
  t.equal(wireError(() => parseFilter(`(a=${'b'.repeat(maxFilterText)})`)).code, 'filter-too-large')
  t.end()
})

t.test('a hostile attribute cannot forge a filter in a log', (t) => {
  t.equal(formatFilter({ kind: 'present', attributeDesc: 'a=*)(b\n' }), '(a\\3d\\2a\\29\\28b\\0a=*)')
  t.end()
})

t.test('DNs (RFC 4514): every spelling of one name has one canonical spelling (L17)', (t) => {
  for (const { title, text, expected } of readVectors('dn')) {
    if (expected.startsWith('!'))
      t.equal(`!${wireError(() => parseDn(text)).code}`, expected, `${title}: ${text}`)
    else {
      t.equal(canonicalDn(text), expected, `${title}: ${text}`)
      t.equal(canonicalDn(expected), expected, `${title}: canonical already`)
      t.same(parseDn(formatDn(parseDn(text))), parseDn(text), `${title}: format and parse`)
    }
  }
  t.same(parseDn('UID=\\42ob+cn=\\ a\\ ,DC=Acme'), [
    [
      { type: 'UID', value: 'Bob' },
      { type: 'cn', value: ' a ' },
    ],
    [{ type: 'DC', value: 'Acme' }],
  ])
  t.equal(
    formatDn([[{ type: 'cn', value: ' #a,b+c"d\\e<f>g;h=i\0 ' }]]),
    'cn=\\ #a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i\\00\\ ',
  )
  t.equal(formatDn([[{ type: 'cn', value: '#a' }]]), 'cn=\\#a')
  t.end()
})

t.test('DNs are bounded, and within another only by whole RDNs', (t) => {
  const base = canonicalRdns('dc=acme,dc=example')
  t.ok(isWithin(canonicalRdns('DC=Acme, DC=example'), base), 'itself')
  t.ok(isWithin(canonicalRdns('uid=a,ou=users,dc=acme,dc=example'), base), 'below')
  t.ok(isWithin(base, []), 'all is within the root')
  t.notOk(isWithin(canonicalRdns('uid=a\\,dc=acme,dc=example'), base), 'an escaped comma is no separator')
  t.notOk(isWithin(canonicalRdns('dc=example'), base), 'above')
  t.notOk(isWithin(canonicalRdns('dc=bacme,dc=example'), base), 'the end of another value')

  const code = (text: string): string => wireError(() => parseDn(text)).code
  const rdns = (count: number): string => Array(count).fill('cn=a').join(',')
  t.equal(parseDn(rdns(dnLimits.rdns)).length, dnLimits.rdns)
  t.equal(code(rdns(dnLimits.rdns + 1)), 'dn-too-long')
  t.equal(parseDn(Array(dnLimits.attributes).fill('cn=a').join('+'))[0]?.length, dnLimits.attributes)
  t.equal(
    code(
      Array(dnLimits.attributes + 1)
        .fill('cn=a')
        .join('+'),
    ),
    'dn-too-long',
  )
  t.equal(code(`cn=${'a'.repeat(dnLimits.length)}`), 'dn-too-long')
  t.end()
})

t.test('result codes have their names both ways', (t) => {
  t.equal(resultCodes.invalidCredentials, 49)
  t.equal(resultCodeName(53), 'unwillingToPerform')
  t.equal(resultCodeName(4242), '4242')
  t.end()
})
