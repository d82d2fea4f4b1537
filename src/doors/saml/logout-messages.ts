// Logout messages on their way to a service provider, by whichever binding it has registered; always signed.
import type { FastifyReply } from 'fastify'
import type { SamlApplication } from '../../core/directory/types.ts'
import { sendPage } from '../../net/web/headers.ts'
import { continuePage } from '../../web/continue.ts'
import { formPostPage } from '../../web/form-post.ts'
import { brandOf } from '../../web/page.ts'
import type { Signer, Status } from '../../wire/saml/messages.ts'
import { encodePost } from '../../wire/saml/post.ts'
import { encodeRedirect, type MessageParameter } from '../../wire/saml/redirect.ts'
import { formatLogoutRequest, formatLogoutResponse } from '../../wire/saml/write-message.ts'
import { addressesOf } from './addresses.ts'
import type { Chain, Participant } from './logout-chain.ts'
import { newMessageId } from './response.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { signerOf } from './signer.ts'
import { nameId } from './subject.ts'
import type { Visit } from './visit.ts'

export type Endpoint = SamlApplication['singleLogoutServices'][number]

const byUser = 'urn:oasis:names:tc:SAML:2.0:logout:user'
const validMs = 5 * 60_000

/** Null where it cannot be told. A redirect is shorter, and works without scripts. */
export function endpointOf({ singleLogoutServices: services }: SamlApplication): Endpoint | null {
  return services.find(({ binding }) => binding === 'redirect') ?? services[0] ?? null
}

export function createLogoutMessages(services: SamlServices) {
  const { ground, clock } = services

  const send = async (
    { organization, visitor: { nonce }, reply }: Visit,
    { resource }: ServiceProvider,
    { binding, url }: Endpoint,
    parameter: MessageParameter,
    relayState: string | null,
    format: (signer: Signer | null) => Promise<string>,
  ): Promise<FastifyReply> => {
    const signer = await signerOf(organization, services)
    const frame = { brand: brandOf(organization), nonce }
    const publicUrl = ground.publicUrl()
    if (binding === 'redirect') {
      const xml = await format(null)
      const to = await encodeRedirect({ location: url, parameter, xml, relayState }, signer)
      return sendPage(reply, 200, continuePage({ ...frame, to, title: 'Signing out' }), { nonce, publicUrl })
    }
    const page = formPostPage({
      ...{ ...frame, action: url, to: resource.name, text: 'You are being signed out there.' },
      fields: Object.fromEntries(encodePost(parameter, await format(signer), relayState)),
    })
    return sendPage(reply, 200, page, { nonce, publicUrl, formTargets: [url] })
  }

  const envelope = ({ organization }: Visit, { url }: Endpoint) => ({
    issueInstant: clock.now(),
    destination: url,
    issuer: addressesOf(ground.publicUrl(), organization).entityId,
  })

  return {
    /** @param id of the message: what its answer refers to */
    tell(visit: Visit, sp: ServiceProvider, endpoint: Endpoint, who: Participant, id: string) {
      const common = envelope(visit, endpoint)
      const request = {
        ...{ id, ...common },
        nameId: nameId(who.nameId, who.nameIdFormat, who.entityId),
        sessionIndexes: who.sessionIndexes,
        notOnOrAfter: new Date(common.issueInstant.getTime() + validMs),
        reason: byUser,
      }
      return send(visit, sp, endpoint, 'SAMLRequest', null, (signer) => formatLogoutRequest(request, signer))
    },

    reply(
      visit: Visit,
      sp: ServiceProvider,
      endpoint: Endpoint,
      { requestId, relayState }: NonNullable<Chain['initiator']>,
      status: Status,
    ) {
      const response = {
        ...{ id: newMessageId(), ...envelope(visit, endpoint) },
        inResponseTo: requestId,
        status,
      }
      return send(visit, sp, endpoint, 'SAMLResponse', relayState, (signer) =>
        formatLogoutResponse(response, signer),
      )
    },
  }
}
