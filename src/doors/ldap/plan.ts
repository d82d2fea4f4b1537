// What a search comes to: which parts of the tree are concerned, and the condition in each. Who may read what is decided
// here and nowhere else.
import type { Principal } from '../../core/access/decision.ts'
import type { Condition } from '../../core/directory/condition.ts'
import { nameKey } from '../../core/directory/names.ts'
import type { DirectoryReader } from '../../core/ports.ts'
import type { Filter } from '../../wire/ldap/filter.ts'
import type { Scope } from '../../wire/ldap/messages.ts'
import type { UniqueKey } from './entry-cache.ts'
import { compileFilter } from './filter.ts'
import { type FixedEntry, fixedMatches, serviceEntry } from './fixed-entry.ts'
import { allOf, no, selecting, yes } from './fold.ts'
import type { NamingContext } from './naming-context.ts'
import { FilterReferences } from './references.ts'
import type { Branch, Place } from './tree.ts'

export type StoredBranch = Exclude<Branch, 'services'>

export type Part =
  | { readonly kind: 'fixed'; readonly entries: readonly FixedEntry[] }
  | { readonly kind: 'users'; readonly where: Condition }
  | { readonly kind: 'groups'; readonly where: Condition }
  | { readonly kind: 'devices'; readonly where: Condition }

export type Reader = Pick<DirectoryReader, 'usersByKey' | 'devices'>

/**
 * The entries of a branch that somebody may read. Users read users, groups of users and their own devices: groups of devices
 * name those of others.
 */
export function reach(principal: Principal, branch: StoredBranch): Condition {
  if (principal.kind === 'service') return principal.reads.includes(branch) ? yes : no
  if (branch === 'groups') return { op: 'eq', field: { standard: 'of' }, value: 'users' }
  if (branch === 'devices') return { op: 'eq', field: { standard: 'ownerId' }, value: principal.id }
  return yes
}

/** May they know at all of entries in that branch? */
export function mayEnter(principal: Principal, branch: Branch): boolean {
  if (branch === 'services') return principal.kind === 'service'
  return reach(principal, branch).op !== 'false'
}

export const nameField = { users: 'username', groups: 'name', devices: 'name' } as const

export const isCalled = (branch: StoredBranch, name: string): Condition => ({
  op: 'eq',
  field: { standard: nameField[branch] },
  value: name,
})

/** The parts of a search, none of them empty for certain. A promise where names in the filter must be looked up first. Throws FilterTooLarge. */
export function planSearch(
  place: Exclude<Place, { at: 'nowhere' }>,
  scope: Scope,
  filter: Filter,
  context: NamingContext,
  principal: Principal,
  reader: Reader,
): readonly Part[] | Promise<readonly Part[]> {
  const references = new FilterReferences(context)
  const plan = () => {
    references.begin()
    return [
      ...fixedParts(place, scope, filter, context, principal),
      ...storedParts(place, scope, filter, context, principal, references),
    ]
  }
  const parts = plan()
  return references.incomplete ? references.complete(reader).then(plan) : parts
}

function fixedParts(
  place: Exclude<Place, { at: 'nowhere' }>,
  scope: Scope,
  filter: Filter,
  context: NamingContext,
  principal: Principal,
): readonly Part[] {
  const candidates: FixedEntry[] = []
  const hasBase = scope !== 'singleLevel'
  if (place.at === 'top') {
    if (hasBase) candidates.push(context.upper.top)
    if (scope !== 'baseObject') candidates.push(...Object.values(context.upper.branches))
  } else if (place.at === 'branch' && hasBase) candidates.push(context.upper.branches[place.branch])
  if (principal.kind === 'service' && isWanted(place, scope, 'services', principal.name)) {
    candidates.push(serviceEntry(context.tree, principal))
  }
  const entries = candidates.filter((entry) => fixedMatches(entry, filter))
  return entries.length === 0 ? [] : [{ kind: 'fixed', entries }]
}

/** Is an entry of that branch, by that name where one is given, within the scope? */
function isWanted(
  place: Exclude<Place, { at: 'nowhere' }>,
  scope: Scope,
  branch: Branch,
  name?: string,
): boolean {
  if (place.at === 'top') return scope === 'wholeSubtree'
  if (place.branch !== branch) return false
  if (place.at === 'branch') return scope !== 'baseObject'
  return scope !== 'singleLevel' && (name === undefined || nameKey(name) === nameKey(place.name))
}

function storedParts(
  place: Exclude<Place, { at: 'nowhere' }>,
  scope: Scope,
  filter: Filter,
  context: NamingContext,
  principal: Principal,
  references: FilterReferences,
): readonly Part[] {
  const parts: Part[] = []
  for (const branch of ['users', 'groups', 'devices'] as const) {
    const reached = reach(principal, branch)
    if (reached.op === 'false' || !isWanted(place, scope, branch)) continue
    const named = place.at === 'entry' ? isCalled(branch, place.name) : yes
    const where = selecting(
      allOf([named, reached, compileFilter(filter, context.vocabularies[branch], references)]),
    )
    if (where.op !== 'false') parts.push({ kind: branch, where })
  }
  return parts
}

const uniqueKeys: Readonly<Record<string, UniqueKey>> = { username: 'username', email: 'email', id: 'id' }

/** The key where the parts come to one user who has it. */
export function uniqueUser(parts: readonly Part[]): { readonly by: UniqueKey; readonly key: string } | null {
  const [part, second] = parts
  if (part?.kind !== 'users' || second !== undefined || part.where.op !== 'eq') return null
  const { field, value } = part.where
  const by = 'standard' in field ? uniqueKeys[field.standard] : undefined
  return by === undefined || typeof value !== 'string' ? null : { by, key: value }
}
