// The subschema (RFC 4512 §4.2): every attribute type and object class that entries can have, in the RFC's words, with what
// the organization has declared itself.
import { type FixedEntry, fixedEntry } from './fixed-entry.ts'
import type { NamingContext } from './naming-context.ts'
import { type AttributeType, attributeTypes, type ObjectClass, objectClasses, type Syntax } from './schema.ts'
import { subschemaDn } from './stored-entry.ts'

const syntaxBase = '1.3.6.1.4.1.1466.115.121.1'

// Syntax and matching rules of each (RFC 4517 §3.3, §4.2; RFC 4530).
const descriptions = {
  text: `EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX ${syntaxBase}.15`,
  exact: `EQUALITY caseExactMatch SUBSTR caseExactSubstringsMatch SYNTAX ${syntaxBase}.15`,
  ia5: `EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch SYNTAX ${syntaxBase}.26`,
  integer: `EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX ${syntaxBase}.27`,
  number: `EQUALITY caseIgnoreMatch SYNTAX ${syntaxBase}.15`,
  boolean: `EQUALITY booleanMatch SYNTAX ${syntaxBase}.7`,
  time: `EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX ${syntaxBase}.24`,
  dn: `EQUALITY distinguishedNameMatch SYNTAX ${syntaxBase}.12`,
  uuid: 'EQUALITY uuidMatch ORDERING uuidOrderingMatch SYNTAX 1.3.6.1.1.16.1',
  class: `EQUALITY objectIdentifierMatch SYNTAX ${syntaxBase}.38`,
} as const satisfies Record<Syntax, string>

const quoted = (names: readonly string[]): string => {
  const each = names.map((name) => `'${name}'`)
  return each.length === 1 ? (each[0] as string) : `( ${each.join(' ')} )`
}

// AttributeTypeDescription, RFC 4512 §4.1.2
function formatType({ oid, name, aliases, syntax, single, operational }: AttributeType): string {
  const flags = `${single ? ' SINGLE-VALUE' : ''}${operational ? ' NO-USER-MODIFICATION USAGE directoryOperation' : ''}`
  return `( ${oid} NAME ${quoted([name, ...aliases])} ${descriptions[syntax]}${flags} )`
}

const list = (word: string, names: readonly string[]): string =>
  names.length === 0 ? '' : ` ${word} ${names.length === 1 ? names[0] : `( ${names.join(' $ ')} )`}`

// ObjectClassDescription, RFC 4512 §4.1.1
function formatClass({ oid, name, sup, kind, must, may }: ObjectClass): string {
  return `( ${oid} NAME '${name}'${list('SUP', sup === null ? [] : [sup])} ${kind}${list('MUST', must)}${list('MAY', may)} )`
}

const known = new WeakMap<NamingContext, FixedEntry>()
const forStrangers = entryOf([], { users: [], devices: [] })

/** `context`: of the organization of whoever has bound; strangers see what is the same everywhere. */
export function subschema(context: NamingContext | null): FixedEntry {
  if (context === null) return forStrangers
  const kept = known.get(context)
  if (kept !== undefined) return kept
  const entry = entryOf(context.declared, context.declaredOf)
  known.set(context, entry)
  return entry
}

function entryOf(declared: readonly AttributeType[], declaredOf: NamingContext['declaredOf']): FixedEntry {
  const standard = new Set(attributeTypes)
  const types = [...attributeTypes, ...declared.filter((type) => !standard.has(type))]
  const classes = objectClasses.map((each) => {
    const own =
      each.name === 'musterUser' ? declaredOf.users : each.name === 'musterDevice' ? declaredOf.devices : []
    return own.length === 0 ? each : { ...each, may: [...each.may, ...own] }
  })
  return fixedEntry(subschemaDn, {
    objectClass: ['top', 'subschema'],
    attributeTypes: types.map(formatType),
    objectClasses: classes.map(formatClass),
    entryDN: [subschemaDn],
    subschemaSubentry: [subschemaDn],
    hasSubordinates: ['FALSE'],
  })
}
