// Resources, and the RADIUS clients of those that are networks: secrets are sealed on the way in and never read here.
// A client belongs to the organization; it goes when the last resource that names it does.
import type { OrganizationId, RadiusClientId } from '../../base/ids.ts'
import { parseCidr } from '../../base/ip.ts'
import type { Secret } from '../../base/secrets.ts'
import type { RadiusClient, Resource } from '../../core/directory/types.ts'
import type { ResourceRecords, WriteOutcome } from '../../core/ports.ts'
import type { Queryable, Transaction } from '../database.ts'
import { canonicalNetwork, resources } from '../rows.ts'
import { sql } from '../sql.ts'
import { createRecords, type Definition, type Step } from './records.ts'
import { type Changed, missing, type RecordStore, taken, written } from './writing.ts'

const none: ReadonlyMap<string, Secret> = new Map()

export function createResources(store: RecordStore): ResourceRecords {
  const withSecrets = (secrets: ReadonlyMap<string, Secret>) =>
    createRecords(store, definition(store.seal, secrets))
  return {
    ...withSecrets(none),
    save(organization, row, isNew, secrets, audit) {
      const records = withSecrets(secrets)
      return isNew ? records.insert(organization, row, audit) : records.update(organization, row, audit)
    },
    knownClients: (organization, networks) => knownClients(store.database, organization, networks),
  }
}

function definition(seal: RecordStore['seal'], secrets: ReadonlyMap<string, Secret>): Definition<Resource> {
  return {
    mapping: resources,
    conditions: 'resources',
    change: 'resource',
    constraints: {
      resource_org_name_key_key: taken('name'),
      radius_client_network_key: taken('network.clients'),
    },
    async around(tx, organization, step, changed, proceed) {
      // One at a time within an organization: whether a client still has a resource is asked below.
      await tx.query(sql`select from organization where id = ${organization} for no key update`)
      if (step.do === 'remove') await tellOfBindings(tx, organization, step, changed)
      const outcome = await proceed()
      if (outcome.outcome !== 'written') return outcome
      if (step.do !== 'remove') {
        const linked = await linkClients(tx, organization, step.row, seal, secrets)
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
