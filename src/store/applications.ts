// Applications by the name that their protocol knows them by, with the secret opened: for the doors that they talk to.
import type { OrganizationId } from '../base/ids.ts'
import { Secret } from '../base/secrets.ts'
import type { Application } from '../core/directory/types.ts'
import type { Applications, KnownApplication } from '../core/ports.ts'
import type { Database } from './database.ts'
import { clientSecretPlace } from './records/resources.ts'
import { applicationKey, resources } from './rows.ts'
import type { Sealer } from './sealing.ts'
import { sql } from './sql.ts'

/** Longer names than are ever stored name nobody, nor does text that PostgreSQL cannot hold. */
const isStorable = (name: string): boolean =>
  name.length <= 1024 && !name.includes('\0') && name.isWellFormed()

export function createApplications(database: Database, sealer: Sealer): Applications {
  return {
    async find<P extends Application['protocol']>(organization: OrganizationId, protocol: P, name: string) {
      if (!isStorable(name)) return null
      const [row] = await database.query<{ secret: Buffer | null }>(
        sql`select ${resources.select('r')}, r.client_secret as secret from resource r
          where r.org = ${organization} and r.application_key = ${applicationKey(protocol, name)}`,
      )
      if (row === undefined) return null
      const resource = resources.read(row)
      const secret =
        row.secret &&
        new Secret(sealer.open(clientSecretPlace(organization, resource.id), row.secret).toString())
      // The key begins with the protocol.
      const application = resource.application as Extract<Application, { protocol: P }>
      return { resource, application, secret } satisfies KnownApplication
    },
  }
}
