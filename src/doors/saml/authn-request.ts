// From an AuthnRequest to what is wanted of whom, and where the answer goes (Core §3.4.1). What cannot be granted is answered there
// with a status; before it is known where, nothing is.
import type { SamlApplication } from '../../core/directory/types.ts'
import type { AuthnRequest, Status } from '../../wire/saml/messages.ts'
import { bindings, statusCodes } from '../../wire/saml/vocabulary.ts'
import type { Arrival } from './arrival.ts'
import { readContext, secondFactorFor } from './context.ts'
import type { SignInWish } from './pending.ts'
import type { ServiceProvider } from './services.ts'
import { formatOf } from './subject.ts'
import { stop } from './trouble.ts'

export interface Understood {
  readonly wish: SignInWish
  /** What to answer at once; null: go on. */
  readonly refusal: Status | null
}

/** Throws Stopped where no answer may be sent. */
export function understand({ sp, message, relayState }: Arrival<AuthnRequest>, now: Date): Understood {
  const { application } = sp
  const { protocolBinding, nameIdPolicy, requestedAuthnContext, subject, id, forceAuthn, isPassive } = message
  if (protocolBinding !== null && protocolBinding !== bindings.post)
    stop('unsupported', `answers are sent by HTTP-POST only, not by ${protocolBinding}`)
  const acs = consumerOf(application, message)
  const wanted = nameIdPolicy?.format ?? null
  const format = formatOf(wanted, application.nameIdFormat)
  const isOurs = (nameIdPolicy?.spNameQualifier ?? application.entityId) === application.entityId
  const context = requestedAuthnContext === null ? null : readContext(requestedAuthnContext)
  const wish: SignInWish = {
    ...unsolicited(sp, acs),
    ...{ inResponseTo: id, relayState, isPassive, context },
    format: format ?? application.nameIdFormat,
    subject: subject === null ? null : { value: subject.value, format: subject.format },
    secondFactor: secondFactorFor(context),
    freshSince: forceAuthn ? now.getTime() : null,
  }
  if (format === null) return { wish, refusal: statuses.noSuchFormat(wanted ?? '') }
  if (!isOurs) return { wish, refusal: statuses.noSuchQualifier }
  const isOutOfReach = requestedAuthnContext !== null && context === null
  return { wish, refusal: isOutOfReach ? statuses.noContext : null }
}

/** What is wanted where nobody has asked. */
export function unsolicited(
  { resource, application }: ServiceProvider,
  acs = defaultOf(application),
): SignInWish {
  return {
    what: 'sign-in',
    entityId: application.entityId,
    resource: resource.id,
    ...{ acs, inResponseTo: null, relayState: null, format: application.nameIdFormat },
    ...{ subject: null, context: null, secondFactor: null, freshSince: null, isPassive: false },
  }
}

/** Checklist S01: an address is used because it is registered, never because a request names it. */
function consumerOf(application: SamlApplication, { acsUrl, acsIndex }: AuthnRequest): string {
  const services = application.assertionConsumerServices
  if (acsUrl === null && acsIndex === null) return defaultOf(application)
  const found = services.find(({ url, index }) => (acsUrl === null ? index === acsIndex : url === acsUrl))
  if (found === undefined)
    stop('elsewhere', `no assertion consumer service is registered with ${acsUrl ?? `the index ${acsIndex}`}`)
  return found.url
}

function defaultOf({ assertionConsumerServices: services }: SamlApplication): string {
  const found = services.find(({ isDefault }) => isDefault) ?? services[0]
  if (found === undefined) stop('elsewhere', 'no assertion consumer service is registered')
  return found.url
}

const { requester, responder } = statusCodes
const status = (code: string, subcode: string, message: string): Status => ({ code, subcode, message })

/** What we say where there is no assertion (Core §3.2.2.2). */
export const statuses = {
  noSuchFormat: (format: string) =>
    status(requester, statusCodes.invalidNameIdPolicy, `No names of the format ${format} are given here.`),
  noSuchQualifier: status(
    requester,
    statusCodes.invalidNameIdPolicy,
    'Names are made for the service provider itself only.',
  ),
  noName: status(
    responder,
    statusCodes.invalidNameIdPolicy,
    'The person has no name of the format that was asked for.',
  ),
  noContext: status(
    responder,
    statusCodes.noAuthnContext,
    'The authentication context that was asked for was not reached.',
  ),
  noPassive: status(responder, statusCodes.noPassive, 'The person has to sign in.'),
  somebodyElse: status(responder, statusCodes.unknownPrincipal, 'Somebody else is signed in.'),
  denied: (reference: string) =>
    status(responder, statusCodes.requestDenied, `Access was not granted. Reference: ${reference}`),
} as const
