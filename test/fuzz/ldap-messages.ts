// Generators of LDAP messages of every kind, as a peer could send them.
import fc from 'fast-check'
import type { Filter } from '../../src/wire/ldap/filter.ts'
import {
  type Authentication,
  type Control,
  changeOperations,
  derefAliasesChoices,
  type LdapMessage,
  scopes,
} from '../../src/wire/ldap/messages.ts'

export const bytes: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 120, maxLength: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text)),
  )
  .map((octets) => Buffer.from(octets))

// Well-formed UTF-16 only: a lone surrogate has no UTF-8.
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ minLength: 30, maxLength: 150 }),
)

export const attributeDesc: fc.Arbitrary<string> = fc.constantFrom(
  'cn',
  'objectClass',
  'userCertificate;binary',
  '2.5.4.3',
  'cn;lang-de;x-1',
)

const present = bytes.filter((value) => value.length > 0)
const comparison = fc.constantFrom('equalityMatch', 'greaterOrEqual', 'lessOrEqual', 'approxMatch' as const)
const optionalText = fc.option(text)
const optionalBytes = fc.option(bytes)

const substrings = fc
  .record({
    kind: fc.constant('substrings' as const),
    attributeDesc,
    initial: fc.option(present),
    any: fc.array(present, { maxLength: 3 }),
    final: fc.option(present),
  })
  .filter(({ initial, any, final }) => initial !== null || any.length > 0 || final !== null)

const extensible = fc
  .record({
    kind: fc.constant('extensibleMatch' as const),
    matchingRule: fc.option(fc.constantFrom('caseExactMatch', '2.5.13.2')),
    type: fc.option(attributeDesc),
    matchValue: bytes,
    dnAttributes: fc.boolean(),
  })
  .filter(({ matchingRule, type }) => matchingRule !== null || type !== null)

/** Filters that text can express. */
export const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; item: Filter }>((tie) => ({
  item: fc.oneof(
    fc.record({ kind: comparison, attributeDesc, assertionValue: bytes }),
    fc.record({ kind: fc.constant('present' as const), attributeDesc }),
    substrings,
    extensible,
  ) as fc.Arbitrary<Filter>,
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('item'),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      filters: fc.array(tie('filter'), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('not' as const), filter: tie('filter') }),
  ),
})).filter

const integer = fc.nat(2 ** 31 - 1)
const attribute = fc.record({ type: attributeDesc, vals: fc.array(bytes, { maxLength: 4 }) })
const attributes = fc.array(attribute, { maxLength: 5 })

const control: fc.Arbitrary<Control> = fc.record({
  controlType: text,
  criticality: fc.boolean(),
  controlValue: optionalBytes,
})

const authentication: fc.Arbitrary<Authentication> = fc.oneof(
  fc.record({ choice: fc.constant('simple' as const), password: bytes }),
  fc.record({ choice: fc.constant('sasl' as const), mechanism: text, credentials: optionalBytes }),
  fc.record({ choice: fc.constant('unsupported' as const), tag: fc.constantFrom(0x89, 0x8a, 0x8b) }),
)

const envelope = { messageID: integer, controls: fc.array(control, { maxLength: 3 }) }
const result = {
  resultCode: integer,
  matchedDN: text,
  diagnosticMessage: text,
  referral: fc.array(text, { maxLength: 3 }),
}

const operation = <Op extends LdapMessage['protocolOp'], Fields extends object>(
  protocolOp: Op,
  fields: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> },
) => fc.record({ ...envelope, protocolOp: fc.constant(protocolOp), ...fields })

export const message = fc.oneof(
  operation('bindRequest', { version: fc.integer({ min: 1, max: 127 }), name: text, authentication }),
  operation('unbindRequest', {}),
  operation('searchRequest', {
    baseObject: text,
    scope: fc.constantFrom(...scopes),
    derefAliases: fc.constantFrom(...derefAliasesChoices),
    sizeLimit: integer,
    timeLimit: integer,
    typesOnly: fc.boolean(),
    filter,
    attributes: fc.array(text, { maxLength: 5 }),
  }),
  operation('modifyRequest', {
    object: text,
    changes: fc.array(
      fc.record({ operation: fc.constantFrom(...changeOperations), modification: attribute }),
      { maxLength: 4 },
    ),
  }),
  operation('addRequest', { entry: text, attributes }),
  operation('delRequest', { entry: text }),
  operation('modifyDNRequest', {
    entry: text,
    newrdn: text,
    deleteoldrdn: fc.boolean(),
    newSuperior: optionalText,
  }),
  operation('compareRequest', { entry: text, attributeDesc, assertionValue: bytes }),
  operation('abandonRequest', { abandonedID: integer }),
  operation('extendedRequest', { requestName: text, requestValue: optionalBytes }),
  operation('bindResponse', { ...result, serverSaslCreds: optionalBytes }),
  operation('searchResultEntry', { objectName: text, attributes }),
  operation('searchResultReference', { uris: fc.array(text, { maxLength: 3 }) }),
  operation('searchResultDone', result),
  operation('modifyResponse', result),
  operation('addResponse', result),
  operation('delResponse', result),
  operation('modifyDNResponse', result),
  operation('compareResponse', result),
  operation('extendedResponse', { ...result, responseName: optionalText, responseValue: optionalBytes }),
  operation('intermediateResponse', { responseName: optionalText, responseValue: optionalBytes }),
) as fc.Arbitrary<LdapMessage>
