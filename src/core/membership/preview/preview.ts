// What a new rule would change, counted cell by cell: who joins, leaves and stays, for whom it hangs on a missing value,
// and what people gain and lose by it. Pure; who goes through the cells is the Previewer.
import type { GroupId, OrganizationId, SubjectId } from '../../../base/ids.ts'
import type { Group } from '../../directory/types.ts'
import type { Cell } from '../cell.ts'
import { compileKnown, type KnownPredicate } from '../language/known.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'
import { type AffectedSubject, affectedGroups, evaluateAffected } from './affected.ts'

/** Something that members of a group have: a bound resource with what it receives, or the group in LDAP. */
export interface Grant {
  /** `group`: the group itself, as LDAP shows it. */
  readonly kind: 'group' | 'directory' | 'network' | 'application' | 'portal' | 'console'
  /** Name of the resource, or of the group. */
  readonly resource: string
  readonly vlan?: number
  readonly role?: string
}

/** A grant by one binding. Of those that cannot be had together, that of the lowest rank is in force. */
export interface Granted {
  readonly grant: Grant
  /** The place of its binding in the administrator's order. */
  readonly rank: number
  /** Equal for what cannot be had together: of a resource's VLANs and roles one is in force. Everything else stands for itself. */
  readonly slot: string
  /** Equal for equal grants. */
  readonly key: string
}

export function granted(grant: Grant, rank: number): Granted {
  const key = grantKey(grant)
  const standsForItself = grant.vlan === undefined && grant.role === undefined
  return { grant, rank, key, slot: standsForItself ? key : JSON.stringify([grant.kind, grant.resource]) }
}

/** What members of each group have. */
export type GroupGrants = ReadonlyMap<GroupId, readonly Granted[]>

export interface GrantCount extends Grant {
  readonly count: number
}

export interface PreviewedSubject {
  readonly subjectId: SubjectId
  readonly name: string
  readonly gains: readonly Grant[]
  readonly loses: readonly Grant[]
}

export interface Sampled<T> {
  readonly count: number
  /** In id order. */
  readonly sample: readonly T[]
  /** Give it as `after` to see more; null: these are all. */
  readonly next: SubjectId | null
}

export interface Preview {
  readonly joins: Sampled<PreviewedSubject>
  readonly leaves: Sampled<PreviewedSubject>
  readonly stays: { readonly count: number }
  /** Decided by the rule only because a value is missing. */
  readonly unknowns: Sampled<Pick<PreviewedSubject, 'subjectId' | 'name'>>
  /** Of everybody, also through groups that read this one. */
  readonly gains: readonly GrantCount[]
  readonly loses: readonly GrantCount[]
}

/** Whoever can tell what a group with this row would change: at present one that goes through all cells. */
export interface Previewer {
  /** Throws Fault `busy` where too many wait. The rule must have been checked. */
  preview(organization: OrganizationId, group: Group, page: SamplePage): Promise<Preview>
}

export interface SamplePage {
  /** At most so many in each sample. */
  readonly limit: number
  readonly after?: string
}

/** Of one who is shown. */
export const mostGrantsShown = 20

/** Takes cells one after the other. */
export class PreviewCount {
  readonly #id: GroupId
  readonly #there: ReadonlySet<GroupId>
  readonly #affected: readonly CompiledGroup[]
  readonly #target: CompiledGroup | undefined
  readonly #known: KnownPredicate | null
  readonly #grants: GroupGrants
  readonly #now: Date
  readonly #joins
  readonly #leaves
  readonly #unknowns
  #stays = 0
  readonly #gains = new Map<string, GrantCount>()
  readonly #loses = new Map<string, GrantCount>()

  /** @param rules with the new rule in them */
  constructor(rules: RuleSet, id: GroupId, grants: GroupGrants, page: SamplePage, now: Date) {
    this.#id = id
    this.#there = new Set(rules.groups.map((group) => group.id))
    this.#affected = affectedGroups(rules, id)
    this.#target = this.#affected.find((group) => group.id === id)
    const checked = this.#target?.mode === 'dynamic' ? this.#target.checked : null
    this.#known = checked ? compileKnown(checked) : null
    this.#grants = grants
    this.#now = now
    this.#joins = new Sample<PreviewedSubject>(page)
    this.#leaves = new Sample<PreviewedSubject>(page)
    this.#unknowns = new Sample<{ subjectId: SubjectId; name: string }>(page)
  }

  add(cell: Cell): void {
    // In a group that has been removed nobody is, whatever is still stored.
    const memberships = cell.memberships.filter(({ groupId }) => this.#there.has(groupId))
    const { subjects, given } = evaluateAffected({ ...cell, memberships }, this.#affected, this.#now)
    for (const subject of subjects) {
      const { gains, loses } = movedGrants(subject.before, subject.after, this.#grants)
      count(this.#gains, gains)
      count(this.#loses, loses)
      if (subject.kind !== this.#target?.of) continue
      this.#place(subject, gains, loses)
      const pinned = given.get(subject.id + this.#id)
      if (this.#known === null || pinned?.never || pinned?.always) continue
      if (this.#known(subject.facts, this.#now.getTime()) === null) {
        this.#unknowns.add({ subjectId: subject.id, name: subject.name })
      }
    }
  }

  result(): Preview {
    return {
      joins: this.#joins.result(),
      leaves: this.#leaves.result(),
      stays: { count: this.#stays },
      unknowns: this.#unknowns.result(),
      gains: mostFirst(this.#gains),
      loses: mostFirst(this.#loses),
    }
  }

  #place({ id, name, before, after }: AffectedSubject, gains: readonly Grant[], loses: readonly Grant[]) {
    const [was, is] = [before.has(this.#id), after.has(this.#id)]
    if (was && is) this.#stays++
    if (was === is) return
    const shown = (grants: readonly Grant[]) => grants.slice(0, mostGrantsShown)
    const one = { subjectId: id, name, gains: shown(gains), loses: shown(loses) }
    if (is) this.#joins.add(one)
    else this.#leaves.add(one)
  }
}

/** What somebody gains and loses who was in some groups and is in others; in an order that does not hang on how it is stored. */
export function movedGrants(
  before: ReadonlySet<GroupId>,
  after: ReadonlySet<GroupId>,
  grants: GroupGrants,
): Record<'gains' | 'loses', readonly Grant[]> {
  const gives = (group: GroupId): boolean => (grants.get(group)?.length ?? 0) > 0
  const differ = [...before].some((group) => !after.has(group) && gives(group))
  if (!differ && ![...after].some((group) => !before.has(group) && gives(group)))
    return { gains: [], loses: [] }
  const [had, has] = [inForce(before, grants), inForce(after, grants)]
  return { gains: except(has, had), loses: except(had, has) }
}

/** What members of all these groups have, by its key. */
function inForce(groups: ReadonlySet<GroupId>, grants: GroupGrants): ReadonlyMap<string, Grant> {
  const first = new Map<string, Granted>()
  for (const group of groups)
    for (const one of grants.get(group) ?? [])
      if (one.rank < (first.get(one.slot)?.rank ?? Number.POSITIVE_INFINITY)) first.set(one.slot, one)
  return new Map([...first.values()].map(({ grant, key }) => [key, grant]))
}

function except(grants: ReadonlyMap<string, Grant>, others: ReadonlyMap<string, Grant>): readonly Grant[] {
  const left = [...grants].filter(([key]) => !others.has(key))
  return left.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, grant]) => grant)
}

const grantKey = ({ kind, resource, vlan, role }: Grant): string =>
  JSON.stringify([kind, resource, vlan, role])

/** Those of most people first, otherwise by name and what else there is. */
export function mostFirst(counts: ReadonlyMap<string, GrantCount>): readonly GrantCount[] {
  const name = ({ resource }: GrantCount, key: string): string => `${resource}\0${key}`
  return [...counts]
    .sort(([a, one], [b, other]) => other.count - one.count || (name(one, a) < name(other, b) ? -1 : 1))
    .map(([, grant]) => grant)
}

function count(counts: Map<string, GrantCount>, grants: readonly Grant[]): void {
  for (const grant of grants) {
    const key = grantKey(grant)
    counts.set(key, { ...grant, count: (counts.get(key)?.count ?? 0) + 1 })
  }
}

/** The first of what comes in any order, by id; holds at most twice as many. */
class Sample<T extends { readonly subjectId: SubjectId }> {
  readonly #page: SamplePage
  #kept: T[] = []
  #count = 0

  constructor(page: SamplePage) {
    this.#page = page
  }

  add(one: T): void {
    this.#count++
    const { after, limit } = this.#page
    if (after !== undefined && one.subjectId <= after) return
    this.#kept.push(one)
    if (this.#kept.length > 2 * limit + 2) this.#kept = this.#first(limit + 1)
  }

  result(): Sampled<T> {
    const kept = this.#first(this.#page.limit + 1)
    const sample = kept.slice(0, this.#page.limit)
    return {
      count: this.#count,
      sample,
      next: kept.length > sample.length ? (sample.at(-1)?.subjectId ?? null) : null,
    }
  }

  #first(most: number): T[] {
    return this.#kept.sort((a, b) => (a.subjectId < b.subjectId ? -1 : 1)).slice(0, most)
  }
}
