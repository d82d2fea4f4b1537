// The fast way for search results: attributes are encoded once, kept beside the entry, and put together per answer
// with the message's id and the attributes asked for. Lengths are computed, nothing is moved, nothing is parsed.
import { tags } from '../ber/tags.ts'
import { BerWriter, integerOctets, tlvOctets } from '../ber/writer.ts'
import { operationTags } from './messages.ts'

const scratch = new BerWriter()

/** One PartialAttribute, ready to be put into any number of entries. Text values are written in UTF-8. */
export function encodeAttribute(type: string, values: readonly (Uint8Array | string)[]): Buffer {
  scratch.reset()
  const mark = scratch.begin()
  scratch.text(type)
  const set = scratch.begin(tags.set)
  for (const value of values) {
    if (typeof value === 'string') scratch.text(value)
    else scratch.octets(value)
  }
  scratch.end(set)
  scratch.end(mark)
  return scratch.take()
}

/**
 * Appends a searchResultEntry without controls to `writer`.
 * @param objectName the DN: text, or its UTF-8 octets where they are at hand
 * @param attributes each as `encodeAttribute` gave it
 */
export function writeSearchResultEntry(
  writer: BerWriter,
  messageID: number,
  objectName: string | Uint8Array,
  attributes: readonly Uint8Array[],
): void {
  let listLength = 0
  for (const attribute of attributes) listLength += attribute.length
  const nameLength = typeof objectName === 'string' ? Buffer.byteLength(objectName) : objectName.length
  const operationLength = tlvOctets(nameLength) + tlvOctets(listLength)
  writer.header(tags.sequence, 2 + integerOctets(messageID) + tlvOctets(operationLength))
  writer.integer(messageID)
  writer.header(operationTags.searchResultEntry, operationLength)
  if (typeof objectName === 'string') writer.text(objectName)
  else writer.octets(objectName)
  writer.header(tags.sequence, listLength)
  for (const attribute of attributes) writer.raw(attribute)
}

/** The same, as bytes of its own. */
export function encodeSearchResultEntry(
  messageID: number,
  objectName: string | Uint8Array,
  attributes: readonly Uint8Array[],
): Buffer {
  scratch.reset()
  writeSearchResultEntry(scratch, messageID, objectName, attributes)
  return scratch.take()
}
