// Resources, the RADIUS clients of those that are networks, and the secrets of OIDC clients: secrets are sealed on the way in
// and never read here. A RADIUS client belongs to the organization; it goes when the last resource that names it does.
import type { OrganizationId, RadiusClientId } from '../../base/ids.ts'
import { parseCidr } from '../../base/ip.ts'
import type { Secret } from '../../base/secrets.ts'
import { hasSecret } from '../../core/directory/applications.ts'
import type { RadiusClient, Resource } from '../../core/directory/types.ts'
import type { ResourceRecords, ResourceSecrets, WriteOutcome } from '../../core/ports.ts'
import type { Queryable, Transaction } from '../database.ts'
import { canonicalNetwork, resources } from '../rows.ts'
import type { SealedPlace } from '../sealing.ts'
import { sql } from '../sql.ts'
import { createRecords, type Definition, type Step } from './records.ts'
import { type Changed, missing, type RecordStore, taken, written } from './writing.ts'

export function createResources(store: RecordStore): ResourceRecords {
  const withSecrets = (secrets: ResourceSecrets): ResourceRecords => {
    const records = createRecords(store, definition(store.seal, secrets))
    return {
      ...records,
      insert: async (organization, row, audit) => naming(row, await records.insert(organization, row, audit)),
      update: async (organization, row, audit) => naming(row, await records.update(organization, row, audit)),
      save(organization, row, isNew, given, audit) {
        const { insert, update } = withSecrets(given)
        return isNew ? insert(organization, row, audit) : update(organization, row, audit)
      },
      knownClients: (organization, networks) => knownClients(store.database, organization, networks),
    }
  }
  return withSecrets({})
}

/** The name that an application has in its protocol. */
function naming({ application }: Resource, outcome: WriteOutcome): WriteOutcome {
  if (outcome.outcome !== 'taken' || outcome.field !== 'application') return outcome
  return taken(application?.protocol === 'saml' ? 'application.entityId' : 'application.clientId')
}

function definition(seal: RecordStore['seal'], secrets: ResourceSecrets): Definition<Resource> {
  return {
    mapping: resources,
    conditions: 'resources',
    change: 'resource',
    constraints: {
      resource_org_name_key_key: taken('name'),
      resource_org_application_key_key: taken('application'),
      radius_client_network_key: taken('network.clients'),
    },
    async around(tx, organization, step, changed, proceed) {
      // One at a time within an organization: whether a client still has a resource is asked below.
      await tx.query(sql`select from organization where id = ${organization} for no key update`)
      if (step.do === 'remove') await tellOfBindings(tx, organization, step, changed)
      const outcome = await proceed()
      if (outcome.outcome !== 'written') return outcome
      if (step.do !== 'remove') {
        const sealed = await setClientSecret(tx, organization, step.row, seal, secrets.client)
        if (sealed.outcome !== 'written') return sealed
        const linked = await linkClients(tx, organization, step.row, seal, secrets.radius ?? new Map())
        if (linked.outcome !== 'written') return linked
      }
      await tx.query(
        sql`delete from radius_client rc where rc.org = ${organization} and not exists
          (select from network_client nc where nc.org = rc.org and nc.client_id = rc.id)`,
      )
      return written
    },
  }
}

/** A new secret takes the place of the old one; an application that proves itself otherwise keeps none. */
async function setClientSecret(
  tx: Transaction,
  organization: OrganizationId,
  { id, application }: Resource,
  seal: RecordStore['seal'],
  secret: Secret | undefined,
): Promise<WriteOutcome> {
  const here = sql`org = ${organization} and id = ${id}`
  if (!hasSecret(application)) {
    await tx.query(sql`update resource set client_secret = null where ${here} and client_secret is not null`)
    return written
  }
  if (secret === undefined) {
    const kept = await tx.query(sql`select from resource where ${here} and client_secret is not null`)
    return kept.length === 1 ? written : missing('clientSecret')
  }
  const sealed = seal(clientSecretPlace(organization, id), Buffer.from(secret.reveal()))
  await tx.query(sql`update resource set client_secret = ${sealed} where ${here}`)
  return written
}

/** Where an OIDC client's secret lies. */
export function clientSecretPlace(organization: string, resource: string): SealedPlace {
  return { organization, table: 'resource', row: resource, column: 'client_secret' }
}

async function tellOfBindings(
  tx: Transaction,
  organization: OrganizationId,
  { row }: Step<Resource>,
  changed: Changed,
): Promise<void> {
  const bindings = await tx.query<{ id: string }>(
    sql`select id from binding where org = ${organization} and resource_id = ${row.id}`,
  )
  for (const { id } of bindings) changed('binding', id)
}

async function linkClients(
  tx: Transaction,
  organization: OrganizationId,
  { id: resource, network }: Resource,
  seal: RecordStore['seal'],
  secrets: ReadonlyMap<string, Secret>,
): Promise<WriteOutcome> {
  const clients = network?.clients ?? []
  const known = await knownClients(
    tx,
    organization,
    clients.map((client) => client.network),
  )
  const idOf = new Map<string, RadiusClientId>(known.map((client) => [client.network, client.id]))
  for (const client of clients) {
    const old = idOf.get(client.network)
    const secret = secrets.get(client.network)
    if (secret === undefined) {
      if (old === undefined) return missing('network.clients')
      continue
    }
    const id = old ?? client.id
    const place = { organization, table: 'radius_client', row: id, column: 'secret' }
    const sealed = seal(place, Buffer.from(secret.reveal()))
    await tx.query(
      sql`insert into radius_client (org, id, network, secret, created_at)
        values (${organization}, ${id}, ${client.network}::cidr, ${sealed}, now())
        on conflict (org, id) do update set secret = excluded.secret`,
    )
    idOf.set(client.network, id)
  }
  const ids = [...idOf.values()] as string[]
  await tx.query(
    sql`delete from network_client
      where org = ${organization} and resource_id = ${resource} and client_id <> all(${ids}::uuid[])`,
  )
  await tx.query(
    sql`insert into network_client (org, resource_id, client_id)
      select ${organization}::uuid, ${resource}::uuid, id from unnest(${ids}::uuid[]) client (id) on conflict do nothing`,
  )
  return written
}

async function knownClients(
  on: Queryable,
  organization: OrganizationId,
  networks: readonly string[],
): Promise<RadiusClient[]> {
  const asked = networks.flatMap((network) => parseCidr(network)?.text ?? [])
  if (asked.length === 0) return []
  const rows = await on.query<RadiusClient>(
    sql`select id, network::text as network from radius_client
      where org = ${organization} and network = any(${asked}::cidr[]) order by network`,
  )
  return rows.map(({ id, network }) => ({ id, network: canonicalNetwork(network) }))
}
