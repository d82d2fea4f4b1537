// What resources have beyond the common commands: a new secret for an OpenID Connect client; and how an application is shown.
import { X509Certificate } from 'node:crypto'
import type { Command } from 'commander'
import type { Item } from '../api.ts'
import { define, type Surroundings } from '../command.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { printable } from '../output.ts'

export function addResourceCommands(resource: Command, around: Surroundings): void {
  define(
    resource,
    {
      name: 'secret',
      summary: 'makes a new client secret and shows it once; the old one is void at once',
      words: [['<name>', 'name or id of the application']],
      examples: ['wiki', 'wiki --json'],
    },
    around,
    async (session, [name = '']) => {
      const api = await session.api()
      const { id } = await resolve(api, kinds.resource, name)
      const renewed = await api.request<Item>('POST', `/resources/${id}/client-secret`)
      session.answer(renewed, () => clientSecretOf(renewed))
    },
  )
}

/** A client's secret, where an answer has one; no other answer shows it again. */
export function clientSecretOf({ application, clientSecret }: Item): string {
  if (typeof clientSecret !== 'string') return ''
  const { clientId } = (application ?? {}) as { clientId?: unknown }
  return (
    `The client's credentials; the secret is shown now and never again:\n` +
    `  client id      ${printable(String(clientId))}\n` +
    `  client secret  ${printable(clientSecret)}\n`
  )
}

interface Service {
  readonly url?: string
  readonly index?: number
  readonly isDefault?: boolean
  readonly binding?: string
}

/** An application for people: a line for each address, and certificates by whom they are for and until when. */
export function describeApplication(application: unknown): unknown {
  if (typeof application !== 'object' || application === null) return null
  const { jwks, assertionConsumerServices, singleLogoutServices, ...rest } = application as Record<
    string,
    unknown
  >
  const services = (value: unknown, of: (service: Service) => string) =>
    Array.isArray(value) ? value.map((each: Service) => `${each.url} (${of(each)})`) : undefined
  const { signingCertificates, encryptionCertificate } = rest
  return {
    ...rest,
    jwks: Array.isArray(jwks)
      ? jwks.map(({ kty, kid }: Record<string, unknown>) => `${kty} ${kid ?? ''}`.trim())
      : undefined,
    assertionConsumerServices: services(
      assertionConsumerServices,
      ({ index, isDefault }) => `${index}${isDefault === true ? ', default' : ''}`,
    ),
    singleLogoutServices: services(singleLogoutServices, ({ binding }) => String(binding)),
    signingCertificates: Array.isArray(signingCertificates)
      ? signingCertificates.map(certificate)
      : undefined,
    encryptionCertificate: encryptionCertificate && certificate(encryptionCertificate),
  }
}

function certificate(pem: unknown): string {
  try {
    const { subject, validTo, fingerprint256 } = new X509Certificate(String(pem))
    return `${subject.replaceAll('\n', ', ')} until ${validTo}, SHA-256 ${fingerprint256}`
  } catch {
    return 'a certificate that cannot be read here'
  }
}
