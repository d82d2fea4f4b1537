// The HTTP-POST binding (Bindings §3.5): a message and its RelayState in the fields of a form.
import { samlLimits } from './limits.ts'
import { refuse } from './problems.ts'
import type { MessageParameter } from './redirect.ts'
import { decodeBase64Lines } from './values.ts'

export interface PostParts {
  readonly parameter: MessageParameter
  readonly xml: Buffer
  readonly relayState: string | null
}

/** `form` is a decoded form; a field that was there twice is an array there, and refused. */
export function decodePost(form: Readonly<Record<string, unknown>>): PostParts {
  const field = (name: string): string | null => {
    const value = Object.hasOwn(form, name) ? form[name] : undefined
    if (value === undefined) return null
    return typeof value === 'string' ? value : refuse('parameter-repeated')
  }
  const [request, response, relayState] = [field('SAMLRequest'), field('SAMLResponse'), field('RelayState')]
  if (request !== null && response !== null) refuse('parameter-repeated')
  const message = request ?? response ?? refuse('parameter-missing')
  return {
    parameter: request === null ? 'SAMLResponse' : 'SAMLRequest',
    xml: decodeBase64Lines(message),
    relayState: relayState === null ? null : checkRelayState(relayState),
  }
}

/** The fields of the form that a browser submits to the other side; each value has to be escaped for HTML. */
export function encodePost(
  parameter: MessageParameter,
  xml: string,
  relayState: string | null,
): ReadonlyArray<readonly [name: string, value: string]> {
  const message = [parameter, Buffer.from(xml).toString('base64')] as const
  return relayState === null ? [message] : [message, ['RelayState', relayState]]
}

/** It is the other side's: not read, not followed, given back as it came. */
export function checkRelayState(relayState: string): string {
  if (Buffer.byteLength(relayState) > samlLimits.relayState) refuse('relay-state-too-long')
  return relayState
}
