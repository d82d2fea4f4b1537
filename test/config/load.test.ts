import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problems.ts'
import { type Config, publicUrlOf } from '../../src/config/schema.ts'
import { settings } from '../../src/config/settings.ts'

const nowhere = t.testdir({})

function good(env: Record<string, string>, cwd = nowhere, file?: string): Config {
  const result = loadConfig({ env, cwd, file })
  if (!result.ok) throw new Error(result.error.map(formatProblem).join('\n'))
  return result.value
}

/** The messages, one a line. */
function bad(env: Record<string, string>, cwd = nowhere, file?: string): string[] {
  const result = loadConfig({ env, cwd, file })
  return result.ok ? [] : result.error.map(formatProblem)
}

function folderWith(cwd: string, yaml: string): string {
  mkdirSync(join(cwd, 'config'))
  writeFileSync(join(cwd, 'config/muster.yaml'), yaml)
  return cwd
}

t.test('nothing set: the defaults of the contract', async (t) => {
  const config = good({ PATH: '/bin', HOME: '/root' })
  t.match(config, {
    dataFolder: join(nowhere, 'data'),
    databaseUrl: null,
    redisUrl: null,
    listen: null,
    ports: { http: 8080, ldap: 1389, ldaps: 1636, radius: 1812, radiusAcct: 1813, radsec: 2083 },
    trustedProxies: [],
    fetchNetworks: [],
    smtpUrl: null,
    mailFrom: null,
    sample: 'auto',
    logLevel: 'info',
    warnings: [],
  })
  t.equal(publicUrlOf(config, config.ports.http), 'http://localhost:8080')
  t.equal(publicUrlOf(good({ MUSTER_HTTP_PORT: '0' }), 40123), 'http://localhost:40123', 'the port in use')
})

t.test('every variable', async (t) => {
  const config = good({
    MUSTER_DATA: 'elsewhere',
    MUSTER_DATABASE_URL: 'postgres://u:hunter2@db/muster',
    MUSTER_REDIS_URL: 'rediss://:hunter2@cache:6379',
    MUSTER_LISTEN: '::FFFF:10.0.0.1, ::, 10.0.0.1',
    MUSTER_HTTP_PORT: '0',
    MUSTER_LDAP_PORT: '0',
    MUSTER_LDAPS_PORT: '636',
    MUSTER_RADIUS_PORT: '0',
    MUSTER_RADIUS_ACCT_PORT: '65535',
    MUSTER_RADSEC_PORT: '2084',
    MUSTER_PUBLIC_URL: 'HTTPS://ID.acme.example:443/',
    MUSTER_TRUSTED_PROXIES: '10.0.0.0/8,::1',
    MUSTER_SAMPLE: 'off',
    MUSTER_LOG: 'debug',
  })
  t.equal(config.dataFolder, join(nowhere, 'elsewhere'))
  t.equal(config.databaseUrl?.reveal(), 'postgres://u:hunter2@db/muster')
  t.notMatch(
    inspect(config) + JSON.stringify(config, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    'hunter2',
  )
  t.same(config.listen, ['10.0.0.1', '::'])
  t.same(config.ports, { http: 0, ldap: 0, ldaps: 636, radius: 0, radiusAcct: 65535, radsec: 2084 })
  t.equal(publicUrlOf(config, 1), 'https://id.acme.example')
  t.same(
    config.trustedProxies.map((network) => network.text),
    ['10.0.0.0/8', '::1/128'],
  )
  t.equal(config.sample, false)
  t.equal(config.logLevel, 'debug')
  t.equal(
    good({ MUSTER_DATABASE_URL: 'postgres:///muster?host=/run/postgresql' }).databaseUrl?.reveal().length,
    39,
  )
})

t.test(
  'every fault is listed at once, with the place, the value, what was expected, and a guess',
  async (t) => {
    const faults = bad({
      MUSTER_HTTP_PROT: '80',
      MUSTER_LDAP_PORT: '70000',
      MUSTER_RADIUS_PORT: '1813',
      MUSTER_LOG: 'inof\n\x1b[31m',
      MUSTER_SAMPLE: 'onn',
      MUSTER_LISTEN: 'localhost',
      MUSTER_TRUSTED_PROXIES: '10.0.0.1/8',
      MUSTER_DATA: ' ',
      MUSTER_URL: 'anything',
      MUSTER_TOKEN: 'anything',
      MUSTER_TEST_POSTGRES: 'anything',
    })
    t.same(faults, [
      'MUSTER_HTTP_PROT: expected no such variable: those that begin with MUSTER_ must be known. Did you mean MUSTER_HTTP_PORT?',
      'MUSTER_LDAP_PORT is "70000": expected a port, 0 to 65535 (0: any free one).',
      'MUSTER_LOG is "inof??[31m": expected one of debug, info, warn, error, silent.',
      'MUSTER_SAMPLE is "onn": expected on, off or auto. Did you mean on?',
      'MUSTER_LISTEN is "localhost": expected IP addresses of this machine, separated by commas, such as 127.0.0.1 or 0.0.0.0,::. Did you mean 127.0.0.1,::1?',
      'MUSTER_TRUSTED_PROXIES is "10.0.0.1/8": expected networks, separated by commas, such as 10.0.0.0/8 or 2001:db8::1 (no bits set beyond the prefix).',
      'MUSTER_DATA is " ": expected a value, or no such setting at all.',
      'MUSTER_RADIUS_ACCT_PORT is "1813": expected a port of its own (MUSTER_RADIUS_PORT has the same).',
    ])
    t.match(bad({ MUSTER_LOG: 'debgu' })[0], /Did you mean debug\?/)
  },
)

t.test('W11: no fault shows a password', async (t) => {
  const secrets = [
    { MUSTER_DATABASE_URL: 'postgress://user:hunter2@host/db' },
    { MUSTER_DATABASE_URL: 'mysql://user:p@hunter2/w#hunter2@host/db?password=hunter2' },
    { MUSTER_DATABASE_URL: 'hunter2' },
    { MUSTER_REDIS_URL: 'redis://hunter2:hunter2@' },
    { MUSTER_PUBLIC_URL: 'https://user:hunter2@id.acme.example' },
    { MUSTER_DATABSE_URL: 'postgres://user:hunter2@host/db' },
  ]
  for (const env of secrets) {
    const [message = '', ...more] = bad(env as Record<string, string>)
    t.same(more, [])
    t.notMatch(message, /hunter2/)
    t.match(message, /^MUSTER_/)
  }
  t.match(
    bad(secrets[0] as Record<string, string>)[0],
    /is "postgress:\/\/\(hidden\)".* Did you mean postgres:\/\//,
  )
  t.match(bad(secrets[5] as Record<string, string>)[0], /Did you mean MUSTER_DATABASE_URL\?/)
})

t.test('the public URL is an origin', async (t) => {
  for (const url of [
    'https://a.example/muster',
    'https://a.example/?',
    'https://a.example/#x',
    'ftp://a.example',
    'a.example',
    'https://u@a.example',
    'https://',
    'javascript:alert(1)',
    'https://a.example\\x',
  ])
    t.equal(bad({ MUSTER_PUBLIC_URL: url }).length, 1, url)
  t.match(bad({ MUSTER_PUBLIC_URL: 'a.example' })[0], /Did you mean https:\/\/a\.example\?/)
  for (const url of ['http://localhost:8080', 'http://127.0.0.1', 'http://[::1]:80', 'https://a.example'])
    t.same(good({ MUSTER_PUBLIC_URL: url }).warnings, [], url)
  t.match(good({ MUSTER_PUBLIC_URL: 'http://a.example' }).warnings, [/without https/])
})

t.test('the file: same settings, environment wins, faults of both are listed', async (t) => {
  const cwd = folderWith(
    t.testdir({}),
    'httpPort: 9000\nldapPort: 9001\nlisten: ["::1", 127.0.0.1]\nsample: false\n',
  )
  const config = good({ MUSTER_LDAP_PORT: '9002' }, cwd)
  t.equal(config.ports.http, 9000)
  t.equal(config.ports.ldap, 9002)
  t.same(config.listen, ['::1', '127.0.0.1'])
  t.equal(config.sample, false)
  t.equal(config.logLevel, 'info')

  writeFileSync(
    join(cwd, 'config/muster.yaml'),
    '# hello\nhtpPort: 1\nMUSTER_DATA: x\nldapPort: 0x50\nlisten: { a: 1 }\n',
  )
  t.same(
    bad({ MUSTER_LOG: 'x' }, cwd).map((line) => line.replace(/one of the keys .*mple, log/, 'a key')),
    [
      'config/muster.yaml:5: listen: expected one value or a list of values.',
      'config/muster.yaml:2: htpPort: expected a key. Did you mean httpPort?',
      'config/muster.yaml:3: MUSTER_DATA: expected a key. Did you mean data?',
      'config/muster.yaml:4: ldapPort is "0x50": expected a port, 0 to 65535 (0: any free one).',
      'MUSTER_LOG is "x": expected one of debug, info, warn, error, silent.',
    ],
  )
})

t.test('the file: named, absent, broken', async (t) => {
  const cwd = t.testdir({
    'other.yaml': 'httpPort: 1234',
    'list.yaml': '- a',
    'broken.yaml': 'a: [',
    'twice.yaml': 'data: a\ndata: b',
    'empty.yaml': '',
    'unfilled.yaml': 'databaseUrl:\nldapPort: 0\nredisUrl: null\n',
    'bomb.yaml': 'a: &a [x,x]\nb: [*a,*a]\n',
  })
  t.equal(good({ MUSTER_CONFIG: 'other.yaml' }, cwd).ports.http, 1234)
  t.equal(
    good({ MUSTER_CONFIG: 'broken.yaml' }, cwd, 'other.yaml').ports.http,
    1234,
    '--config before MUSTER_CONFIG',
  )
  t.equal(good({}, cwd, 'empty.yaml').ports.http, 8080)
  t.match(bad({ MUSTER_CONFIG: 'gone.yaml' }, cwd), [/^MUSTER_CONFIG is "gone.yaml": .*ENOENT/])
  t.match(bad({ MUSTER_CONFIG: '' }, cwd), [/^MUSTER_CONFIG/])
  t.match(bad({}, cwd, 'gone.yaml'), [/^configuration file is "gone.yaml": .*ENOENT/])
  for (const file of ['list.yaml', 'broken.yaml', 'twice.yaml']) t.equal(bad({}, cwd, file).length, 1, file)
  t.ok(bad({}, cwd, 'bomb.yaml').length > 0)
  t.match(bad({}, cwd, 'twice.yaml'), [/^twice.yaml:2: expected YAML, but: .*unique/])
  t.match(
    bad({}, cwd, 'unfilled.yaml'),
    [/^unfilled.yaml:1: databaseUrl .*expected a value/, /^unfilled.yaml:3: redisUrl .*expected a value/],
    'a key without a value does not start the server on the default',
  )
})

t.test(
  'the example file names every key, and is accepted as it is and with every line in force',
  async (t) => {
    const example = readFileSync(new URL('../../config/muster.example.yaml', import.meta.url), 'utf8')
    const inForce = example.replace(/^# (?=[a-zA-Z]+: \S+$|[a-zA-Z]+: \[)/gm, '')
    for (const { key, variable } of Object.values(settings)) {
      t.match(inForce, new RegExp(`^${key}: `, 'm'))
      t.match(example, variable)
    }
    t.same(good({}, folderWith(t.testdir({}), example)), good({}, t.testdirName))
    const config = good({}, folderWith(t.testdir({}), inForce))
    t.equal(config.publicUrl, 'https://id.acme.example')
    t.same(config.ports, good({}).ports)
  },
)
