// Reviewers are told of suggestions by mail: over a real SMTP conversation, once among two processes, again after a failure.
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import { noticeOf, startReviewNotices } from '../../src/core/membership/review-notice.ts'
import { createMailer } from '../../src/notify/mail.ts'
import { createReviewNotices } from '../../src/store/review-notices.ts'
import { sql } from '../../src/store/sql.ts'
import { makeGroup, makeUser, openStore, plant, plantOrganization } from '../support/store.ts'

/** A mail server that takes everything, or (`refusing`) nothing; gives its URL and what it took. */
async function mailServer(t: Test, state: { refusing: boolean }) {
  const mails: string[] = []
  const server = createServer((socket) => {
    let mail: string | null = null
    socket.on('error', () => {})
    socket.write('220 here\r\n')
    let rest = ''
    socket.on('data', (bytes) => {
      rest += bytes.toString()
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (mail !== null && line !== '.') mail += `${line}\n`
        else if (mail !== null) {
          mails.push(mail)
          mail = null
          socket.write('250 taken\r\n')
        } else if (line === 'DATA') {
          mail = ''
          socket.write('354 go on\r\n')
        } else if (line === 'QUIT') socket.end('221 bye\r\n')
        else socket.write(line.startsWith('MAIL') && state.refusing ? '451 later\r\n' : '250 yes\r\n')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  return { url: new Secret(`smtp://127.0.0.1:${port}`), mails }
}

const until = async (wished: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !wished(); i++) await new Promise((resolve) => setTimeout(resolve, 20))
}

t.test('what a notice says', async (t) => {
  const counts = [
    { group: 'leads', joins: 2, leaves: 1 },
    { group: 'a\r\nBcc: b', joins: 0, leaves: 1 },
  ]
  const { subject, text } = noticeOf({ name: 'Acme\r\nX: y' }, counts, 'Look there.')
  t.equal(subject, 'Acme X: y: 4 suggestions wait for review')
  t.match(text, '  leads: 2 to join, 1 to leave\n  a Bcc: b: 1 to leave\n')
})

t.test('reviewers are told once, whoever of the processes is first', async (t) => {
  const store = await openStore(t, 'served', '')
  const planted = await plantOrganization(store, 'notices')
  const organization = {
    ...planted,
    settings: { ...planted.settings, reviewers: ['erin@notices.example', 'bob@notices.example'] },
  }
  const group = makeGroup('leads', { mode: 'review', rule: 'title eq "Boss"' })
  await plant(store, organization.id, { groups: [group] })
  const user = makeUser('alice')
  await store.database.query(sql`insert into suggestion (org, subject_id, group_id, operation, since)
    values (${organization.id}, ${user.id}, ${group.id}, 'join', now())`)
  const state = { refusing: true }
  const { url, mails } = await mailServer(t, state)
  let failures = 0
  const log = { ...silentLog, warn: () => void failures++ }
  const start = () =>
    startReviewNotices(
      {
        notices: createReviewNotices(store.database),
        organizations: { list: async () => [organization] },
        mailer: createMailer(url, 'muster@notices.example'),
        where: () => 'Look there.',
        clock: systemClock,
        log,
      },
      30,
    )
  const stops = [start(), start()]
  await until(() => failures > 1)
  t.ok(failures > 1, 'a server that refuses is asked again')
  t.same(mails, [])
  state.refusing = false
  await until(() => mails.length > 0)
  // Several rounds of both.
  await new Promise((resolve) => setTimeout(resolve, 300))
  for (const stop of stops) await stop()
  t.equal(mails.length, 1)
  t.match(mails[0], 'To: erin@notices.example, bob@notices.example')
  t.match(mails[0], 'leads: 1 to join')
  const again = await createReviewNotices(store.database).claim(
    organization.id,
    new Date(Date.now() + 60_000),
  )
  t.equal(again, null, 'nothing new')
})
