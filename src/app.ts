// The only place where the parts of the house are joined: store, core, doors and net, from a configuration to a running
// server and back to nothing.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { systemClock } from './base/clock.ts'
import { contains, parseAddress } from './base/ip.ts'
import { enableLinearRegex } from './base/linear-regex.ts'
import type { Log } from './base/log.ts'
import { type Config, publicUrlOf } from './config/schema.ts'
import { cachedApplications } from './core/access/cached-applications.ts'
import { CachedFacts } from './core/access/cached-facts.ts'
import { createAccess } from './core/access/decide.ts'
import { exactFacts } from './core/access/exact-facts.ts'
import { openableApplications } from './core/access/openable.ts'
import { Reach } from './core/access/reach.ts'
import { startRevocation } from './core/access/revocation.ts'
import { StandingPermits } from './core/access/standing.ts'
import { createWebSessions } from './core/access/web-sessions.ts'
import { verifyChain } from './core/audit/chain.ts'
import type { Actor } from './core/audit/record.ts'
import { createDirectory } from './core/directory/directory.ts'
import { importInto, importNewOrganization } from './core/directory/import.ts'
import type { By } from './core/directory/writing.ts'
import { createEnrolment } from './core/factors/enrolment.ts'
import { OneAtATime } from './core/factors/one-at-a-time.ts'
import { argon2Hasher } from './core/factors/password.ts'
import { RememberedPasswords } from './core/factors/remembered.ts'
import { createKeyRing } from './core/keys/signing-keys.ts'
import { MembershipEngine } from './core/membership/change.ts'
import { startReviewNotices } from './core/membership/review-notice.ts'
import { Schedule } from './core/membership/schedule.ts'
import type { SetEngine } from './core/membership/sets/set-engine.ts'
import { buildApi } from './doors/console/api.ts'
import type { Readiness } from './doors/console/health.ts'
import { createLdapDoor } from './doors/ldap/door.ts'
import { checkRadiusAttributes } from './doors/radius/attribute-check.ts'
import { createRadiusDoor } from './doors/radius/door.ts'
import { firstStart, isSample, offerSetup } from './first-start.ts'
import { startMembership } from './membership-thread.ts'
import { createMetrics } from './metrics.ts'
import { ensureCertificate } from './net/certificate.ts'
import { listenHttp } from './net/http-server.ts'
import { Gate, sparseLog } from './net/limits.ts'
import { Shutdown } from './net/shutdown.ts'
import { listenTcp } from './net/tcp.ts'
import { TlsIdentity } from './net/tls.ts'
import { listenUdp } from './net/udp.ts'
import { isPlainLoopback } from './net/web/cookies.ts'
import { guardedFetch } from './net/web/fetch.ts'
import { hintAtProxies } from './net/web/proxy-hints.ts'
import { createMailer } from './notify/mail.ts'
import { openStore, type Store } from './store/store.ts'
import { createWebDoors } from './web-doors.ts'

/** Hashes waiting for a thread; beyond it the answer is "busy". Each wait costs about 12 ms of one core. */
const longestHashQueue = 256
const certificateCheckMs = 24 * 60 * 60 * 1000

export interface Running {
  readonly httpPort: number
  readonly ldapPort: number
  readonly ldapsPort: number
  readonly radiusPort: number
  readonly hosts: readonly string[]
  readonly publicUrl: string
  /** Does the sample organization exist? */
  readonly sample: boolean
  /** Of the organization, where there is exactly one. */
  readonly slug: string | null
  /** Is there no organization yet? */
  readonly empty: boolean
  readonly caFile: string | null
  /** True if everything ended cleanly and in time. */
  stop(): Promise<boolean>
}

/** Starts everything; throws, with everything stopped again, when a part cannot start. */
export async function serve({
  config,
  log,
  version,
}: {
  config: Config
  log: Log
  version: string
}): Promise<Running> {
  const shutdown = new Shutdown(log)
  try {
    return await start(config, log, version, shutdown)
  } catch (error) {
    await shutdown.stop()
    throw error
  }
}

async function start(config: Config, log: Log, version: string, shutdown: Shutdown): Promise<Running> {
  enableLinearRegex()
  for (const warning of config.warnings) log.warn({}, warning)
  const metrics = createMetrics()
  const store = await openStore({
    dataFolder: config.dataFolder,
    databaseUrl: config.databaseUrl,
    redisUrl: config.redisUrl,
    connections: 10,
    clock: systemClock,
    log,
  })
  shutdown.add('store', 'database', () => store.close())
  metrics.gauge(
    'muster_change_feed_staleness_seconds',
    'Since every committed change was last known to be seen',
    () => store.feed.stalenessMs() / 1000,
  )

  const membership = startMembership(store, log)
  shutdown.add('core', 'membership thread', () => membership.close())
  metrics.membership(store.replica, membership)
  const core = joinCore(store, membership.sets, log, metrics)
  shutdown.add('core', 'standing permits', () => core.standing.close())
  shutdown.add('core', 'audit log', () => store.audit.flushed())
  shutdown.add('core', 'revocation', core.startRevocation())
  metrics.gauge('muster_standing_permits', 'Permits in use by open connections', () => core.standing.count)

  await firstStart({ config, log, store, core })
  const organizations = await store.organizations.list()
  shutdown.add('core', 'schedule', () => core.schedule.close())
  await core.schedule.start()
  // Tried again by the schedule where it fails now; until then the older memberships count.
  for (const { id } of organizations)
    await core.engine
      .resume(id)
      .catch((error: unknown) =>
        log.error({ err: error, organization: id }, 'a rule could not be carried through'),
      )
  if (config.smtpUrl !== null) {
    const from = config.mailFrom ?? `muster@${new URL(publicUrlOf(config, 0)).hostname}`
    const stop = startReviewNotices({
      notices: store.reviewNotices,
      organizations: store.organizations,
      mailer: createMailer(config.smtpUrl, from),
      where: () => 'See them with: muster group suggestions <group>',
      clock: systemClock,
      log,
    })
    shutdown.add('core', 'review notices', stop)
  }

  const hosts = config.listen ?? (organizations.some(isSample) ? ['127.0.0.1', '::1'] : ['0.0.0.0', '::'])
  const certificateFolder = join(config.dataFolder, 'certificates')
  const names = organizations.map(({ domain }) => domain)
  const certificate = await ensureCertificate(certificateFolder, names)
  const tls = new TlsIdentity(certificate, log)
  const renewal = setInterval(() => {
    void ensureCertificate(certificateFolder, names)
      .then(({ origin }) => origin === 'issued' && tls.reload())
      .catch((error: unknown) => log.error({ err: error }, 'the certificate could not be renewed'))
  }, certificateCheckMs)
  shutdown.add('core', 'certificate renewal', () => clearInterval(renewal))

  const radius = createRadiusDoor({
    access: core.access,
    sites: store.radiusSites,
    feed: store.feed,
    clock: systemClock,
    log,
    metrics: metrics.radius,
  })
  shutdown.add('doors', 'radius door', () => radius.close())
  await radius.ready()
  const ldap = createLdapDoor({
    access: core.access,
    standing: core.standing,
    reader: store.reader,
    organizations: store.organizations,
    attributes: store.attributes,
    feed: store.feed,
    caughtUp: () => core.schedule.caughtUp(),
    clock: systemClock,
    log,
    metrics: metrics.ldap,
    tls,
  })
  shutdown.add('doors', 'ldap door', () => ldap.close())

  let httpPort = config.ports.http
  const publicUrl = (): string => publicUrlOf(config, httpPort)
  // On a machine where it is tried out, applications are on loopback, too.
  const isTrial = isPlainLoopback(publicUrl()) && organizations.some(isSample)
  const guard = { allow: config.fetchNetworks, allowLoopback: isTrial }
  const ground = {
    publicUrl,
    trustedProxies: config.trustedProxies,
    csrfKey: store.deriveKey('forms'),
  }
  if (publicUrl().startsWith('http:') && !isPlainLoopback(publicUrl()))
    log.warn(
      { publicUrl: publicUrl() },
      'nobody can sign in on the web: browsers keep the cookies only over https; set MUSTER_PUBLIC_URL to the https address of your reverse proxy',
    )
  const web = createWebDoors({ store, core, ground, guard, log })

  const open = new Set<string>()
  const api = await buildApi(
    {
      directory: core.directory,
      organizations: store.organizations,
      tokens: store.tokens,
      rules: store.rules,
      audit: store.auditReader,
      verifyAudit: (organization) => verifyChain(store.auditReader, organization),
      explain: core.access.explain,
      keys: core.keys,
      webSessions: core.webSessions,
      applicationSessions: store.applicationSessions,
      fetch: (request) => guardedFetch(request, guard),
      importOrganization: core.importOrganization,
      clock: systemClock,
      log,
    },
    {
      version,
      ...(organizations.length === 0 ? { setup: await offerSetup({ config, log, store, core }) } : {}),
      health: { registry: metrics.registry, readiness: () => readiness(store, open, shutdown) },
    },
  )
  hintAtProxies(api, { ...ground, log })
  await web.register(api)
  await api.ready()
  shutdown.add('doors', 'web', async () => {
    await api.close()
    await web.close()
  })
  const onConnection = (connection: Parameters<typeof ldap.onConnection>[0]): void =>
    ldap.onConnection(connection)
  const plain = await listenTcp({ name: 'LDAP', hosts, port: config.ports.ldap, onConnection, log })
  shutdown.add('listeners', 'ldap', (graceMs) => plain.close(graceMs))
  const secure = await listenTcp({ name: 'LDAPS', hosts, port: config.ports.ldaps, onConnection, tls, log })
  shutdown.add('listeners', 'ldaps', (graceMs) => secure.close(graceMs))
  const datagrams = await listenUdp({
    name: 'RADIUS',
    hosts,
    port: config.ports.radius,
    onDatagram: (bytes, peer, reply) => radius.onDatagram(bytes, peer, reply),
    log,
  })
  shutdown.add('listeners', 'radius', (graceMs) => datagrams.close(graceMs))
  for (const name of ['ldap', 'ldaps', 'radius']) open.add(name)
  const isProxy = (address: string | null): boolean => {
    const peer = address === null ? null : parseAddress(address)
    return peer !== null && config.trustedProxies.some((network) => contains(network, peer))
  }
  const http = await listenHttp({ hosts, port: config.ports.http, handler: api.routing, isProxy })
  httpPort = http.port
  shutdown.add('listeners', 'http', (graceMs) => http.close(graceMs))
  open.add('http')

  return {
    httpPort: http.port,
    ldapPort: plain.port,
    ldapsPort: secure.port,
    radiusPort: datagrams.port,
    hosts,
    publicUrl: publicUrl(),
    sample: organizations.some(isSample),
    slug: organizations.length === 1 ? (organizations[0]?.slug ?? null) : null,
    empty: organizations.length === 0,
    caFile: certificate.caFile,
    stop: () => shutdown.stop(),
  }
}

export type Core = ReturnType<typeof joinCore>

/** What the product is, over a store. */
function joinCore(
  store: Store,
  sets: SetEngine,
  log: Log,
  metrics: Pick<ReturnType<typeof createMetrics>, 'decision' | 'evaluation' | 'repaired'>,
) {
  const clock = systemClock
  const gate = new Gate(Math.max(1, availableParallelism()), longestHashQueue)
  const hasher = argon2Hasher((work) => gate.run(work))
  const remembered = new RememberedPasswords(clock)
  store.feed.subscribe((changes) => remembered.forget(changes))
  const { cells, rules, groups, organizations, feed } = store
  const engine = new MembershipEngine({ cells, rules, groups, sets, observe: metrics.evaluation, clock, log })
  const facts = new CachedFacts(exactFacts(store.facts, engine, clock), feed)
  const { sessions, applicationSessions } = store
  const sparse = sparseLog(log)
  const webSessions = createWebSessions({ sessions, applicationSessions, clock, log })
  const access = createAccess({
    facts,
    lockouts: store.lockouts,
    factors: store.factors,
    conversations: store.conversations,
    sessions: store.sessions,
    audit: store.audit,
    feed: store.feed,
    hasher,
    remembered,
    turns: new OneAtATime(),
    clock,
    // A crowd that is told to come back is not to fill the log.
    log: { ...sparse, error: (fields, message) => log.error(fields, message) },
    ended: webSessions.tellEnded,
    observe: metrics.decision,
  })
  const ports = {
    ...store,
    engine,
    sets,
    hashPassword: hasher.hash,
    checkAttributes: checkRadiusAttributes,
    clock,
  }
  const directory = createDirectory(ports)
  const reach = new Reach({ ...store, facts })
  const schedule = new Schedule({
    ...{ engine, cells, groups: store.groups, organizations, feed, clock, log },
    repaired: metrics.repaired,
  })
  return {
    engine,
    schedule,
    facts,
    applications: cachedApplications(store.applications, feed),
    access,
    directory,
    webSessions,
    enrolment: createEnrolment({ ...store, clock }),
    openable: openableApplications({ access, facts, resources: store.resources, reach }),
    startRevocation: () =>
      startRevocation({ access, facts, sessions, webSessions, applicationSessions, feed, clock, log }),
    keys: createKeyRing({ signingKeys: store.signingKeys, feed, clock }),
    standing: new StandingPermits(access, store.feed, clock, log),
    createOrganization: (actor: Actor, file: unknown) => importNewOrganization(actor, file, ports),
    importOrganization: (by: By, file: unknown) => importInto(by, file, ports),
  }
}

async function readiness(store: Store, open: ReadonlySet<string>, shutdown: Shutdown): Promise<Readiness> {
  const doors = ['http', 'ldap', 'ldaps', 'radius'].map((name) => [
    name,
    open.has(name) ? 'ok' : 'not listening yet',
  ])
  const database = await store.ping().then(
    () => 'ok',
    // Where it is and why it refuses, the log tells: here strangers ask.
    () => 'does not answer',
  )
  const parts: Record<string, string> = {
    ...Object.fromEntries(doors),
    database,
    ...(shutdown.begun ? { process: 'is stopping' } : {}),
  }
  return { ready: Object.values(parts).every((state) => state === 'ok'), parts }
}
