// From the bytes of one whole message to an LdapMessage: the envelope, its controls, and which operation it is. The
// operations themselves are in decode-request.ts and decode-response.ts.
import { WireError } from '../../base/bytes.ts'
import { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { decodeRequest } from './decode-request.ts'
import { decodeResponse } from './decode-response.ts'
import { asRefusal, ldapLimits } from './limits.ts'
import { type Control, type Envelope, type LdapMessage, operationsByTag } from './messages.ts'

const controlsTag = 0xa0

/**
 * Decodes one message; `bytes` is all of it and nothing else. Values are views of `bytes`: copy what outlives it.
 * Throws RefusedMessage for what can still be answered, any other WireError for what cannot. Superfluous bytes
 * anywhere are an error, although RFC 4511 §4 would have unknown trailing components of a SEQUENCE ignored.
 */
export function decodeMessage(bytes: Buffer): LdapMessage {
  // LDAPMessage ::= SEQUENCE { messageID, protocolOp CHOICE, controls [0] OPTIONAL }
  const outer = new BerReader(bytes)
  const reader = outer.enter(tags.sequence)
  outer.finish()
  const messageID = reader.integer(tags.integer, 0)
  const tag = reader.peekTag()
  const protocolOp = operationsByTag.get(tag)
  if (protocolOp === undefined) throw new WireError('unknown-operation', reader.offset)
  const operation = reader.enter(tag)
  try {
    const controls = reader.atEnd ? [] : decodeControls(reader)
    const envelope: Envelope = { messageID, controls }
    const message =
      decodeRequest(protocolOp, envelope, operation) ?? decodeResponse(protocolOp, envelope, operation)
    operation.finish()
    return message
  } catch (error) {
    throw asRefusal(error, messageID, protocolOp)
  }
}

// Controls ::= [0] SEQUENCE OF SEQUENCE { controlType, criticality BOOLEAN DEFAULT FALSE, controlValue OPTIONAL }
function decodeControls(reader: BerReader): readonly Control[] {
  const list = reader.enter(controlsTag)
  reader.finish()
  const controls: Control[] = []
  while (!list.atEnd) {
    if (controls.length === ldapLimits.controls) throw new WireError('too-many-controls', list.offset)
    const control = list.enter(tags.sequence)
    const controlType = control.text()
    const criticality = control.peekTag() === tags.boolean ? control.boolean() : false
    const controlValue = control.atEnd ? null : control.octets()
    control.finish()
    controls.push({ controlType, criticality, controlValue })
  }
  return controls
}
