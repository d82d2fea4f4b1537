// Memberships as the main thread reads them: from shared memory that a thread keeps (keeper.ts), as long as that is certainly
// not older than any change that has been told here. Everything else is null: then the database is asked.
import type { GroupId, OrganizationId, UserId } from '../../../base/ids.ts'
import { type Change, type ChangeFeed, longestBehindMs } from '../../ports.ts'
import { type MembershipReason, membershipReasons } from '../cell.ts'
import { bytesOf, reasonBits, reasonMask, type TableParts } from './layout.ts'
import type { Changed, FromKeeper, ToKeeper } from './messages.ts'
import { MembershipView, type Row } from './view.ts'

export interface GroupReasons {
  readonly groupId: GroupId
  readonly reasons: readonly MembershipReason[]
}

interface Kept {
  parts: TableParts | null
  view: MembershipView | null
  /** By their numbers. */
  readonly groups: GroupId[]
  /** Batches up to this one are in the table. */
  applied: number
  /** Nothing is read before this batch is in the table. */
  blockedUntil: number
  /** Users that are not what the table says, with the batch after which they are. */
  readonly pending: Map<string, number>
  readonly batches: { readonly batch: number; readonly users: readonly string[] }[]
  /** More was pending than is kept track of: nothing is read before everything has been loaded again. */
  isLost: boolean
}

const defaultMostPending = 50_000

/** Every combination of reasons, by its bits. */
const reasonLists: readonly (readonly MembershipReason[])[] = Array.from(
  { length: reasonMask + 1 },
  (_, bits) => membershipReasons.filter((_reason, i) => (bits & (1 << i)) !== 0),
)

export class MembershipReplica {
  readonly #feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe' | 'timesAway'>
  readonly #mostPending: number
  readonly #kept = new Map<OrganizationId, Kept>()
  readonly #unsubscribe: () => void
  #post: ((message: ToKeeper) => void) | null = null
  #batch = 0
  #timesAway: number

  /** Each organization has no more than `mostPending` users pending: then it is loaded again. */
  constructor(
    feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe' | 'timesAway'>,
    mostPending: number = defaultMostPending,
  ) {
    this.#feed = feed
    this.#mostPending = mostPending
    this.#timesAway = feed.timesAway
    this.#unsubscribe = feed.subscribe((changes) => this.#changed(changes))
  }

  /** A keeper is there from now on: it begins with nothing. */
  attach(post: (message: ToKeeper) => void): void {
    this.#kept.clear()
    this.#post = post
    post({ kind: 'start' })
  }

  /** The keeper is gone, and with it everything that is known. */
  detach(): void {
    this.#kept.clear()
    this.#post = null
  }

  close(): void {
    this.#unsubscribe()
    this.detach()
  }

  /** The groups that the user is effectively in, as of everything told so far. Null: ask the database. */
  groupsOf(organization: OrganizationId, user: UserId): readonly GroupReasons[] | null {
    const kept = this.#usable(organization)
    if (kept === null || kept.pending.has(user)) return null
    const row = kept.view.read(user)
    if (row === null) return null
    return row === 'absent' ? [] : spell(row, kept.groups)
  }

  /**
   * The same for a user whose cell is known to have this version: whatever else may be behind, these memberships are those of
   * that version.
   */
  membershipsAt(organization: OrganizationId, user: UserId, version: bigint): readonly GroupReasons[] | null {
    const kept = this.#usable(organization)
    if (kept === null || kept.pending.has(user)) return null
    const row = kept.view.read(user)
    if (row === null) return null
    if (row !== 'absent' && row.version === Number(BigInt.asUintN(32, version)))
      return spell(row, kept.groups)
    // Nobody is told of a cell where only its next evaluation is new.
    this.#send(organization, { ...nothingElse, what: 'subjects', users: [user] })
    return null
  }

  /** Is there anything that can be read of this organization? */
  isReady(organization: OrganizationId): boolean {
    return this.#usable(organization) !== null
  }

  /** Does whoever keeps it hear of every change of this organization? */
  isFollowed(organization: OrganizationId): boolean {
    return this.#post !== null && this.#kept.get(organization)?.isLost !== true
  }

  /** Organizations that can be read. */
  get ready(): number {
    return [...this.#kept.keys()].filter((organization) => this.isReady(organization)).length
  }

  get pending(): number {
    return [...this.#kept.values()].reduce((sum, { pending }) => sum + pending.size, 0)
  }

  /** Of all tables. */
  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, { parts }) => sum + (parts === null ? 0 : bytesOf(parts)), 0)
  }

  hear(message: FromKeeper): void {
    if (message.kind === 'trouble' || message.organization === null) return
    const kept = this.#of(message.organization)
    switch (message.kind) {
      case 'table':
        kept.parts = message.parts
        kept.view = new MembershipView(message.parts)
        return
      case 'groups':
        for (const [i, id] of message.ids.entries()) kept.groups[message.from + i] = id
        return
      case 'applied':
        this.#applied(message.organization, kept, message.batch)
        return
      case 'gone':
        this.#kept.delete(message.organization)
        return
      default:
        message satisfies never
    }
  }

  #usable(organization: OrganizationId): (Kept & { readonly view: MembershipView }) | null {
    const kept = this.#kept.get(organization)
    if (kept === undefined || kept.view === null || kept.isLost) return null
    if (kept.applied < kept.blockedUntil || this.#feed.stalenessMs() > longestBehindMs) return null
    return kept as Kept & { readonly view: MembershipView }
  }

  #of(organization: OrganizationId): Kept {
    const known = this.#kept.get(organization)
    if (known !== undefined) return known
    const kept: Kept = {
      ...{ parts: null, view: null, groups: [], applied: 0, blockedUntil: 0 },
      ...{ pending: new Map(), batches: [], isLost: false },
    }
    this.#kept.set(organization, kept)
    return kept
  }

  #changed(changes: readonly Change[]): void {
    if (this.#post === null) return
    const { timesAway } = this.#feed
    const wasAway = timesAway !== this.#timesAway
    this.#timesAway = timesAway
    for (const [organization, list] of Map.groupBy(changes, (one) => one.organization)) {
      const kinds = new Set(list.map(({ kind }) => kind))
      const ofKind = (kind: Change['kind']) => list.filter((one) => one.kind === kind).map(({ id }) => id)
      const [users, devices] = [ofKind('user'), ofKind('device')]
      const what = wasAway
        ? 'everything'
        : kinds.has('organization')
          ? 'organization'
          : kinds.has('group')
            ? 'groups'
            : 'subjects'
      const attributes = kinds.has('attribute')
      const grants = kinds.has('binding') || kinds.has('resource')
      const isNothing = what === 'subjects' && !attributes && !grants && users.length + devices.length === 0
      if (!isNothing) this.#send(organization, { what, attributes, grants, users, devices })
    }
  }

  #send(organization: OrganizationId, change: Omit<Changed, 'kind' | 'organization' | 'batch'>): void {
    const kept = this.#of(organization)
    const { what, users } = change
    if (this.#post === null || kept.isLost) return
    const batch = ++this.#batch
    if (what !== 'subjects') kept.blockedUntil = batch
    for (const id of users) kept.pending.set(id, batch)
    kept.batches.push({ batch, users })
    // The keeper does not keep up, or is stuck: it gets no more to do before it has answered.
    if (kept.pending.size > this.#mostPending || kept.batches.length > this.#mostPending) {
      kept.isLost = true
      kept.pending.clear()
      kept.batches.length = 0
    }
    this.#post({ kind: 'changed', organization, batch, ...change })
  }

  #applied(organization: OrganizationId, kept: Kept, applied: number): void {
    kept.applied = applied
    let done = 0
    for (const { batch, users } of kept.batches) {
      if (batch > applied) break
      done++
      for (const id of users) if (kept.pending.get(id) === batch) kept.pending.delete(id)
    }
    kept.batches.splice(0, done)
    if (!kept.isLost) return
    kept.isLost = false
    this.#send(organization, { ...nothingElse, what: 'everything' })
  }
}

const nothingElse = { attributes: false, grants: false, users: [], devices: [] } as const

/** Null where a group's name has not been told here yet. */
function spell({ entries }: Row, groups: readonly GroupId[]): readonly GroupReasons[] | null {
  const list: GroupReasons[] = []
  for (const entry of entries) {
    const groupId = groups[entry >>> reasonBits]
    if (groupId === undefined) return null
    list.push({ groupId, reasons: reasonLists[entry & reasonMask] as readonly MembershipReason[] })
  }
  return list
}
