// Search (RFC 4511 §4.5): from the request to its entries and its end. One user by a unique key is answered from
// look-ups, at once where it is in memory; everything else is a stream (stream.ts).
import { WireError } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Permit, Principal } from '../../core/access/decision.ts'
import { nameKey } from '../../core/directory/names.ts'
import type { SearchRequest } from '../../wire/ldap/messages.ts'
import { type ResultCode, resultCodes } from '../../wire/ldap/result-codes.ts'
import { refusedControl } from './controls.ts'
import type { ReadyEntry } from './entry-cache.ts'
import { FilterTooLarge } from './filter.ts'
import { encodeFixed, type FixedEntry, fixedMatches } from './fixed-entry.ts'
import { allOf } from './fold.ts'
import type { LookUps } from './look-ups.ts'
import type { ContextOf, NamingContext } from './naming-context.ts'
import { type AskedPage, lastPage, readPaging } from './page-control.ts'
import type { PagingCookies } from './paging.ts'
import type { PartPorts } from './part-reader.ts'
import { isCalled, mayEnter, type Part, planSearch, reach, uniqueUser } from './plan.ts'
import { rootDse } from './root-dse.ts'
import { findType } from './schema.ts'
import { parseSelection } from './selection.ts'
import { type Answer, type Operation, type Outlet, type Session, searchDone } from './session.ts'
import type { LdapSettings } from './settings.ts'
import { stream } from './stream.ts'
import { subschema } from './subschema.ts'
import type { Place } from './tree.ts'

export interface SearchPorts extends PartPorts {
  readonly lookUps: LookUps
  readonly contextOf: ContextOf
  readonly cookies: PagingCookies
  readonly clock: Clock
  readonly settings: LdapSettings
}

/** A search under way: whose, where its entries go, and what it wants. */
export interface Asked {
  readonly request: SearchRequest
  readonly session: Session
  readonly operation: Operation
  readonly outlet: Outlet
  readonly page: AskedPage | null
}

export type EntryPlace = Exclude<Place, { at: 'nowhere' }>

export function search(asked: Omit<Asked, 'page'>, ports: SearchPorts): Answer | Promise<Answer> {
  const { request, session } = asked
  const refused = refusedControl(request.controls, true)
  if (refused !== null) return searchDone(request, refused)
  const page = readPaging(request.controls)
  if (page === 'malformed') return searchDone(request, resultCodes.protocolError, 'paged results control')
  const whole = { ...asked, page }
  const base = request.baseObject
  const isAboutServer = (base === '' && request.scope === 'baseObject') || isSubschema(base)
  if (session.permit === null) {
    if (!isAboutServer) return searchDone(request, resultCodes.insufficientAccessRights, 'bind first')
    return answerFixed(whole, base === '' ? rootDse(null, session.encrypted) : subschema(null), null)
  }
  const context = ports.contextOf(session.permit.organization)
  const go = (found: NamingContext) => {
    if (!isAboutServer) return inTree(whole, session.permit as Permit, found, ports)
    const entry = base === '' ? rootDse(found.tree.suffix, session.encrypted) : subschema(found)
    return answerFixed(whole, entry, found)
  }
  return context instanceof Promise ? context.then(go) : go(context)
}

const isSubschema = (base: string): boolean => base.replaceAll(' ', '').toLowerCase() === 'cn=subschema'

function answerFixed(
  { request, operation, outlet, page }: Asked,
  entry: FixedEntry,
  context: NamingContext | null,
): Answer {
  const { attributes, typesOnly, messageID, filter } = request
  const keyOf = (name: string) => (context?.findType(name) ?? findType(name))?.key
  const selection = parseSelection(attributes, typesOnly, keyOf)
  if (!operation.abandoned && request.scope !== 'singleLevel' && fixedMatches(entry, filter)) {
    outlet.entry(messageID, entry.dn, encodeFixed(entry, selection))
  }
  return searchDone(request, resultCodes.success, '', '', lastPage(page))
}

function inTree(
  asked: Asked,
  { principal }: Permit,
  context: NamingContext,
  ports: SearchPorts,
): Answer | Promise<Answer> {
  const { request } = asked
  const place = locate(request.baseObject, principal, context)
  if ('code' in place) return searchDone(request, place.code, '', place.matched)
  const run = (parts: readonly Part[]) => runParts(asked, place, parts, principal, context, ports)
  const refused = (error: unknown): Answer => {
    if (!(error instanceof FilterTooLarge)) throw error
    return searchDone(request, resultCodes.adminLimitExceeded, 'the filter asks for too much')
  }
  try {
    const planned = planSearch(place, request.scope, request.filter, context, principal, ports.reader)
    return planned instanceof Promise ? planned.then(run, refused) : run(planned)
  } catch (error) {
    return refused(error)
  }
}

/** The place that a DN names, or the result where there is none that this principal may know of. */
export function locate(
  dn: string,
  principal: Principal,
  { tree }: NamingContext,
): EntryPlace | { readonly code: ResultCode; readonly matched: string } {
  try {
    const place = tree.locate(dn)
    if (place.at === 'nowhere') return { code: resultCodes.noSuchObject, matched: place.matched }
    if (place.at === 'entry' && !mayEnter(principal, place.branch)) {
      return { code: resultCodes.insufficientAccessRights, matched: '' }
    }
    return place
  } catch (error) {
    if (error instanceof WireError) return { code: resultCodes.invalidDNSyntax, matched: '' }
    throw error
  }
}

function runParts(
  asked: Asked,
  place: EntryPlace,
  parts: readonly Part[],
  principal: Principal,
  context: NamingContext,
  ports: SearchPorts,
): Answer | Promise<Answer> {
  const { request, operation, outlet, page } = asked
  const selection = context.selection(request.attributes, request.typesOnly)
  const unique = request.typesOnly || (page !== null && !page.isFirst) ? null : uniqueUser(parts)
  const nothing = () => whenEmpty(asked, place, principal, context, ports)
  if (unique === null) {
    return stream(asked, parts, principal, selection, context, ports).then((end) =>
      end === 'empty' ? nothing() : end,
    )
  }
  const finish = (entry: ReadyEntry | null): Answer | Promise<Answer> => {
    if (entry === null) return nothing()
    if (operation.abandoned) return null
    outlet.entry(request.messageID, entry.dn, entry.select(selection))
    return searchDone(request, resultCodes.success, '', '', lastPage(page))
  }
  const found = ports.lookUps.find(context.organization.id, unique.by, unique.key)
  return found instanceof Promise ? found.then(finish) : finish(found)
}

/** Nothing was selected: because nothing matches, or because the base itself is not there? */
async function whenEmpty(
  { request, page }: Asked,
  place: EntryPlace,
  principal: Principal,
  context: NamingContext,
  ports: SearchPorts,
): Promise<Answer> {
  if (await exists(place, principal, context, ports)) {
    return searchDone(request, resultCodes.success, '', '', lastPage(page))
  }
  const matched = place.at === 'entry' ? context.tree.branchDn(place.branch) : ''
  return searchDone(request, resultCodes.noSuchObject, '', matched)
}

export async function exists(
  place: EntryPlace,
  principal: Principal,
  context: NamingContext,
  ports: Pick<SearchPorts, 'reader' | 'lookUps'>,
): Promise<boolean> {
  if (place.at !== 'entry') return true
  const { branch, name } = place
  const { id } = context.organization
  if (branch === 'services') return principal.kind === 'service' && nameKey(principal.name) === nameKey(name)
  if (branch === 'users') return (await ports.lookUps.find(id, 'username', name)) !== null
  const where = allOf([isCalled(branch, name), reach(principal, branch)])
  const found =
    branch === 'groups'
      ? await ports.reader.groups(id, where, { limit: 1 })
      : await ports.reader.devices(id, where, { limit: 1 })
  return found.length > 0
}
