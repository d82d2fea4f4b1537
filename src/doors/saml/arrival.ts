// What every message has to pass before it is acted upon: sent by a registered service provider, signed where it has to be, meant
// for this address, made just now, and, where it is a request, never seen before.
import type { Organization } from '../../core/directory/types.ts'
import type { AuthnRequest, LogoutRequest, SamlMessage } from '../../wire/saml/messages.ts'
import { proveSender, type Received } from '../../wire/saml/receive.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { stop } from './trouble.ts'

type Ports = Pick<SamlServices, 'applications' | 'usedOnce' | 'clock'>

export interface Arrival<M extends SamlMessage = SamlMessage> {
  readonly sp: ServiceProvider
  readonly message: M
  readonly relayState: string | null
}

/** Clocks may differ by this much, and a message may be on its way for as long. */
const toleranceMs = 5 * 60_000
/** An ID is remembered for as long as its message could be accepted. */
const rememberedMs = 2 * toleranceMs

/**
 * The service provider that the message claims to be from. Throws Stopped where there is none, or where it is turned off and asks
 * for something: its answer to a logout still leads on to the others.
 */
export async function findSender(
  { message }: Received,
  { id }: Organization,
  { applications }: Pick<Ports, 'applications'>,
): Promise<ServiceProvider> {
  const sp = await applications.find(id, 'saml', message.issuer)
  if (sp === null) stop('unknownApplication', `no application has the entity ID ${message.issuer}`)
  if (!sp.resource.enabled && message.kind !== 'LogoutResponse')
    stop('unknownApplication', `the application ${sp.resource.name} is turned off`)
  return sp
}

/** A signature that is there has to be right, also where none is demanded. Throws WireError. */
export function prove(
  received: Received,
  { application }: ServiceProvider,
  isDemanded: boolean,
): SamlMessage {
  const { message, signed } = received
  const { signingCertificates } = application
  const isChecked = isDemanded || (signed && signingCertificates.length > 0)
  if (!isChecked) return message
  const proven = proveSender(received, signingCertificates)
  if (proven.issuer !== message.issuer) stop('unproven', 'what was signed names another sender')
  return proven
}

/** @param address ours, to which it has been sent. Throws Stopped. */
export function refuseStray({ destination, issueInstant }: SamlMessage, address: string, now: Date): void {
  if (destination !== null && destination !== address)
    stop('misdirected', `Destination is ${destination}, and it came to ${address}`)
  const ageMs = now.getTime() - issueInstant.getTime()
  if (Math.abs(ageMs) > toleranceMs)
    stop(
      'outdated',
      `IssueInstant ${issueInstant.toISOString()} is more than five minutes from ${now.toISOString()}`,
    )
}

/** The first one with this ID passes, whatever the process. Throws Stopped. */
export async function refuseRepeated(
  { issuer, id }: AuthnRequest | LogoutRequest,
  organization: Organization,
  { usedOnce, clock }: Ports,
): Promise<void> {
  const until = new Date(clock.now().getTime() + rememberedMs)
  const isFirst = await usedOnce.use(organization.id, 'saml-request', `${issuer} ${id}`, until)
  if (!isFirst) stop('repeated', `a request with the ID ${id} came before from ${issuer}`)
}
