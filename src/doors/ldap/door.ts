// The LDAP door: decodes, asks, and answers. It decides nothing itself; what it holds in memory follows the change feed.
import type { SecureContext } from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { Access } from '../../core/access/decide.ts'
import type { StandingPermits } from '../../core/access/standing.ts'
import type { AttributeDefinition } from '../../core/directory/types.ts'
import type { ChangeFeed, DirectoryReader, Organizations, Records } from '../../core/ports.ts'
import type { Connection } from '../../net/connection.ts'
import { sparseLog } from '../../net/limits.ts'
import { resultCodes } from '../../wire/ldap/result-codes.ts'
import { bind, RefusalTime } from './bind.ts'
import { LdapConnection } from './connection.ts'
import { LookUps } from './look-ups.ts'
import { type LdapMetrics, noMetrics } from './metrics.ts'
import { NamingContexts } from './naming-contexts.ts'
import { type ConnectionPorts, operate } from './operations.ts'
import { PagingCookies } from './paging.ts'
import type { SearchPorts } from './search.ts'
import { bindResult } from './session.ts'
import { type LdapSettings, ldapDefaults } from './settings.ts'

export interface LdapDoorOptions {
  readonly access: Pick<Access, 'decide'>
  readonly standing: Pick<StandingPermits, 'hold'>
  readonly reader: DirectoryReader
  readonly organizations: Pick<Organizations, 'list'>
  readonly attributes: Pick<Records<AttributeDefinition>, 'list'>
  readonly feed: Pick<ChangeFeed, 'subscribe' | 'stalenessMs'>
  /** Brings memberships up to date that time has changed by now; null: there are none. Never fails. */
  readonly caughtUp?: () => Promise<void> | null
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: LdapMetrics
  /** For StartTLS; asked anew for every handshake. */
  readonly tls: { context(): SecureContext }
  /** Whatever is not given is as in ldapDefaults. */
  readonly settings?: Partial<LdapSettings>
}

export interface LdapDoor {
  /** For listenTcp, with and without TLS from the first byte. */
  onConnection(connection: Connection): void
  readonly connections: number
  /** User entries in memory, and the octets that they take. */
  readonly cached: { readonly entries: number; readonly bytes: number }
  /** Follows no changes any more; connections are the listeners' to close. */
  close(): void
}

export function createLdapDoor(options: LdapDoorOptions): LdapDoor {
  const settings: LdapSettings = { ...ldapDefaults, ...options.settings }
  const { access, clock, feed, reader, standing, tls, metrics = noMetrics, caughtUp = () => null } = options
  const log = sparseLog(options.log, { perSecond: 10, burst: 50 }, clock)
  const contexts = new NamingContexts(options, settings.loginShell)
  const contextOf = contexts.find.bind(contexts)
  const lookUps = new LookUps({ reader, feed, contextOf, clock, metrics }, settings.cacheBytes)
  const cookies = new PagingCookies()
  const { memberBytes } = settings
  const searching: SearchPorts = { reader, lookUps, memberBytes, contextOf, cookies, clock, settings }
  const binding = { access, contexts, clock, refusals: new RefusalTime() }
  const open = new Set<unknown>()

  const ports: ConnectionPorts = {
    ...{ settings, metrics, log, standing, tls },
    strangers: { octets: 0 },
    bind: (message, session) =>
      bind(message, session, binding).catch((error: unknown) => {
        if (!(error instanceof Fault)) throw error
        log.error({ err: error }, 'a bind could not be carried out')
        const code = error.reason === 'busy' ? resultCodes.busy : resultCodes.unavailable
        return { response: bindResult(message.messageID, code), held: null }
      }),
    operate: (message, session, operation, outlet) => {
      const go = () => operate(message, session, operation, outlet, { ...searching, log })
      return caughtUp()?.then(go) ?? go()
    },
    closed: (session) => void open.delete(session),
  }

  return {
    onConnection: (connection) => void open.add(new LdapConnection(connection, ports)),
    get connections() {
      return open.size
    },
    get cached() {
      return { entries: lookUps.cache.size, bytes: lookUps.cache.bytes }
    },
    close() {
      contexts.close()
      lookUps.close()
    },
  }
}
