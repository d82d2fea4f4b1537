// A service provider's metadata as what may be sent of an application. It comes as text, or from an address that is fetched
// with care; what cannot be read is told in sentences.
import { WireError } from '../../base/bytes.ts'
import type { ResourceId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { type Problem, Problems } from '../../core/directory/problem.ts'
import { optional, readObject, type Shape } from '../../core/directory/spec.ts'
import type { SamlApplication } from '../../core/directory/types.ts'
import { displayName } from '../../core/directory/users.ts'
import { id, text } from '../../core/directory/values.ts'
import { type FetchRefusal, FetchRefused } from '../../net/web/fetch-refused.ts'
import { metadataLimits } from '../../wire/saml/limits.ts'
import type { ServiceProvider } from '../../wire/saml/messages.ts'
import { parseMetadata } from '../../wire/saml/metadata.ts'
import { explain } from '../../wire/saml/problems.ts'
import { nameIdFormats } from '../../wire/saml/vocabulary.ts'
import type { ApiServices } from './services.ts'

export const metadataShape = {
  /** Without it, the host in the entity ID. */
  name: optional(displayName()),
  metadata: optional(text({ most: metadataLimits.bytes, lines: true })),
  metadataUrl: optional(text({ most: 2048 })),
  /** The application that this is the metadata of; without it, a new one is made. */
  resourceId: optional(id<ResourceId>('a resource')),
} satisfies Shape

export interface ReadMetadata {
  readonly resourceId: ResourceId | undefined
  /** As given, or for a new application made of the entity ID. */
  readonly name: string | undefined
  /** A merge patch of `application`, or a new one. */
  readonly application: Readonly<Record<string, unknown>>
}

/** Reads `{ name?, metadata? | metadataUrl?, resourceId? }`. Throws Fault where too much is being fetched. */
export async function readMetadata(
  body: unknown,
  { fetch, clock, log }: Pick<ApiServices, 'fetch' | 'clock' | 'log'>,
): Promise<Result<ReadMetadata, readonly Problem[]>> {
  const problems = new Problems()
  const read = readObject(metadataShape, body, '', problems)
  if (!read) return fail(problems.list)
  const { metadata, metadataUrl, resourceId } = read
  if ((metadata === undefined) === (metadataUrl === undefined)) {
    problems.add('metadata', 'required', 'send either the metadata or its address (metadataUrl)')
    return fail(problems.list)
  }
  const field = metadata === undefined ? 'metadataUrl' : 'metadata'
  try {
    const bytes =
      metadata === undefined ? await fetchMetadata(metadataUrl ?? '', fetch) : Buffer.from(metadata)
    const sp = parseMetadata(bytes)
    if (sp.validUntil !== null && sp.validUntil <= clock.now()) {
      problems.add(field, 'expired', `this was valid until ${sp.validUntil.toISOString()}: ask for a new one`)
      return fail(problems.list)
    }
    const name = read.name ?? (resourceId === undefined ? nameOf(sp.entityId) : undefined)
    return ok({ resourceId, name, application: applicationOf(sp) })
  } catch (error) {
    if (error instanceof WireError) problems.add(field, error.code, explain(error))
    else if (error instanceof FetchRefused) {
      // The message may name addresses within the house: the log has it, and whoever gave the URL does not.
      log.warn({ err: error }, 'metadata could not be fetched')
      problems.add(field, 'not-fetched', refusals[error.reason])
    } else if (error instanceof NotMetadata) problems.add(field, 'not-fetched', error.message)
    else throw error
    return fail(problems.list)
  }
}

class NotMetadata extends Error {}

async function fetchMetadata(url: string, fetch: ApiServices['fetch']): Promise<Uint8Array> {
  const { status, body } = await fetch({
    url,
    headers: { accept: 'application/samlmetadata+xml, application/xml, text/xml' },
  })
  if (status === 200) return body
  const hint = status >= 300 && status < 400 ? ': redirects are not followed, give the last address' : ''
  throw new NotMetadata(`the address answers with status ${status}${hint}`)
}

const instead = 'or send the metadata itself'
const refusals = {
  url: 'this is no address: it begins with https://',
  scheme: 'the address must begin with https://',
  credentials: 'the address must not contain a user name or a password',
  name: `the host has no address: check the name, ${instead}`,
  address: `the host is not on the public internet, and not among the networks allowed: ${instead}`,
  timeout: `no complete answer came in time: try again, ${instead}`,
  'too-large': `the answer is too large: ${instead}`,
  encoding: `the answer is in a content encoding that was not asked for: ${instead}`,
  connection: `the host could not be connected to, or its certificate is not trusted: check the address, ${instead}`,
} satisfies Record<FetchRefusal, string>

/** Entity IDs are mostly addresses: the host is what people call it. */
function nameOf(entityId: string): string {
  const host = URL.canParse(entityId) ? new URL(entityId).hostname : ''
  return (host === '' ? entityId : host).slice(0, 128)
}

const formats: Readonly<Record<string, SamlApplication['nameIdFormat']>> = {
  [nameIdFormats.persistent]: 'persistent',
  [nameIdFormats.emailAddress]: 'email',
  [nameIdFormats.unspecified]: 'unspecified',
}

function applicationOf(sp: ServiceProvider): Record<string, unknown> {
  const format = sp.nameIdFormats.map((each) => formats[each]).find((each) => each !== undefined)
  return {
    protocol: 'saml',
    entityId: sp.entityId,
    assertionConsumerServices: sp.assertionConsumerServices.map(({ index, location, isDefault }) => ({
      ...(index !== null && { index }),
      url: location,
      isDefault,
    })),
    singleLogoutServices: firstOfEach(sp.singleLogoutServices),
    signingCertificates: [...new Set(sp.signingCertificates)],
    encryptionCertificate: sp.encryptionCertificates[0] ?? null,
    // What metadata does not say is left as it is: an administrator may ask for more than the provider offers.
    ...(sp.authnRequestsSigned && { wantsSignedRequests: true }),
    ...(format !== undefined && { nameIdFormat: format }),
  }
}

function firstOfEach(
  services: ServiceProvider['singleLogoutServices'],
): SamlApplication['singleLogoutServices'] {
  const byBinding = new Map(services.toReversed().map(({ binding, location }) => [binding, location]))
  return [...byBinding].map(([binding, url]) => ({ binding, url }))
}
