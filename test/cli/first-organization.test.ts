// The command line against a real server, from an empty one on: what it says to whoever sets up an organization.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { muster, type Surroundings } from '../support/command-line.ts'
import { startMuster } from '../support/muster.ts'

const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
t.teardown(() => rm(data, { recursive: true, force: true }))
const server = await startMuster(t, { data, env: { MUSTER_SAMPLE: 'off' } })
const env = { MUSTER_DATA: data, MUSTER_URL: server.url }
const run = (line: string, more: Surroundings = {}) => muster(line.split(' '), { env, ...more })
const portal = `http://localhost:${server.ports.http}/o/example/portal`

t.test('an owner without a password, and where people sign in', async (t) => {
  const line = 'init --name Example --domain example.com --owner anna'
  t.match(await run(`${line} --password-stdin`), { code: 2, err: 'the password is empty: nothing was made' })
  const { code, out } = await run(line)
  t.equal(code, 0)
  t.match(out, 'anna has no password yet, and cannot sign in. To set one: npx muster user password anna\n')
  t.ok(out.endsWith(`\n  ${portal}\n`), 'as browsers reach it, not as the command line does')
  t.match(await run('user password anna', { input: 'a good long password\n' }), { code: 0 })
})

t.test('factors nobody can have, and what people can set up themselves', async (t) => {
  await run('user create bert --password-stdin', { input: 'a good long password\n' })
  await run('group create staff')
  await run('group add staff bert')
  await run('resource create vpn --kind network')
  t.match(await run('binding create staff vpn --factors push'), { code: 0, err: 'nobody can have push yet' })
  const pushed = await run('explain bert vpn')
  t.match(pushed.out, 'Nobody can have push yet')
  t.notMatch(pushed.out, 'user totp')
  t.match(await run('binding update staff vpn factors=push,totp'), { code: 0, err: '' })
  t.match(
    (await run('explain bert vpn')).out,
    `muster user totp bert; or bert does it in the portal: ${portal}`,
  )
  await run('group update staff factors=totp')
  const shut = await run('explain bert vpn')
  t.match(shut.out, 'muster user totp bert')
  t.notMatch(shut.out, 'in the portal', 'the group demands it there, too')
})

t.test('the audit log by names', async (t) => {
  const { out } = await run('audit list --kind change')
  t.match(out, /binding\.create +binding staff → vpn$/m)
  t.match(out, /binding\.update +binding staff → vpn$/m)
  t.match(out, /membership\.add +group staff: bert$/m)
  const about = await run('audit list --kind change --user bert')
  t.match(about.out, /user\.create +user bert$/m)
  t.notMatch(about.out, 'anna')
  const nothing = await run('audit list --reference 7k3mqoxi')
  t.match(nothing, { code: 0, out: 'nothing in the log under 7K3M-Q0X1\n' })
  t.match(nothing.out, "in the server's own log (standard error), not in the audit log")
})

t.test('the next start names the organization', async (t) => {
  // What it said has all come once it has ended.
  t.equal(await server.stop(), 0)
  t.match(server.stdout(), '/o/<organization>/portal')
  const { ports } = server
  const again = await startMuster(t, { data, ports, env: { MUSTER_SAMPLE: 'off' } })
  t.equal(await again.stop(), 0)
  t.match(again.stdout(), `Sign-in  ${portal}`)
})
