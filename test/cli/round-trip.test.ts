// An organization leaves one server as a file and comes to another, empty one: it is there what it was here.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { muster, type Surroundings } from '../support/command-line.ts'
import { type RunningMuster, startMuster } from '../support/muster.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the API answers, for assertions
type Json = any
interface Item {
  readonly id: string
  readonly name: string
}

const folder = await mkdtemp(join(tmpdir(), 'muster-data-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const [here, there] = await Promise.all([
  startMuster(t),
  startMuster(t, { data: folder, env: { MUSTER_SAMPLE: 'off' } }),
])
const at =
  (server: RunningMuster) =>
  (words: readonly string[], more: Surroundings = {}) =>
    muster(words, { env: { MUSTER_DATA: server.data, MUSTER_URL: server.url }, ...more })
const [runHere, runThere] = [at(here), at(there)]
const done = async (words: string): Promise<string> => {
  const { code, out, err } = await runHere(words.split(' '))
  if (code !== 0) throw new Error(`${words}: ${err}`)
  return out
}

const list = async (server: RunningMuster, path: string): Promise<Json[]> => {
  const { status, body } = await server.api('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200`)
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  return (body as { items: Json[] }).items
}
const make = async (path: string, body: unknown, method = 'POST'): Promise<void> => {
  const { status, body: answer } = await here.api(method, path, body)
  if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`)
}
const idOf = async (path: string, name: string): Promise<string> =>
  (await list(here, path)).find((one) => (one.username ?? one.name) === name)?.id

/** In an order that does not depend on ids. */
function sorted(value: Json): Json {
  if (!Array.isArray(value)) {
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]))
  }
  return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Who is in which group and why, and what is suggested, by names. */
async function standing(server: RunningMuster): Promise<Json> {
  const groups: Item[] = await list(server, '/groups')
  const of = async ({ id, name }: Item) => {
    const members = await list(server, `/groups/${id}/members`)
    const suggestions = await list(server, `/groups/${id}/suggestions`)
    const rejected = await list(server, `/groups/${id}/suggestions?rejected=true`)
    return {
      name,
      members: members.map((one) => [one.name, one.reasons]),
      suggestions: suggestions.map((one) => [one.name, one.operation]),
      rejected: rejected.map((one) => [one.name, one.operation]),
    }
  }
  return sorted(await Promise.all(groups.map(of)))
}

const exported = async (run: typeof runHere): Promise<Json> => {
  const { code, out, err } = await run(['export', '--format', 'json'])
  if (code !== 0) throw new Error(err)
  return JSON.parse(out)
}

t.test('everything that is said of memberships beside the rules', async (t) => {
  const settings = {
    ...{ selfEditable: ['location'], reviewers: ['reviews@acme.example'] },
    hold: { percent: 5, members: 7, least: 3 },
  }
  await make('/organization', { settings }, 'PATCH')
  await make('/attributes', { name: 'badge', of: 'users', type: 'string', selfEditable: true })
  const [engineering, admins, macs] = await Promise.all([
    idOf('/groups', 'engineering'),
    idOf('/groups', 'it-admins'),
    idOf('/groups', 'trusted-macs'),
  ])
  const [bob, carol, grace] = await Promise.all(['bob', 'carol', 'grace'].map((name) => idOf('/users', name)))
  const mac = await idOf('/devices', 'mac-alice')
  const expiresAt = '2040-05-06T07:08:09.000Z'
  const exempt = (groupId: string, subjectId: string | undefined, more: object) =>
    make('/exemptions', { groupId, subjectId, reason: 'agreed', ...more })
  await exempt(engineering, bob, { kind: 'never' })
  await exempt(engineering, carol, { kind: 'always', expiresAt })
  await exempt(macs, mac, { kind: 'never' })
  await done('group add it-admins grace')
  await exempt(admins, grace, { kind: 'never' })
  await done('group approve leads alice')
  await done('group reject leads grace')
  await done('group add sales dave')
  const scheduled = 'user schedule alice --reason leave --state'
  await done(`${scheduled} suspended --at 2040-01-01`)
  await done(`${scheduled} active --at 2040-02-01T12:00:00Z`)
  await done('user schedule frank --state suspended --at 2041-01-01 --reason over')

  const file = await exported(runHere)
  t.match(file.organization.settings, settings)
  t.match(file.attributes, [{ name: 'badge', selfEditable: true }])
  const groupOf = (name: string) => file.groups.find((one: Item) => one.name === name)
  t.strictSame(groupOf('leads').approved, ['alice'])
  t.strictSame(groupOf('leads').rejected, ['grace'])
  t.strictSame(groupOf('it-admins').members.sort(), ['erin', 'grace'], 'also whom an exemption keeps out')
  t.strictSame(groupOf('sales').members, ['dave'], 'also of a group with a rule')
  t.strictSame(sorted(file.exemptions), [
    { group: 'engineering', subject: 'bob', kind: 'never', reason: 'agreed' },
    { group: 'engineering', subject: 'carol', kind: 'always', reason: 'agreed', expiresAt },
    { group: 'it-admins', subject: 'grace', kind: 'never', reason: 'agreed' },
    { group: 'trusted-macs', subject: 'mac-alice', kind: 'never', reason: 'agreed' },
  ])
  t.strictSame(sorted(file.stateChanges), [
    { user: 'alice', state: 'active', at: '2040-02-01T12:00:00.000Z', reason: 'leave' },
    { user: 'alice', state: 'suspended', at: '2040-01-01T00:00:00.000Z', reason: 'leave' },
    { user: 'frank', state: 'suspended', at: '2041-01-01T00:00:00.000Z', reason: 'over' },
  ])

  await t.test('goes to an empty server', async (t) => {
    await writeFile(join(folder, 'acme.yaml'), (await runHere(['export'])).out)
    const words = ['init', '--from', 'acme.yaml', '--owner']
    t.match(
      await runThere([...words, 'nobody', '--password-stdin'], { cwd: folder, input: 'a good one\n' }),
      {
        code: 1,
        err: 'owner.username: there is no user "nobody" in the file',
      },
    )
    const { code, out, err } = await runThere([...words, 'erin', '--password-stdin'], {
      ...{ cwd: folder, input: 'a good long password\n' },
    })
    t.match({ code, err }, { code: 0, err: '' })
    t.match(out, 'The organization Acme (acme, acme.example) is made.\nimported ')
    t.match(out, /1 rejected suggestion, 4 exemptions, 3 scheduled states/)
    t.match(out, 'RADIUS secrets, shown now and never again:\n  127.0.0.1')
    t.match(out, /Client secrets, shown now and never again:\n {2}(wiki|payroll) {2}/)
    t.strictSame(sorted(await exported(runThere)), sorted(file))
    t.strictSame(await standing(there), await standing(here))
    const [erin] = (await list(there, '/users')).filter(({ username }) => username === 'erin')
    t.match(await list(there, `/users/${erin.id}/factors`), [{ kind: 'password' }])
    t.match((await there.api('GET', '/audit/verify')).body, { intact: true })
    t.match(await runThere(['audit', 'list', '--kind', 'change']), { out: /user\.schedule +user alice/ })
    t.match(await runThere(['init', '--from', 'acme.yaml'], { cwd: folder }), {
      ...{ code: 1, err: 'there is an organization already' },
    })
  })
})

t.test('the questions that only a running server answers', async (t) => {
  await make(`/devices/${await idOf('/devices', 'mac-dave')}`, { os: 'windows' }, 'PATCH')
  t.match(await runHere(['device', 'history', 'mac-dave']), {
    code: 0,
    out: /mac-dave +windows +macs +device\.update/,
  })
  for (const name of ['kim', 'lee', 'mia', 'noa']) await done(`user create ${name} --title Nurse`)
  await done('group create on-call')
  await done('group add on-call kim lee mia')
  t.strictSame(
    (await runHere(['user', 'group-suggestions', 'noa'])).out.split('\n')[1],
    'on-call  3 of 3 people with title "Nurse" are in it',
  )
  t.match(await runHere(['user', 'group-suggestions', 'noa', '--accept', 'on-call']), {
    out: 'added noa to on-call\n',
  })
  t.match(await runHere(['user', 'group-suggestions', 'noa']), { out: 'no group is suggested for noa\n' })
})
