// What the commands ask of the API, what they print, and how they end.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import {
  Answer,
  type Answers,
  fakeServer,
  muster,
  page,
  problem,
  type Surroundings,
} from '../support/command-line.ts'
import type { WithTeardown } from '../support/database.ts'
import { freePort } from '../support/ports.ts'

const ids = {
  alice: '11111111-1111-4111-8111-111111111111',
  bob: '22222222-2222-4222-8222-222222222222',
  engineering: '33333333-3333-4333-8333-333333333333',
  wifi: '44444444-4444-4444-8444-444444444444',
  binding: '55555555-5555-4555-8555-555555555555',
}
const stored = { version: 1, createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z' }
const alice = {
  id: ids.alice,
  username: 'alice',
  email: 'alice@acme.example',
  state: 'active',
  managerId: ids.bob,
  ...stored,
}
const bob = {
  id: ids.bob,
  username: 'bob',
  displayName: 'Bob \u001b[31mRed\u202e',
  state: 'suspended',
  ...stored,
}
const engineering = {
  id: ids.engineering,
  name: 'engineering',
  of: 'users',
  mode: 'static',
  rule: null,
  ...stored,
}
const wifi = { id: ids.wifi, name: 'office wifi', kind: 'network', ...stored }
const binding = {
  id: ids.binding,
  groupId: ids.engineering,
  resourceId: ids.wifi,
  attributes: { radius: { vlan: 20 } },
  ...stored,
}

/** Lists of these objects, found by what their filters say. */
const directory: Answers = ({ method, path, query }) => {
  const all: Record<string, object[]> = {
    '/users': [alice, bob],
    '/groups': [engineering],
    '/resources': [wifi],
    '/bindings': [binding],
  }
  const [, kind = '', id] = path.split('/')
  if (method === 'PATCH') return { ...(all[`/${kind}`] ?? [])[0], version: 2 }
  if (method === 'DELETE' || method === 'PUT') return new Answer(204, null)
  if (method !== 'GET' || id !== undefined) return undefined
  const wanted = [...(query.filter ?? '').matchAll(/([A-Za-z]+) eq "([^"]*)"/g)]
  const items = (all[`/${kind}`] ?? []).filter(
    (item) =>
      wanted.length === 0 ||
      wanted.some(([, field = '', value]) => (item as Record<string, unknown>)[field] === value),
  )
  return page(...items)
}

async function against(t: WithTeardown, answers: Answers = directory) {
  const { url, asked } = await fakeServer(t, answers)
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  const run = (words: readonly string[], more: Surroundings = {}) => muster(words, { env, ...more })
  return { run, asked, env, url, changes: () => asked.filter(({ method }) => method !== 'GET') }
}

t.test('lists are aligned, sorted, and free of what a terminal would obey', async (t) => {
  const { run, asked } = await against(t)
  const { code, out, err } = await run([
    'user',
    'list',
    '--filter',
    'username eq "alice" or username eq "bob"',
  ])
  t.equal(code, 0)
  t.equal(err, '')
  t.equal(
    out,
    [
      'USERNAME  NAME                     EMAIL               STATE',
      'alice                              alice@acme.example  active',
      'bob       Bob \\u001b[31mRed\\u202e                      suspended',
      '',
    ].join('\n'),
  )
  t.equal(asked[0]?.path, '/api/v1/organizations', 'the organization is the one of the token')
  t.equal(asked[1]?.token, 'muster_token')
  t.equal(asked[1]?.query.filter, 'username eq "alice" or username eq "bob"')

  const narrow = await run(['user', 'list'], { columns: 40 })
  t.ok(
    narrow.out.split('\n').every((line) => line.length <= 40),
    'fits the terminal',
  )
  const colours = await run(['user', 'list'], { colour: true })
  t.match(colours.out, '\u001b[1m')
  const json = await run(['user', 'list', '--json'], { colour: true })
  t.same(JSON.parse(json.out), { items: [alice, bob], next: null })
})

t.test('lists go on over pages, and say when there is more', async (t) => {
  const many = Array.from({ length: 7 }, (_, index) => ({
    ...alice,
    id: `id-${index}`,
    username: `user-${index}`,
  }))
  const { run, asked } = await against(t, ({ query }) => {
    const from = query.after === undefined ? 0 : many.findIndex(({ id }) => id === query.after) + 1
    const items = many.slice(from, from + Math.min(3, Number(query.limit)))
    return { items, next: from + 3 < many.length ? items.at(-1)?.id : null }
  })
  const some = await run(['user', 'list', '--limit', '4', '--json'])
  t.same(JSON.parse(some.out).items.length, 4)
  t.equal(JSON.parse(some.out).next, 'id-3')
  t.match((await run(['user', 'list', '-n', '4'])).err, 'the first 4 are shown')
  t.equal(JSON.parse((await run(['user', 'list', '--all', '--json'])).out).items.length, 7)
  t.ok(asked.every(({ query }) => query.limit === undefined || Number(query.limit) <= 500))
})

t.test('names are accepted where ids are, and shown instead of them', async (t) => {
  const { run, changes, asked } = await against(t)
  t.match((await run(['user', 'show', 'alice'])).out, /^manager +bob$/m)
  t.equal(
    (
      await run([
        'user',
        'update',
        'alice',
        'department=Sales',
        'title=',
        'manager=bob',
        'attributes.badge=007',
      ])
    ).code,
    0,
  )
  t.match(changes().at(-1), {
    method: 'PATCH',
    path: `/users/${ids.alice}`,
    body: { department: 'Sales', title: null, managerId: ids.bob, attributes: { badge: '007' } },
  })
  const made = await run([
    'binding',
    'update',
    'engineering',
    'office wifi',
    'vlan=21',
    'attributes.claims:={"a":[1]}',
  ])
  t.equal(made.out, 'changed binding engineering → office wifi\n')
  t.same(changes().at(-1)?.body, { attributes: { radius: { vlan: 21 }, claims: { a: [1] } } })
  t.equal((await run(['group', 'add', 'engineering', 'alice', 'bob'])).out, 'added alice\nadded bob\n')
  t.equal(changes().at(-1)?.path, `/groups/${ids.engineering}/members/${ids.bob}`)
  const before = changes().length
  t.match(await run(['group', 'add', 'engineering', 'alice', 'nobody']), {
    code: 1,
    err: 'there is no user "nobody"',
  })
  t.equal(changes().length, before, 'a name that is not known changes nothing at all')
  t.match((await run(['user', 'show', 'alcie'])).err, 'Did you mean alice?')
  t.match(asked.at(-2)?.query.filter, 'username eq "alcie" or email eq "alcie"')
})

t.test('create takes flags, words and --set; a group with a rule is dynamic', async (t) => {
  const { run, changes } = await against(t, (asked) =>
    asked.method === 'POST'
      ? new Answer(201, { ...(asked.body as object), id: ids.alice })
      : directory(asked),
  )
  await run(['group', 'create', 'sales', '--rule', 'department eq "Sales"', '--factors', 'totp, webauthn'])
  t.same(changes().at(-1)?.body, {
    of: 'users',
    mode: 'dynamic',
    name: 'sales',
    rule: 'department eq "Sales"',
    factors: ['totp', 'webauthn'],
  })
  await run([
    'device',
    'create',
    'mac',
    '--owner',
    'alice',
    '--managed',
    'yes',
    '--last-contact',
    'now-2d',
    '--set',
    'mac=a,b',
  ])
  t.same(changes().at(-1)?.body, {
    name: 'mac',
    ownerId: ids.alice,
    managed: true,
    lastContact: '2026-11-18T12:00:00.000Z',
    mac: ['a', 'b'],
  })
  await run([
    'binding',
    'create',
    'engineering',
    'office wifi',
    '--vlan',
    '20',
    '--reply',
    'Filter-Id=staff,Session-Timeout=60',
  ])
  t.same(changes().at(-1)?.body, {
    groupId: ids.engineering,
    resourceId: ids.wifi,
    attributes: {
      radius: {
        vlan: 20,
        reply: [
          { name: 'Filter-Id', value: 'staff' },
          { name: 'Session-Timeout', value: 60 },
        ],
      },
    },
  })
  t.match(await run(['device', 'create', 'x', '--managed', 'maybe']), {
    code: 2,
    err: 'managed is true or false',
  })
})

t.test(
  'secrets come from standard input or a question, are confirmed, and generated ones are shown',
  async (t) => {
    const { run, changes } = await against(t, (asked) =>
      asked.method === 'POST'
        ? new Answer(201, {
            id: ids.alice,
            kind: 'totp',
            uri: 'otpauth://totp/x',
            secret: 'SEED',
            clientSecrets: [{ address: '10.0.0.1/32', secret: 'made' }],
          })
        : directory(asked),
    )
    await run(['user', 'create', 'kim', '--password-stdin'], { input: 'correct horse\n' })
    t.same(changes().at(-1)?.body, { username: 'kim', password: 'correct horse' })
    const before = changes().length
    for (const words of [
      ['user', 'create', 'kim', '--password-stdin'],
      ['user', 'password', 'alice'],
      ['resource', 'update', 'office wifi', 'clients=10.0.0.1', '--secret-stdin'],
    ])
      t.match(await run(words, { input: '\n' }), { code: 2, err: / is empty/ }, words.join(' '))
    t.equal(changes().length, before, 'nothing is made with an empty one')
    const asked = await run(['user', 'password', 'alice'], {
      interactive: true,
      replies: ['one', 'two', 'three', 'three'],
    })
    t.match(asked.err, 'These differ')
    t.same(changes().at(-1)?.body, { kind: 'password', password: 'three' })
    await run(['resource', 'create', 'lab', '--kind', 'network', '--clients', '10.0.0.1', '--secret-stdin'], {
      input: 'secret',
    })
    t.same(changes().at(-1)?.body, {
      name: 'lab',
      kind: 'network',
      network: { clients: [{ address: '10.0.0.1', secret: 'secret' }] },
    })
    t.match((await run(['resource', 'create', 'lab', '--kind', 'network'])).out, '10.0.0.1/32  made')
    t.match((await run(['user', 'totp', 'alice'])).out, 'otpauth://totp/x')
    t.match(
      await run(['user', 'create', 'kim', '--password', 'visible']),
      { code: 2 },
      'never as an argument',
    )
  },
)

t.test('applications: by flags, by metadata, and their secrets', async (t) => {
  const wiki = { id: ids.wifi, name: 'wiki', application: { protocol: 'oidc', clientId: 'wiki' }, ...stored }
  const { run, changes } = await against(t, (asked) =>
    asked.method === 'POST' ? new Answer(201, { ...wiki, clientSecret: 'made' }) : page(wiki),
  )
  const made = await run([
    ...['resource', 'create', 'wiki', '--client-id', 'wiki', '--pkce', 'no'],
    ...['--redirect-uris', 'https://a.example/cb, https://b.example/cb'],
  ])
  t.match(made.out, /created resource wiki\n.*\n +client id +wiki\n +client secret +made\n/)
  t.same(changes().at(-1)?.body, {
    name: 'wiki',
    kind: 'application',
    application: {
      protocol: 'oidc',
      clientId: 'wiki',
      redirectUris: ['https://a.example/cb', 'https://b.example/cb'],
      pkce: false,
    },
  })
  await run(['resource', 'create', 'crm', '--entity-id', 'urn:crm', '--acs', 'https://crm.example/acs'])
  t.match(changes().at(-1)?.body, {
    application: {
      protocol: 'saml',
      entityId: 'urn:crm',
      assertionConsumerServices: [{ url: 'https://crm.example/acs' }],
    },
  })
  await run(['resource', 'update', 'wiki', '--secret-stdin'], { input: 'a secret of its own\n' })
  t.same(changes().at(-1)?.body, { clientSecret: 'a secret of its own' })
  t.match((await run(['resource', 'secret', 'wiki'])).out, /client secret +made/)
  t.equal(changes().at(-1)?.path, `/resources/${ids.wifi}/client-secret`)

  const cwd = t.testdir({ 'sp.xml': '<EntityDescriptor/>' })
  const words = ['resource', 'create', 'crm', '--kind', 'application', '--metadata-file', 'sp.xml']
  t.equal((await run(words, { cwd })).code, 0)
  t.match(changes().at(-1), {
    path: '/resources/saml-metadata',
    body: { name: 'crm', metadata: '<EntityDescriptor/>' },
  })
  await run(['resource', 'update', 'wiki', '--metadata-url', 'https://sp.example/metadata'])
  t.same(changes().at(-1)?.body, { resourceId: ids.wifi, metadataUrl: 'https://sp.example/metadata' })
  t.match(await run([...words, '--client-id', 'x'], { cwd }), { code: 2, err: 'only a name' })
  t.match(await run(['resource', 'create', 'x', '--metadata-file', 'none.xml'], { cwd }), {
    code: 2,
    err: 'cannot be read',
  })
})

t.test('signing keys are listed and rotated', async (t) => {
  const key = { id: ids.alice, purpose: 'oidc', algorithm: 'ES256', state: 'next', retiredAt: null }
  const { run, changes } = await against(t, () => page(key))
  t.match((await run(['key', 'list'])).out, /PURPOSE +ALGORITHM +STATE +ID\noidc +ES256 +next/)
  for (const [after, seconds] of [
    ['1h', 3600],
    ['7d', 604_800],
    ['0', 0],
  ] as const) {
    t.equal((await run(['key', 'rotate', 'oidc', '--after', after])).code, 0)
    t.same(changes().at(-1)?.body, { purpose: 'oidc', activateAfterSeconds: seconds })
  }
  await run(['key', 'rotate', 'saml'])
  t.same(changes().at(-1)?.body, { purpose: 'saml' })
  await run(['key', 'rotate', 'oidc', '--compromised'])
  t.same(changes().at(-1)?.body, { purpose: 'oidc', compromised: true })
  t.equal((await run(['key', 'rotate', 'saml', '--after', 'soon'])).code, 2)
  t.match(await run(['key', 'rotate', 'tls']), { code: 2, err: 'oidc or saml' })
})

t.test('where a user is signed in, and the end of it', async (t) => {
  const web = {
    ...{ id: ids.bob, kind: 'session', application: null, sessionId: null, address: '10.0.0.7' },
    ...{
      since: '2026-11-20T08:00:00.000Z',
      lastUsedAt: '2026-11-20T11:00:00.000Z',
      browser: 'Fire\u001bfox/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)',
    },
  }
  const kept = {
    ...{ id: ids.wifi, kind: 'application-session', application: { id: ids.wifi, name: 'wiki' } },
    ...{ sessionId: null, since: '2026-11-19T08:00:00.000Z', lastUsedAt: null, address: null, browser: null },
  }
  const through = { ...kept, id: ids.binding, sessionId: ids.bob, since: '2026-11-20T08:01:00.000Z' }
  let open: object[] = [web, kept, through]
  const { run, changes } = await against(t, (asked) =>
    asked.path === `/users/${ids.alice}/sessions` && asked.method === 'GET'
      ? page(...open)
      : directory(asked),
  )
  t.equal(
    (await run(['user', 'sessions', 'alice'])).out.replaceAll(/ +/g, ' '),
    [
      'WHERE SINCE LAST USED ADDRESS BROWSER',
      'wiki, without a browser 2026-11-19 08:00:00Z',
      'browser 2026-11-20 08:00:00Z 2026-11-20 11:00:00Z 10.0.0.7 Fire\\u001bfox/5.0 (X11; Linux x86_64) AppleW…',
      'wiki 2026-11-20 08:01:00Z',
      '',
    ].join('\n'),
  )
  t.same(JSON.parse((await run(['user', 'sessions', 'alice', '--json'])).out).items, open)
  t.match(await run(['user', 'sign-out', 'alice']), {
    code: 0,
    out: 'alice is signed out everywhere, and may sign in again: muster user suspend alice takes all access away',
  })
  t.match(changes(), [{ method: 'DELETE', path: `/users/${ids.alice}/sessions` }])
  open = []
  t.equal((await run(['user', 'sessions', 'alice'])).out, 'alice is signed in nowhere\n')
  t.match(await run(['user', 'sign-out', 'nobody']), { code: 1, err: 'there is no user "nobody"' })
})

t.test('what is not finished yet is said: a user without a password, factors nobody can have', async (t) => {
  const { run } = await against(t, (asked) =>
    asked.method === 'POST' || asked.method === 'PATCH'
      ? new Answer(201, { ...(asked.body as object), username: 'kim', name: 'sales', id: ids.alice })
      : directory(asked),
  )
  const next = 'kim has no password yet. To set one: npx muster user password kim\n'
  t.equal((await run(['user', 'create', 'kim'])).out, `created user kim\n${next}`)
  t.equal(
    (await run(['user', 'create', 'kim', '--password-stdin'], { input: 'long enough' })).out,
    'created user kim\n',
  )
  t.equal(JSON.parse((await run(['user', 'create', 'kim', '--json'])).out).username, 'kim')

  const refused = 'note: nobody can have push or webauthn yet, so members'
  for (const words of [
    ['group', 'create', 'sales', '--factors', 'push, webauthn'],
    ['group', 'update', 'engineering', 'factors=push,webauthn'],
    ['binding', 'create', 'engineering', 'office wifi', '--factors', 'push,webauthn'],
    ['binding', 'update', 'engineering', 'office wifi', 'factors=push,webauthn', '--json'],
  ])
    t.match(await run(words), { code: 0, err: refused }, words.join(' '))
  for (const words of [
    ['group', 'create', 'sales', '--factors', 'push,totp'],
    ['group', 'create', 'sales', '--factors', 'recovery-code'],
    ['group', 'update', 'engineering', 'factors='],
    ['group', 'update', 'engineering', 'rule='],
  ])
    t.match(await run(words), { code: 0, err: '' }, words.join(' '))
  t.match((await run(['group', 'create', '--help'])).out, /demanded: totp,.*push/s)
})

t.test('deleting asks where somebody is there to answer', async (t) => {
  const { run, changes } = await against(t)
  t.match(await run(['user', 'delete', 'alice'], { interactive: true, replies: ['n'] }), {
    code: 1,
    err: 'nothing was deleted',
  })
  t.equal(changes().length, 0)
  t.match(await run(['user', 'delete', 'alice'], { interactive: true, replies: ['y'] }), {
    code: 0,
    out: 'deleted user alice',
  })
  t.equal((await run(['user', 'delete', 'alice', '--yes'], { interactive: true })).code, 0)
  t.equal((await run(['user', 'delete', 'alice'])).code, 0)
  t.equal(changes().length, 3)
})

t.test('problem documents become plain words, a line for each field, with the place in a rule', async (t) => {
  const { run } = await against(t, (asked) =>
    asked.method === 'PATCH'
      ? problem(422, 'What was sent cannot be accepted', [
          { field: 'name', code: 'x', message: 'is \u001b[2Jtoo long' },
          {
            field: 'rule',
            code: 'y',
            message: 'no such attribute',
            at: { start: 4, end: 9 },
            suggestion: 'department',
          },
        ])
      : directory(asked),
  )
  const refused = await run(['group', 'update', 'engineering', 'rule=not depar eq "x"'])
  t.equal(refused.code, 1)
  t.equal(refused.out, '')
  t.equal(
    refused.err,
    [
      'error: What was sent cannot be accepted',
      '  name: is \\u001b[2Jtoo long',
      '  rule: no such attribute',
      '    not depar eq "x"',
      '        ^^^^^',
      '    write: department',
      '',
    ].join('\n'),
  )
  const json = await run(['group', 'update', 'engineering', 'rule=not depar eq "x"', '--json'])
  t.equal(JSON.parse(json.err).error.problem.status, 422)
})

t.test('exit codes: 0 done, 1 refused, 2 called wrongly, 3 no server answers', async (t) => {
  const { run, env, url } = await against(t, ({ path }) =>
    path === '/devices' ? new Answer(502, '<html>') : problem(401, 'An API token is needed'),
  )
  t.match(await run(['user', 'list']), { code: 1, err: 'the token is not accepted' })
  t.match(await run(['device', 'list']), { code: 3, err: 'not like Muster' })
  for (const words of [
    ['usr'],
    ['user', 'lst'],
    ['user', 'show'],
    ['user', 'list', '--limit', '0'],
    ['user', 'list', '--colour'],
    [],
  ])
    t.equal((await run(words)).code, 2, words.join(' '))
  t.match((await run(['user', 'lst'])).err, 'Did you mean list?')
  t.match(await run(['user', 'update', 'alice', '--organization', 'acme']), {
    code: 2,
    err: 'nothing is to be changed',
  })
  t.match(await run(['--version']), { code: 0, out: '1.2.3' })
  const free = `http://127.0.0.1:${await freePort()}`
  const closed = { ...env, MUSTER_URL: free }
  t.match(await run(['user', 'list'], { env: closed }), {
    code: 3,
    err: `no Muster server answers at ${free}: nothing listens there`,
  })
  t.match(await run(['user', 'list'], { env: { ...env, MUSTER_URL: 'ftp://x' } }), {
    code: 2,
    err: 'MUSTER_URL',
  })
  t.match(await run(['user', 'list'], { env: { MUSTER_HTTP_PORT: 'x', MUSTER_DAT: 'y' } }), {
    code: 2,
    err: /MUSTER_HTTP_PORT.*\n.*MUSTER_DAT/,
  })
  t.match(await run(['user', 'list'], { env: { MUSTER_URL: url, MUSTER_TOKEN: 'a b' } }), {
    code: 2,
    err: 'token',
  })
})

t.test('the token file is for the server on this machine only, and closed to others', async (t) => {
  const { run, url, asked } = await against(t)
  const data = t.testdir({ 'admin-token': 'muster_of_file\n' })
  const env = { MUSTER_URL: url, MUSTER_DATA: data }
  chmodSync(join(data, 'admin-token'), 0o600)
  t.match(await run(['user', 'list'], { env }), { code: 0, err: '' })
  t.equal(asked.at(-1)?.token, 'muster_of_file')
  chmodSync(join(data, 'admin-token'), 0o644)
  t.match(await run(['user', 'list'], { env }), { code: 0, err: 'chmod 600' })
  const away = await run(['user', 'list'], { env: { ...env, MUSTER_URL: 'http://id.example' } })
  t.match(away, { code: 2, err: 'there is no token for http://id.example' })
  const none = await run(['user', 'list'], { env: { MUSTER_DATA: join(data, 'none') } })
  t.match(none, { code: 2, err: 'does not exist' })
})

t.test('a redirect is not followed: the token goes nowhere else', async (t) => {
  const other = await against(t)
  const { run } = await against(t, () => new Answer(302, '', { location: `${other.url}/` }))
  t.match(await run(['user', 'list', '-o', 'acme']), { code: 3 })
  t.equal(other.asked.length, 0)
})

t.test('every command has --help with examples, and --json', async (t) => {
  const { run } = await against(t)
  const commands = async (path: readonly string[]): Promise<readonly (readonly string[])[]> => {
    const { code, out } = await run([...path, '--help'])
    t.equal(code, 0, `${path.join(' ')} --help`)
    const listed = out.split('\nCommands:\n')[1]?.split('\n\n')[0]
    if (listed === undefined) {
      t.match(out, `Examples:\n  muster ${path.join(' ')}`)
      t.match(out, '--json', path.join(' '))
      return [path]
    }
    const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '')
    const found = await Promise.all(
      names.filter((name) => name !== 'help').map((name) => commands([...path, name])),
    )
    return found.flat()
  }
  const all = (await commands([])).map((path) => path.join(' '))
  for (const name of [
    'init',
    'import',
    'export',
    'explain',
    'doctor',
    'audit list',
    'audit verify',
    'user totp',
    'user sessions',
    'user sign-out',
    'binding create',
    'key rotate',
    'resource secret',
  ])
    t.ok(all.includes(name), name)
  t.ok(all.length > 30)
})

t.test('import checks nothing itself, and gives the server’s objections their lines', async (t) => {
  const { run, changes } = await against(t, (asked) => {
    if (asked.path === '/attributes') return page({ name: 'floor', type: 'number' })
    const users = (asked.body as { users: { username?: string; email?: string }[] }).users
    const bad = users.findIndex(({ email }) => email === 'bad')
    if (bad >= 0)
      return problem(422, 'Faulty', [
        { field: `users[${bad}].email`, code: 'x', message: 'no e-mail address' },
      ])
    return {
      counts: { users: users.length, groups: 0 },
      tokens: [{ name: 'ci', token: 'muster_new' }],
      clientSecrets: [],
    }
  })
  const cwd = t.testdir({
    'a.yaml': 'users:\n  - username: kim\n    email: kim@acme.example\n  - username: lee\n    email: bad\n',
    'a.json': '{"users": [{"username": "kim"}]}',
    'a.csv': '\ufeffusername;attributes.floor;displayName\r\nkim;7;"Kim ""K""; junior"\r\n\r\nlee;;\r\n',
    'b.csv': 'username,email\nkim,\n"lee",bad\n',
    'c.csv': 'username\n"open\n',
    'd.yaml': 'users:\n  - [\n',
  })
  t.match(await run(['import', 'a.yaml'], { cwd }), {
    code: 1,
    err: 'a.yaml:5: users[1].email: no e-mail address',
  })
  t.match(await run(['import', 'b.csv'], { cwd }), { code: 1, err: 'b.csv:3: users[1].email' })
  t.match(await run(['import', 'a.json'], { cwd }), {
    code: 0,
    out: 'imported 1 user\nAPI tokens, shown now and never again:\n  ci  muster_new',
  })
  t.equal((await run(['import', 'a.csv'], { cwd })).code, 0)
  t.same(changes().at(-1)?.body, {
    users: [
      { username: 'kim', displayName: 'Kim "K"; junior', attributes: { floor: 7 } },
      { username: 'lee' },
    ],
  })
  t.match(await run(['import', 'c.csv'], { cwd }), { code: 2, err: 'c.csv: line 2: a quote' })
  t.match(await run(['import', 'd.yaml'], { cwd }), { code: 2, err: /d\.yaml:[23]: / })
  t.match(await run(['import', 'none.yaml'], { cwd }), { code: 2, err: 'there is no such file' })
  writeFileSync(join(cwd, 'latin1.csv'), Buffer.from('username,title\nzoe,G\xe9rant\n', 'latin1'))
  t.match(await run(['import', 'latin1.csv'], { cwd }), { code: 2, err: 'it is not UTF-8' })
})

t.test('export writes what import reads: names for ids, no server fields, members by hand', async (t) => {
  const at = '2026-12-01T00:00:00.000Z'
  const { run } = await against(t, (asked) => {
    if (asked.path === '/organization')
      return { id: 'o', version: 1, slug: 'acme', name: 'Acme', domain: 'acme.example', settings: {} }
    if (asked.path.endsWith('/manual-members'))
      return page(
        { subjectId: ids.alice, name: 'alice', approved: false },
        { subjectId: ids.bob, name: 'bob', approved: true },
      )
    const one = { id: 'x', reason: 'on leave', createdAt: at }
    if (asked.path === '/exemptions')
      return page({ ...one, groupId: ids.engineering, subjectId: ids.bob, kind: 'never', expiresAt: null })
    if (asked.path === '/state-changes')
      return page(
        { ...one, userId: ids.bob, username: 'bob', state: 'active', at },
        { ...one, userId: ids.alice, username: null, state: 'active', at },
      )
    return directory(asked)
  })
  const expected = {
    organization: { slug: 'acme', name: 'Acme', domain: 'acme.example', settings: {} },
    users: [
      { username: 'alice', email: 'alice@acme.example', state: 'active', manager: 'bob' },
      { username: 'bob', displayName: bob.displayName, state: 'suspended' },
    ],
    groups: [{ name: 'engineering', of: 'users', mode: 'static', members: ['alice'], approved: ['bob'] }],
    exemptions: [{ group: 'engineering', subject: 'bob', kind: 'never', reason: 'on leave' }],
    stateChanges: [{ user: 'bob', state: 'active', at, reason: 'on leave' }],
    resources: [{ name: 'office wifi', kind: 'network' }],
    bindings: [{ group: 'engineering', resource: 'office wifi', attributes: { radius: { vlan: 20 } } }],
  }
  const yaml = await run(['export'])
  t.same(parse(yaml.out), expected)
  t.match(yaml.err, 'passwords')
  t.same(JSON.parse((await run(['export', '--format', 'json'])).out), expected)
})

const trace = {
  subject: { claimed: 'alice', id: ids.alice, name: 'alice', state: 'active' },
  resource: { claimed: 'x', id: ids.wifi, name: 'office wifi' },
  memberships: [{ groupId: 'g', name: 'sales', reasons: ['rule'] }],
  bindings: [],
  demands: [
    { anyOf: ['password', 'webauthn'], from: 'every way in', satisfied: true },
    { anyOf: ['totp', 'push'], from: 'group sales', satisfied: false },
  ],
  proofs: ['password'],
  steps: ['resource office wifi exists and is turned on'],
}

t.test('explain tells the outcome, what led to it, and what to do about a refusal', async (t) => {
  let answer: object = {}
  let portal = 'permit'
  const { run, changes } = await against(t, (asked) => {
    if (asked.path === '/o/acme/.well-known/openid-configuration')
      return { issuer: 'https://id.example/o/acme' }
    if (asked.path !== '/access/explain') return directory(asked)
    const { resource } = asked.body as { resource: string }
    return resource === 'portal' ? { outcome: portal, trace } : answer
  })
  const explain = async (more: object, ...words: string[]) => {
    answer = { trace, ...more }
    return run(['explain', 'alice', 'office wifi', ...words])
  }
  const denied = await explain(
    { outcome: 'deny', reason: 'no-binding', message: 'no group of the user is bound' },
    ...['--from', '10.0.0.7', '--evidence', 'password, totp', '--at', 'now+1h', '--insecure'],
  )
  t.same(changes().at(-1)?.body, {
    user: 'alice',
    resource: 'office wifi',
    from: '10.0.0.7',
    evidence: ['password', 'totp'],
    secured: false,
    at: '2026-11-20T13:00:00.000Z',
  })
  t.equal(denied.code, 0, 'a refusal that was explained is no failure')
  t.match(denied.out, 'DENY  alice may not use office wifi: no group of the user is bound')
  t.match(denied.out, 'sales (rule)')
  t.match(denied.out, '✓ password or webauthn (every way in)')
  t.match(denied.out, '✗ totp or push (group sales)')
  t.match(denied.out, 'Make alice a member of engineering')

  for (const [reason, advice] of [
    ['subject-suspended', 'muster user activate alice'],
    ['factor-not-enrolled', 'muster user totp alice'],
    ['unknown-resource', 'enabled=true'],
    ['no-proof', 'muster user password alice'],
  ] as const) {
    t.match((await explain({ outcome: 'deny', reason })).out, advice, reason)
  }
  const demanding = (...anyOf: string[]) =>
    explain({
      ...{ outcome: 'deny', reason: 'factor-not-enrolled' },
      trace: { ...trace, demands: [{ anyOf, from: 'group sales', satisfied: false }] },
    })
  t.match((await demanding('totp')).out, 'alice does it in the portal: https://id.example/o/acme/portal')
  portal = 'deny'
  const shut = await demanding('totp', 'push')
  t.match(shut.out, 'muster user totp alice')
  t.notMatch(shut.out, 'in the portal', 'the portal demands it, too')
  portal = 'permit'
  t.match((await demanding('push', 'webauthn')).out, 'Nobody can have push or webauthn yet')
  t.match(
    (await explain({ outcome: 'challenge', step: { kind: 'code', factors: ['totp'] } })).out,
    '--evidence password,totp',
  )
  const permitted = await explain(
    { outcome: 'permit', attributes: { radius: { vlan: 20 } } },
    '--expect',
    'deny',
  )
  t.match(permitted, { code: 1, out: 'PERMIT  alice may use office wifi' })
  t.match(permitted.out, 'radius: {"vlan":20}')
  t.equal(JSON.parse((await explain({ outcome: 'permit' }, '--json')).out).outcome, 'permit')
  t.match((await run(['user', 'groups', 'alice'])).out, /sales +rule/)
})

t.test('audit: a table of decisions and changes; verify fails where the chain is broken', async (t) => {
  let intact = true
  const { run, asked } = await against(t, (one) => {
    if (one.path === '/audit/verify')
      return intact
        ? { intact, records: '7', head: 'ab' }
        : { intact, sequence: '3', fault: 'its body was changed' }
    if (one.path !== '/audit') return directory(one)
    const circumstance = { peer: '10.0.0.7', door: 'ldap', secured: true }
    const at = '2026-11-20T11:00:00.123Z'
    const changes = [
      ['binding.update', 'binding', 'b', { group: 'engineering', resource: 'office wifi' }],
      ['binding.remove', 'binding', 'b', { groupId: { from: 'g' } }],
      ['membership.add', 'group', 'it-admins', { member: { kind: 'user', id: 'u', name: 'carol' } }],
      [
        ...(['membership.change', 'user', 'carol'] as const),
        {
          ...{ cause: 'group.remove', group: { id: 'g', name: 'former' } },
          ...{ joined: [ids.engineering], left: ['g', ids.wifi] },
        },
      ],
    ] as const
    return page(
      {
        sequence: '2',
        body: {
          kind: 'decision',
          at,
          outcome: 'deny',
          reason: 'wrong-proof',
          circumstance,
          trace: { ...trace, subject: { claimed: 'x\u001b]0;', name: null } },
        },
      },
      {
        sequence: '1',
        body: {
          kind: 'change',
          at,
          actor: { kind: 'token', name: 'ci' },
          action: 'user.create',
          target: { kind: 'user', name: 'alice' },
          details: {},
        },
      },
      ...changes.map(([action, kind, name, details], index) => ({
        sequence: String(index),
        body: {
          ...{ kind: 'change', at, actor: { kind: 'token', name: 'ci' }, action, details },
          target: { kind, id: 'x', name },
        },
      })),
    )
  })
  const { out } = await run(['audit', 'list', '--kind', 'decision', '--user', 'alice', '--since', 'now-1d'])
  t.match(out, /^2026-11-20 11:00:00Z {2}x\\u001b\]0; +deny +office wifi +ldap +10\.0\.0\.7 +wrong-proof$/m)
  t.match(out, /^2026-11-20 11:00:00Z {2}ci +user\.create +user alice$/m)
  const lastAsked = () => asked.findLast(({ path }) => path === '/audit')?.query
  t.match(lastAsked(), { kind: 'decision', subject: ids.alice, from: '2026-11-19T12:00:00.000Z' })
  t.match(out, /binding\.update +binding engineering → office wifi$/m)
  t.match(out, /binding\.remove +binding b$/m)
  t.match(out, /membership\.add +group it-admins: carol$/m)
  const moves = `+engineering -former -${ids.wifi}`
  t.ok(
    out.includes(`user carol: ${moves}\n`),
    'the groups that were joined and left, by name where they have one',
  )
  await run(['audit', 'list', '--kind', 'change', '--user', 'alice'])
  t.equal(lastAsked()?.target, ids.alice)
  t.equal(lastAsked()?.subject, undefined)
  for (const spoken of ['7K3M-10X1', '7k3m10x1', ' 7k3m – iox L ', '7K3M 1OXI']) {
    t.equal((await run(['audit', 'list', '--reference', spoken])).code, 0)
    t.equal(lastAsked()?.reference, '7K3M-10X1', spoken)
  }
  for (const none of ['7K3M', '7K3M-Q0XU', ''])
    t.match(await run(['audit', 'list', '--reference', none]), { code: 2, err: 'is no reference' }, none)
  t.match(await run(['audit', 'verify']), { code: 0, out: 'intact: 7 records' })
  intact = false
  t.match(await run(['audit', 'verify']), { code: 1, out: 'BROKEN at record 3: its body was changed' })
})

t.test('init sends the setup token once, and shows the owner’s token', async (t) => {
  let done = false
  const { run, changes, url } = await against(t, (asked) => {
    if (done) return undefined
    if (asked.path !== '/api/v1/setup') return undefined
    const { organization } = asked.body as { organization: object }
    return new Answer(201, { organization, owner: { username: 'anna' }, token: 'muster_owner' })
  })
  const data = t.testdir({})
  const env = { MUSTER_URL: url, MUSTER_DATA: data }
  const words = ['init', '--name', 'Example', '--domain', 'example.com', '--owner', 'anna']
  t.match(await run(words, { env }), { code: 2, err: 'there is no setup token' })
  writeFileSync(join(data, 'setup-token'), 'muster_setup\n', { mode: 0o600 })
  const made = await run([...words, '--password-stdin'], { env, input: 'long enough\n' })
  t.match(made, { code: 0, out: 'muster_owner' })
  t.notMatch(made.out, 'no password')
  t.match(made.out, new RegExp(`\\n {2}${url}/o/example/portal\\n$`), 'the last line: where people sign in')
  t.match(changes().at(-1), {
    path: '/api/v1/setup',
    token: 'muster_setup',
    body: {
      organization: { slug: 'example', name: 'Example', domain: 'example.com' },
      owner: { username: 'anna', password: 'long enough' },
    },
  })
  const asked = await run(['init'], {
    env,
    interactive: true,
    replies: ['Example', 'example.com', 'anna', 'pw-pw-pw', 'pw-pw-pw'],
  })
  t.equal(asked.code, 0)
  const before = changes().length
  t.match(await run([...words, '--password-stdin'], { env, input: '\n' }), {
    code: 2,
    err: 'password is empty',
  })
  t.equal(changes().length, before)
  t.match(await run(words, { env }), {
    code: 0,
    out: 'anna has no password yet, and cannot sign in. To set one: npx muster user password anna\n',
  })
  t.match(await run(['init'], { env }), { code: 2, err: '--name is missing' })
  done = true
  t.match(await run(words, { env }), { code: 1, err: 'there is an organization already' })
})

t.test('doctor names what is at fault, on this machine and at the server', async (t) => {
  let parts: object = { http: 'ok', database: 'ok' }
  const { run, url } = await against(t, (asked) => {
    if (asked.path === '/health/ready') return { ready: true, parts }
    return asked.path === '/organization' ? { name: 'Acme', slug: 'acme' } : undefined
  })
  const remote = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  const names = (out: string) =>
    (JSON.parse(out).checks as { name: string; status: string }[])
      .filter(({ status }) => status === 'fault')
      .map(({ name }) => name)
  const ready = await run(['doctor'], { env: remote })
  t.match(ready.out, `Server: ${url} is ready (http, database)`)
  t.match(ready.out, 'API token: accepted for Acme (acme)')
  // The clock of the command line stands still here, and the server's does not.
  t.match(ready.out, "the server's clock and this one differ")
  t.equal(ready.code, 1)
  parts = { http: 'ok', database: 'does not answer' }
  t.ok(names((await run(['doctor', '--json'], { env: remote })).out).includes('Database'))

  const data = t.testdir({ 'admin-token': 'muster_token', certificates: { 'server.pem': 'no certificate' } })
  chmodSync(data, 0o777)
  chmodSync(join(data, 'admin-token'), 0o644)
  const env = { MUSTER_DATA: data, MUSTER_HTTP_PORT: new URL(url).port }
  const local = await run(['doctor', '--json'], { env })
  const found = names(local.out)
  for (const name of ['Data folder', 'Secrets', 'Certificate']) t.ok(found.includes(name), name)
  const ports = {
    MUSTER_DATA: data,
    MUSTER_HTTP_PORT: '9',
    MUSTER_LDAP_PORT: new URL(url).port,
    MUSTER_LDAPS_PORT: '0',
    MUSTER_RADIUS_PORT: '0',
  }
  t.match(
    (await run(['doctor'], { env: ports })).out,
    `LDAP port ${new URL(url).port}: another program has it`,
  )
})
