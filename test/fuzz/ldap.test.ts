// The LDAP codec against whatever comes: any bytes and any damage give a message or a WireError, what is encoded is
// decoded to the same, and another implementation agrees. A failure tells the seed and the bytes.
import fc from 'fast-check'
import { FilterParser, MessageParser, type SearchEntry, SearchRequest } from 'ldapts'
import t from 'tap'
import { WireError } from '../../src/base/bytes.ts'
import { decodeMessage } from '../../src/wire/ldap/decode.ts'
import { canonicalDn, formatDn, parseDn } from '../../src/wire/ldap/dn.ts'
import { encodeMessage } from '../../src/wire/ldap/encode.ts'
import { encodeAttribute, encodeSearchResultEntry } from '../../src/wire/ldap/encode-entry.ts'
import { formatFilter, parseFilter } from '../../src/wire/ldap/filter-text.ts'
import { frame } from '../../src/wire/ldap/frame.ts'
import { ldapLimits } from '../../src/wire/ldap/limits.ts'
import { readVectors } from '../vectors/ldap/read.ts'
import { attributeDesc, bytes, filter, message, text } from './ldap-messages.ts'

const seed = Date.now() >>> 0
t.comment(`seed ${seed}`)

// xorshift32: a case costs nanoseconds, where a generator of fast-check costs microseconds.
function randomFrom(start: number): (below: number) => number {
  let state = start || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

// Null where `run` threw a WireError; anything else thrown is told with the case that did it.
function attempt<T>(run: () => T, input: () => string): T | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof WireError) return null
    throw new Error(`${error} for ${input()}, seed ${seed}`, { cause: error })
  }
}

function check(input: Buffer): boolean {
  const hex = (): string => input.toString('hex')
  const framed = attempt(() => frame(input, 0, ldapLimits.messageBeforeBind), hex)
  if (framed !== null && framed.complete !== framed.length <= input.length)
    throw new Error(`frame of ${hex()}`)
  const decoded = attempt(() => decodeMessage(input), hex)
  if (decoded === null) return false
  if (framed?.length !== input.length) throw new Error(`decoded what is not one frame: ${hex()}`)
  const encoded = encodeMessage(decoded)
  if (!encodeMessage(decodeMessage(encoded)).equals(encoded)) throw new Error(`not stable: ${hex()}`)
  return true
}

const interesting = [
  0x00, 0x01, 0x02, 0x04, 0x0a, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x84, 0x88, 0xa0, 0xa2, 0xa3, 0xff,
]

// One to four injuries: a bit, an octet, a length made wrong, a cut, a repeated or a foreign piece.
function damage(original: Buffer, other: Buffer, random: (below: number) => number): Buffer {
  let damaged = Buffer.from(original)
  for (let injuries = 1 + random(4); injuries > 0 && damaged.length > 0; injuries--) {
    const at = random(damaged.length)
    const kind = random(7)
    if (kind === 0) damaged[at] = (damaged[at] as number) ^ (1 << random(8))
    else if (kind === 1) damaged[at] = random(256)
    else if (kind === 2) damaged[at] = interesting[random(interesting.length)] as number
    else if (kind === 3) damaged[at] = (damaged[at] as number) + (random(2) ? 1 : -1)
    else if (kind === 4) damaged = damaged.subarray(0, at)
    else {
      const source = kind === 5 ? damaged : other
      const start = random(source.length || 1)
      const piece = source.subarray(start, start + 1 + random(12))
      damaged = Buffer.concat([damaged.subarray(0, at), piece, damaged.subarray(at)])
      // Half of the time the outer length is mended, so that the damage is met further in.
      if (random(2) === 0 && damaged.length > 2 && damaged.length < 130) damaged[1] = damaged.length - 2
    }
  }
  return damaged
}

t.test('any bytes: a message or a WireError, 60,000 cases', (t) => {
  const random = randomFrom(seed)
  for (let i = 0; i < 60_000; i++) {
    const input = Buffer.alloc(random(60))
    for (let at = 0; at < input.length; at++) {
      input[at] = random(2) ? random(256) : (interesting[random(interesting.length)] as number)
    }
    // Half of them come with a header and a message id that are right.
    if (i % 2 === 0 && input.length > 7) input.set([0x30, input.length - 2, 2, 1, 1, 0x60 + random(26)])
    check(input)
  }
  t.pass('all of them')
  t.end()
})

t.test('damaged messages: a message or a WireError, 160,000 cases (L09)', (t) => {
  const random = randomFrom(seed ^ 0x5bd1e995)
  const originals = ['openldap', 'rfc4511', 'lenient', 'hostile'].flatMap((name) =>
    readVectors(name).map((vector) => vector.bytes),
  )
  const pick = (): Buffer => originals[random(originals.length)] as Buffer
  let survived = 0
  for (let i = 0; i < 160_000; i++) {
    if (check(damage(pick(), pick(), random))) survived++
  }
  t.ok(survived > 1000, `${survived} were still messages, so that the damage went deep`)
  t.end()
})

t.test('every cut of a message is incomplete or refused, never another message', (t) => {
  for (const { bytes } of readVectors('openldap')) {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      const framed = frame(cut, 0, ldapLimits.messageBeforeBind)
      if (framed.complete || framed.length <= length || framed.length > bytes.length)
        t.fail(`frame at ${length}`)
      if (
        attempt(
          () => decodeMessage(cut),
          () => cut.toString('hex'),
        ) !== null
      )
        t.fail(`decoded at ${length}`)
    }
  }
  t.pass('all of them')
  t.end()
})

t.test('decode(encode(x)) = x for every kind of message', (t) => {
  const kinds = new Set<string>()
  fc.assert(
    fc.property(message, (original) => {
      kinds.add(original.protocolOp)
      const encoded = encodeMessage(original)
      t.equal(frame(encoded, 0, ldapLimits.messageAfterBind).length, encoded.length)
      const decoded = decodeMessage(encoded)
      return fc.stringify(comparable(decoded)) === fc.stringify(comparable(original))
    }),
    { numRuns: 3000, seed },
  )
  t.equal(kinds.size, 21, 'every operation was among them')
  t.end()
})

// The fields in one order, bytes as hexadecimal.
function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, comparable(inner)]),
  )
}

t.test('parseFilter(formatFilter(x)) = x, and any text gives a filter or a WireError', (t) => {
  fc.assert(
    fc.property(filter, (original) => {
      const again = parseFilter(formatFilter(original))
      return fc.stringify(comparable(again)) === fc.stringify(comparable(original))
    }),
    { numRuns: 2000, seed },
  )
  const random = randomFrom(seed ^ 0x1b873593)
  const pieces = [
    '(',
    ')',
    '(&',
    '(|',
    '(!',
    '=',
    '*',
    '\\',
    '\\2a',
    '>=',
    ':=',
    ':dn',
    'cn',
    '1.2',
    ';x',
    ' ',
    'é',
    '\0',
  ]
  for (let i = 0; i < 30_000; i++) {
    let input = ''
    for (let length = random(12); length > 0; length--) input += pieces[random(pieces.length)]
    const parsed = attempt(
      () => parseFilter(input),
      () => JSON.stringify(input),
    )
    if (parsed === null) continue
    const formatted = formatFilter(parsed)
    if (formatFilter(parseFilter(formatted)) !== formatted) t.fail(`not stable: ${JSON.stringify(input)}`)
  }
  t.end()
})

t.test('parseDn(formatDn(x)) = x, canonical is canonical, any text gives a DN or a WireError (L17)', (t) => {
  const type = fc.constantFrom('cn', 'UID', '2.5.4.11', 'dc', 'x-y')
  const rdn = fc.array(fc.record({ type, value: text }), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(rdn, { maxLength: 5 }), (dn) => {
      const again = parseDn(formatDn(dn))
      if (fc.stringify(comparable(again)) !== fc.stringify(comparable(dn))) return false
      const canonical = canonicalDn(dn)
      const loud = dn.map((attributes) =>
        attributes.map(({ type, value }) => ({ type: type.toUpperCase(), value: `  ${value}  ` })).reverse(),
      )
      return canonicalDn(canonical) === canonical && canonicalDn(loud) === canonical
    }),
    { numRuns: 3000, seed },
  )
  const random = randomFrom(seed ^ 0xcc9e2d51 ^ 7)
  const pieces = [
    'cn',
    '2.5.4.3',
    'OID.1.2',
    '=',
    ',',
    '+',
    '\\',
    '\\2C',
    '\\C3\\A9',
    '#',
    '0401',
    '61',
    ' ',
    '"',
    ';',
    'é',
    '\0',
  ]
  for (let i = 0; i < 30_000; i++) {
    let input = ''
    for (let length = random(12); length > 0; length--) input += pieces[random(pieces.length)]
    const parsed = attempt(
      () => parseDn(input),
      () => JSON.stringify(input),
    )
    if (parsed === null) continue
    const canonical = canonicalDn(parsed)
    if (canonicalDn(canonical) !== canonical) t.fail(`not stable: ${JSON.stringify(input)}`)
    if (canonicalDn(formatDn(parsed)) !== canonical) t.fail(`another name: ${JSON.stringify(input)}`)
  }
  t.end()
})

t.test('ldapts agrees: we read its searches, it reads our entries', async (t) => {
  // It does not escape text filters as bytes, so values are kept to what both write alike.
  const peerFilter = fc.constantFrom(
    '(cn=a)',
    '(&(objectClass=*)(!(uid=x)))',
    '(|(cn=a*b*c)(cn=*z)(cn=a*))',
    '(&(a>=1)(b<=2)(c~=3))',
    '(cn:caseExactMatch:=x)',
    '(ou:dn:=users)',
    `(description=${'long '.repeat(60)})`,
  )
  fc.assert(
    fc.property(
      peerFilter,
      text,
      fc.nat(2 ** 31 - 1),
      fc.array(attributeDesc),
      (text, baseDN, messageId, asked) => {
        const options = { messageId, baseDN, scope: 'one', sizeLimit: messageId, attributes: asked } as const
        const request = new SearchRequest({ ...options, filter: FilterParser.parseString(text) })
        const decoded = decodeMessage(request.write())
        t.match(decoded, {
          messageID: messageId,
          protocolOp: 'searchRequest',
          baseObject: baseDN,
          scope: 'singleLevel',
          sizeLimit: messageId,
          timeLimit: 10,
        })
        if (decoded.protocolOp !== 'searchRequest') return false
        return formatFilter(decoded.filter) === text && decoded.attributes.join() === asked.join()
      },
    ),
    { numRuns: 300, seed },
  )
  const parser = new MessageParser()
  const received: SearchEntry[] = []
  parser.on('message', (message) => received.push(message as SearchEntry))
  parser.on('error', (error) => t.fail(String(error)))
  const entries = fc.sample(
    fc.record({
      name: text,
      type: attributeDesc,
      vals: fc.array(bytes),
      id: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    }),
    { numRuns: 200, seed },
  )
  for (const { name, type, vals, id } of entries) {
    parser.read(encodeSearchResultEntry(id, name, [encodeAttribute(type, vals)]), new Map())
  }
  t.equal(received.length, entries.length)
  for (const [i, { name, type, vals, id }] of entries.entries()) {
    const entry = received[i] as SearchEntry
    t.match({ name: entry.name, id: entry.messageId }, { name, id })
    t.same(entry.attributes[0]?.parsedBuffers, vals)
    t.equal(entry.attributes[0]?.type, type)
  }
})
