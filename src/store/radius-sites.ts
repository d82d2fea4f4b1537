// RADIUS clients of every organization, for the one door that has to tell by the source address whom a packet concerns.
import type { OrganizationId, ResourceId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { Secret } from '../base/secrets.ts'
import type { RadiusSite, RadiusSites } from '../core/ports.ts'
import type { Database } from './database.ts'
import { canonicalNetwork } from './rows.ts'
import type { SealedPlace, Sealer } from './sealing.ts'
import { sql } from './sql.ts'

/** Where a client's secret lies. */
export function clientPlace(organization: string, client: string): SealedPlace {
  return { organization, table: 'radius_client', row: client, column: 'secret' }
}

interface SiteRow {
  readonly org: OrganizationId
  readonly id: string
  readonly network: string
  readonly secret: Buffer
  readonly resources: { id: ResourceId; nasIdentifier: string | null; ssid: string | null }[]
}

export function createRadiusSites(database: Database, sealer: Sealer, log: Log): RadiusSites {
  return {
    // Resources that are turned off too: their requests are theirs, and must not go to another one that demands less.
    async list() {
      const rows = await database.house<SiteRow>(sql`
        select c.org, c.id, c.network::text as network, c.secret,
          json_agg(json_build_object('id', r.id, 'nasIdentifier', r.nas_identifier, 'ssid', r.ssid) order by r.created_at, r.id) as resources
        from radius_client c
        join network_client n on n.org = c.org and n.client_id = c.id
        join resource r on r.org = c.org and r.id = n.resource_id
        group by c.org, c.id`)
      return rows.flatMap(({ org, id, network, secret, resources }): RadiusSite[] => {
        try {
          return [
            {
              organization: org,
              network: canonicalNetwork(network),
              secret: new Secret(sealer.open(clientPlace(org, id), secret).toString('utf8')),
              resources,
            },
          ]
        } catch (error) {
          // One that cannot be used must not keep the others' changes from being heard of.
          log.error({ organization: org, network, err: error }, 'a RADIUS client is left out')
          return []
        }
      })
    },
  }
}
