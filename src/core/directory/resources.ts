// Resources. A network resource brings its RADIUS clients, an application its description; their secrets go in, or are made
// here and shown once.
import type { Clock } from '../../base/clock.ts'
import { newId, type OrganizationId, type ResourceId } from '../../base/ids.ts'
import { parseCidr } from '../../base/ip.ts'
import { ok } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { ResourceRecords, ResourceSecrets } from '../ports.ts'
import { application, hasSecret, settleApplication } from './applications.ts'
import { mayConfigure } from './authority.ts'
import { type Collection, type Kind, recordCollection } from './collection.ts'
import { inside, Problems } from './problem.ts'
import { clientSecret, newSharedSecret, radiusSecret } from './shared-secrets.ts'
import {
  fixed,
  isPlainObject,
  nullable,
  otherwise,
  own,
  readObject,
  type Shape,
  type Spec,
  type Values,
} from './spec.ts'
import { type Application, type RadiusClient, type Resource, resourceKinds } from './types.ts'
import { displayName } from './users.ts'
import { boolean, choice, limits, list, object, text } from './values.ts'
import { type By, invalid, type Outcome } from './writing.ts'

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

export const clientShape = { address, secret: radiusSecret } satisfies Shape

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
  application: nullable(application),
  clientSecret,
} satisfies Shape

export type ResourceValues = Values<typeof resourceShape>

/** Reads a resource and checks what belongs to its kind. Each network may be named once. */
export function readResource(value: unknown, field: string, problems: Problems): ResourceValues | undefined {
  const read = readObject(resourceShape, value, field, problems)
  if (!read) return undefined
  const before = problems.list.length
  for (const kind of ['network', 'application'] as const) {
    if (read.kind === kind || read[kind] === null) continue
    const message = `only a resource of kind "${kind}" has this, not one of kind "${read.kind}"`
    problems.add(inside(field, kind), 'wrong-kind', message)
  }
  if (read.clientSecret !== undefined && !hasSecret(read.application)) {
    const message = 'only an OIDC client that authenticates with a secret has one: leave it out'
    problems.add(inside(field, 'clientSecret'), 'wrong-kind', message)
  }
  const seen = new Set<string>()
  for (const [index, { address: network }] of (read.network?.clients ?? []).entries()) {
    const place = `${inside(field, 'network')}.clients[${index}].address`
    if (seen.has(network)) problems.add(place, 'twice', `${network} is named twice`)
    seen.add(network)
  }
  if (problems.list.length > before) return undefined
  const none = read.kind === 'network' ? { clients: [], nasIdentifier: null, ssid: null } : null
  return { ...read, network: read.network ?? none }
}

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
      const made = newSharedSecret()
      secrets.set(network, made)
      generated.push({ address: network, secret: made.reveal() })
    }
    return old ?? { id: newId<RadiusClient['id']>(), network }
  })
  return { clients: settled, secrets, generated }
}

/** A resource as it is stored, what else goes with it, and what must be shown now, because it never is again. */
export interface SettledResource {
  readonly row: Resource
  readonly secrets: ResourceSecrets
  /** For the audit record: which secrets are set, not what they are. */
  readonly secretsSet: Readonly<Record<string, unknown>>
  readonly clientSecrets: readonly { readonly address: string; readonly secret: string }[]
  readonly clientSecret: string | null
}

/** `base`: what the house sets. `current`: the resource as it is, where there is one. */
export async function settleResource(
  organization: OrganizationId,
  base: Pick<Resource, 'id' | 'version' | 'createdAt' | 'updatedAt'>,
  values: ResourceValues,
  current: Resource | null,
  resources: Pick<ResourceRecords, 'knownClients'>,
): Promise<SettledResource> {
  const { name, kind, enabled, network } = values
  const networks = network?.clients.map((client) => client.address) ?? []
  const known = networks.length > 0 ? await resources.knownClients(organization, networks) : []
  const { clients, secrets: radius, generated } = settleClients(network?.clients ?? [], known)
  const settled = settleApplication(values.application, values.clientSecret, current?.application ?? null)
  const { id, version, createdAt, updatedAt } = base
  const { secret } = settled
  return {
    row: {
      ...{ id, version, createdAt, updatedAt, name, kind, enabled },
      network: network && { ...network, clients },
      application: settled.application,
    },
    secrets: { radius, ...(secret && { client: secret }) },
    secretsSet: {
      ...(radius.size > 0 && { secretsSetFor: [...radius.keys()] }),
      ...(secret && { clientSecret: 'set' }),
    },
    clientSecrets: generated,
    clientSecret: settled.generated ? (secret?.reveal() ?? null) : null,
  }
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
      if (current?.application && changesProtocol(document, current.application)) {
        const message = 'this cannot be changed afterwards: make a new resource instead'
        return invalid([{ field: 'application.protocol', code: 'fixed', message }])
      }
      const values = readResource(document, '', problems)
      if (!values) return invalid(problems.list)
      const may = mayConfigure(by, values.kind)
      if (!may.ok) return may
      const base = current ?? { id: newId<ResourceId>(), version: 1, createdAt: at }
      const organization = by.organization.id
      const stored = { ...base, updatedAt: at }
      const settled = await settleResource(organization, stored, values, current, ports.resources)
      const { row, secrets, clientSecrets, clientSecret: generated } = settled
      const once = {
        ...(clientSecrets.length > 0 && { clientSecrets }),
        ...(generated !== null && { clientSecret: generated }),
      }
      return ok({
        row,
        write: (audit) => ports.resources.save(organization, row, current === null, secrets, audit),
        details: settled.secretsSet,
        ...(Object.keys(once).length > 0 && { once }),
      })
    },

    mayRemove: async (by, row) => mayConfigure(by, row.kind),
  }
  return recordCollection(ports.resources, kind, ports.clock)
}

function changesProtocol(document: unknown, { protocol }: Application): boolean {
  const sent = isPlainObject(document) ? own(document, 'application') : null
  const wanted = isPlainObject(sent) ? own(sent, 'protocol') : protocol
  return wanted !== protocol && (wanted === 'oidc' || wanted === 'saml')
}

/** Gives a client a new secret, which is shown in the answer and never again. The old one is of no use from then on. */
export async function renewClientSecret(
  resources: Collection<Resource>,
  by: By,
  id: string,
  version?: number,
): Promise<Outcome<Resource>> {
  const secret = newSharedSecret().reveal()
  const changed = await resources.update(by, id, { clientSecret: secret }, version)
  return changed.ok ? ok({ ...changed.value, once: { clientSecret: secret } }) : changed
}

/** Clients by their address alone: a merge patch replaces the list, and keeps the secrets of those that stay. */
export function resourceDocument({
  name,
  kind,
  enabled,
  network,
  application: described,
}: Resource): Record<string, unknown> {
  const clients = network?.clients.map((client) => ({ address: client.network }))
  return { name, kind, enabled, network: network && { ...network, clients }, application: described }
}
