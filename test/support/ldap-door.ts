// An LDAP door for tests behind real sockets: a small directory in memory, and decisions that are looked up in a table.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type {
  AttributeId,
  DeviceId,
  GroupId,
  ResourceId,
  ServiceAccountId,
  UserId,
} from '../../src/base/ids.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { Decision, Permit, Principal } from '../../src/core/access/decision.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import { StandingPermits } from '../../src/core/access/standing.ts'
import { nameKey } from '../../src/core/directory/names.ts'
import type { Change } from '../../src/core/ports.ts'
import { createLdapDoor } from '../../src/doors/ldap/door.ts'
import type { LdapSettings } from '../../src/doors/ldap/settings.ts'
import { ensureCertificate } from '../../src/net/certificate.ts'
import { listenTcp, type TcpLimits } from '../../src/net/tcp.ts'
import { TlsIdentity } from '../../src/net/tls.ts'
import { RawClient } from './ldap-client.ts'
import { type Contents, MemoryDirectory } from './ldap-directory.ts'
import { makeDevice, makeGroup, makeOrganization, makeUser } from './store.ts'

export const suffix = 'dc=acme,dc=example'
const organization = { ...makeOrganization('acme'), name: 'Acme' }
const numbered = <T extends string>(kind: number, n: number) =>
  `00000000-0000-4000-8000-${kind}${String(n).padStart(11, '0')}` as string as T

const user = (n: number, username: string, values: Parameters<typeof makeUser>[1] = {}) =>
  makeUser(username, {
    id: numbered<UserId>(1, n),
    posixId: 10_000 + n,
    email: `${username}@acme.example`,
    ...values,
  })

/** Made anew for every test, so that tests may change it. */
export function contents(): Contents {
  const at = organization.createdAt
  const alice = user(1, 'alice', {
    displayName: 'Alice Adams',
    givenName: 'Alice',
    familyName: 'Adams',
    department: 'Engineering',
    title: 'Staff Engineer',
    location: 'Berlin',
    createdAt: new Date('2026-03-01T12:00:00.500Z'),
    attributes: {
      badge: 'A-17',
      level: 7,
      skills: ['go', 'rust'],
      hired: '2020-02-03T00:00:00.000Z',
      remote: true,
    },
  })
  const bob = user(2, 'bob', {
    givenName: 'Bob Lee',
    familyName: 'van Dyk',
    department: 'Engineering',
    managerId: alice.id,
    attributes: { level: 3, sshPublicKey: ['ssh-ed25519 AAAA bob'] },
  })
  const carol = user(3, 'carol', { department: 'Sales', email: null })
  const grace = user(4, 'grace', { state: 'staged' })
  const heidi = user(5, 'heidi', { state: 'suspended', managerId: alice.id })
  const odd = user(6, 'o+dd', { displayName: 'Odd, "One" *)(uid=*' })
  const mac = makeDevice('mac-alice', {
    id: numbered<DeviceId>(2, 1),
    ownerId: alice.id,
    os: 'macos',
    diskEncrypted: true,
    managed: true,
    lastContact: at,
    mac: ['aa:bb:cc:dd:ee:ff'],
    serialNumber: 'C02X',
  })
  const lin = makeDevice('lin-bob', { id: numbered<DeviceId>(2, 2), ownerId: bob.id, os: 'linux' })
  const group = (n: number, name: string, of: 'users' | 'devices' = 'users') =>
    makeGroup(name, { id: numbered<GroupId>(3, n), of, posixId: 20_000 + n })
  const attribute = (
    n: number,
    name: string,
    type: 'string' | 'number' | 'boolean' | 'date' | 'list',
    caseExact = false,
  ) => ({
    ...{
      id: numbered<AttributeId>(4, n),
      name,
      of: 'users' as const,
      type,
      caseExact,
      selfEditable: false,
      description: null,
    },
    ...{ version: 1, createdAt: at, updatedAt: at },
  })
  return {
    users: [alice, bob, carol, grace, heidi, odd],
    devices: [mac, lin],
    groups: [
      group(1, 'engineering'),
      group(2, 'empty'),
      group(3, 'R&D, Berlin'),
      group(4, 'macs', 'devices'),
    ],
    attributes: [
      attribute(1, 'badge', 'string', true),
      attribute(2, 'level', 'number'),
      attribute(3, 'skills', 'list'),
      attribute(4, 'hired', 'date'),
      attribute(5, 'remote', 'boolean'),
      attribute(6, 'sshPublicKey', 'list', true),
    ],
    memberships: {
      [alice.id]: ['engineering', 'R&D, Berlin'],
      [bob.id]: ['engineering'],
      [heidi.id]: ['engineering'],
      [mac.id]: ['macs'],
    },
  }
}

const permitOf = (principal: Principal): Permit => ({
  outcome: 'permit',
  organization: organization.id,
  principal,
  resourceId: numbered<ResourceId>(5, 1),
  proof: [],
  groups: [],
  boundGroups: [],
  attributes: {},
  released: {},
  trace: {} as Permit['trace'],
})

const deny = (reason: string) => ({ outcome: 'deny', reason, trace: {} }) as Decision

/** Users by password `muster-name`; the service accounts `reader` (all), `people` (users) and `nothing`. */
export function byTable(request: AccessRequest, people: Contents['users']): Decision {
  const { subject, evidence, circumstance } = request
  const shown = evidence[0]?.kind === 'password' ? evidence[0].password.reveal() : ''
  if (!('name' in subject)) return deny('unknown-subject')
  if (subject.name === 'plain' && !circumstance.secured) return deny('transport-not-secure')
  if (subject.name === 'busy') return { outcome: 'indeterminate', cause: 'busy', trace: {} } as Decision
  if (subject.name === 'lost')
    return { outcome: 'indeterminate', cause: 'unavailable', trace: {} } as Decision
  if (subject.name === 'asked') return { outcome: 'challenge', trace: {} } as Decision
  const key = nameKey(subject.name)
  if (shown !== `muster-${key}`) return deny('wrong-proof')
  if (subject.by === 'service') {
    const reads = { reader: ['users', 'groups', 'devices'] as const, people: ['users'] as const }[key]
    if (reads === undefined) return deny('unknown-subject')
    return permitOf({ kind: 'service', id: numbered<ServiceAccountId>(6, 1), name: key, reads })
  }
  const found = people.find(({ username, state }) => nameKey(username) === key && state === 'active')
  return found === undefined
    ? deny('unknown-subject')
    : permitOf({ kind: 'user', id: found.id, username: found.username, user: found })
}

export interface Setup {
  readonly contents?: Contents
  readonly decide?: (request: AccessRequest) => Decision | Promise<Decision>
  readonly settings?: Partial<LdapSettings>
  readonly limits?: Partial<TcpLimits>
  readonly log?: Log
  readonly caughtUp?: () => Promise<void> | null
}

interface Testing {
  teardown(end: () => unknown): void
}

/** `folder`: where certificates are made, or lie already. */
export async function open(t: Testing, certificates: string, setup: Setup = {}) {
  const files = await ensureCertificate(certificates, ['acme.example'])
  const tls = new TlsIdentity(files, silentLog)
  const state = { stalenessMs: 0, review: null as Decision | null, asked: [] as AccessRequest[] }
  const listeners = new Set<(changes: readonly Change[]) => void>()
  const feed = {
    subscribe(listener: (changes: readonly Change[]) => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stalenessMs: () => state.stalenessMs,
  }
  const directory = new MemoryDirectory(organization.id, setup.contents ?? contents())
  const given = new Map<string, Permit>()
  const access = {
    async decide(request: AccessRequest) {
      state.asked.push(request)
      const decision = await (setup.decide ?? ((asked) => byTable(asked, directory.contents.users)))(request)
      if (decision.outcome === 'permit') given.set(decision.principal.id, decision)
      return decision
    },
    async review({ subject }: AccessRequest) {
      return state.review ?? (given.get('id' in subject ? subject.id : '') as Decision)
    },
  }
  const log = setup.log ?? silentLog
  const standing = new StandingPermits(access, feed, systemClock, log)
  const counts: string[] = []
  const door = createLdapDoor({
    ...{ access, standing, feed, log, tls },
    reader: directory,
    organizations: {
      list: async () => [organization, { ...makeOrganization('other'), domain: 'other.example' }],
    },
    attributes: { list: async () => directory.contents.attributes },
    clock: systemClock,
    metrics: {
      operation: (operation, code) => void counts.push(`${operation} ${code}`),
      lookUp: (from) => void counts.push(`look-up ${from}`),
      batch: () => {},
    },
    settings: setup.settings ?? {},
    ...(setup.caughtUp && { caughtUp: setup.caughtUp }),
  })
  const options = { hosts: ['127.0.0.1'], port: 0, log, limits: setup.limits ?? {} }
  const onConnection = door.onConnection
  const plain = await listenTcp({ ...options, name: 'LDAP', onConnection })
  const secure = await listenTcp({ ...options, name: 'LDAPS', onConnection, tls })
  const clients: RawClient[] = []
  t.teardown(async () => {
    for (const client of clients) client.end()
    standing.close()
    door.close()
    await Promise.all([plain.close(0), secure.close(0)])
  })
  return {
    ...{ door, directory, counts, state, standing, plain },
    port: plain.port,
    tlsPort: secure.port,
    ca: readFileSync(join(certificates, 'ca.pem')),
    caFile: join(certificates, 'ca.pem'),
    change(kind: Change['kind'], id: string = organization.id) {
      for (const listener of listeners) listener([{ organization: organization.id, kind, id }])
    },
    async connect() {
      const client = await RawClient.connect(plain.port)
      clients.push(client)
      return client
    },
    /** Connected and bound as the service account that reads everything, or as somebody else. */
    async bound(dn = `cn=reader,ou=services,${suffix}`, password = 'muster-reader') {
      const client = await RawClient.connect(plain.port)
      clients.push(client)
      const { code } = await client.bind(dn, password)
      if (code !== 0) throw new Error(`bind: ${code}`)
      return client
    },
  }
}

export const userDn = (name: string) => `uid=${name},ou=users,${suffix}`
