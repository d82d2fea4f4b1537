// What the API tells of memberships, over the embedded store: counts of bulk answers, who was suggested, what a removed
// group and removed users and devices leave in histories, and what is refused.
import t from 'tap'
import { sampleApi } from '../support/api.ts'

const { acme } = await sampleApi(t)

const make = async (path: string, body: object) => {
  const made = await acme('POST', path, body)
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body
}
const addUser = (username: string, more: object = {}) => make('/users', { username, ...more })
const addGroup = (name: string, more: object = {}) => make('/groups', { name, of: 'users', ...more })

t.test('bulk answers count everybody', async (t) => {
  for (let n = 0; n < 20; n++) await addUser(`bulk-${n}`, { department: 'Bulk' })
  const group = await addGroup('bulk', { mode: 'review', rule: 'department eq "Bulk"' })
  const rejected = await acme('POST', '/suggestions/reject', { groupId: group.id })
  t.same(rejected.body, { rejected: 20, withdrawn: 0, more: false })
  const items = (await acme('GET', `/groups/${group.id}/suggestions?rejected=true`)).body.items
  const ids = items.map(({ id }: { id: string }) => id)
  const approved = await acme('POST', '/suggestions/approve', { ids })
  t.same(approved.body, { approved: 20, withdrawn: 0, more: false })
})
