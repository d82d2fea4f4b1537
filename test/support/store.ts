// The stores that the contract tests run on, each with an empty migrated database, and objects to put in them.
import { randomUUID } from 'node:crypto'
import { type GroupId, newId, type OrganizationId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { ChangeBody } from '../../src/core/audit/record.ts'
import type { Device, Group, Organization, User } from '../../src/core/directory/types.ts'
import type { Membership } from '../../src/core/membership/cell.ts'
import type { Change } from '../../src/core/ports.ts'
import { Database } from '../../src/store/database.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { migrate } from '../../src/store/migrate.ts'
import { fromReasons } from '../../src/store/reasons.ts'
import { createOrganizations } from '../../src/store/records/organizations.ts'
import type { RecordStore } from '../../src/store/records/writing.ts'
import { deviceValues, groups, userValues } from '../../src/store/rows.ts'
import { Sealer } from '../../src/store/sealing.ts'
import { sql } from '../../src/store/sql.ts'
import { freshDatabase, type WithTeardown } from './database.ts'

export interface StoreUnderTest extends RecordStore {
  readonly kind: 'embedded' | 'served'
  readonly sealer: Sealer
  /** What was announced so far. */
  readonly announced: Change[]
}

export const storeKinds = ['served', 'embedded'] as const

/** `folder`: where the embedded database is made. */
export async function openStore(
  t: WithTeardown,
  kind: StoreUnderTest['kind'],
  folder: string,
): Promise<StoreUnderTest> {
  const database = kind === 'served' ? await openServed(t) : await openInFolder(t, folder)
  await migrate(database, silentLog)
  const sealer = new Sealer(Buffer.alloc(32, 7))
  const announced: Change[] = []
  return {
    ...{ kind, database, sealer, announced },
    announce: (changes) => void announced.push(...changes),
    seal: (place, plain) => sealer.seal(place, plain),
  }
}

async function openServed(t: WithTeardown): Promise<Database> {
  const url = await freshDatabase(t)
  const database = new Database({ kind: 'served', url: new Secret(url), connections: 4 }, silentLog)
  t.teardown(() => database.close())
  return database
}

async function openInFolder(t: WithTeardown, folder: string): Promise<Database> {
  const embedded = await openEmbedded(folder)
  const database = new Database({ kind: 'embedded', connect: () => embedded.connect() }, silentLog)
  t.teardown(async () => {
    await database.close()
    await embedded.close()
  })
  return database
}

export const at = new Date('2026-03-01T12:00:00.000Z')

export function auditOf(action: string): ChangeBody {
  const target = { kind: 'test', id: randomUUID(), name: 'test' }
  const actor = { kind: 'system', name: 'test' } as const
  return { kind: 'change', at: at.toISOString(), actor, action, target, details: {} }
}

const stamps = { version: 1, createdAt: at, updatedAt: at }

export function makeOrganization(slug: string): Organization {
  const lockout = { limit: 5, firstSeconds: 60, longestSeconds: 3600, wrongCodesPerDay: 20 }
  const session = { idleSeconds: 3600, longestSeconds: 36_000 }
  const hold = { percent: 10, members: 1000, least: 10 }
  const more = { selfEditable: [], hold, reviewers: [] }
  const rest = { rememberPasswordSeconds: 0, session, color: '#2f5bd7', ...more }
  const settings = { clearTextPasswords: 'never', lockout, ...rest } as const
  return { id: newId<OrganizationId>(), slug, name: slug, domain: `${slug}.example`, settings, ...stamps }
}

export function makeUser(username: string, values: Partial<User> = {}): User {
  const texts = { givenName: null, familyName: null, displayName: null, department: null, title: null }
  const more = { employeeType: null, location: null, company: null, costCenter: null }
  const rest = { email: null, state: 'active', managerId: null, posixId: 0, attributes: {} } as const
  return { id: newId<User['id']>(), username, ...texts, ...more, ...rest, ...stamps, ...values }
}

export function makeDevice(name: string, values: Partial<Device> = {}): Device {
  const nothing = { os: null, osVersion: null, serialNumber: null, ownerId: null, diskEncrypted: null }
  const rest = { managed: false, lastContact: null, mac: [], attributes: {} }
  return { id: newId<Device['id']>(), name, ...nothing, ...rest, ...stamps, ...values }
}

export function makeGroup(name: string, values: Partial<Group> = {}): Group {
  const rest = { of: 'users', mode: 'static', rule: null, factors: [], posixId: 0, status: 'active' } as const
  return { id: newId<GroupId>(), name, ...rest, ...stamps, ...values }
}

/** Puts objects into the tables as they are: no rules, no versions, no log. */
export async function plant(
  { database }: Pick<StoreUnderTest, 'database'>,
  organization: OrganizationId,
  what: {
    readonly users?: readonly User[]
    readonly devices?: readonly Device[]
    readonly groups?: readonly Group[]
    readonly memberships?: readonly Membership[]
  },
): Promise<void> {
  const rows = [
    ...(what.users ?? []).map((user) => ['users', userValues(user)] as const),
    ...(what.devices ?? []).map((device) => ['devices', deviceValues(device)] as const),
    ...(what.groups ?? []).map((group) => ['groups', groups.write(group)] as const),
  ]
  await database.transaction(async (tx) => {
    for (const [table, { columns, values }] of rows) {
      const insert = {
        users: sql`insert into users`,
        devices: sql`insert into devices`,
        groups: sql`insert into groups`,
      }
      await tx.query(sql`${insert[table]} (org, ${columns}) values (${organization}, ${values})`)
    }
    for (const { subjectId, groupId, reasons } of what.memberships ?? []) {
      await tx.query(
        sql`insert into membership (org, subject_id, group_id, reasons, since)
          values (${organization}, ${subjectId}, ${groupId}, ${fromReasons(reasons)}, now())`,
      )
    }
  })
}

/** A new organization in the store. */
export async function plantOrganization(store: StoreUnderTest, slug: string): Promise<Organization> {
  const organization = makeOrganization(slug)
  const { outcome } = await createOrganizations(store).insert(organization, auditOf('organization.create'))
  if (outcome !== 'written') throw new Error(`organization ${slug}: ${outcome}`)
  return organization
}
