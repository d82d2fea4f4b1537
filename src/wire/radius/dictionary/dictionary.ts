// Finds attributes by name and by number in our own selection of attributes, and guesses what a misspelt name meant.
import { nearest } from '../../../base/nearest.ts'
import { access } from './access.ts'
import { accounting } from './accounting.ts'
import { cisco } from './cisco.ts'
import type { AttributeDefinition } from './definition.ts'
import { firewalls } from './firewalls.ts'
import { microsoft } from './microsoft.ts'
import { network } from './network.ts'
import { switches } from './switches.ts'
import { wireless } from './wireless.ts'

/** Every attribute known by name. Any other can be written as `Attr-<number>` or `Attr-26.<vendor>.<number>`. */
export const definitions: readonly AttributeDefinition[] = [
  ...access,
  ...accounting,
  ...network,
  ...microsoft,
  ...cisco,
  ...wireless,
  ...firewalls,
  ...switches,
]

const byName = new Map(definitions.map((definition) => [definition.name.toLowerCase(), definition]))
const byNumber = new Map(
  definitions.map((definition) => [numberKey(definition.vendor, definition.number), definition]),
)

function numberKey(vendor: number, number: number): number {
  return vendor * 256 + number
}

/** By number; `vendor` 0 is the standard space. */
export function findByNumber(vendor: number, number: number): AttributeDefinition | null {
  return byNumber.get(numberKey(vendor, number)) ?? null
}

/**
 * By name, whatever its case, or by the numbers `Attr-<number>` and `Attr-26.<vendor>.<number>`: a number that is known gives
 * the known definition, another one an attribute of octets. Null where there is no such attribute.
 */
export function findByName(name: string): AttributeDefinition | null {
  const known = byName.get(name.toLowerCase())
  if (known !== undefined) return known
  const parts = /^attr-(?:26\.(\d{1,10})\.)?(\d{1,3})$/i.exec(name)
  if (parts === null) return null
  const vendor = Number(parts[1] ?? 0)
  const number = Number(parts[2])
  // 241 to 246 are the extended attributes of RFC 6929: their first byte is a further number, not a value.
  const inRange =
    parts[1] === undefined ? number <= 240 : vendor >= 1 && vendor <= 0xff_ff_ff && number <= 255
  return number >= 1 && inRange ? (findByNumber(vendor, number) ?? unnamed(vendor, number)) : null
}

/** An attribute of octets under the name that its numbers make. */
export function unnamed(vendor: number, number: number): AttributeDefinition {
  const name = vendor === 0 ? `Attr-${number}` : `Attr-26.${vendor}.${number}`
  const plain = { author: 'reply', tagged: false, hidden: null, secret: false, values: null } as const
  return { name, number, vendor, type: 'octets', ...plain }
}

/** The known name that this one is most likely a misspelling of, or null. */
export function suggestName(name: string): string | null {
  return closest(
    name,
    definitions.map((definition) => definition.name),
  )
}

/** The candidate that ends with `text`, or is near to it. Null where there is none. */
function closest(text: string, candidates: readonly string[]): string | null {
  const wanted = text.toLowerCase().replaceAll('_', '-').slice(0, 80)
  const longer =
    wanted.length > 3 ? candidates.find((each) => each.toLowerCase().endsWith(`-${wanted}`)) : undefined
  return longer ?? nearest(wanted, candidates) ?? null
}
