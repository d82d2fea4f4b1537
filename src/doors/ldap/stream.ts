// The entries of a search, read from the store piece by piece and sent no faster than the client takes them: what is in
// memory at any moment is one piece. Size, time and page end it; giving it up stops it between two pieces.
import { TimedOut } from '../../base/result.ts'
import type { Principal } from '../../core/access/decision.ts'
import { canonicalDn } from '../../wire/ldap/dn.ts'
import { resultCodes } from '../../wire/ldap/result-codes.ts'
import { sizeOf } from './fold.ts'
import { memberKeys } from './group-entry.ts'
import type { NamingContext } from './naming-context.ts'
import { lastPage, pageControl } from './page-control.ts'
import { bondOf, type Position } from './paging.ts'
import { EntryTooLarge, PartReader, type Row } from './part-reader.ts'
import type { Part } from './plan.ts'
import { mostComparisons } from './references.ts'
import type { Asked, SearchPorts } from './search.ts'
import { type Selection, selectShown } from './selection.ts'
import { type Answer, searchDone } from './session.ts'

/** Entries of groups with their members, which may be large. */
const largeEntriesPerRead = 4

/** Parts as cookies number them: which of them a search has may change from page to page. */
const partOrder = { fixed: 0, users: 1, groups: 2, devices: 3 } as const satisfies Record<
  Part['kind'],
  number
>

/** `empty`: nothing was found at all, which may mean that the base is not there. */
export async function stream(
  asked: Asked,
  parts: readonly Part[],
  principal: Principal,
  selection: Selection,
  context: NamingContext,
  ports: SearchPorts,
): Promise<Answer | 'empty'> {
  const { request } = asked
  if (parts.some((part) => part.kind !== 'fixed' && sizeOf(part.where) > mostComparisons)) {
    return searchDone(request, resultCodes.adminLimitExceeded, 'the filter asks for too much')
  }
  const bond = asked.page === null ? null : bondOfSearch(asked, principal, context)
  const start = startOf(asked, bond, ports)
  if (start === null) return searchDone(request, resultCodes.unwillingToPerform, 'no such page')
  if (asked.page !== null && asked.page.size === 0) {
    return searchDone(request, resultCodes.success, '', '', lastPage(asked.page))
  }
  try {
    return await new Stream(asked, parts, selection, context, ports, start, bond).run()
  } catch (error) {
    if (error instanceof TimedOut) return searchDone(request, resultCodes.timeLimitExceeded)
    if (error instanceof EntryTooLarge) {
      const text =
        'a group has too many members for one entry: ask for groups without members, or for memberOf'
      return searchDone(request, resultCodes.adminLimitExceeded, text)
    }
    throw error
  }
}

function bondOfSearch({ request, session }: Asked, principal: Principal, context: NamingContext): Buffer {
  const who = [session.nonce, context.organization.id, principal.id]
  return bondOf(who, canonicalDn(request.baseObject), request)
}

/** Null: the cookie is none of ours, or of another search. */
function startOf({ page }: Asked, bond: Buffer | null, { cookies }: SearchPorts): Position | null {
  if (page === null || bond === null || page.isFirst) return { part: 0, after: '', sent: 0 }
  return cookies.decode(page.cookie, bond)
}

class Stream {
  readonly #asked: Asked
  readonly #parts: readonly Part[]
  readonly #ports: SearchPorts
  readonly #reader: PartReader
  readonly #largeGroups: boolean
  readonly #bond: Buffer | null
  /** Behind the last entry that was sent. */
  #position: Position
  /** Entries that may still be sent in this answer, and what comes when there are more. */
  #left: number
  readonly #atLimit: 'size' | 'page'

  constructor(
    asked: Asked,
    parts: readonly Part[],
    selection: Selection,
    context: NamingContext,
    ports: SearchPorts,
    start: Position,
    bond: Buffer | null,
  ) {
    const { request, page } = asked
    const { entriesPerSearch, entriesPerPage, longestSearchMs } = ports.settings
    const wantedMs = request.timeLimit === 0 ? longestSearchMs : request.timeLimit * 1000
    const deadlineMs = ports.clock.monotonicMs() + Math.min(wantedMs, longestSearchMs)
    this.#asked = asked
    this.#parts = parts
    this.#ports = ports
    this.#reader = new PartReader(ports, context, selection, () => deadlineMs - ports.clock.monotonicMs())
    this.#largeGroups = selectShown(context.groupEntries, selection).some(({ type }) =>
      memberKeys.has(type.key),
    )
    this.#bond = bond
    this.#position = start
    const ofClient = request.sizeLimit === 0 ? Number.POSITIVE_INFINITY : request.sizeLimit - start.sent
    const ofServer = page === null ? entriesPerSearch : Math.min(page.size, entriesPerPage)
    this.#left = Math.max(0, Math.min(ofClient, ofServer))
    this.#atLimit = page === null || ofClient <= ofServer ? 'size' : 'page'
  }

  async run(): Promise<Answer | 'empty'> {
    const { request, page, operation } = this.#asked
    for (const part of this.#parts) {
      const order = partOrder[part.kind]
      if (order < this.#position.part) continue
      if (order !== this.#position.part) this.#position = { ...this.#position, part: order, after: '' }
      const end = await this.#sendPart(part)
      if (operation.abandoned) return null
      if (end === 'limit') return this.#limitReached()
    }
    if (this.#position.sent === 0) return 'empty'
    return searchDone(request, resultCodes.success, '', '', lastPage(page))
  }

  async #sendPart(part: Part): Promise<'limit' | 'done'> {
    const { operation, outlet } = this.#asked
    for (;;) {
      const most =
        part.kind === 'groups' && this.#largeGroups
          ? largeEntriesPerRead
          : this.#ports.settings.entriesPerRead
      // One more than may be sent tells whether there are more.
      const wanted = Math.min(most, this.#left + 1)
      const { after } = this.#position
      const rows = await this.#reader.read(part, after === '' ? null : after, wanted)
      for (const row of rows) {
        if (operation.abandoned) return 'done'
        if (this.#left === 0) return 'limit'
        this.#send(row)
      }
      if (rows.length < wanted) return 'done'
      await outlet.drained()
    }
  }

  #send({ after, dn, attributes }: Row): void {
    this.#asked.outlet.entry(this.#asked.request.messageID, dn, attributes)
    this.#left--
    this.#position = { ...this.#position, after, sent: this.#position.sent + 1 }
  }

  #limitReached(): Answer {
    const { request, page } = this.#asked
    if (this.#atLimit === 'page' && this.#bond !== null) {
      const cookie = this.#ports.cookies.encode(this.#position, this.#bond)
      return searchDone(request, resultCodes.success, '', '', pageControl(cookie))
    }
    return searchDone(request, resultCodes.sizeLimitExceeded, '', '', lastPage(page))
  }
}
