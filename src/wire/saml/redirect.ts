// The HTTP-Redirect binding (Bindings §3.4): a message, its RelayState and a signature over them in a query string.
// The query is read raw, for the signature covers the characters that were sent and not what they mean.
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { utf8 } from '../../base/bytes.ts'
import { isSignatureAlgorithm, rsaSha256, type SignatureAlgorithm } from './algorithms.ts'
import { messageLimits, samlLimits } from './limits.ts'
import type { Signer } from './messages.ts'
import { checkRelayState } from './post.ts'
import { refuse } from './problems.ts'
import { decodeBase64 } from './values.ts'
import { deflateEncoding } from './vocabulary.ts'

export type MessageParameter = 'SAMLRequest' | 'SAMLResponse'

export interface RedirectSignature {
  readonly algorithm: SignatureAlgorithm
  readonly value: Buffer
  /** The characters that were signed. */
  readonly signed: Buffer
}

export interface RedirectParts {
  readonly parameter: MessageParameter
  readonly xml: Buffer
  readonly relayState: string | null
  readonly signature: RedirectSignature | null
}

/** In the order in which they are signed (§3.4.4.1). */
const ordered = ['SAMLRequest', 'SAMLResponse', 'RelayState', 'SigAlg', 'Signature'] as const
type Parameter = (typeof ordered)[number] | 'SAMLEncoding'
const known: ReadonlySet<string> = new Set([...ordered, 'SAMLEncoding'])

/** `query` is what follows the question mark, as it came. Parameters of others are passed over. */
export function decodeRedirect(query: string): RedirectParts {
  const raw = parameters(query)
  const parameter = messageParameter(raw)
  const encoding = raw.get('SAMLEncoding')
  if (encoding !== undefined && percentDecoded(encoding) !== deflateEncoding) refuse('encoding-unsupported')
  const relayState = raw.get('RelayState')
  return {
    parameter,
    xml: inflate(base64Of(raw.get(parameter) ?? '')),
    relayState:
      relayState === undefined ? null : checkRelayState(percentDecoded(relayState.replaceAll('+', ' '))),
    signature: readSignature(raw, parameter),
  }
}

/** The known parameters with their values as they were sent; each once, in order. */
function parameters(query: string): ReadonlyMap<Parameter, string> {
  if (query.length > samlLimits.query) refuse('query-too-long', samlLimits.query)
  const pairs = query.split('&', samlLimits.queryParameters + 1)
  if (pairs.length > samlLimits.queryParameters) refuse('query-too-long')
  const found = new Map<Parameter, string>()
  let last = -1
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    const name = equals === -1 ? pair : pair.slice(0, equals)
    if (!known.has(name)) {
      // SAML%52equest is SAMLRequest to some, and then two of them would be.
      if (name.includes('%') && known.has(percentDecoded(name))) refuse('parameter-malformed')
      continue
    }
    if (found.has(name as Parameter)) refuse('parameter-repeated')
    if (name !== 'SAMLEncoding') {
      const position = ordered.indexOf(name as (typeof ordered)[number])
      if (position < last) refuse('parameter-order')
      last = position
    }
    found.set(name as Parameter, equals === -1 ? '' : pair.slice(equals + 1))
  }
  return found
}

function messageParameter(raw: ReadonlyMap<Parameter, string>): MessageParameter {
  const [request, response] = [raw.has('SAMLRequest'), raw.has('SAMLResponse')]
  if (request && response) refuse('parameter-repeated')
  if (!request && !response) refuse('parameter-missing')
  return request ? 'SAMLRequest' : 'SAMLResponse'
}

function readSignature(
  raw: ReadonlyMap<Parameter, string>,
  parameter: MessageParameter,
): RedirectSignature | null {
  const [sigAlg, signature] = [raw.get('SigAlg'), raw.get('Signature')]
  if (sigAlg === undefined && signature === undefined) return null
  if (sigAlg === undefined || signature === undefined) refuse('signature-incomplete')
  const algorithm = percentDecoded(sigAlg)
  if (!isSignatureAlgorithm(algorithm)) refuse('signature-algorithm')
  const signed = [parameter, 'RelayState', 'SigAlg']
    .filter((name) => raw.has(name as Parameter))
    .map((name) => `${name}=${raw.get(name as Parameter)}`)
    .join('&')
  return { algorithm, value: base64Of(signature), signed: Buffer.from(signed) }
}

function base64Of(raw: string): Buffer {
  return decodeBase64(percentDecoded(raw))
}

function percentDecoded(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    refuse('parameter-malformed')
  }
}

function inflate(bytes: Buffer): Buffer {
  try {
    const { buffer, engine } = inflateRawSync(bytes, {
      maxOutputLength: messageLimits.bytes,
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    // What follows the end of the compressed data would be signed and not read.
    if (engine.bytesWritten === bytes.length && utf8(buffer) !== null) return buffer
  } catch {
    // Not DEFLATE, or more than may come out.
  }
  refuse('deflate-malformed')
}

export interface RedirectMessage {
  /** An endpoint; it may have a query of its own. */
  readonly location: string
  readonly parameter: MessageParameter
  readonly xml: string
  readonly relayState: string | null
}

/** The URL to send a browser to, with a signature where there is a signer. */
export async function encodeRedirect(message: RedirectMessage, signer: Signer | null): Promise<string> {
  const { location, parameter, xml, relayState } = message
  const parts = [`${parameter}=${encodeURIComponent(deflateRawSync(xml).toString('base64'))}`]
  if (relayState !== null) parts.push(`RelayState=${encoded(relayState)}`)
  if (signer !== null) {
    parts.push(`SigAlg=${encodeURIComponent(rsaSha256)}`)
    const signature = await signer.sign(Buffer.from(parts.join('&')))
    parts.push(`Signature=${encodeURIComponent(signature.toString('base64'))}`)
  }
  return `${location}${location.includes('?') ? '&' : '?'}${parts.join('&')}`
}

/** As a browser leaves it: it writes an apostrophe in a query as %27 (URL Standard), and the signature would not match any more. */
const encoded = (text: string): string => encodeURIComponent(text).replaceAll("'", '%27')
