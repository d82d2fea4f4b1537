// The commands of package.json leave other folders alone, the test command counts honestly, and the servers it gives to tests
// are what they claim to be.
import { chmodSync, cpSync, existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import t from 'tap'
import { freshDatabase } from './support/database.ts'
import { run, startProcess } from './support/process.ts'
import { root } from './support/source.ts'
import { TapOutput } from './support/tap-output.ts'

function read(output: string) {
  const said: string[] = []
  const tap = new TapOutput((line) => said.push(line))
  for (const line of output.split('\n')) tap.line(line)
  tap.end()
  return { ...tap.counts, said: said.join('\n') }
}

t.test('an innermost subtest, or a file without subtests, is one test', async (t) => {
  const counted = read(`1..2
# Subtest: test/a.test.ts
    # Subtest: outer
        ok 1 - an assertion beside subtests is no test
        # Subtest: inner one
            ok 1 - first
            ok 2 - second
            1..2
        ok 2 - inner one # time=3ms
        ok 3 - left out # SKIP no
        1..3
    ok 1 - outer # time=3ms
    1..1
ok 1 - test/a.test.ts # time=9.5ms
# Subtest: test/b.test.ts
    ok 1 - no subtests
    1..1
ok 2 - test/b.test.ts # time=5ms`)
  t.match(counted, { passed: 2, failed: 0, skipped: 1 })
  t.equal(counted.said, '✓ test/a.test.ts 9ms\n✓ test/b.test.ts 5ms')
})

t.test('a failure is counted once, and told with its place and its diagnostics', async (t) => {
  const counted = read(`1..1
# Subtest: test/a.test.ts
    # Subtest: outer
        # Subtest: inner
            not ok 1 - one is two
              ---
              diff: |
                ok 1 - this is text, not a result
              ...
            1..1
        not ok 1 - inner # time=3ms
        1..1
    not ok 1 - outer # time=3ms
    1..1
not ok 1 - test/a.test.ts # time=9ms`)
  t.match(counted, { passed: 0, failed: 1 })
  t.match(counted.said, 'test/a.test.ts > outer > inner > one is two')
  t.match(counted.said, 'ok 1 - this is text, not a result')
})

t.test('a file that crashes, empty or after good tests, or that never reports, has failed', async (t) => {
  const crashed = read(`1..1
# Subtest: test/a.test.ts
    # Subtest: fine
        ok 1 - yes
        1..1
    ok 1 - fine
    not ok 2 - crash
    1..2
not ok 1 - test/a.test.ts`)
  t.match(crashed, { passed: 1, failed: 1 })
  t.match(read('1..1\n# Subtest: test/a.test.ts\n    1..0 # no tests found\nnot ok 1 - test/a.test.ts'), {
    passed: 0,
    failed: 1,
  })
  t.match(read('1..2\nok 1 - test/a.test.ts'), { passed: 1, failed: 1 }, 'a planned file is missing')
  t.match(read('1..1\n# Subtest: test/a.test.ts\n    ok 1 - half'), { passed: 0, failed: 1 }, 'cut off')
})

t.test('a database for tests is empty, keeps what it commits, and is gone afterwards', async (t) => {
  let url = ''
  await t.test('while the test runs', async (t) => {
    url = await freshDatabase(t)
    const client = new Client({ connectionString: url })
    await client.connect()
    t.teardown(() => client.end())
    const { rows } = await client.query(
      `select current_setting('fsync') as fsync, (select count(*)::int from pg_tables where schemaname = 'public') as tables`,
    )
    t.same(rows, [{ fsync: 'on', tables: 0 }])
  })
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await t.rejects(client.connect())
})

t.test('programs: input, output, exit code, and an end for those that do not stop', async (t) => {
  t.same(await run('sh', ['-c', 'cat; echo no >&2; exit 3'], { input: 'yes' }), {
    code: 3,
    stdout: 'yes',
    stderr: 'no\n',
  })
  const stubborn = startProcess('sh', ['-c', `trap '' TERM; echo started; while :; do sleep 0.1; done`])
  while (!stubborn.stdout().includes('started')) await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(await stubborn.stop('SIGTERM', 100), null, 'killed')
})

t.test('packages are not installed through a link, which would empty the folder behind it', async (t) => {
  const npm = { npm: '#!/bin/sh\ntouch ../installed\n' }
  const folder = t.testdir({ copy: { 'package-lock.json': '{}' }, theirs: { kept: '' }, programs: npm })
  chmodSync(join(folder, 'programs/npm'), 0o755)
  const copy = join(folder, 'copy')
  cpSync(join(root, 'bin'), join(copy, 'bin'), { recursive: true })
  symlinkSync(join(folder, 'theirs'), join(copy, 'node_modules'))
  const refused = await run('sh', ['bin/with-packages', 'echo', 'ran'], {
    cwd: copy,
    env: { PATH: `${join(folder, 'programs')}:${process.env.PATH}` },
  })
  t.match(refused, { code: 1, stdout: '', stderr: /is a symbolic link.*\nRemove the link/ })
  t.notOk(existsSync(join(folder, 'installed')), 'npm is not asked')
  t.same(readdirSync(join(folder, 'theirs')), ['kept'])
})
