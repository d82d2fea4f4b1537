// From a search filter to a Condition on the entries of one branch, every kind of filter. What cannot be answered
// (an attribute that nobody knows, a value that is none, a rule that does not fit) is unknown (RFC 4511 §4.5.1.7).
import { utf8, WireError } from '../../base/bytes.ts'
import type { GroupId, SubjectId, UserId } from '../../base/ids.ts'
import type { Condition, Field } from '../../core/directory/condition.ts'
import { nameKey } from '../../core/directory/names.ts'
import { canonicalDn, canonicalText } from '../../wire/ldap/dn.ts'
import type { ExtensibleFilter, Filter, SubstringsFilter } from '../../wire/ldap/filter.ts'
import { askByGroup } from './by-group.ts'
import { compareField, joinedEquals, joinedSubstring, type Pieces } from './comparison.ts'
import { allOf, anyOf, negate, no, sizeOf, unknown, yes } from './fold.ts'
import type { Source } from './layout.ts'
import { canonicalClass } from './schema.ts'
import type { Tree } from './tree.ts'
import { parseInteger } from './values.ts'

/** What filters are asked of. */
export interface Vocabulary {
  readonly tree: Tree
  /** `absent`: known, but these entries never have it. Undefined: not known. `name` in lower case, or an OID. */
  source(name: string): Source | 'absent' | undefined
}

/** Who is meant by the DNs in a filter; null where nobody is. */
export interface References {
  group(name: string): GroupId | null
  subject(branch: 'users' | 'devices', name: string): SubjectId | null
  /** Counts comparisons that one item of the filter takes; throws FilterTooLarge where they are too many together. */
  spend(comparisons: number): void
}

/** The filter asks for more comparisons than one search may cost. */
export class FilterTooLarge extends Error {}

/** The condition under which an entry matches. */
export function compileFilter(filter: Filter, vocabulary: Vocabulary, references: References): Condition {
  switch (filter.kind) {
    case 'and':
      return allOf(filter.filters.map((each) => compileFilter(each, vocabulary, references)))
    case 'or':
      return anyOf(filter.filters.map((each) => compileFilter(each, vocabulary, references)))
    case 'not':
      return negate(compileFilter(filter.filter, vocabulary, references))
    case 'present':
      return withSource(filter.attributeDesc, vocabulary, presence)
    // approxMatch: no better idea of "about the same" than equality (RFC 4511 §4.5.1.7.6 allows it).
    case 'equalityMatch':
    case 'approxMatch':
      return withSource(filter.attributeDesc, vocabulary, (source) =>
        equality(source, filter.assertionValue, vocabulary, references),
      )
    case 'greaterOrEqual':
    case 'lessOrEqual':
      return withSource(filter.attributeDesc, vocabulary, (source) =>
        withText(filter.assertionValue, (text) =>
          ordering(source, filter.kind === 'greaterOrEqual' ? 'ge' : 'le', text, references),
        ),
      )
    case 'substrings':
      return withSource(filter.attributeDesc, vocabulary, (source) => substrings(source, filter, references))
    case 'extensibleMatch':
      return extensible(filter, vocabulary, references)
    default:
      return filter satisfies never
  }
}

/** An attribute with an option (`;binary`, `;lang-de`) is another one, and entries have none such (RFC 4512 §2.5). */
function withSource(
  attributeDesc: string,
  vocabulary: Vocabulary,
  ask: (source: Source) => Condition,
): Condition {
  const source = vocabulary.source(attributeDesc.toLowerCase())
  if (source === undefined) return unknown
  return source === 'absent' ? no : ask(source)
}

function withText(bytes: Buffer, ask: (text: string) => Condition): Condition {
  const text = utf8(bytes)
  return text === null ? unknown : ask(text)
}

function presence(source: Source): Condition {
  switch (source.kind) {
    case 'field':
    case 'user-dn':
      return { op: 'present', field: source.field }
    case 'constant':
      return source.values.length > 0 ? yes : (source.also?.when ?? no)
    case 'cases':
    case 'prefixed':
    case 'own-dn':
      return yes
    case 'by-group':
      return presence(source.otherwise)
    case 'member-of':
      return { op: 'member-of-any' }
    case 'member':
      return { op: 'has-member-any' }
    case 'member-uid':
      return allOf([{ op: 'eq', field: { standard: 'of' }, value: 'users' }, { op: 'has-member-any' }])
    default:
      return source satisfies never
  }
}

function equality(source: Source, value: Buffer, vocabulary: Vocabulary, references: References): Condition {
  return withText(value, (text) => {
    switch (source.kind) {
      case 'field':
        return compareField(source, 'eq', text)
      case 'cases':
        return eachCase(source, references, (fields) => joinedEquals(fields, text))
      case 'constant':
        return constantEquals(source, text)
      case 'prefixed':
        return text.startsWith(source.prefix)
          ? { op: 'eq', field: source.field, value: text.slice(source.prefix.length) }
          : no
      case 'by-group':
        return askByGroup(source, references, (each) => equality(each, value, vocabulary, references))
      case 'member-uid': {
        const subject = references.subject('users', text)
        return subject === null ? no : { op: 'has-member', subject }
      }
      default:
        return dnEquality(source, text, vocabulary.tree, references)
    }
  })
}

function ordering(source: Source, op: 'ge' | 'le', text: string, references: References): Condition {
  if (source.kind === 'by-group') {
    return askByGroup(source, references, (each) => ordering(each, op, text, references))
  }
  if (source.kind === 'constant' && source.syntax === 'integer') {
    const asked = parseInteger(text)
    if (asked === null) return unknown
    return source.values.some((own) => (op === 'ge' ? Number(own) >= asked : Number(own) <= asked)) ? yes : no
  }
  const isOrdered = source.kind === 'field' && source.syntax !== 'text' && source.syntax !== 'uuid'
  return isOrdered ? compareField(source, op, text) : unknown
}

type DnSource = Extract<Source, { kind: 'own-dn' | 'user-dn' | 'member-of' | 'member' }>

function dnEquality(source: DnSource, text: string, tree: Tree, references: References): Condition {
  const place = locate(tree, text)
  if (place === null) return unknown
  if (place.at !== 'entry') return no
  const { branch, name } = place
  switch (source.kind) {
    case 'own-dn':
      return branch === source.branch ? { op: 'eq', field: source.field, value: name } : no
    case 'user-dn': {
      const user = branch === 'users' ? (references.subject('users', name) as UserId | null) : null
      return user === null ? no : { op: 'eq', field: source.field, value: user }
    }
    case 'member-of': {
      const group = branch === 'groups' ? references.group(name) : null
      return group === null ? no : { op: 'member-of', group }
    }
    case 'member': {
      const subject = branch === 'users' || branch === 'devices' ? references.subject(branch, name) : null
      return subject === null ? no : { op: 'has-member', subject }
    }
    default:
      return source satisfies never
  }
}

/** Null: no DN at all. */
function locate(tree: Tree, text: string) {
  try {
    return tree.locate(text)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

interface Known {
  readonly canonical: ReadonlySet<string | null>
  readonly folded: readonly string[]
}

/** Spelled out once and not for every item of every filter: the subschema has many long values, and strangers may ask. */
const knownValues = new WeakMap<Source, Known>()

function known(source: Extract<Source, { kind: 'constant' }>): Known {
  const kept = knownValues.get(source)
  if (kept !== undefined) return kept
  const made: Known = {
    canonical: new Set(source.values.map((value) => canonicalOf(source, value))),
    folded: source.values.map(nameKey),
  }
  knownValues.set(source, made)
  return made
}

function constantEquals(source: Extract<Source, { kind: 'constant' }>, text: string): Condition {
  const canonical = canonicalOf(source, text)
  if (canonical === null) return unknown
  if (known(source).canonical.has(canonical)) return yes
  const { also } = source
  return also !== undefined && canonicalOf(source, also.value) === canonical ? also.when : no
}

function canonicalOf({ syntax }: Extract<Source, { kind: 'constant' }>, text: string): string | null {
  if (syntax === 'class') return canonicalClass(text)
  if (syntax === 'integer') return parseInteger(text)?.toString() ?? null
  if (syntax !== 'dn') return canonicalText(text)
  try {
    return canonicalDn(text)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

/** Two fields joined may meet at many places, so what this makes is counted while it is made. */
function eachCase(
  { cases }: Extract<Source, { kind: 'cases' }>,
  references: References,
  ask: (fields: readonly Field[]) => Condition,
): Condition {
  return anyOf(
    cases.map(({ when, fields }) => {
      const asked = ask(fields)
      references.spend(sizeOf(asked))
      return allOf([when, asked])
    }),
  )
}

function substrings(source: Source, filter: SubstringsFilter, references: References): Condition {
  const { initial, any, final } = filter
  const texts = [initial ?? Buffer.alloc(0), ...any, final ?? Buffer.alloc(0)].map(utf8)
  if (texts.includes(null)) return unknown
  const pieces = texts as Pieces
  switch (source.kind) {
    case 'field':
      return source.syntax === 'text' ? joinedSubstring([source.field], pieces) : unknown
    case 'cases':
      return eachCase(source, references, (fields) => joinedSubstring(fields, pieces))
    case 'by-group':
      return askByGroup(source, references, (each) => substrings(each, filter, references))
    case 'constant': {
      const isText = source.syntax === 'text' || source.syntax === 'exact' || source.syntax === 'ia5'
      if (!isText) return unknown
      const folded = pieces.map(fold)
      return known(source).folded.some((value) => holds(value, folded)) ? yes : no
    }
    // Names of entries in DNs have no parts (distinguishedNameMatch has no substring rule).
    default:
      return unknown
  }
}

/** As nameKey does, but for white space at the ends, which stands between words here. */
const fold = (piece: string): string => piece.normalize('NFKC').replace(/\s+/g, ' ').toLowerCase()

function holds(text: string, pieces: readonly string[]): boolean {
  const initial = pieces[0] ?? ''
  const final = pieces.at(-1) ?? ''
  if (!text.startsWith(initial)) return false
  let from = initial.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, from)
    if (found < 0) return false
    from = found + piece.length
  }
  return text.length - final.length >= from && text.endsWith(final)
}

/** Matching rules by name and number that say the same as the attribute's own equality. */
const plainRules = new Set(
  [
    ['caseIgnoreMatch', '2.5.13.2'],
    ['caseIgnoreIA5Match', '1.3.6.1.4.1.1466.109.114.2'],
    ['integerMatch', '2.5.13.14'],
    ['booleanMatch', '2.5.13.13'],
    ['distinguishedNameMatch', '2.5.13.1'],
    ['generalizedTimeMatch', '2.5.13.27'],
    ['uuidMatch', '1.3.6.1.1.16.2'],
    ['objectIdentifierMatch', '2.5.13.0'],
  ]
    .flat()
    .map((name) => name.toLowerCase()),
)
const exactRules = new Set(['caseexactmatch', '2.5.13.5', 'caseexactia5match', '1.3.6.1.4.1.1466.109.114.1'])

/** With a type, and with a rule that is an equality. Active Directory's bitwise and chain rules are unknown. */
function extensible(
  { type, matchingRule, matchValue, dnAttributes }: ExtensibleFilter,
  vocabulary: Vocabulary,
  references: References,
): Condition {
  const rule = matchingRule?.toLowerCase()
  const isPlain = rule === undefined || plainRules.has(rule)
  if (type === null || dnAttributes || !(isPlain || exactRules.has(rule))) return unknown
  return withSource(type, vocabulary, (source) => {
    if (isPlain) return equality(source, matchValue, vocabulary, references)
    if (source.kind !== 'field' || source.syntax !== 'text') return unknown
    const { field } = source
    // Only what is stored as it was written can be compared so.
    return 'custom' in field
      ? withText(matchValue, (text) => ({ op: 'eq', field: { ...field, caseExact: true }, value: text }))
      : unknown
  })
}
