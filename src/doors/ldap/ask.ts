// From a bind to the one question. The name is resolved to who is meant, whatever way it was spelled; one that no entry
// can have is asked about all the same, so that it is refused where every refusal is recorded, and takes as long.
import { WireError } from '../../base/bytes.ts'
import { Secret } from '../../base/secrets.ts'
import type { AccessRequest, ClaimedSubject } from '../../core/access/request.ts'
import type { Organization } from '../../core/directory/types.ts'
import { canonicalRdns, type Dn, parseDn } from '../../wire/ldap/dn.ts'
import type { BindRequest } from '../../wire/ldap/messages.ts'
import { type ResultCode, resultCodes } from '../../wire/ldap/result-codes.ts'
import { refusedControl } from './controls.ts'
import type { NamingContexts } from './naming-contexts.ts'
import type { Session } from './session.ts'
import { Tree } from './tree.ts'

export type Question =
  | { readonly kind: 'ask'; readonly request: AccessRequest }
  /** Answered without asking anybody. */
  | { readonly kind: 'answer'; readonly code: ResultCode; readonly text: string }
  /** A name in nobody's tree: there is no organization to ask. */
  | { readonly kind: 'nobody' }

const longestName = 256

export async function ask(
  bind: BindRequest,
  session: Session,
  contexts: Pick<NamingContexts, 'organizationAbove'>,
  at: Date,
): Promise<Question> {
  const answer = (code: ResultCode, text = ''): Question => ({ kind: 'answer', code, text })
  if (bind.version !== 3) return answer(resultCodes.protocolError, 'LDAP version 3 only')
  const { authentication } = bind
  if (authentication.choice !== 'simple') return answer(resultCodes.authMethodNotSupported)
  const refused = refusedControl(bind.controls, false)
  if (refused !== null) return answer(refused)
  const { password } = authentication
  // RFC 4513 §5.1.1: anonymous. §5.1.2: a name without a password is mostly a client that does not check its input, and
  // must not be told that it has authenticated anybody.
  if (password.length === 0) {
    return bind.name === ''
      ? answer(resultCodes.success)
      : answer(resultCodes.unwillingToPerform, 'no password')
  }
  const named = parse(bind.name)
  if (named === null) return answer(resultCodes.invalidDNSyntax)
  const organization = await contexts.organizationAbove(named.rdns)
  if (organization === null) return { kind: 'nobody' }
  return {
    kind: 'ask',
    request: {
      organization: organization.id,
      subject: subjectOf(named, organization),
      evidence: [{ kind: 'password', password: new Secret(password.toString()) }],
      resource: { kind: 'directory' },
      circumstance: { peer: session.peer, door: 'ldap', secured: session.encrypted },
      means: [],
      at,
    },
  }
}

interface Named {
  readonly dn: Dn
  readonly rdns: readonly string[]
}

function parse(name: string): Named | null {
  try {
    const dn = parseDn(name)
    return { dn, rdns: canonicalRdns(dn) }
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

function subjectOf({ dn, rdns }: Named, organization: Organization): ClaimedSubject {
  const place = new Tree(organization).locateRdns(dn, rdns)
  if (place.at === 'entry' && place.branch === 'users') return { by: 'login', name: place.name }
  if (place.at === 'entry' && place.branch === 'services') return { by: 'service', name: place.name }
  // No username has an equals sign in it, so this is nobody's, and the audit log shows what was tried.
  return { by: 'login', name: rdns.join(',').slice(0, longestName) }
}
