// The groups that a new organization begins with, by the API over the embedded store: who is in them, and that they are
// like any other.
import t from 'tap'
import { silentLog } from '../../src/base/log.ts'
import { firstOrganization } from '../../src/core/directory/first-organization.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import { buildApi } from '../../src/doors/console/api.ts'
import { apiServices, caller, embeddedStore, explainsNothing, importPorts } from '../support/api.ts'

const store = await embeddedStore(t)
const ports = importPorts(store)
const first = firstOrganization({
  organization: { slug: 'new', name: 'New', domain: 'new.example' },
  owner: { username: 'anna' },
})
if (!first.ok) throw new Error('the first organization is refused')
const made = await importNewOrganization({ kind: 'system', name: 'test' }, first.value.file, ports)
if (!made.ok) throw new Error(JSON.stringify(made.error))
const app = await buildApi(apiServices(store, ports, silentLog, explainsNothing), { version: '0.0.0' })
const api = caller(app, 'new', made.value.tokens[0]?.token ?? '')
t.teardown(() => app.close())

const groups = async (): Promise<readonly { id: string; name: string; mode: string }[]> =>
  (await api('GET', '/groups')).body.items
const members = async () =>
  Object.fromEntries(
    await Promise.all(
      (await groups()).map(async ({ id, name }) => [
        name,
        (await api('GET', `/groups/${id}/members`)).body.items
          .map((one: { name: string }) => one.name)
          .sort(),
      ]),
    ),
  )

t.test('everybody is where they belong', async (t) => {
  await api('POST', '/users', { username: 'sid', state: 'suspended' })
  const now = new Date().toISOString()
  await api('POST', '/devices', { name: 'mac', os: 'macos', diskEncrypted: true, lastContact: now })
  await api('POST', '/devices', {
    name: 'old',
    os: 'windows',
    diskEncrypted: false,
    lastContact: '2020-01-01',
  })
  await api('POST', '/devices', { name: 'unknown', os: 'linux' })
  t.same(await members(), {
    everyone: ['anna'],
    administrators: ['anna'],
    'All users': ['anna', 'sid'],
    'Active users': ['anna'],
    'All devices': ['mac', 'old', 'unknown'],
    'macOS devices': ['mac'],
    'Windows devices': ['old'],
    'Linux devices': ['unknown'],
    'iOS devices': [],
    'Android devices': [],
    'Devices out of contact': ['old', 'unknown'],
    'Unencrypted devices': ['old', 'unknown'],
  })
})

t.test('they are changed and removed like any other', async (t) => {
  const idOf = async (name: string) => (await groups()).find((one) => one.name === name)?.id
  t.match(
    await api('PATCH', `/groups/${await idOf('Active users')}`, { name: 'Staff', rule: 'username sw "s"' }),
    { status: 200 },
  )
  t.same((await members()).Staff, ['sid'])
  t.equal((await api('DELETE', `/groups/${await idOf('iOS devices')}`)).status, 204)
  t.notOk('iOS devices' in (await members()))
})
