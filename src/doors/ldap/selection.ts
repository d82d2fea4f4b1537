// Which attributes a search asks for (RFC 4511 §4.5.1.8), and the attributes of an entry that it gets.
import { encodeAttribute } from '../../wire/ldap/encode-entry.ts'
import type { Layout, Shown, Spelling } from './layout.ts'
import type { AttributeType } from './schema.ts'

export interface Selection {
  /** `*`, or nothing named: all attributes that are not operational. */
  readonly plain: boolean
  /** `+` (RFC 3673). */
  readonly operational: boolean
  /** Attributes asked for by name. */
  readonly keys: ReadonlySet<string>
  readonly typesOnly: boolean
}

/** Everything that entries can show, for keeping them. */
export const everything: Selection = {
  plain: true,
  operational: true,
  keys: new Set(),
  typesOnly: false,
}

/** `keyOf`: the key of an attribute by any of its names in lower case. A name with an option selects nothing. */
export function parseSelection(
  attributes: readonly string[],
  typesOnly: boolean,
  keyOf: (name: string) => string | undefined,
): Selection {
  const keys = new Set<string>()
  let plain = attributes.length === 0
  let operational = false
  for (const attribute of attributes) {
    if (attribute === '*') plain = true
    else if (attribute === '+') operational = true
    else {
      const key = keyOf(attribute.toLowerCase())
      if (key !== undefined) keys.add(key)
    }
  }
  return { plain, operational, keys, typesOnly }
}

export function selects({ plain, operational, keys }: Selection, type: AttributeType): boolean {
  return (type.operational ? operational : plain) || keys.has(type.key)
}

export function selectShown<T>(layout: Layout<T>, selection: Selection): readonly Shown<T>[] {
  return layout.list.filter(({ type }) => selects(selection, type))
}

const noValues: readonly string[] = []

/** The attributes of one entry as they go onto the wire; those without a value are left out. */
export function encodeShown<T>(
  shown: readonly Shown<T>[],
  subject: T,
  spelling: Spelling,
  typesOnly: boolean,
): Buffer[] {
  const encoded: Buffer[] = []
  for (const { type, values } of shown) {
    const own = values(subject, spelling)
    if (own.length > 0) encoded.push(encodeAttribute(type.name, typesOnly ? noValues : own))
  }
  return encoded
}
