// What arrives at the address for logout: a service provider's request, or its answer to ours.
import { WireError } from '../../base/bytes.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { LogoutResponse } from '../../wire/saml/messages.ts'
import type { Received } from '../../wire/saml/receive.ts'
import { statusCodes } from '../../wire/saml/vocabulary.ts'
import { addressesOf } from './addresses.ts'
import { findSender, prove, refuseRepeated, refuseStray } from './arrival.ts'
import type { Chain, LogoutWish } from './logout-chain.ts'
import { type Pending, take } from './pending.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { Stopped, stop } from './trouble.ts'

export interface LogoutArrival {
  readonly next: LogoutWish | Chain
  /** Who may go on with it; null: whoever comes first. */
  readonly browser: string | null
}

/** Of one request; a session has one index at each service provider. */
const mostIndexes = 20

export function createLogoutArrivals(services: SamlServices) {
  const { clock, ground, log } = services
  const addressOf = (organization: Organization) => addressesOf(ground.publicUrl(), organization).slo

  /** Checklist S17: without a signature of the service provider there is no request. */
  const acceptRequest = async (
    received: Received,
    organization: Organization,
    sp: ServiceProvider,
  ): Promise<LogoutWish> => {
    const message = prove(received, sp, true)
    if (message.kind !== 'LogoutRequest') stop('unsupported', `a ${message.kind} does not belong here`)
    const now = clock.now()
    refuseStray(message, addressOf(organization), now)
    const { id, nameId, sessionIndexes, notOnOrAfter } = message
    if (notOnOrAfter !== null && notOnOrAfter <= now)
      stop('outdated', `the request was valid until ${notOnOrAfter.toISOString()}`)
    if (sessionIndexes.length > mostIndexes) stop('unsupported', 'the request names too many sessions')
    await refuseRepeated(message, organization, services)
    return {
      what: 'logout',
      entityId: sp.application.entityId,
      requestId: id,
      relayState: received.relayState,
      nameId: nameId.value,
      nameIdFormat: nameId.format,
      sessionIndexes,
    }
  }

  /** The ID of what is answered is where the step is parked: nobody knows it but the one who was asked. */
  const acceptResponse = async (
    received: Received,
    { inResponseTo }: LogoutResponse,
    organization: Organization,
    sp: ServiceProvider,
    browser: string | null,
  ): Promise<LogoutArrival> => {
    const isAsked = (pending: Pending) =>
      pending.what === 'chain' && pending.asked === sp.application.entityId
    const taken = await take(inResponseTo?.slice(1) ?? '', organization, browser, services, isAsked)
    if (taken?.pending.what !== 'chain') stop('signOutOver', `nothing was asked under the ID ${inResponseTo}`)
    const { pending } = taken
    const isPartial = pending.isPartial || !isConfirmed(received, organization, sp)
    return { next: { ...pending, asked: null, isPartial }, browser: taken.browser }
  }

  /** Whatever is wrong with an answer, the others are told all the same. */
  const isConfirmed = (received: Received, organization: Organization, sp: ServiceProvider): boolean => {
    try {
      const message = prove(received, sp, sp.application.signingCertificates.length > 0)
      refuseStray(message, addressOf(organization), clock.now())
      const { code, subcode } = (message as LogoutResponse).status
      return code === statusCodes.success && subcode === null
    } catch (error) {
      if (!(error instanceof WireError || error instanceof Stopped)) throw error
      const told = { organization: organization.slug, application: sp.resource.name, why: error.message }
      log.warn(told, 'an answer to a logout does not count')
      return false
    }
  }

  /** @param browser null where no cookie tells it. Throws Stopped, WireError, Fault. */
  return async (
    received: Received,
    organization: Organization,
    browser: string | null,
  ): Promise<LogoutArrival> => {
    const { message } = received
    const sp = await findSender(received, organization, services)
    switch (message.kind) {
      case 'LogoutRequest':
        return { next: await acceptRequest(received, organization, sp), browser }
      case 'LogoutResponse':
        return acceptResponse(received, message, organization, sp, browser)
      case 'AuthnRequest':
        return stop('unsupported', 'an AuthnRequest does not belong here')
      default:
        return message satisfies never
    }
  }
}
