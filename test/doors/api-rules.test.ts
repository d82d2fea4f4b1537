// Rules over the HTTP API: what is odd about them is told when they are previewed, checked and saved, and refuses nothing; and
// their JSON form.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { createPreviewer } from '../../src/core/membership/preview/previewer.ts'
import { ColumnSets } from '../../src/core/membership/sets/column-sets.ts'
import { scanningSets } from '../../src/core/membership/sets/set-scan.ts'
import { buildApi } from '../../src/doors/console/api.ts'
import {
  type Answer,
  apiServices,
  type Call,
  caller,
  explainsNothing,
  faults,
  finder,
  sampleApi,
} from '../support/api.ts'

const { acme, app, store, ports, token } = await sampleApi(t)

/** A caller whose server knows which values there are, or asks somebody who fails. */
async function withSets(sets: NonNullable<typeof ports.sets>): Promise<Call> {
  const other = await buildApi(apiServices(store, { ...ports, sets }, silentLog, explainsNothing), {
    version: '0.0.0',
  })
  t.teardown(() => other.close())
  return caller(other, 'acme', token)
}
const clock = systemClock
const previewer = createPreviewer({ ...store, clock })
const columns = new ColumnSets({
  ...{ cells: store.cells, rules: store.rules, grants: store, clock, mostBytes: 1e9 },
  otherwise: scanningSets({ ...store, previewer, clock }),
})
const knowing = await withSets(columns)

const codes = ({ body }: Answer): string[] =>
  body.findings?.map(({ code, at }: { code: string; at: { start: number; end: number } }) =>
    [code, at.start, at.end].join(' '),
  )
const find = finder(acme)

t.test('a rule that nobody can fulfil is told, wherever it is written', async (t) => {
  const rule = 'department eq "Sales" and department eq "Finance"'
  const finding = {
    code: 'contradiction',
    at: { start: 0, end: rule.length },
    message:
      'no user can ever fulfil this rule: `department eq "Sales"` and `department eq "Finance"` cannot hold together. Take one of them out, or join them with `or`',
  }
  const body = { of: 'users', rule }
  t.same((await acme('POST', '/groups/preview', body)).body.findings, [finding])
  t.same((await acme('POST', '/rules/check', body)).body.findings, [{ ...finding, path: '' }])
  const made = await acme('POST', '/groups', { ...body, name: 'nobody', mode: 'dynamic' })
  t.equal(made.status, 201, 'it is a warning')
  t.same(made.body.findings, [finding])
  t.equal(made.body.status, 'active')
  const path = `/groups/${made.body.id}`
  t.notOk('findings' in (await acme('GET', path)).body, 'an answer to reading does not tell it')
  t.same(codes(await acme('PATCH', path, { name: 'none' })), [`contradiction 0 ${rule.length}`])
  t.same(codes(await acme('PATCH', path, { rule: 'title pr or not (title pr)' })), ['always-true 0 26'])
  t.same(codes(await acme('PATCH', path, { mode: 'static', rule: null })), [])
  const plain = { name: 'plain', of: 'users', mode: 'dynamic', rule: 'title pr' }
  t.same(codes(await acme('POST', '/groups', plain)), [])
})

t.test('values that nobody has', async (t) => {
  const rule = 'department in ("Sales", "Sails") or costCenter eq "1" or devices[name eq "mac-nobody"]'
  const at = (text: string) => `value-never-seen ${rule.indexOf(text)} ${rule.indexOf(text) + text.length}`
  const body = { of: 'users', rule }
  const told = [at('"Sails"'), at('"1"'), at('"mac-nobody"')]
  t.same(codes(await knowing('POST', '/groups/preview', body)), told)
  const checked = await knowing('POST', '/rules/check', body)
  t.same(codes(checked), told)
  t.same(
    checked.body.findings.map(({ path }: { path: string }) => path),
    ['any[0].values[1]', 'any[1].value', 'any[2].where.value'],
  )
  const group = { ...body, name: 'misspelled', mode: 'dynamic' }
  t.same(codes(await knowing('POST', '/groups', group)), told)
  t.same(codes(await acme('POST', '/rules/check', body)), [], 'nothing is said where nobody knows')

  let asked = 0
  const failing = await withSets({
    preview: (...words) => previewer.preview(...words),
    seen: async () => {
      asked++
      throw new Error('away')
    },
  })
  const both = 'department eq "Sails" and not (department pr)'
  t.same(codes(await failing('POST', '/rules/check', { of: 'users', rule: both })), ['contradiction 0 44'])
  t.equal(asked, 1, 'all values at once')
  t.equal((await failing('POST', '/groups', { ...group, name: 'without' })).status, 201)
})

t.test('attributes that users change themselves', async (t) => {
  await acme('PATCH', '/organization', { settings: { selfEditable: ['title'] } })
  await acme('POST', '/attributes', { name: 'nick', of: 'users', type: 'string', selfEditable: true })
  const told = async (of: string, rule: string) => codes(await acme('POST', '/rules/check', { of, rule }))
  t.same(
    await told('users', 'nick eq "x" and title pr and location pr'),
    'self-editable 0 4,self-editable 16 21'.split(','),
  )
  t.same(await told('devices', 'name pr and owner.nick eq "x"'), ['self-editable 12 22'])
  t.same(await told('users', 'devices[name eq "x"]'), [])
  await acme('PATCH', '/organization', { settings: { selfEditable: [] } })
})

t.test('a rule and its JSON form', async (t) => {
  const rule = 'department  EQ "Sales"\n and devices[ managed eq true ]'
  const json = {
    all: [
      { attribute: 'department', operator: 'eq', value: 'Sales' },
      { has: 'devices', where: { attribute: 'managed', operator: 'eq', value: true } },
    ],
  }
  const printed = 'department eq "Sales" and devices[managed eq true]'
  const answer = { rule: printed, json, findings: [] }
  t.same((await acme('POST', '/rules/check', { of: 'users', rule })).body, answer)
  t.same((await acme('POST', '/rules/check', { of: 'users', json })).body, answer)
  const spaced = await acme('POST', '/rules/check', {
    ...{ of: 'users', rule: '   title pr  and   not ( title pr )' },
  })
  t.equal(spaced.body.rule, 'title pr and not (title pr)')
  t.same(codes(spaced), ['contradiction 0 26'], 'places are those in the printed rule')
  const auditor = await acme('POST', '/tokens', { name: 'reader', role: 'auditor' })
  const asAuditor = caller(app, 'acme', auditor.body.token)
  t.same((await asAuditor('POST', '/rules/check', { of: 'users', json })).body, answer)
})

t.test('what a check refuses', async (t) => {
  const refused = async (body: unknown) => {
    const answer = await acme('POST', '/rules/check', body)
    t.equal(answer.status, 422)
    return faults(answer)
  }
  const sound = { attribute: 'title', operator: 'pr' }
  t.same(await refused({ rule: 'title pr' }), ['of: required'])
  t.same(await refused({ of: 'users' }), ['rule: invalid'])
  t.same(await refused({ of: 'users', rule: 'title pr', json: sound }), ['rule: invalid'])
  t.same(await refused({ of: 'people', rule: 'title pr' }), ['of: unknown-value'])
  t.same(await refused({ of: 'users', rule: 'titel pr and os pr' }), [
    'rule: unknown-attribute',
    'rule: unknown-attribute',
  ])
  t.same(await refused({ of: 'users', json: { all: [sound, { attribute: 'title' }] } }), [
    'json.all[1].operator: unknown-value',
  ])
  const json = {
    any: [
      { all: [{ not: { attribute: 'titel', operator: 'pr' } }] },
      { has: 'devices', where: { attribute: 'os', operator: 'in', values: ['ios', 'iso'] } },
      { attribute: 'title', operator: 'matches', value: '(a)\\1' },
      { attribute: 'memberOf', operator: 'eq', value: 'saels' },
    ],
  }
  const answer = await acme('POST', '/rules/check', { of: 'users', json })
  t.same(faults(answer), [
    'json.any[0].all[0].not.attribute: unknown-attribute',
    'json.any[1].where.values[1]: unknown-value',
    'json.any[2].value: bad-pattern',
    'json.any[3].value: unknown-group',
  ])
  for (const { message, at } of answer.body.errors) {
    t.notMatch(message, /at character/)
    t.equal(at, undefined)
  }
  t.match(answer.body.errors[0].message, /^users have no attribute `titel` \(did you mean `title`\?\)$/)
  t.ok(await find('/groups', 'name eq "sales"'))
})
