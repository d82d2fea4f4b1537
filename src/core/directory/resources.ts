// Resources. A network resource brings its RADIUS clients; their secrets go in, or are made here and shown once.
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { newId, type ResourceId } from '../../base/ids.ts'
import { parseCidr } from '../../base/ip.ts'
import { ok } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { ResourceRecords } from '../ports.ts'
import { type Collection, type Kind, recordCollection } from './collection.ts'
import { Problems } from './problem.ts'
import {
  fixed,
  nullable,
  optional,
  otherwise,
  readObject,
  type Shape,
  type Spec,
  type Values,
  writeOnly,
} from './spec.ts'
import { type NetworkSettings, type RadiusClient, type Resource, resourceKinds } from './types.ts'
import { displayName } from './users.ts'
import { boolean, choice, limits, list, object, text } from './values.ts'
import { invalid } from './writing.ts'

/** Secrets that are long enough and found in every word list. */
const common =
  /^(?:(?:radius|secret|shared|password|passwd|testing|change|default|admin|cisco|letmein|network|wireless|wifi|key|me)[-_ .]?)+$/i
/** One to four characters again and again, or digits only. */
const monotone = /^(?:(.{1,4})\1+.{0,3}|[0-9]+)$/

/** Checklist R13: a RADIUS secret is attacked offline by anyone who has captured one packet. */
const secret = writeOnly(
  optional(
    text({
      most: 128,
      check: (value) =>
        value.length >= 16 && !monotone.test(value) && !common.test(value.replace(/[0-9]+/g, '')),
      wanted: 'a secret of at least 16 characters that is not a common one; leave it out to have one made',
    }),
  ),
)

const address: Spec<string> = {
  schema: { type: 'string', maxLength: 64, description: 'IP address or CIDR' },
  absent: 'required',
  read(value, field, problems) {
    const cidr = typeof value === 'string' ? parseCidr(value) : null
    if (cidr === null) {
      const wanted = 'an IP address, or a network without bits beyond its prefix, such as 10.20.0.0/16'
      return problems.add(field, 'bad-address', `expected ${wanted}`)
    }
    if (cidr.prefix === 0) return problems.add(field, 'too-wide', 'a client may not be the whole internet')
    return cidr.text
  },
}

export const clientShape = { address, secret } satisfies Shape

const networkShape = {
  clients: list(object(clientShape), limits.list),
  nasIdentifier: nullable(text({ most: 253 })),
  ssid: nullable(text({ most: 32 })),
} satisfies Shape

export const resourceShape = {
  name: displayName(),
  kind: fixed(choice(resourceKinds)),
  enabled: otherwise(boolean(), true),
  network: nullable(object(networkShape)),
} satisfies Shape

export type ResourceValues = Values<typeof resourceShape>

/** Reads a resource and checks what belongs to its kind. Each network may be named once. */
export function readResource(value: unknown, field: string, problems: Problems): ResourceValues | undefined {
  const read = readObject(resourceShape, value, field, problems)
  if (!read) return undefined
  const place = field === '' ? 'network' : `${field}.network`
  if (read.kind !== 'network') {
    if (read.network === null) return read
    return problems.add(
      place,
      'wrong-kind',
      `only a resource of kind "network" has this, not one of kind "${read.kind}"`,
    )
  }
  const seen = new Set<string>()
  for (const [index, client] of (read.network?.clients ?? []).entries()) {
    if (seen.has(client.address)) {
      return problems.add(`${place}.clients[${index}].address`, 'twice', `${client.address} is named twice`)
    }
    seen.add(client.address)
  }
  return { ...read, network: read.network ?? { clients: [], nasIdentifier: null, ssid: null } }
}

/** 192 random bits. */
export const newClientSecret = (): Secret => new Secret(randomBytes(24).toString('base64url'))

/**
 * The clients as they are stored and the secrets to store: those that were sent, and new ones for clients that the
 * organization does not know yet. `generated` is what must be shown now, because it never is again.
 */
export function settleClients(
  clients: NonNullable<ResourceValues['network']>['clients'],
  known: readonly RadiusClient[],
): {
  readonly clients: readonly RadiusClient[]
  readonly secrets: ReadonlyMap<string, Secret>
  readonly generated: readonly { readonly address: string; readonly secret: string }[]
} {
  const secrets = new Map<string, Secret>()
  const generated: { address: string; secret: string }[] = []
  const settled = clients.map(({ address: network, secret: sent }) => {
    const old = known.find((client) => client.network === network)
    if (sent !== undefined) secrets.set(network, new Secret(sent))
    else if (!old) {
      const made = newClientSecret()
      secrets.set(network, made)
      generated.push({ address: network, secret: made.reveal() })
    }
    return old ?? { id: newId<RadiusClient['id']>(), network }
  })
  return { clients: settled, secrets, generated }
}

export function resourceCollection(ports: {
  readonly resources: ResourceRecords
  readonly clock: Clock
}): Collection<Resource> {
  const kind: Kind<Resource> = {
    name: 'resource',
    shape: resourceShape,
    title: ({ name }) => name,
    document: resourceDocument,

    async read(by, document, current, at) {
      const problems = new Problems()
      const values = readResource(document, '', problems)
      if (!values) return invalid(problems.list)
      const base = current ?? { id: newId<ResourceId>(), version: 1, createdAt: at }
      const plain = { ...base, updatedAt: at, ...values }
      if (values.network === null) return ok({ row: { ...plain, network: null } })
      const organization = by.organization.id
      const networks = values.network.clients.map((client) => client.address)
      const known = networks.length > 0 ? await ports.resources.knownClients(organization, networks) : []
      const { clients, secrets, generated } = settleClients(values.network.clients, known)
      const network: NetworkSettings = { ...values.network, clients }
      const row: Resource = { ...plain, network }
      return ok({
        row,
        write: (audit) => ports.resources.save(organization, row, current === null, secrets, audit),
        ...(secrets.size > 0 && { details: { secretsSetFor: [...secrets.keys()] } }),
        ...(generated.length > 0 && { once: { clientSecrets: generated } }),
      })
    },
  }
  return recordCollection(ports.resources, kind, ports.clock)
}

/** Clients by their address alone: a merge patch replaces the list, and keeps the secrets of those that stay. */
export function resourceDocument({ name, kind, enabled, network }: Resource): Record<string, unknown> {
  const clients = network?.clients.map((client) => ({ address: client.network }))
  return { name, kind, enabled, network: network && { ...network, clients } }
}
