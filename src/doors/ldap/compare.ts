// Compare (RFC 4511 §4.10): does this entry have this value? Asked of the same places and by the same conditions as a
// search for that one entry.
import type { Permit } from '../../core/access/decision.ts'
import type { Filter } from '../../wire/ldap/filter.ts'
import type { CompareRequest } from '../../wire/ldap/messages.ts'
import { ldapResult } from '../../wire/ldap/messages.ts'
import { type ResultCode, resultCodes } from '../../wire/ldap/result-codes.ts'
import { refusedControl } from './controls.ts'
import type { NamingContext } from './naming-context.ts'
import { type Part, planSearch } from './plan.ts'
import { exists, locate, type SearchPorts } from './search.ts'
import { type Answer, resultOf, type Session } from './session.ts'

export async function compare(
  request: CompareRequest,
  session: Session,
  ports: SearchPorts,
): Promise<Answer> {
  const answer = (code: ResultCode, matched = ''): Answer =>
    resultOf('compareResponse', request.messageID, ldapResult(code, '', matched))
  const refused = refusedControl(request.controls, false)
  if (refused !== null) return answer(refused)
  if (session.permit === null) return answer(resultCodes.insufficientAccessRights)
  const { organization, principal } = session.permit as Permit
  const context = await ports.contextOf(organization)
  const place = locate(request.entry, principal, context)
  if ('code' in place) return answer(place.code, place.matched)
  const { attributeDesc, assertionValue } = request
  const holds = async (filter: Filter): Promise<boolean> => {
    const parts = await planSearch(place, 'baseObject', filter, context, principal, ports.reader)
    return hasEntry(parts, context, ports)
  }
  const exactly: Filter = { kind: 'equalityMatch', attributeDesc, assertionValue }
  if (await holds(exactly)) return answer(resultCodes.compareTrue)
  if (!(await exists(place, principal, context, ports))) return answer(resultCodes.noSuchObject)
  // Secrets are no attributes, so nothing can be found out about them.
  if (context.findType(attributeDesc.toLowerCase()) === undefined) {
    return answer(resultCodes.undefinedAttributeType)
  }
  const isThere = await holds({ kind: 'present', attributeDesc })
  return answer(isThere ? resultCodes.compareFalse : resultCodes.noSuchAttribute)
}

async function hasEntry(
  parts: readonly Part[],
  { organization: { id } }: NamingContext,
  { reader }: Pick<SearchPorts, 'reader'>,
): Promise<boolean> {
  for (const part of parts) {
    if (part.kind === 'fixed') return part.entries.length > 0
    const page = { limit: 1 }
    const found =
      part.kind === 'users'
        ? await reader.users(id, part.where, page, true)
        : part.kind === 'groups'
          ? await reader.groups(id, part.where, page)
          : await reader.devices(id, part.where, page)
    if (found.length > 0) return true
  }
  return false
}
