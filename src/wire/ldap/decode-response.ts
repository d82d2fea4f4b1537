// The responses of RFC 4511 §4, from the contents of their protocolOp: for clients, tools and tests.
import { WireError } from '../../base/bytes.ts'
import type { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { decodeAttributes, decodeTexts } from './decode-parts.ts'
import type { Envelope, LdapResponse, LdapResult, ProtocolOp } from './messages.ts'

/** The response in `reader`. What is left over, the caller checks. */
export function decodeResponse(protocolOp: ProtocolOp, envelope: Envelope, reader: BerReader): LdapResponse {
  switch (protocolOp) {
    case 'bindResponse': {
      const result = decodeResult(reader)
      return { ...envelope, protocolOp, ...result, serverSaslCreds: optional(reader, 0x87) }
    }
    case 'searchResultEntry':
      return { ...envelope, protocolOp, objectName: reader.text(), attributes: decodeAttributes(reader) }
    case 'searchResultReference':
      return { ...envelope, protocolOp, uris: decodeTexts(reader) }
    case 'searchResultDone':
    case 'modifyResponse':
    case 'addResponse':
    case 'delResponse':
    case 'modifyDNResponse':
    case 'compareResponse':
      return { ...envelope, protocolOp, ...decodeResult(reader) }
    case 'extendedResponse': {
      const result = decodeResult(reader)
      const responseName = optionalText(reader, 0x8a)
      return { ...envelope, protocolOp, ...result, responseName, responseValue: optional(reader, 0x8b) }
    }
    case 'intermediateResponse': {
      const responseName = optionalText(reader, 0x80)
      return { ...envelope, protocolOp, responseName, responseValue: optional(reader, 0x81) }
    }
    default:
      throw new WireError('unknown-operation', reader.offset)
  }
}

// LDAPResult ::= SEQUENCE { resultCode ENUMERATED, matchedDN, diagnosticMessage, referral [3] OPTIONAL }
function decodeResult(reader: BerReader): LdapResult {
  const resultCode = reader.integer(tags.enumerated, 0)
  const matchedDN = reader.text()
  const diagnosticMessage = reader.text()
  const referral = reader.peekTag() === 0xa3 ? decodeTexts(reader.enter(0xa3)) : []
  return { resultCode, matchedDN, diagnosticMessage, referral }
}

const optional = (reader: BerReader, tag: number): Buffer | null =>
  reader.peekTag() === tag ? reader.octets(tag) : null

const optionalText = (reader: BerReader, tag: number): string | null =>
  reader.peekTag() === tag ? reader.text(tag) : null
