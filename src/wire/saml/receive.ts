// What a door does with a message: receive it, look at who claims to have sent it, and have that proven with the
// certificates registered for that sender.
import { parseXml } from '../xml/parse.ts'
import type { XmlElement } from '../xml/tree.ts'
import { isSignedByOneOf } from './algorithms.ts'
import { parseCertificate } from './certificates.ts'
import { verifyEnveloped } from './enveloped.ts'
import { messageLimits, samlLimits } from './limits.ts'
import type { SamlMessage } from './messages.ts'
import { decodePost } from './post.ts'
import { refuse } from './problems.ts'
import { readMessage } from './read-message.ts'
import { decodeRedirect, type MessageParameter, type RedirectSignature } from './redirect.ts'
import { findSignature } from './signature-form.ts'

export interface Received {
  readonly binding: 'redirect' | 'post'
  readonly relayState: string | null
  /** As it is claimed: no one is known to have sent it. */
  readonly message: SamlMessage
  /** Whether there is a signature, right or wrong, of the kind that the binding asks for. */
  readonly signed: boolean
  /** For `proveSender`. */
  readonly proof: Proof
}

type Proof =
  | { readonly kind: 'query'; readonly signature: RedirectSignature | null }
  | { readonly kind: 'enveloped'; readonly root: XmlElement }

/** `query` is the raw query string, without the question mark. */
export function receiveRedirect(query: string): Received {
  const { parameter, xml, relayState, signature } = decodeRedirect(query)
  const { message } = read(parameter, xml)
  const proof = { kind: 'query', signature } as const
  return { binding: 'redirect', relayState, message, signed: signature !== null, proof }
}

/** `form` is the decoded form. */
export function receivePost(form: Readonly<Record<string, unknown>>): Received {
  const { parameter, xml, relayState } = decodePost(form)
  const { root, message } = read(parameter, xml)
  const signed = findSignature(root) !== null
  return { binding: 'post', relayState, message, signed, proof: { kind: 'enveloped', root } }
}

function read(parameter: MessageParameter, xml: Buffer): { root: XmlElement; message: SamlMessage } {
  const root = parseXml(xml, messageLimits)
  const message = readMessage(root)
  const isResponse = message.kind === 'LogoutResponse'
  if (isResponse !== (parameter === 'SAMLResponse')) refuse('parameter-mismatch', root)
  return { root, message }
}

/**
 * The message as the holder of one of the certificates (PEM) signed it: use this one, and forget `received.message`.
 * Throws WireError where it is not signed, or by somebody else.
 */
export function proveSender(received: Received, certificates: readonly string[]): SamlMessage {
  if (certificates.length === 0) refuse('certificate-none')
  const registered = certificates.slice(0, samlLimits.certificates).map((each) => parseCertificate(each))
  const { proof } = received
  if (proof.kind === 'enveloped') return readMessage(verifyEnveloped(proof.root, registered))
  if (proof.signature === null) refuse('signature-missing')
  const { algorithm, signed, value } = proof.signature
  if (!isSignedByOneOf(registered, algorithm, signed, value)) refuse('signature-wrong')
  return received.message
}
