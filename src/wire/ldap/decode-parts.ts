// The parts that several operations have in common: attribute lists, lists of text, and named numbers.
import { WireError } from '../../base/bytes.ts'
import type { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { ldapLimits } from './limits.ts'
import type { Attribute } from './messages.ts'

/** List items still allowed in this message. */
export interface ItemBudget {
  left: number
}

export const newItemBudget = (): ItemBudget => ({ left: ldapLimits.listItems })

/** Counts one list item. Throws WireError `too-many-items`. */
export function spendItem(budget: ItemBudget, reader: BerReader): void {
  if (--budget.left < 0) throw new WireError('too-many-items', reader.offset)
}

/** Attribute ::= SEQUENCE { type, vals SET OF OCTET STRING } */
export function decodeAttribute(reader: BerReader, budget: ItemBudget): Attribute {
  spendItem(budget, reader)
  const attribute = reader.enter(tags.sequence)
  const type = attribute.text()
  const set = attribute.enter(tags.set)
  attribute.finish()
  const vals: Buffer[] = []
  while (!set.atEnd) {
    spendItem(budget, set)
    vals.push(set.octets())
  }
  return { type, vals }
}

/** SEQUENCE OF Attribute */
export function decodeAttributes(reader: BerReader): readonly Attribute[] {
  const budget = newItemBudget()
  const list = reader.enter(tags.sequence)
  const attributes: Attribute[] = []
  while (!list.atEnd) attributes.push(decodeAttribute(list, budget))
  return attributes
}

/** All that is left, as OCTET STRINGs of text. */
export function decodeTexts(reader: BerReader): readonly string[] {
  const budget = newItemBudget()
  const texts: string[] = []
  while (!reader.atEnd) {
    spendItem(budget, reader)
    texts.push(reader.text())
  }
  return texts
}

/** An ENUMERATED by name. Throws WireError `unknown-enumeration` beyond the names. */
export function decodeEnumerated<Name extends string>(
  reader: BerReader,
  names: readonly Name[],
  tag: number = tags.enumerated,
): Name {
  const at = reader.offset
  const name = names[reader.integer(tag, 0)]
  if (name === undefined) throw new WireError('unknown-enumeration', at)
  return name
}
