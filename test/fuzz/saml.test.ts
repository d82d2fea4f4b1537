// Any bytes at all: a message or a WireError, never anything else; and of a signed message that was tampered with,
// either nothing is accepted or what is accepted says the same.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { WireError } from '../../src/base/bytes.ts'
import { messageLimits } from '../../src/wire/saml/limits.ts'
import { parseMetadata } from '../../src/wire/saml/metadata.ts'
import { problems } from '../../src/wire/saml/problems.ts'
import { proveSender, type Received, receivePost, receiveRedirect } from '../../src/wire/saml/receive.ts'
import { parseXml } from '../../src/wire/xml/parse.ts'
import { textOf, type XmlElement } from '../../src/wire/xml/tree.ts'
import { asDeclared, canonical, elementMaker, isXmlText } from '../../src/wire/xml/write.ts'
import { base64, createKeyPair, deflated, redirectQuery, signXml, unsigned } from '../support/saml-sp.ts'
import { readVector } from '../vectors/saml/read.ts'

const sp = await createKeyPair('sp.example')

/** What came of it, or the WireError's code; anything else that is thrown fails the test. */
function attempt<T>(action: () => T): T | string {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof WireError) || !Object.hasOwn(problems, error.code)) throw error
    return error.code
  }
}

const prove = (receive: () => Received) =>
  attempt(() => {
    const received = receive()
    return received.signed ? proveSender(received, [sp.certificate]) : 'unsigned'
  })

const pieces = [
  ...[
    '<',
    '>',
    '</',
    '/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
    '?>',
    '&',
    ';',
    '&#',
    '&#x0;',
    '"',
    "'",
    '=',
  ],
  ...[
    'xmlns',
    'xmlns:a=',
    'xml:id=',
    'ID="_request"',
    'Id="x"',
    'samlp:',
    'ds:Signature',
    '__proto__',
    '\0',
    '\r',
  ],
  ...[
    '<saml:Issuer>',
    '</saml:Issuer>',
    '<ds:Object>',
    '<samlp:Extensions>',
    '#_request',
    'AAAA',
    ' ',
    '\ufeff',
  ],
]
const piece = fc.oneof(
  fc.constantFrom(...pieces),
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
)

interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
  /** Instead of `insert`: a part of the text itself, from here. */
  readonly copyFrom: number | null
}

const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(400)),
    insert: piece,
    copyFrom: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
)

function apply(text: string, list: readonly Edit[]): string {
  return list.reduce((text, { at, remove, insert, copyFrom }) => {
    const start = Math.floor(at * text.length)
    const from = copyFrom === null ? 0 : Math.floor(copyFrom * text.length)
    const added = copyFrom === null ? insert : text.slice(from, from + 300)
    return text.slice(0, start) + added + text.slice(start + remove)
  }, text)
}

t.test('any bytes and any text: a message, metadata or a WireError', async (t) => {
  const markup = fc.array(piece, { maxLength: 40 }).map((parts) => `<a>${parts.join('')}</a>`)
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
    markup.map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, (bytes) => {
      attempt(() => parseXml(bytes, messageLimits))
      attempt(() => parseMetadata(bytes))
      prove(() =>
        receivePost({ SAMLRequest: bytes.toString('base64'), RelayState: bytes.toString('latin1') }),
      )
      prove(() => receivePost({ SAMLResponse: bytes.toString('latin1') }))
      prove(() => receiveRedirect(`SAMLRequest=${encodeURIComponent(bytes.toString('base64'))}`))
      prove(() => receiveRedirect(bytes.toString('latin1')))
    }),
    { numRuns: 4000 },
  )
  t.pass()
})

let accepted = 0

for (const kind of ['AuthnRequest', 'LogoutRequest', 'LogoutResponse'] as const) {
  const parameter = kind === 'LogoutResponse' ? 'SAMLResponse' : 'SAMLRequest'

  t.test(`S05 a signed ${kind} that was changed is refused, or says the same`, async (t) => {
    const signed = signXml(unsigned[kind](), sp.key)
    const original = prove(() => receivePost({ [parameter]: base64(signed) }))
    t.match(original, { kind })
    fc.assert(
      fc.property(edits, (list) => {
        const changed = apply(signed, list)
        const read = prove(() => receivePost({ [parameter]: base64(changed) }))
        if (typeof read === 'string') return
        accepted += 1
        if (!isDeepStrictEqual(read, original)) fail(changed)
      }),
      { numRuns: 1500 },
    )
  })

  t.test(`S04 a signed redirect of ${kind} that was changed is refused, or says the same`, async (t) => {
    const query = redirectQuery(unsigned[kind](), sp.key, { parameter, relayState: 'state' }).join('&')
    const original = prove(() => receiveRedirect(query))
    t.match(original, { kind })
    fc.assert(
      fc.property(edits, (list) => {
        const changed = apply(query, list)
        const read = prove(() => receiveRedirect(changed))
        if (typeof read === 'string') return
        if (!isDeepStrictEqual(read, original) || receiveRedirect(changed).relayState !== 'state')
          fail(changed)
      }),
      { numRuns: 1500 },
    )
  })

  t.test(`an unsigned ${kind} that was changed: a message or a WireError`, async (t) => {
    fc.assert(
      fc.property(edits, (list) => {
        const xml = apply(unsigned[kind](), list)
        prove(() => receivePost({ [parameter]: base64(xml) }))
        prove(() => receiveRedirect(`${parameter}=${encodeURIComponent(deflated(xml))}`))
      }),
      { numRuns: 1500 },
    )
    t.pass()
  })
}

t.test('changes that change nothing, such as a comment, were among them', async (t) => {
  t.ok(accepted > 0)
})

function fail(text: string): never {
  throw new Error(`accepted: ${text}`)
}

t.test('metadata that were changed: metadata or a WireError', async (t) => {
  const metadata = readVector('sp-metadata.xml')
  fc.assert(
    fc.property(edits, (list) => {
      attempt(() => parseMetadata(Buffer.from(apply(metadata, list))))
    }),
    { numRuns: 1000 },
  )
  t.pass()
})

const make = elementMaker({ a: 'urn:a', b: 'urn:b', '': 'urn:c' })
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.array(piece).map((all) => all.join('')),
)
const xmlText = text.filter(isXmlText)
const tree: fc.Arbitrary<XmlElement> = fc.letrec<{ tree: XmlElement; node: XmlElement | string }>((tie) => ({
  tree: fc
    .tuple(
      fc.constantFrom('a:x' as const, 'a:y' as const, 'b:x' as const, ':z' as const),
      fc.dictionary(fc.constantFrom('ID', 'Name', 'é'), xmlText, { noNullPrototype: true }),
      fc.array(tie('node'), { maxLength: 3 }),
    )
    .map(([name, attributes, children]) => make(name, attributes, children)),
  node: fc.oneof({ depthSize: 'small' }, xmlText, tie('tree')),
})).tree

t.test('S09 what is written is read as it was, and is canonical once and for all', async (t) => {
  const read = (xml: string) => parseXml(Buffer.from(xml), messageLimits)
  fc.assert(
    fc.property(tree, (element) => {
      const xml = canonical(element)
      return canonical(read(xml)) === xml && asDeclared(read(xml)) === xml
    }),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(xmlText, (value) => {
      const element = read(canonical(make('a:x', { Name: value }, [value])))
      return textOf(element) === value && element.attributes[0]?.value === value
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
