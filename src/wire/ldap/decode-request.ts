// The requests of RFC 4511 §4, from the contents of their protocolOp.
import { WireError } from '../../base/bytes.ts'
import type { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import {
  decodeAttribute,
  decodeAttributes,
  decodeEnumerated,
  newItemBudget,
  spendItem,
} from './decode-parts.ts'
import { decodeFilter } from './filter.ts'
import { ldapLimits } from './limits.ts'
import {
  type Authentication,
  type BindRequest,
  type Change,
  type CompareRequest,
  changeOperations,
  derefAliasesChoices,
  type Envelope,
  type ExtendedRequest,
  type LdapRequest,
  type ModifyDNRequest,
  type ModifyRequest,
  type ProtocolOp,
  type SearchRequest,
  scopes,
} from './messages.ts'

/** The request in `reader`, or null where `protocolOp` is a response. What is left over, the caller checks. */
export function decodeRequest(
  protocolOp: ProtocolOp,
  envelope: Envelope,
  reader: BerReader,
): LdapRequest | null {
  switch (protocolOp) {
    case 'bindRequest':
      return decodeBind(envelope, reader)
    case 'unbindRequest':
      return { ...envelope, protocolOp }
    case 'searchRequest':
      return decodeSearch(envelope, reader)
    case 'modifyRequest':
      return decodeModify(envelope, reader)
    case 'addRequest':
      return { ...envelope, protocolOp, entry: reader.text(), attributes: decodeAttributes(reader) }
    case 'delRequest':
      return { ...envelope, protocolOp, entry: reader.restAsText() }
    case 'modifyDNRequest':
      return decodeModifyDN(envelope, reader)
    case 'compareRequest':
      return decodeCompare(envelope, reader)
    case 'abandonRequest':
      return { ...envelope, protocolOp, abandonedID: reader.restAsInteger(0) }
    case 'extendedRequest':
      return decodeExtended(envelope, reader)
    default:
      return null
  }
}

// [APPLICATION 0] SEQUENCE { version INTEGER (1..127), name, authentication CHOICE { simple [0], sasl [3], ... } }
function decodeBind(envelope: Envelope, reader: BerReader): BindRequest {
  const version = reader.integer(tags.integer, 1, 127)
  const name = reader.text()
  return {
    ...envelope,
    protocolOp: 'bindRequest',
    version,
    name,
    authentication: decodeAuthentication(reader),
  }
}

function decodeAuthentication(reader: BerReader): Authentication {
  const tag = reader.peekTag()
  if (tag === 0x80) return { choice: 'simple', password: reader.octets(tag) }
  if (tag === 0xa3) {
    const sasl = reader.enter(tag)
    const mechanism = sasl.text()
    const credentials = sasl.atEnd ? null : sasl.octets()
    sasl.finish()
    return { choice: 'sasl', mechanism, credentials }
  }
  // Anything else must at least be a context-specific choice (RFC 4511 §4.2: answered, not a broken message).
  if ((tag & 0xc0) !== 0x80) throw new WireError('unexpected-tag', reader.offset)
  reader.octets(tag)
  return { choice: 'unsupported', tag }
}

// [APPLICATION 3] SEQUENCE { baseObject, scope, derefAliases, sizeLimit, timeLimit, typesOnly, filter, attributes }
function decodeSearch(envelope: Envelope, reader: BerReader): SearchRequest {
  const baseObject = reader.text()
  const scope = decodeEnumerated(reader, scopes)
  const derefAliases = decodeEnumerated(reader, derefAliasesChoices)
  const sizeLimit = reader.integer(tags.integer, 0)
  const timeLimit = reader.integer(tags.integer, 0)
  const typesOnly = reader.boolean()
  const filter = decodeFilter(reader)
  const list = reader.enter(tags.sequence)
  const attributes: string[] = []
  while (!list.atEnd) {
    if (attributes.length === ldapLimits.requestedAttributes) {
      throw new WireError('too-many-attributes', list.offset)
    }
    attributes.push(list.text())
  }
  return {
    ...envelope,
    protocolOp: 'searchRequest',
    baseObject,
    scope,
    derefAliases,
    sizeLimit,
    timeLimit,
    typesOnly,
    filter,
    attributes,
  }
}

// [APPLICATION 6] SEQUENCE { object, changes SEQUENCE OF SEQUENCE { operation ENUMERATED, modification Attribute } }
function decodeModify(envelope: Envelope, reader: BerReader): ModifyRequest {
  const object = reader.text()
  const list = reader.enter(tags.sequence)
  const budget = newItemBudget()
  const changes: Change[] = []
  while (!list.atEnd) {
    spendItem(budget, list)
    const change = list.enter(tags.sequence)
    const operation = decodeEnumerated(change, changeOperations)
    const modification = decodeAttribute(change, budget)
    change.finish()
    changes.push({ operation, modification })
  }
  return { ...envelope, protocolOp: 'modifyRequest', object, changes }
}

// [APPLICATION 12] SEQUENCE { entry, newrdn, deleteoldrdn BOOLEAN, newSuperior [0] OPTIONAL }
function decodeModifyDN(envelope: Envelope, reader: BerReader): ModifyDNRequest {
  const entry = reader.text()
  const newrdn = reader.text()
  const deleteoldrdn = reader.boolean()
  const newSuperior = reader.atEnd ? null : reader.text(0x80)
  return { ...envelope, protocolOp: 'modifyDNRequest', entry, newrdn, deleteoldrdn, newSuperior }
}

// [APPLICATION 14] SEQUENCE { entry, ava SEQUENCE { attributeDesc, assertionValue } }
function decodeCompare(envelope: Envelope, reader: BerReader): CompareRequest {
  const entry = reader.text()
  const ava = reader.enter(tags.sequence)
  const attributeDesc = ava.text()
  const assertionValue = ava.octets()
  ava.finish()
  return { ...envelope, protocolOp: 'compareRequest', entry, attributeDesc, assertionValue }
}

// [APPLICATION 23] SEQUENCE { requestName [0], requestValue [1] OPTIONAL }
function decodeExtended(envelope: Envelope, reader: BerReader): ExtendedRequest {
  const requestName = reader.text(0x80)
  const requestValue = reader.atEnd ? null : reader.octets(0x81)
  return { ...envelope, protocolOp: 'extendedRequest', requestName, requestValue }
}
