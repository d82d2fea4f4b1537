// Every route of the API there is, from its own description: who only reads changes nothing, another organization's objects are
// as if they were not there, and what is too much or of the wrong kind is refused and never a fault.
import t from 'tap'
import { newId } from '../../src/base/ids.ts'
import { type Answer, caller, finder, sampleApi } from '../support/api.ts'

const { acme, other, app } = await sampleApi(t)
const find = finder(acme)

interface Route {
  readonly method: string
  readonly path: string
}

const paths: Record<string, Record<string, unknown>> = (await acme('GET', '/openapi.json')).body.paths
const routes: readonly Route[] = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({
    method: method.toUpperCase(),
    path: path.replace(/^\/o\/\{slug\}\/api\/v1/, ''),
  })),
)
const asking = ['/access/explain', '/groups/preview', '/rules/check']
const isWrite = ({ method, path }: Route) => method !== 'GET' && !asking.some((one) => path.endsWith(one))

/** An object of acme for each kind of path. */
async function ownObjects(): Promise<ReadonlyMap<string, string>> {
  const alice = (await find('/users', 'username eq "alice"')).id
  const group = (await find('/groups', 'name eq "leads"')).id
  const made = async (path: string, body: unknown) => (await acme('POST', path, body)).body
  const exemption = await made('/exemptions', {
    ...{ groupId: group, subjectId: alice, kind: 'never', reason: 'x' },
  })
  const planned = await made('/state-changes', {
    ...{ userIds: [alice], state: 'suspended', at: '2999-01-01', reason: 'x' },
  })
  const attribute = await made('/attributes', { name: 'badge', of: 'users', type: 'string' })
  const ids = new Map<string, string>([
    ...(['devices', 'resources', 'bindings', 'service-accounts', 'tokens'] as const).map(
      (kind) => [kind, ''] as const,
    ),
  ])
  for (const kind of ids.keys()) ids.set(kind, (await acme('GET', `/${kind}`)).body.items[0].id)
  return ids
    .set('users', alice)
    .set('groups', group)
    .set('exemptions', exemption.id)
    .set('state-changes', planned.items[0].id)
    .set('attributes', attribute.id)
}

const own = await ownObjects()
const filled = (path: string, id: (kind: string) => string): string => {
  const kind = path.split('/')[1] ?? ''
  return path
    .replace('{id}', id(kind))
    .replace('{subjectId}', id('users'))
    .replace('{kind}', 'password')
    .replace(/\{[a-zA-Z]+\}/g, id(kind))
}
const ofAcme = (path: string) => filled(path, (kind) => own.get(kind) ?? newId())
const spell = ({ method, path }: Route) => `${method} ${path}`
const sent = ({ method }: Route, body: unknown = {}) =>
  method === 'GET' || method === 'DELETE' ? undefined : body

t.test('the routes that are new are among them', async (t) => {
  for (const route of [
    'POST /suggestions/approve',
    'POST /suggestions/reject',
    'GET /groups/{id}/suggestions',
    'POST /state-changes',
    'DELETE /state-changes/{id}',
    'GET /groups/{id}/history',
    'GET /users/{id}/history',
    'GET /devices/{id}/history',
    'GET /users/{id}/access',
    'GET /groups/{id}/members/{subjectId}/explanation',
    'POST /users/{id}/group-suggestions/accept',
    'POST /groups/preview',
    'GET /findings',
  ])
    t.ok(
      routes.some((one) => spell(one) === route),
      route,
    )
})

t.test('an auditor changes nothing', async (t) => {
  const { token } = (await acme('POST', '/tokens', { name: 'reading', role: 'auditor' })).body
  const auditor = caller(app, 'acme', token)
  for (const route of routes.filter(isWrite))
    t.equal((await auditor(route.method, ofAcme(route.path), sent(route))).status, 403, spell(route))
  for (const route of routes.filter((one) => !isWrite(one)))
    t.not((await auditor(route.method, ofAcme(route.path), sent(route))).status, 401, spell(route))
})

t.test('A01: what belongs to another organization is not there', async (t) => {
  const tell = ({ status, body }: Answer) => ({ status, body })
  for (const route of routes.filter(({ path }) => path.includes('{id}'))) {
    const theirs = tell(await other(route.method, ofAcme(route.path), sent(route)))
    const nobodys = tell(
      await other(
        route.method,
        filled(route.path, () => newId()),
        sent(route),
      ),
    )
    t.same(theirs, nobodys, `${spell(route)} says the same of what is nowhere`)
    t.not(theirs.status < 300, true, `${spell(route)} ${theirs.status}`)
  }
  const { body } = await other('POST', '/suggestions/approve', { groupId: own.get('groups') })
  t.equal(body.status, 404)
  const wait = { state: 'active', at: '2999-01-01', reason: 'x' }
  t.equal((await other('POST', '/state-changes', { userIds: [own.get('users')], ...wait })).status, 422)
  const preview = { rule: 'username pr', groupId: own.get('groups') }
  t.equal((await other('POST', '/groups/preview', preview)).status, 422)
  for (const path of [`/state-changes?userId=${own.get('users')}`, '/findings', '/exemptions'])
    t.notMatch(JSON.stringify((await other('GET', path)).body), own.get('users') ?? '', path)
})

t.test('nobody gets in without a token', async (t) => {
  const nobody = caller(app, 'acme', null)
  for (const route of routes.filter(({ path }) => !path.startsWith('/api/')))
    t.equal((await nobody(route.method, ofAcme(route.path), sent(route))).status, 401, spell(route))
})

t.test('no input is a fault', async (t) => {
  const deep = JSON.parse(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`)
  const bodies = [null, [], 'x', 7, deep, { ids: Array(5_000).fill('x') }, { rule: 'a'.repeat(70_000) }]
  for (const route of routes.filter((one) => sent(one) !== undefined)) {
    for (const body of bodies) {
      const { status } = await acme(route.method, ofAcme(route.path), body)
      t.ok(status < 500, `${spell(route)} ${JSON.stringify(body).slice(0, 40)}: ${status}`)
    }
  }
  for (const route of routes.filter(({ method }) => method === 'GET'))
    for (const query of [
      '?limit=100000',
      '?after=x',
      '?confirm=true&confirm=true',
      '?filter=%00',
      '?userId=x',
    ]) {
      const { status } = await acme('GET', `${ofAcme(route.path)}${query}`)
      t.ok(status < 500, `${spell(route)}${query}: ${status}`)
    }
})

t.test('confirmation is one word in the address, and nothing that is sent', async (t) => {
  await acme('PATCH', '/organization', { settings: { hold: { percent: 1, members: 1, least: 1 } } })
  const group = own.get('groups')
  const rule = { mode: 'dynamic', rule: 'username pr' }
  for (const [query, body] of [
    ['', rule],
    ['?confirm=1', rule],
    ['?confirm=TRUE', rule],
    ['?confirm=true&confirm=true', rule],
    ['?confirm[]=true', rule],
    ['', { ...rule, confirm: true }],
    ['', { ...rule, confirmed: true }],
  ] as const) {
    const { status } = await acme('PATCH', `/groups/${group}${query}`, body)
    t.ok(status >= 400 && status < 500, `${query} ${JSON.stringify(body)}: ${status}`)
  }
  t.equal((await acme('PATCH', `/groups/${group}?confirm=true`, rule)).status, 200)
})
