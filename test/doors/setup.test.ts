// The two questions outside of an organization: setting up the first one, and whose a token is.
import Fastify from 'fastify'
import t from 'tap'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { firstOrganization, inWordsOfSetup } from '../../src/core/directory/first-organization.ts'
import { tokenDigest } from '../../src/core/directory/tokens.ts'
import type { Organization } from '../../src/core/directory/types.ts'
import { organizationsRoutes } from '../../src/doors/console/routes/organizations.ts'
import type { ApiServices } from '../../src/doors/console/services.ts'
import { type SetupReport, setupRoutes } from '../../src/doors/console/setup.ts'

const token = 'muster_abcdefghijklmnopqrstuvwxyz'
const bearer = (value: string) => ({ authorization: `Bearer ${value}` })
const report: SetupReport = {
  organization: { slug: 'acme', name: 'Acme', domain: 'acme.example' },
  owner: { username: 'anna' },
  token: 'muster_owner',
  imported: { counts: {} as never, tokens: [], clientSecrets: [], applicationSecrets: [] },
}

t.test('the setup token works once, and two at a time do not both begin', async (t) => {
  const app = Fastify()
  // As in the API: schemas describe, and core decides.
  app.setValidatorCompiler(() => () => true)
  let digest: Buffer | null = tokenDigest(new Secret(token))
  let begun = 0
  const waiting: (() => void)[] = []
  setupRoutes(app, {
    digest: () => digest,
    async complete() {
      begun++
      await new Promise<void>((resolve) => waiting.push(resolve))
      digest = null
      return ok(report)
    },
  })
  const post = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/api/v1/setup', headers, payload: { organization: {}, owner: {} } })
  t.equal((await post({})).statusCode, 401)
  t.equal((await post(bearer(`${token}x`))).statusCode, 401)
  t.equal(begun, 0)
  const first = post(bearer(token))
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal((await post(bearer(token))).statusCode, 409)
  waiting.shift()?.()
  const made = await first
  t.equal(made.statusCode, 201)
  t.equal(made.headers['cache-control'], 'no-store')
  t.same(made.json(), report)
  t.equal((await post(bearer(token))).statusCode, 404, 'closed for ever')
  t.equal(begun, 1)
})

t.test('what was sent is read with care, and its faults are told in its own words', async (t) => {
  for (const body of [null, 'x', [], {}, { owner: 'anna' }, { owner: { username: 7 } }]) {
    t.equal(firstOrganization(body).ok, false, JSON.stringify(body))
  }
  t.match(firstOrganization({ owner: { username: 'anna' }, ownr: 1 }), { ok: false })
  t.match(firstOrganization({ organization: {}, owner: { username: 'anna' } }), {
    ok: true,
    value: { owner: 'anna' },
  })
  const [moved] = inWordsOfSetup([{ field: 'users[0].email', code: 'x', message: 'y' }])
  t.equal(moved?.field, 'owner.email')
})

t.test('an organization that was elsewhere: its file, and who is to sign in', async (t) => {
  const ann = { username: 'Ann', passwordHash: 'x' }
  const file = { organization: { slug: 'acme' }, users: [ann, 7], tokens: [{ name: 'ci', role: 'auditor' }] }
  const owner = { username: 'ann', password: 'a good long password' }
  const first = { name: 'first owner', role: 'owner' }
  t.match(firstOrganization({ file, owner }), {
    ok: true,
    value: {
      owner: 'ann',
      file: {
        organization: file.organization,
        users: [{ username: 'Ann', password: owner.password, passwordHash: undefined }, 7],
        tokens: [first, ...file.tokens],
      },
    },
  })
  const alone = firstOrganization({ file: { users: [ann] } })
  if (!alone.ok) throw new Error(JSON.stringify(alone.error))
  t.strictSame(alone.value.file, { users: [ann], tokens: [first] })
  t.equal(alone.value.owner, null)
  const problem = { field: 'users[0].email', code: 'x', message: 'y' }
  t.strictSame(alone.value.told([problem]), [problem], 'in the words of the file')
  for (const [body, field] of [
    [{ file: [] }, 'file'],
    [{ file, owner: { username: 'ben', password: owner.password } }, 'owner.username'],
    [{ file, owner: { username: 'ann' } }, 'owner.password'],
    [{ file, owner: { username: 'ann', password: 'short' } }, 'owner.password'],
    [{ file, organization: {} }, 'organization'],
  ] as const)
    t.match(firstOrganization(body), { ok: false, error: { problems: [{ field }] } }, field)
  t.match(firstOrganization({ file: { tokens: 'x' } }), { ok: true, value: { file: { tokens: 'x' } } })
})

t.test('a token is told its organization, and a stranger nothing', async (t) => {
  const app = Fastify()
  const acme = { id: 'one', slug: 'acme', name: 'Acme', domain: 'acme.example' } as unknown as Organization
  let expired = false
  organizationsRoutes(app, {
    organizations: { list: async () => [acme], findBySlug: async () => null },
    tokens: {
      organizationOf: async (digest: Buffer) =>
        digest.equals(tokenDigest(new Secret(token))) ? acme.id : null,
      findByDigest: async () => (expired ? null : { role: 'auditor' }),
    },
  } as unknown as ApiServices)
  const get = (headers: Record<string, string>) =>
    app.inject({ method: 'GET', url: '/api/v1/organizations', headers })
  t.same((await get(bearer(token))).json(), {
    items: [{ slug: 'acme', name: 'Acme', domain: 'acme.example', role: 'auditor' }],
    next: null,
  })
  t.equal((await get({})).statusCode, 401)
  t.equal((await get(bearer(`${token}x`))).statusCode, 401)
  expired = true
  t.equal((await get(bearer(token))).statusCode, 401)
})
