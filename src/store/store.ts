// The store, opened: one database behind all the ports of core. Migrated, its sealing key checked, its change feed running.
import { Redis } from 'ioredis'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Secret } from '../base/secrets.ts'
import { MembershipReplica } from '../core/membership/replica/replica.ts'
import { createApplications } from './applications.ts'
import { createAuditLog } from './audit-log.ts'
import { AuditRows } from './audit-reader.ts'
import { createInsertMany } from './cell-batch.ts'
import { createCells } from './cells.ts'
import { DatabaseChangeFeed } from './change-feed.ts'
import { memoryConversations, redisConversations } from './conversations.ts'
import { Database } from './database.ts'
import { type Embedded, openEmbedded } from './embedded/embedded.ts'
import { createFactors } from './factors.ts'
import { StoredFacts } from './facts.ts'
import { createInsight } from './insight.ts'
import { createLockouts } from './lockouts.ts'
import { migrate } from './migrate.ts'
import { createOidcObjects } from './oidc-objects.ts'
import { createRadiusSites } from './radius-sites.ts'
import { Reader } from './reader.ts'
import { createCredentials, createTokens } from './records/credentials.ts'
import { createGroups } from './records/groups.ts'
import { createAttributes, createBindings, createExemptions, createServiceAccounts } from './records/kinds.ts'
import { createOrganizations } from './records/organizations.ts'
import { createResources } from './records/resources.ts'
import { createStateChanges, createSuggestions } from './records/waiting.ts'
import { createReviewNotices } from './review-notices.ts'
import { createRuleSource } from './rule-source.ts'
import { checkSealingKey, loadSealingKey, Sealer } from './sealing.ts'
import { createApplicationSessions, createSessions } from './sessions.ts'
import { createPendingFactors, createUsedOnce, startSweeping } from './short-lived.ts'
import { createSigningKeys } from './signing-keys.ts'
import { sql } from './sql.ts'
import { noWakeup, PostgresWakeup } from './wakeup.ts'

export interface StoreOptions {
  readonly dataFolder: string
  /** null: the embedded database in the data folder. */
  readonly databaseUrl: Secret | null
  /** null: what is short-lived stays in this process. */
  readonly redisUrl: Secret | null
  /** Connections to a served database. */
  readonly connections: number
  readonly clock: Clock
  readonly log: Log
}

export type Readers =
  | { readonly kind: 'served'; readonly url: Secret }
  | ({ readonly kind: 'embedded' } & Pick<Embedded, 'relay' | 'serverVersion'>)

export type Store = Awaited<ReturnType<typeof openStore>>

/** Throws, with nothing left open, when the database cannot be had, is newer than the program, or has another sealing key. */
export async function openStore({
  dataFolder,
  databaseUrl,
  redisUrl,
  connections,
  clock,
  log,
}: StoreOptions) {
  const sealer = new Sealer(await loadSealingKey(dataFolder))
  const embedded = databaseUrl === null ? await openEmbedded(dataFolder, { log }) : null
  const database = new Database(
    embedded === null
      ? { kind: 'served', url: databaseUrl as Secret, connections }
      : { kind: 'embedded', connect: () => embedded.connect() },
    log,
  )
  const redis =
    redisUrl === null
      ? null
      : new Redis(redisUrl.reveal(), { enableAutoPipelining: true, maxRetriesPerRequest: 2 })
  redis?.on('error', (error) => log.warn({ err: error }, 'Redis does not answer'))
  const feed = new DatabaseChangeFeed(
    database,
    embedded === null ? new PostgresWakeup(databaseUrl as Secret, log) : noWakeup,
    clock,
    log,
  )
  const announce = feed.announce.bind(feed)
  // Empty, until a thread keeps it.
  const replica = new MembershipReplica(feed)
  /** How another thread reads the same database. */
  const readers: Readers =
    embedded === null
      ? { kind: 'served', url: databaseUrl as Secret }
      : {
          kind: 'embedded',
          serverVersion: embedded.serverVersion,
          relay: (bytes, receiver) => embedded.relay(bytes, receiver),
        }
  const sweeping = startSweeping(database, log)
  const close = async (): Promise<void> => {
    sweeping.stop()
    await feed.close()
    await database.close()
    await embedded?.close()
    redis?.disconnect()
  }
  try {
    await migrate(database, log)
    await checkSealingKey(database, sealer)
    await feed.start()
  } catch (error) {
    await close()
    throw error
  }

  const records = { database, announce, seal: sealer.seal.bind(sealer) }
  const cells = createCells(database, announce, createInsertMany(database, sealer, announce))
  const rules = createRuleSource(database, cells)
  return {
    feed,
    cells,
    rules,
    reader: new Reader(database),
    facts: new StoredFacts(database, { replica, feed }),
    replica,
    readers,
    lockouts: createLockouts(database, announce),
    factors: createFactors(database, sealer),
    sessions: createSessions(database),
    applicationSessions: createApplicationSessions(database),
    oidcObjects: createOidcObjects(database),
    usedOnce: createUsedOnce(database),
    pendingFactors: createPendingFactors(database, sealer),
    /** 32 bytes for this purpose, the same in every process. */
    deriveKey: (purpose: string) => sealer.derive(purpose),
    conversations: redis === null ? memoryConversations(clock) : redisConversations(redis),
    audit: createAuditLog(database),
    auditReader: new AuditRows(database),
    insight: createInsight(database),
    organizations: createOrganizations(records),
    groups: createGroups(records, clock),
    resources: createResources(records),
    bindings: createBindings(records),
    attributes: createAttributes(records),
    serviceAccounts: createServiceAccounts(records),
    exemptions: createExemptions(records),
    suggestions: createSuggestions(records),
    stateChanges: createStateChanges(records),
    reviewNotices: createReviewNotices(database),
    tokens: createTokens(records),
    credentials: createCredentials(records),
    radiusSites: createRadiusSites(database, sealer, log),
    applications: createApplications(database, sealer),
    signingKeys: createSigningKeys(records, sealer),
    /** Does the database answer? Throws Fault when not. */
    async ping(): Promise<void> {
      await database.house(sql`select 1`)
    },
    close,
  }
}
