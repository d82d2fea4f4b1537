// From LdapMessages to bytes, requests and responses alike. The entries of large searches have a faster way of their
// own in encode-entry.ts.
import { tags } from '../ber/tags.ts'
import { BerWriter } from '../ber/writer.ts'
import { encodeFilter } from './filter.ts'
import {
  type AbandonRequest,
  type Attribute,
  type Authentication,
  type Control,
  changeOperations,
  type DelRequest,
  derefAliasesChoices,
  type LdapMessage,
  type LdapResult,
  operationTags,
  type SearchRequest,
  scopes,
  type UnbindRequest,
} from './messages.ts'

const scratch = new BerWriter()

/** The bytes of one message, in a buffer of its own. Throws RangeError for a number that the wire cannot carry. */
export function encodeMessage(message: LdapMessage): Buffer {
  scratch.reset()
  writeMessage(scratch, message)
  return scratch.take()
}

/** Appends one message to `writer`, so that several leave in one write. */
export function writeMessage(writer: BerWriter, message: LdapMessage): void {
  if (message.messageID < 0) throw new RangeError(`negative messageID: ${message.messageID}`)
  const mark = writer.begin()
  writer.integer(message.messageID)
  writeOperation(writer, message)
  if (message.controls.length > 0) writeControls(writer, message.controls)
  writer.end(mark)
}

function writeOperation(writer: BerWriter, message: LdapMessage): void {
  const tag = operationTags[message.protocolOp]
  switch (message.protocolOp) {
    // Three operations are not constructed: their contents follow the tag at once.
    case 'unbindRequest':
      writer.header(tag, 0)
      break
    case 'delRequest':
      writer.text(message.entry, tag)
      break
    case 'abandonRequest':
      writer.integer(message.abandonedID, tag)
      break
    default: {
      const mark = writer.begin(tag)
      writeContents(writer, message)
      writer.end(mark)
    }
  }
}

type Constructed = Exclude<LdapMessage, UnbindRequest | DelRequest | AbandonRequest>

function writeContents(writer: BerWriter, message: Constructed): void {
  switch (message.protocolOp) {
    case 'bindRequest':
      writer.integer(message.version)
      writer.text(message.name)
      writeAuthentication(writer, message.authentication)
      break
    case 'searchRequest':
      writeSearch(writer, message)
      break
    case 'modifyRequest': {
      writer.text(message.object)
      const changes = writer.begin()
      for (const { operation, modification } of message.changes) {
        const change = writer.begin()
        writer.integer(changeOperations.indexOf(operation), tags.enumerated)
        writeAttribute(writer, modification)
        writer.end(change)
      }
      writer.end(changes)
      break
    }
    case 'addRequest':
      writer.text(message.entry)
      writeAttributes(writer, message.attributes)
      break
    case 'modifyDNRequest':
      writer.text(message.entry)
      writer.text(message.newrdn)
      writer.boolean(message.deleteoldrdn)
      if (message.newSuperior !== null) writer.text(message.newSuperior, 0x80)
      break
    case 'compareRequest': {
      writer.text(message.entry)
      const ava = writer.begin()
      writer.text(message.attributeDesc)
      writer.octets(message.assertionValue)
      writer.end(ava)
      break
    }
    case 'extendedRequest':
      writer.text(message.requestName, 0x80)
      if (message.requestValue !== null) writer.octets(message.requestValue, 0x81)
      break
    case 'bindResponse':
      writeResult(writer, message)
      if (message.serverSaslCreds !== null) writer.octets(message.serverSaslCreds, 0x87)
      break
    case 'searchResultEntry':
      writer.text(message.objectName)
      writeAttributes(writer, message.attributes)
      break
    case 'searchResultReference':
      for (const uri of message.uris) writer.text(uri)
      break
    case 'searchResultDone':
    case 'modifyResponse':
    case 'addResponse':
    case 'delResponse':
    case 'modifyDNResponse':
    case 'compareResponse':
      writeResult(writer, message)
      break
    case 'extendedResponse':
      writeResult(writer, message)
      if (message.responseName !== null) writer.text(message.responseName, 0x8a)
      if (message.responseValue !== null) writer.octets(message.responseValue, 0x8b)
      break
    case 'intermediateResponse':
      if (message.responseName !== null) writer.text(message.responseName, 0x80)
      if (message.responseValue !== null) writer.octets(message.responseValue, 0x81)
      break
    default:
      message satisfies never
  }
}

function writeAuthentication(writer: BerWriter, authentication: Authentication): void {
  switch (authentication.choice) {
    case 'simple':
      writer.octets(authentication.password, 0x80)
      break
    case 'sasl': {
      const mark = writer.begin(0xa3)
      writer.text(authentication.mechanism)
      if (authentication.credentials !== null) writer.octets(authentication.credentials)
      writer.end(mark)
      break
    }
    case 'unsupported':
      writer.header(authentication.tag, 0)
      break
    default:
      authentication satisfies never
  }
}

function writeSearch(writer: BerWriter, search: SearchRequest): void {
  writer.text(search.baseObject)
  writer.integer(scopes.indexOf(search.scope), tags.enumerated)
  writer.integer(derefAliasesChoices.indexOf(search.derefAliases), tags.enumerated)
  writer.integer(search.sizeLimit)
  writer.integer(search.timeLimit)
  writer.boolean(search.typesOnly)
  encodeFilter(writer, search.filter)
  const list = writer.begin()
  for (const attribute of search.attributes) writer.text(attribute)
  writer.end(list)
}

function writeResult(writer: BerWriter, result: LdapResult): void {
  writer.integer(result.resultCode, tags.enumerated)
  writer.text(result.matchedDN)
  writer.text(result.diagnosticMessage)
  if (result.referral.length === 0) return
  const mark = writer.begin(0xa3)
  for (const uri of result.referral) writer.text(uri)
  writer.end(mark)
}

function writeAttributes(writer: BerWriter, attributes: readonly Attribute[]): void {
  const mark = writer.begin()
  for (const attribute of attributes) writeAttribute(writer, attribute)
  writer.end(mark)
}

function writeAttribute(writer: BerWriter, attribute: Attribute): void {
  const mark = writer.begin()
  writer.text(attribute.type)
  const set = writer.begin(tags.set)
  for (const value of attribute.vals) writer.octets(value)
  writer.end(set)
  writer.end(mark)
}

function writeControls(writer: BerWriter, controls: readonly Control[]): void {
  const mark = writer.begin(0xa0)
  for (const { controlType, criticality, controlValue } of controls) {
    const control = writer.begin()
    writer.text(controlType)
    if (criticality) writer.boolean(true)
    if (controlValue !== null) writer.octets(controlValue)
    writer.end(control)
  }
  writer.end(mark)
}
