// Factors as `decide` uses them: their secrets opened, and one-time codes used up for good.
import { Secret } from '../base/secrets.ts'
import type { Factors } from '../core/ports.ts'
import type { Database } from './database.ts'
import type { SealedPlace, Sealer } from './sealing.ts'
import { sql } from './sql.ts'

/** Where a factor's secret lies. */
export function factorPlace(organization: string, factor: string): SealedPlace {
  return { organization, table: 'factor', row: factor, column: 'secret' }
}

export function createFactors(database: Database, sealer: Sealer): Factors {
  return {
    open(organization, factor) {
      return new Secret(sealer.open(factorPlace(organization, factor.id), factor.sealed).toString('utf8'))
    },

    async useStep(organization, factor, step) {
      const used = await database.query(sql`
        update factor set last_step = ${step} where org = ${organization} and id = ${factor} and last_step < ${step} returning id`)
      return used.length > 0
    },

    async useRecoveryCode(organization, factor, digest) {
      const used = await database.query(sql`
        delete from recovery_code where org = ${organization} and factor_id = ${factor} and digest = ${digest} returning factor_id`)
      return used.length > 0
    },
  }
}
