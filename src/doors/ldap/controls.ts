// Which controls a request may carry (RFC 4511 §4.1.11).
import type { Control } from '../../wire/ldap/messages.ts'
import { controlOids } from '../../wire/ldap/oids.ts'
import { type ResultCode, resultCodes } from '../../wire/ldap/result-codes.ts'

/** Those that change nothing here: there are no referrals, aliases or other domains. */
const harmless: ReadonlySet<string> = new Set([controlOids.manageDsaIT, controlOids.domainScope])

/** Why a request with these controls is refused, or null. */
export function refusedControl(controls: readonly Control[], isSearch: boolean): ResultCode | null {
  for (const { controlType, criticality } of controls) {
    // Nobody acts for anybody else here, whether or not the request would do without (RFC 4370 §3).
    if (controlType === controlOids.proxiedAuthorization) return resultCodes.authorizationDenied
    if (!criticality || harmless.has(controlType)) continue
    if (isSearch && controlType === controlOids.pagedResults) continue
    return resultCodes.unavailableCriticalExtension
  }
  return null
}
