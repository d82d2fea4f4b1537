// A database of the release before, with something in it: what the new program needs is there once it has started.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { silentLog } from '../../src/base/log.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { openStore } from '../../src/store/store.ts'

enableLinearRegex()
const migrations = ['0001-house.sql', '0002-web.sql']
const id = (last: number) => `0b000000-0000-4000-8000-${String(last).padStart(12, '0')}`
const [org, review, byHand, ann, ben] = [id(1), id(2), id(3), id(4), id(5)]

const before = `
  create table migration (number integer primary key, name text not null, at timestamptz not null default now());
  insert into migration (number, name) values (1, '${migrations[0]}'), (2, '${migrations[1]}');
  insert into organization (id, slug, name, domain, settings, created_at, updated_at)
    values ('${org}', 'old', 'Old', 'old.example', '{"color": "#123456"}', now(), now());
  insert into rules_epoch (org) values ('${org}');
  insert into audit_head (org, hash) values ('${org}', sha256('old'));
  insert into groups (org, id, name, name_key, of, mode, rule, created_at, updated_at) values
    ('${org}', '${review}', 'leads', 'leads', 'users', 'review', 'title eq "Lead"', now(), now()),
    ('${org}', '${byHand}', 'hand', 'hand', 'users', 'static', null, now(), now());
  insert into users (org, id, username, username_key, state, title, created_at, updated_at) values
    ('${org}', '${ann}', 'ann', 'ann', 'active', 'Lead', now(), now()),
    ('${org}', '${ben}', 'ben', 'ben', 'active', null, now(), now());
  insert into manual_member (org, subject_id, group_id)
    values ('${org}', '${ben}', '${byHand}'), ('${org}', '${ben}', '${review}');
  insert into membership (org, subject_id, group_id, reasons, since)
    values ('${org}', '${ben}', '${byHand}', 4, now()), ('${org}', '${ben}', '${review}', 4, now());`

t.test('what was there stays, and review groups suggest from the start on', async (t) => {
  const folder = t.testdir({})
  const embedded = await openEmbedded(folder)
  const pool = new pg.Pool(embedded.poolConfig())
  for (const file of migrations)
    await pool.query(readFileSync(new URL(`../../src/store/migrations/${file}`, import.meta.url), 'utf8'))
  await pool.query(before)
  await pool.end()
  await embedded.close()

  const store = await openStore({
    ...{ dataFolder: folder, databaseUrl: null, redisUrl: null, connections: 2 },
    ...{ clock: systemClock, log: silentLog },
  })
  t.teardown(() => store.close())
  const [organization] = await store.organizations.list()
  if (organization === undefined) throw new Error('the organization is gone')
  t.match(organization.settings, {
    color: '#123456',
    selfEditable: [],
    hold: { percent: 10, members: 1000, least: 10 },
    reviewers: [],
  })
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  await engine.resume(organization.id)
  const list = { group: review as never, rejected: false }
  const suggested = await store.suggestions.list(organization.id, list, { limit: 10 })
  t.same(suggested.map(({ subjectId, operation }) => [subjectId, operation]).sort(), [
    [ann, 'join'],
    [ben, 'leave'],
  ])
  const cell = await store.cells.read(organization.id, { kind: 'user', id: ben as never })
  t.same(
    cell?.memberships.map(({ groupId, reasons }) => `${groupId} ${reasons}`).sort(),
    [`${review} manual`, `${byHand} manual`],
    'nobody has left',
  )
  t.equal(await engine.reconcile(organization.id), 0, 'nothing is left to be put right')
})
