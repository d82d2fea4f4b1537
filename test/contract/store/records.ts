// Records: versions, outcomes by field, epochs, and that row, change log and audit record are written together or not
// at all.
import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import {
  type BindingId,
  type GroupId,
  newId,
  type RadiusClientId,
  type UserId,
} from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Secret } from '../../../src/base/secrets.ts'
import type {
  AttributeDefinition,
  Binding,
  Resource,
  ServiceAccount,
} from '../../../src/core/directory/types.ts'
import type { ApiToken } from '../../../src/core/ports.ts'
import { AuditRows } from '../../../src/store/audit-reader.ts'
import { DatabaseError } from '../../../src/store/database.ts'
import { createRadiusSites } from '../../../src/store/radius-sites.ts'
import { createCredentials, createTokens } from '../../../src/store/records/credentials.ts'
import { createGroups } from '../../../src/store/records/groups.ts'
import {
  createAttributes,
  createBindings,
  createExemptions,
  createServiceAccounts,
} from '../../../src/store/records/kinds.ts'
import { createOrganizations } from '../../../src/store/records/organizations.ts'
import { createResources } from '../../../src/store/records/resources.ts'
import { sql } from '../../../src/store/sql.ts'
import {
  at,
  auditOf,
  makeGroup,
  makeOrganization,
  makeUser,
  plant,
  plantOrganization,
  type StoreUnderTest,
} from '../../support/store.ts'

const stamps = { version: 1, createdAt: at, updatedAt: at }
const audit = auditOf('test')
const all = { op: 'true' } as const
const page = { limit: 100 }
const written = { outcome: 'written' }
const conflict = { outcome: 'conflict' }

const makeBinding = (groupId: GroupId, resourceId: Resource['id']): Binding => ({
  ...{ id: newId<BindingId>(), groupId, resourceId, order: 100, factors: ['totp'], ...stamps },
  attributes: { radius: { vlan: 20 }, claims: { constructor: 'x' } },
})

function makeResource(name: string, networks: readonly string[]): Resource {
  const clients = networks.map((network) => ({ id: newId<RadiusClientId>(), network }))
  const network = { clients, nasIdentifier: 'nas', ssid: null }
  return { id: newId(), name, kind: 'network', enabled: true, network, application: null, ...stamps }
}

const secretsFor = (...networks: string[]) => ({
  radius: new Map(networks.map((network) => [network, new Secret(`secret of ${network}`)])),
})

export async function testRecords(t: Test, store: StoreUnderTest): Promise<void> {
  const { database, announced } = store
  const { id: org } = await plantOrganization(store, 'records')
  const groups = createGroups(store)
  const resources = createResources(store)
  const bindings = createBindings(store)
  const auditRows = new AuditRows(database)

  const epoch = async () => {
    const [row] = await database.query<{ epoch: string }>(
      sql`select epoch from rules_epoch where org = ${org}`,
    )
    return BigInt(row?.epoch ?? -1)
  }
  const logged = async (kind: string, id: string) => {
    const rows = await database.query(
      sql`select from change_log where org = ${org} and kind = ${kind} and id = ${id}`,
    )
    return rows.length
  }
  const head = async () => (await auditRows.head(org)).sequence

  await t.test('a group is written, changed at its version only, and removed', async (t) => {
    const group = makeGroup('Staff', { mode: 'dynamic', rule: 'true', factors: ['totp', 'push'] })
    const [epochBefore, auditBefore] = [await epoch(), await head()]
    t.same(await groups.insert(org, group, audit), written)
    const stored = await groups.find(org, group.id)
    t.ok(stored && stored.posixId >= 10_000, 'the store gives the number')
    t.same(stored, { ...group, posixId: stored?.posixId })
    t.equal(await epoch(), epochBefore + 1n)
    t.equal(await head(), auditBefore + 1n)
    t.equal(await logged('group', group.id), 1)
    t.same(announced.at(-1), { organization: org, kind: 'group', id: group.id })

    const renamed = { ...group, name: 'All staff', of: 'devices', createdAt: new Date(0) } as const
    t.same(await groups.update(org, renamed, audit), written)
    t.same(await groups.update(org, renamed, audit), conflict, 'the version is 2 by now')
    t.same(
      await groups.find(org, group.id),
      { ...group, posixId: stored?.posixId, name: 'All staff', version: 2 },
      'number, kind of members and date stay',
    )
    t.same(await groups.list(org, { op: 'eq', field: { standard: 'name' }, value: 'ALL  STAFF' }, page), [
      await groups.find(org, group.id),
    ])
    t.same(await groups.remove(org, group.id, 1, audit), conflict)
    t.same(await groups.remove(org, group.id, 2, audit), written)
    t.equal(await groups.find(org, group.id), null)
    t.equal(await epoch(), epochBefore + 3n, 'conflicts start no epoch')
    t.equal(await head(), auditBefore + 3n, 'and leave no audit record')
  })

  await t.test('what was checked beside other rules is not written', async (t) => {
    const group = makeGroup('Checked')
    const attributes = createAttributes(store)
    const floor: AttributeDefinition = {
      ...{ id: newId(), name: 'floor', of: 'users', type: 'string', caseExact: false },
      ...{ selfEditable: false, description: null, ...stamps },
    }
    let now = await epoch()
    const [auditBefore, told] = [await head(), announced.length]
    t.same(await groups.insert(org, group, audit, now - 1n), conflict)
    t.same(await attributes.insert(org, floor, audit, now + 1n), conflict)
    t.same([await epoch(), await head(), announced.length], [now, auditBefore, told])
    t.equal(await groups.find(org, group.id), null)

    t.same(await groups.insert(org, group, audit, now++), written)
    t.same(await attributes.insert(org, floor, audit, now++), written)
    t.same(await groups.update(org, { ...group, name: 'Late' }, audit, now - 1n), conflict)
    t.same(await attributes.remove(org, floor.id, 1, audit, now - 1n), conflict)
    t.same(await groups.update(org, { ...group, name: 'Late' }, audit, now++), written)
    t.same(await groups.remove(org, group.id, 1, audit, now), conflict, 'the version counts as before')
    t.same(await groups.remove(org, group.id, 2, audit, now - 1n), conflict)
    t.same(await groups.remove(org, group.id, 2, audit, now++), written)
    const two = await Promise.all([
      attributes.update(org, { ...floor, description: 'where' }, audit, now),
      groups.insert(org, makeGroup('Meanwhile'), audit, now),
    ])
    t.same(two.map(({ outcome }) => outcome).sort(), ['conflict', 'written'], 'one of two has it')
    t.equal(await epoch(), now + 1n)
  })

  await t.test('an audit record that cannot be written takes everything back', async (t) => {
    const group = makeGroup('Never')
    const [epochBefore, auditBefore, told] = [await epoch(), await head(), announced.length]
    await t.rejects(groups.insert(org, group, { ...audit, at: 'not a date' }), DatabaseError)
    t.equal(await groups.find(org, group.id), null)
    t.equal(await epoch(), epochBefore)
    t.equal(await head(), auditBefore)
    t.equal(await logged('group', group.id), 0)
    t.equal(announced.length, told)
    await t.rejects(
      groups.insert(newId(), group, audit),
      DatabaseError,
      'nor is there anything without a chain',
    )
  })

  await t.test('what is taken, missing or in use is told by field', async (t) => {
    const [one, two] = [makeGroup('One'), makeGroup('Two')]
    const resource = makeResource('Site', [])
    await groups.insert(org, one, audit)
    await groups.insert(org, two, audit)
    t.same(await groups.insert(org, makeGroup('ｏｎｅ '), audit), { outcome: 'taken', field: 'name' })
    t.same(await groups.insert(org, { ...makeGroup('x'), id: one.id }, audit), {
      outcome: 'taken',
      field: 'id',
    })
    t.same(await groups.update(org, { ...two, name: 'ONE' }, audit), { outcome: 'taken', field: 'name' })

    t.same(await resources.insert(org, resource, audit), written)
    t.same(await resources.insert(org, makeResource('SITE', []), audit), { outcome: 'taken', field: 'name' })
    const binding = makeBinding(one.id, resource.id)
    t.same(await bindings.insert(org, makeBinding(newId(), resource.id), audit), {
      outcome: 'missing',
      field: 'groupId',
    })
    t.same(await bindings.insert(org, makeBinding(one.id, newId()), audit), {
      outcome: 'missing',
      field: 'resourceId',
    })
    t.same(await bindings.insert(org, binding, audit), written)
    t.same(await bindings.insert(org, makeBinding(one.id, resource.id), audit), {
      outcome: 'taken',
      field: 'groupId',
    })
    t.same(await groups.remove(org, one.id, 1, audit), { outcome: 'in-use', field: 'bindings' })

    const stored = await bindings.find(org, binding.id)
    t.strictSame(JSON.stringify(stored?.attributes.claims), '{"constructor":"x"}')
    t.equal(Object.getPrototypeOf(stored?.attributes.claims), null)
    t.same(await bindings.update(org, { ...binding, order: 3, attributes: {} }, audit), written)
    t.match(await bindings.find(org, binding.id), { order: 3, attributes: {}, version: 2 })
    const asks = { op: 'eq', field: { standard: 'resourceId' }, value: resource.id } as const
    t.equal((await bindings.list(org, asks, page)).length, 1)

    t.same(await resources.remove(org, resource.id, 1, audit), written)
    t.equal(await bindings.find(org, binding.id), null, "a resource's bindings go with it")
    t.equal(await logged('binding', binding.id), 3, 'and the change log tells of them')
  })

  await t.test('attributes and service accounts', async (t) => {
    const attributes = createAttributes(store)
    const accounts = createServiceAccounts(store)
    const badge: AttributeDefinition = {
      ...{
        id: newId(),
        name: 'badge',
        of: 'users',
        type: 'string',
        caseExact: true,
        selfEditable: false,
        description: null,
      },
      ...stamps,
    }
    const before = await epoch()
    t.same(await attributes.insert(org, badge, audit), written)
    t.equal(await epoch(), before + 1n, 'rules are compiled against the schema')
    t.same(await attributes.find(org, badge.id), badge)
    const twice = { ...badge, id: newId<AttributeDefinition['id']>(), name: 'BADGE' }
    t.same(await attributes.insert(org, twice, audit), { outcome: 'taken', field: 'name' })
    t.same(await attributes.insert(org, { ...twice, of: 'devices' }, audit), written)
    t.equal((await attributes.list(org, all, { limit: 1 })).length, 1)

    const account: ServiceAccount = { id: newId(), name: 'wiki', enabled: true, reads: ['users'], ...stamps }
    t.same(await accounts.insert(org, account, audit), written)
    const credentials = createCredentials(store)
    t.same(await credentials.save(org, account.id, 'password', new Secret('hash'), audit), written)
    t.equal(await logged('service-account', account.id), 2)
    t.same(await accounts.remove(org, account.id, 1, audit), written)
    t.same(await credentials.list(org, account.id), [], 'its factors go with it')
  })

  await t.test('RADIUS clients: secrets are sealed in their place and never come back', async (t) => {
    const net = '10.1.0.0/16'
    const v6 = '2001:db8::/32'
    const site = makeResource('Wi-Fi', [net, v6])
    const secrets = secretsFor(net)
    t.same(await resources.save(org, site, true, secrets, audit), {
      outcome: 'missing',
      field: 'network.clients',
    })
    t.equal(await resources.find(org, site.id), null, 'a client without a secret: nothing is stored')
    t.same(await resources.save(org, site, true, secretsFor(net, v6), audit), written)
    t.same(await resources.find(org, site.id), site)

    const sealed = async () => {
      const rows = await database.query<{ id: string; secret: Buffer }>(
        sql`select id, secret from radius_client where org = ${org} and network = ${net}::cidr`,
      )
      return rows.map(({ id, secret }) =>
        store.sealer
          .open({ organization: org, table: 'radius_client', row: id, column: 'secret' }, secret)
          .toString(),
      )
    }
    t.same(await sealed(), [`secret of ${net}`])
    const shown = JSON.stringify([await resources.find(org, site.id), await resources.list(org, all, page)])
    t.notMatch(shown, 'secret of')

    const other = makeResource('VPN', [net])
    t.same(await resources.insert(org, other, audit), written, 'the organization has this client already')
    t.equal((await resources.find(org, other.id))?.network?.clients[0]?.id, site.network?.clients[0]?.id)
    t.same(
      await resources.save(org, other, false, { radius: new Map([[net, new Secret('new')]]) }, audit),
      written,
    )
    t.same(await sealed(), ['new'])
    t.same(await resources.update(org, { ...site, network: null }, audit), written)
    t.same(await resources.knownClients(org, [net, v6, 'no network']), [
      { id: site.network?.clients[0]?.id, network: net },
    ])
    t.same(await resources.remove(org, other.id, 2, audit), written)
    t.same(await resources.knownClients(org, [net]), [], 'nobody names it any more')

    const foreign = await plantOrganization(store, 'other-site')
    t.same(
      await resources.save(foreign.id, makeResource('Far', [net]), true, secretsFor(net), audit),
      written,
    )
    t.same(
      await resources.save(org, makeResource('Near', [net]), true, secretsFor(net), audit),
      { outcome: 'taken', field: 'network.clients' },
      'a source network belongs to one organization (A18)',
    )
  })

  await t.test('RADIUS sites: a resource that is turned off still takes its own requests', async (t) => {
    const { id: own } = await plantOrganization(store, 'sites')
    const [net, other] = ['192.0.2.64/28', '192.0.2.80/28']
    const wifi = makeResource('site-wifi', [net])
    const vpn = { ...makeResource('site-vpn', [net, other]), enabled: false }
    t.same(await resources.save(own, wifi, true, secretsFor(net), audit), written)
    t.same(await resources.save(own, vpn, true, secretsFor(other), audit), written)
    const told: object[] = []
    const log = { ...silentLog, error: (fields: object) => void told.push(fields) }
    const sites = async () =>
      (await createRadiusSites(database, store.sealer, log).list()).filter(
        ({ organization }) => organization === own,
      )
    const ids = (await sites()).find(({ network }) => network === net)?.resources.map(({ id }) => id)
    // Left out, its requests would go to the other resource of the same client, which may demand less.
    t.same(ids?.toSorted(), [wifi.id, vpn.id].toSorted())

    await database.query(
      sql`update radius_client set secret = '\\x00' where org = ${own} and network = ${net}::cidr`,
    )
    const left = (await sites()).map(({ network }) => network)
    t.same(left, [other], 'a secret that does not open costs the others nothing')
    t.match(told, [{ organization: own, network: net }])
  })

  await t.test(
    'credentials: sealed, replaced with a new version, told as a change of the owner',
    async (t) => {
      const credentials = createCredentials(store)
      const user = makeUser('cred')
      await plant(store, org, { users: [user] })
      const row = async () => {
        const [found] = await database.query<{ id: string; secret: Buffer; version: string; step: string }>(
          sql`select id, secret, version, last_step as step from factor where org = ${org} and owner_id = ${user.id}`,
        )
        return found
      }
      t.same(await credentials.save(org, user.id, 'totp', new Secret('SEED'), audit), written)
      const first = await row()
      const place = { organization: org, table: 'factor', row: first?.id ?? '', column: 'secret' }
      t.equal(store.sealer.open(place, first?.secret ?? Buffer.alloc(0)).toString(), 'SEED')
      await database.query(sql`update factor set last_step = 9 where org = ${org} and owner_id = ${user.id}`)
      t.same(await credentials.save(org, user.id, 'totp', new Secret('OTHER'), audit), written)
      const second = await row()
      t.equal(second?.id, first?.id)
      t.not(second?.version, first?.version)
      t.equal(second?.step, '9', 'what was used stays used, also when the same seed is saved again')
      t.match(await credentials.list(org, user.id), [{ id: first?.id, kind: 'totp', createdAt: Date }])
      const locks = () =>
        database.query(sql`select from lockout where org = ${org} and subject_id = ${user.id}`)
      await database.query(
        sql`insert into lockout (org, subject_id, failures) values (${org}, ${user.id}, 7)`,
      )
      t.same(await credentials.save(org, user.id, 'totp', new Secret('SEED'), audit), written)
      t.equal((await locks()).length, 1, 'a new seed lifts no lock')
      t.same(await credentials.save(org, user.id, 'password', new Secret('phc'), audit), written)
      t.equal((await locks()).length, 0, 'a new password does: what was guessed at is gone')
      t.equal(await credentials.remove(org, user.id, 'password', audit), true)
      t.equal(await logged('user', user.id), 5)
      t.equal(await credentials.remove(org, user.id, 'password', audit), false)
      t.equal(await credentials.remove(org, user.id, 'totp', audit), true)
      t.same(await credentials.save(org, newId<UserId>(), 'totp', new Secret('x'), audit), {
        outcome: 'missing',
        field: 'owner',
      })
    },
  )

  await t.test('tokens are found by digest until they expire', async (t) => {
    const tokens = createTokens(store)
    const digest = createHash('sha256').update('token').digest()
    const token: ApiToken = { id: newId(), name: 'ci', role: 'auditor', expiresAt: null, ...stamps }
    t.same(await tokens.insert(org, { ...token, digest }, audit), written)
    t.same(await tokens.findByDigest(org, digest), token)
    const twin = { ...token, id: newId<ApiToken['id']>(), digest }
    t.same(await tokens.insert(org, twin, audit), { outcome: 'taken', field: 'digest' })
    t.same(await tokens.update(org, { ...token, expiresAt: new Date(Date.now() - 1000) }, audit), written)
    t.equal(await tokens.findByDigest(org, digest), null)
    t.notMatch(JSON.stringify(await tokens.list(org, all, page)), 'digest')
    t.same(await tokens.remove(org, token.id, 2, audit), written)
  })

  await t.test('organizations', async (t) => {
    const organizations = createOrganizations(store)
    const acme = makeOrganization('acme')
    t.same(await organizations.insert(acme, audit), written)
    t.same(await organizations.findBySlug('acme'), acme)
    t.equal(await organizations.findBySlug('ac\0me'), null)
    t.ok((await organizations.list()).some(({ id }) => id === acme.id))
    const start = createHash('sha256').update(`muster audit chain ${acme.id}`).digest('hex')
    const [first] = await auditRows.scan(acme.id, 0n, 10)
    t.equal(first?.previous, start)
    const domain = makeOrganization('acme-two')
    t.same(await organizations.insert({ ...domain, slug: 'acme' }, audit), {
      outcome: 'taken',
      field: 'slug',
    })
    t.same(await organizations.insert({ ...domain, domain: acme.domain }, audit), {
      outcome: 'taken',
      field: 'domain',
    })
    t.same(await organizations.update({ ...acme, name: 'Acme', slug: 'moved' }, audit), written)
    t.same(await organizations.update({ ...acme, name: 'Late' }, audit), conflict)
    t.match(await organizations.findBySlug('acme'), { name: 'Acme', version: 2 })
  })

  await t.test('exemptions are read by group and by subject', async (t) => {
    const group = makeGroup('Exempt')
    await plant(store, org, { groups: [group] })
    const [id, subject] = [newId(), newId<UserId>()]
    await database.query(
      sql`insert into exemption (org, id, group_id, subject_id, kind, reason, created_at)
        values (${org}, ${id as string}, ${group.id}, ${subject}, 'never', 'left', ${at})`,
    )
    const exemptions = createExemptions(store)
    const wanted = { id, groupId: group.id, subjectId: subject, kind: 'never', reason: 'left' }
    t.same(await exemptions.list(org, { group: group.id }, page), [
      { ...wanted, expiresAt: null, createdAt: at },
    ])
    t.equal((await exemptions.list(org, { group: group.id, subject }, page)).length, 1)
    t.same(await exemptions.list(org, { subject: newId<UserId>() }, page), [])
    t.equal((await exemptions.find(org, id as never))?.kind, 'never')
  })

  await t.test(
    'a rule is activated at its version only, after those who wrote before are gone',
    async (t) => {
      const group = makeGroup('Rising', { mode: 'dynamic', rule: 'true', status: 'activating' })
      await groups.insert(org, group, audit)
      t.same(
        (await groups.unfinished(org)).map(({ id }) => id),
        [group.id],
      )
      await groups.barrier()
      t.equal(await groups.activate(org, group.id, 2), false)
      t.equal(await groups.activate(org, group.id, 1), true)
      t.equal(await logged('group', group.id), 2)
      t.same(await groups.unfinished(org), [])
    },
  )
}
