// Entries that are in no table: the top of the tree, its branches, the root DSE, the subschema, and a service account as
// it sees itself. Their attributes are at hand, so that a filter on them has an answer at once.
import type { Organization } from '../../core/directory/types.ts'
import type { Filter } from '../../wire/ldap/filter.ts'
import { compileFilter, type References, type Vocabulary } from './filter.ts'
import type { Source } from './layout.ts'
import { type AttributeType, findType, typeOf } from './schema.ts'
import { encodeShown, type Selection, selects } from './selection.ts'
import { subschemaDn } from './stored-entry.ts'
import { type Branch, branches, Tree } from './tree.ts'

export interface FixedEntry {
  readonly dn: string
  readonly attributes: readonly { readonly type: AttributeType; readonly values: readonly string[] }[]
  /** What filters can ask of it. */
  readonly vocabulary: Vocabulary
}

// What can be asked of these entries costs one look each, so that the size of the message bounds it.
const nobody: References = { group: () => null, subject: () => null, spend: () => {} }
const noTree = new Tree({ domain: 'invalid' })

export function fixedEntry(dn: string, values: Readonly<Record<string, readonly string[]>>): FixedEntry {
  const attributes = Object.entries(values)
    .filter(([, own]) => own.length > 0)
    .map(([name, own]) => ({ type: typeOf(name), values: own }))
  const sources = new Map<AttributeType, Source>(
    attributes.map(({ type, values }) => [type, { kind: 'constant', syntax: type.syntax, values }]),
  )
  const source = (name: string): Source | 'absent' | undefined => {
    const type = findType(name)
    return type === undefined ? undefined : (sources.get(type) ?? 'absent')
  }
  return { dn, attributes, vocabulary: { tree: noTree, source } }
}

/** Does the filter select it? Attributes are found by their standard names. */
export function fixedMatches(entry: FixedEntry, filter: Filter): boolean {
  return compileFilter(filter, entry.vocabulary, nobody).op === 'true'
}

export function encodeFixed(entry: FixedEntry, selection: Selection): Buffer[] {
  const shown = entry.attributes
    .filter(({ type }) => selects(selection, type))
    .map(({ type, values }) => ({
      type,
      source: { kind: 'constant', syntax: type.syntax, values } as const,
      values: () => values,
    }))
  return encodeShown(
    shown,
    null,
    { tree: noTree, groups: new Map(), usernames: new Map() },
    selection.typesOnly,
  )
}

const operational = (dn: string, structuralClass: string, hasSubordinates: boolean) => ({
  entryDN: [dn],
  structuralObjectClass: [structuralClass],
  subschemaSubentry: [subschemaDn],
  hasSubordinates: [hasSubordinates ? 'TRUE' : 'FALSE'],
})

/** The entries above all others. */
export interface Upper {
  readonly top: FixedEntry
  readonly branches: Readonly<Record<Branch, FixedEntry>>
}

export function upperEntries(tree: Tree, organization: Organization): Upper {
  const top = fixedEntry(tree.suffix, {
    objectClass: ['top', 'organization', 'dcObject'],
    o: [organization.name],
    dc: [organization.domain.split('.')[0] ?? ''],
    ...operational(tree.suffix, 'organization', true),
  })
  const branchEntry = (branch: Branch) => {
    const dn = tree.branchDn(branch)
    return fixedEntry(dn, {
      objectClass: ['top', 'organizationalUnit'],
      ou: [branch],
      ...operational(dn, 'organizationalUnit', true),
    })
  }
  const entries = branches.map((branch) => [branch, branchEntry(branch)] as const)
  return { top, branches: Object.fromEntries(entries) as Record<Branch, FixedEntry> }
}

const services = new WeakMap<Tree, Map<string, FixedEntry>>()
const servicesKept = 256

export function serviceEntry(
  tree: Tree,
  { id, name }: { readonly id: string; readonly name: string },
): FixedEntry {
  const ofTree = services.get(tree) ?? new Map<string, FixedEntry>()
  const kept = ofTree.get(`${id} ${name}`)
  if (kept !== undefined) return kept
  const dn = tree.entryDn('services', name)
  const entry = fixedEntry(dn, {
    objectClass: ['top', 'applicationProcess'],
    cn: [name],
    entryUUID: [id],
    ...operational(dn, 'applicationProcess', false),
  })
  if (ofTree.size >= servicesKept) ofTree.clear()
  services.set(tree, ofTree.set(`${id} ${name}`, entry))
  return entry
}
