// "Your details" in the portal: people see and change what the organization leaves to them, and nothing else of anybody.
import t from 'tap'
import { csrfToken } from '../../src/net/web/origin.ts'
import { groundAt } from '../support/web.ts'
import { browserIdOf, openWebDoors } from '../support/web-doors.ts'

const details = '/o/acme/portal/details'
const doors = await openWebDoors(t, t.testdir({}))
const { api, signedIn } = doors

const find = async (path: string, filter: string) =>
  (await api('GET', `${path}?filter=${encodeURIComponent(filter)}`)).body.items[0]
const user = (username: string) => find('/users', `username eq "${username}"`)
const groupsOf = async (username: string): Promise<readonly string[]> => {
  const { body } = await api('GET', `/groups?limit=500`)
  const own = (await user(username)).id
  const all = await Promise.all(
    body.items.map(async ({ id, name }: { id: string; name: string }) => {
      const { items } = (await api('GET', `/groups/${id}/members?limit=500`)).body
      return items.some(({ subjectId }: { subjectId: string }) => subjectId === own) ? [name] : []
    }),
  )
  return all.flat()
}
const records = async (username: string) => {
  const { id } = await user(username)
  const { items } = (await api('GET', `/audit?kind=change&outcome=user.update&target=${id}`)).body
  return items.map(({ body }: { body: object }) => body)
}
const make = async (path: string, body: object) => {
  const made = await api('POST', `${path}?confirm=true`, body)
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body
}

t.test('A12: where nothing is left to people, nothing is shown or changed', async (t) => {
  const alice = await signedIn('alice')
  t.notOk((await alice.get('/o/acme/portal')).text.includes('Your details'))
  const page = await alice.get(details)
  t.match(page, { status: 200, heading: 'Your details' })
  t.match(page.text, /nothing here that you can change/)
  const before = await user('alice')
  const fields = { csrf: csrfToken(groundAt('').csrfKey, browserIdOf(alice), 'portal') }
  t.match(await alice.post(details, { ...fields, location: 'Berlin' }), { status: 403 })
  t.same(await user('alice'), before)
})

t.test(
  'A12: people change exactly the attributes that are theirs, and memberships follow at once',
  async (t) => {
    const settings = { selfEditable: ['location', 'displayName'] }
    t.equal((await api('PATCH', '/organization?confirm=true', { settings })).status, 200)
    const own = { of: 'users', selfEditable: true }
    await make('/attributes', { ...own, name: 'desk', type: 'string', description: 'Floor and number' })
    await make('/attributes', { ...own, name: 'level', type: 'number' })
    await make('/attributes', { ...own, name: 'remote', type: 'boolean' })
    await make('/attributes', { ...own, name: 'started', type: 'date' })
    await make('/attributes', { ...own, name: 'skills', type: 'list' })
    await make('/attributes', { of: 'users', name: 'grade', type: 'string' })
    const dynamic = { of: 'users', mode: 'dynamic' }
    await make('/groups', { ...dynamic, name: 'berliners', rule: 'location eq "Berlin"' })
    await make('/groups', { ...dynamic, name: 'remote', rule: 'remote eq true and level ge 2.5' })
    const bob = await signedIn('bob')
    const home = await bob.get('/o/acme/portal')
    t.match(home.text, /Location, Display name, desk, level, remote, started, skills/)
    t.match(home.text, /href="\/o\/acme\/portal\/details"/)
    const page = await bob.get(details)
    t.match(page.text, /Floor and number/)
    t.notMatch(page.text, /grade|department|username/i)
    const { version } = await user('bob')
    const { fields } = page.forms[0] as { fields: Record<string, string> }

    const all = {
      ...{
        location: 'Berlin',
        displayName: '<b>Bob</b>',
        'attributes.desk': '4.12',
        'attributes.level': '2.5',
      },
      ...{ 'attributes.remote': 'true', 'attributes.started': '2026-01-31', 'attributes.skills': 'go, sql,' },
    }
    const saved = await bob.post(details, { ...fields, ...all })
    t.match(saved, { status: 303, leadsTo: '/o/acme/portal?done=details-changed' })
    t.match((await bob.follow(saved)).text, /Your details are saved/)
    t.match(await user('bob'), {
      ...{ version: version + 1, location: 'Berlin', displayName: '<b>Bob</b>' },
      attributes: {
        ...{ desk: '4.12', level: 2.5, remote: true, started: '2026-01-31T00:00:00.000Z' },
        skills: ['go', 'sql'],
      },
    })
    const groups = await groupsOf('bob')
    t.ok(groups.includes('berliners') && groups.includes('remote'), groups.join())
    const [record] = await records('bob')
    t.match(record, {
      actor: { kind: 'user', name: 'bob' },
      target: { kind: 'user', name: 'bob' },
      details: { location: { to: 'Berlin' }, attributes: { to: { desk: '4.12' } } },
    })
    const shown = await bob.get(details)
    for (const text of [
      'value="Berlin"',
      '&lt;b&gt;Bob',
      'value="2026-01-31"',
      'value="go, sql"',
      'selected>Yes',
    ])
      t.ok(shown.text.includes(text), text)

    const count = (await records('bob')).length
    const same = await bob.post(details, { ...fields, ...all, 'attributes.skills': 'go, sql' })
    t.equal(same.status, 303)
    t.match(await user('bob'), { version: version + 1 }, 'what is the same is not written')
    t.equal((await bob.post(details, { ...fields, location: '', 'attributes.level': '' })).status, 303)
    t.match(await user('bob'), { location: null, displayName: '<b>Bob</b>' })
    t.notOk((await groupsOf('bob')).some((name) => name === 'berliners' || name === 'remote'))
    t.equal((await records('bob')).length, count + 1)
  },
)

t.test('A12: everything else is refused, with what came along', async (t) => {
  const carol = await signedIn('carol')
  const { fields } = (await carol.get(details)).forms[0] as { fields: Record<string, string> }
  const before = [await user('carol'), await user('alice')]
  for (const field of [
    ...['username', 'email', 'state', 'department', 'managerId', 'password', 'id', 'version', 'attributes'],
    ...['attributes.grade', 'attributes.nothing', 'attributes.', 'attributes.__proto__', '__proto__'],
    ...['constructor', 'attributes.desk.x', 'attributes.Desk', 'Location'],
  ]) {
    const page = await carol.post(details, { ...fields, location: 'Berlin', [field]: 'suspended' })
    t.match(page, { status: 403, alert: /not yours to change/ }, field)
    t.match(page.text, /value="Berlin"/, 'what was typed is not lost')
  }
  for (const [field, value] of [
    ['attributes.level', 'high'],
    ['attributes.remote', 'perhaps'],
    ['attributes.started', 'soon'],
    ['location', 'x'.repeat(257)],
    ['attributes.desk', 'a\u0000b'],
    ['attributes.skills', Array.from({ length: 65 }, (_, i) => i).join()],
  ] as const) {
    const page = await carol.post(details, { ...fields, displayName: 'Queen', [field]: value })
    t.equal(page.status, 400, field)
    t.match(page.text, new RegExp(`id="field-${field.replace('.', '\\.')}-problem"`), field)
  }
  t.equal((await carol.post(details, { ...fields, location: 'x'.repeat(70_000) })).status, 413)
  t.same([await user('carol'), await user('alice')], before)
})

t.test('A12: nobody gives themselves a role in the console, whatever an owner has confirmed', async (t) => {
  const group = { of: 'users', mode: 'dynamic', rule: 'attributes.desk eq "corner"' }
  const { id } = await make('/groups', { ...group, name: 'corner' })
  const resourceId = (await find('/resources', 'kind eq "console"')).id
  const dave = await signedIn('dave')
  const { fields } = (await dave.get(details)).forms[0] as { fields: Record<string, string> }
  for (const role of ['administrator', 'auditor', 'helpdesk', undefined]) {
    const attributes = role === undefined ? {} : { role }
    const binding = await make('/bindings', { groupId: id, resourceId, attributes })
    t.match(await dave.post(details, { ...fields, 'attributes.desk': 'corner' }), { status: 403 }, `${role}`)
    t.notOk((await groupsOf('dave')).includes('corner'), `${role}`)
    t.equal((await api('DELETE', `/bindings/${binding.id}`)).status, 204)
  }
  await make('/bindings', { groupId: id, resourceId, attributes: { role: 'auditor' } })
  t.equal((await dave.post(details, { ...fields, 'attributes.desk': '1.01' })).status, 303)
})

t.test('A12: who sends many changes at once is told that they are too many, and loses nothing', async (t) => {
  const erin = await signedIn('erin')
  const { fields } = (await erin.get(details)).forms[0] as { fields: Record<string, string> }
  const pages = await Promise.all(
    Array.from({ length: 20 }, (_, i) => erin.post(details, { ...fields, displayName: `Erin ${i}` })),
  )
  const saved = pages.filter(({ status }) => status === 303)
  const others = pages.filter(({ status }) => status !== 303)
  t.ok(saved.length > 0 && others.length > 0, `${saved.length} of 20`)
  for (const page of others) {
    t.match(page, { status: 503, alert: /this one was not saved/ })
    t.match(page.text, /value="Erin \d+"/)
  }
  t.equal((await records('erin')).length, saved.length)
  t.equal((await erin.post(details, { ...fields, displayName: 'Erin at last' })).status, 303)
})
