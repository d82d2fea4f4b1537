// The answer to a service provider: a signed Response in a form that the browser sends there, with what stays open there noted before.
import { createHash, randomBytes } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { type ApplicationSessionId, newId } from '../../base/ids.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import { sendPage } from '../../net/web/headers.ts'
import { formPostPage } from '../../web/form-post.ts'
import { brandOf } from '../../web/page.ts'
import type { Assertion, Status } from '../../wire/saml/messages.ts'
import { encodePost } from '../../wire/saml/post.ts'
import { statusCodes } from '../../wire/saml/vocabulary.ts'
import { formatResponse } from '../../wire/saml/write-message.ts'
import { addressesOf } from './addresses.ts'
import type { Answer } from './answer.ts'
import type { SignInWish } from './pending.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { signerOf } from './signer.ts'
import { stop } from './trouble.ts'
import type { Visit } from './visit.ts'

/** For clocks that are behind ours. */
const leewayMs = 60_000
const validMs = 5 * 60_000

const success: Status = { code: statusCodes.success, subcode: null, message: null }

/** An NCName, random, and never the same again. */
export const newMessageId = (): string => `_${newId()}`
export const sessionIndexOf = (id: ApplicationSessionId): string => `_${id}`

export function createResponses(services: SamlServices) {
  const { applicationSessions, ground, clock } = services

  const send = async (
    { organization, visitor, reply }: Visit,
    { application, resource }: ServiceProvider,
    { acs, inResponseTo, relayState }: SignInWish,
    status: Status,
    assertion: Assertion | null,
  ): Promise<FastifyReply> => {
    const issuer = addressesOf(ground.publicUrl(), organization).entityId
    const envelope = { id: newMessageId(), issueInstant: clock.now(), destination: acs, issuer }
    const { encryptionCertificate: certificate } = application
    const encryption =
      certificate === null ? null : { certificate, key: randomBytes(32), iv: randomBytes(12) }
    const signer = await signerOf(organization, services)
    const xml = await formatResponse({ ...envelope, inResponseTo, status, assertion }, signer, encryption)
    const { nonce } = visitor
    const page = formPostPage({
      ...{ brand: brandOf(organization), nonce, action: acs, to: resource.name },
      fields: Object.fromEntries(encodePost('SAMLResponse', xml, relayState)),
      ...(assertion === null && {
        text: 'You are not signed in there. The application says how it goes on.',
      }),
    })
    return sendPage(reply, 200, page, { nonce, publicUrl: ground.publicUrl(), formTargets: [acs] })
  }

  return {
    async sendStatement(
      visit: Visit,
      sp: ServiceProvider,
      wish: SignInWish,
      session: Session,
      { permit, statement }: Extract<Answer, { say: 'statement' }>,
    ): Promise<FastifyReply> {
      const { organization } = visit
      const { nameId } = statement
      const now = clock.now()
      const opened: ApplicationSession = {
        id: idOf(session, sp, nameId.value),
        userId: session.userId,
        resourceId: sp.resource.id,
        sessionId: session.id,
        door: 'saml',
        proof: permit.proof,
        details: { entityId: wish.entityId, nameId: nameId.value, nameIdFormat: nameId.format },
        openedAt: now,
        expiresAt: session.expiresAt,
      }
      await applicationSessions.save(organization.id, opened)
      // Nothing is stored through a session that has just ended, and then nothing is said of it either.
      if ((await applicationSessions.find(organization.id, opened.id, now)) === null)
        stop('expired', 'the session ended while the answer was under way')
      const assertion: Assertion = {
        ...statement,
        id: newMessageId(),
        issueInstant: now,
        issuer: addressesOf(ground.publicUrl(), organization).entityId,
        recipient: wish.acs,
        inResponseTo: wish.inResponseTo,
        audience: wish.entityId,
        notBefore: new Date(now.getTime() - leewayMs),
        notOnOrAfter: new Date(now.getTime() + validMs),
        sessionIndex: sessionIndexOf(opened.id),
        sessionNotOnOrAfter: session.expiresAt,
      }
      return send(visit, sp, wish, success, assertion)
    },

    sendStatus: (visit: Visit, sp: ServiceProvider, wish: SignInWish, status: Status) =>
      send(visit, sp, wish, status, null),
  }
}

/**
 * One for each session, service provider and name, so that signing out once is signing out: a UUID of version 8 (RFC 9562 §5.8) that
 * tells nothing of what it is made of.
 */
function idOf({ id }: Session, { resource }: ServiceProvider, name: string): ApplicationSessionId {
  const bytes = createHash('sha256').update(`${id}\n${resource.id}\n${name}`).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as ApplicationSessionId
}
