// Questions about sets of subjects: answered from another thread, or by going through the cells when nobody answers there; what
// is compared once a day, and counted.
import t from 'tap'
import { type GroupId, newId, type OrganizationId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Fault } from '../../../src/base/result.ts'
import type { Cell, CellRewrite, CellSubject } from '../../../src/core/membership/cell.ts'
import { MembershipEngine } from '../../../src/core/membership/change.ts'
import type { Previewer } from '../../../src/core/membership/preview/preview.ts'
import { AskedSets, answer, either, type SetAnswers } from '../../../src/core/membership/sets/set-engine.ts'
import { differs, scanningSets } from '../../../src/core/membership/sets/set-scan.ts'
import type { Cells, RuleSource } from '../../../src/core/ports.ts'
import { FakeClock } from '../../support/access.ts'
import { makeGroup, makeUser } from '../../support/store.ts'

const organization = newId<OrganizationId>()
const sales = makeGroup('sales', { mode: 'dynamic', rule: 'department eq "Sales"', status: 'activating' })

/** Cells in memory: every third user should be in the group, and none is. */
function world(count: number) {
  const clock = new FakeClock()
  const all = Array.from({ length: count }, (_, i): Cell => {
    const user = makeUser(`user-${i}`, { department: i % 3 === 0 ? 'Sales' : null })
    const nothing = { memberships: [], inputs: [], exemptionIds: [], suggestions: [], stateChanges: [] }
    return {
      subject: { kind: 'user', id: user.id },
      version: 1n,
      user,
      devices: [],
      ...nothing,
      epoch: 1n,
      due: null,
    }
  }).sort((a, b) => (a.subject.id < b.subject.id ? -1 : 1))
  const byId = new Map<string, Cell>(all.map((cell) => [cell.subject.id, cell]))
  const counts = { scanned: 0, read: 0, rewritten: 0 }
  const cells = {
    async scan(_: OrganizationId, after: string | null, limit: number) {
      counts.scanned++
      return [...byId.values()].filter((cell) => after === null || cell.subject.id > after).slice(0, limit)
    },
    async readMany(_: OrganizationId, subjects: readonly CellSubject[]) {
      counts.read += subjects.length
      return subjects.flatMap(({ id }) => byId.get(id) ?? [])
    },
    async rewrite(_: OrganizationId, _epoch: bigint, rewrites: readonly CellRewrite[]) {
      for (const { subject, put, due } of rewrites) {
        counts.rewritten++
        byId.set(subject.id, { ...(byId.get(subject.id) as Cell), memberships: put, due })
      }
      return []
    },
  } as unknown as Cells
  const rules: RuleSource = {
    epoch: async () => 1n,
    read: async () => ({ epoch: 1n, groups: [sales], attributes: [] }),
  }
  const groups = { find: async () => sales, barrier: async () => {}, activate: async () => true } as never
  return { clock, byId, counts, cells, rules, groups, ports: { cells, rules, groups, clock, log: silentLog } }
}

/** An asker and an answerer who hear each other in later turns. */
function joined(answers: SetAnswers): AskedSets {
  const sets = new AskedSets()
  sets.attach((question) => {
    setImmediate(() => void answer(structuredClone(question), answers).then((one) => sets.hear(one)))
  })
  return sets
}

/** Of the Fault that something ends with. */
const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => (error instanceof Fault ? error.reason : error))

const noPreview: Previewer = { preview: () => Promise.reject(new Fault('busy', 'none')) }

t.test('only the cells that differ are read and written, a chunk at a time', async (t) => {
  const w = world(2_500)
  const scanner = scanningSets({ ...w.ports, previewer: noPreview })
  const sets = joined(scanner)
  const asked: number[] = []
  const engine = new MembershipEngine({
    ...w.ports,
    sets: {
      async *differing(...args) {
        for await (const chunk of sets.differing(...args)) {
          asked.push(chunk.length)
          yield chunk
        }
      },
    },
  })
  await engine.activateGroup(organization, sales.id)
  const due = [...w.byId.values()].filter(({ user }) => user?.department === 'Sales').length
  t.equal(w.counts.read, due)
  t.equal(w.counts.rewritten, due)
  t.equal(
    asked.reduce((sum, one) => sum + one, 0),
    due,
  )
  t.ok(Math.max(...asked) <= 1_000 && asked.length > 1)
  t.same(
    [...w.byId.values()].filter(({ memberships }) => memberships.length === 1).length,
    due,
    'everybody who is meant is in the group',
  )
  t.equal(await engine.reconcile(organization), 0, 'and nothing is left')
})

t.test('the same as by going through all cells', async (t) => {
  const [one, two] = [world(400), world(400)]
  const through = new MembershipEngine(one.ports)
  const bySets = new MembershipEngine({
    ...two.ports,
    sets: joined(scanningSets({ ...two.ports, previewer: noPreview })),
  })
  const membersOf = ({ byId }: typeof one) =>
    [...byId.values()].flatMap(({ user, memberships }) => memberships.map(() => user?.username)).sort()
  t.equal(await through.reconcile(organization), await bySets.reconcile(organization, [sales.id]))
  t.same(membersOf(two), membersOf(one))
  t.ok(membersOf(one).length > 100)
})

t.test('a rule that is being carried through is not carried through beside that', async (t) => {
  const [once, thrice] = [world(400), world(400)]
  await new MembershipEngine(once.ports).activateGroup(organization, sales.id)
  const engine = new MembershipEngine(thrice.ports)
  await Promise.all([1, 2, 3].map(() => engine.activateGroup(organization, sales.id)))
  t.same(thrice.counts, once.counts)
  t.ok(once.counts.rewritten > 0)
  const failing = {
    ...thrice.ports,
    groups: { ...(thrice.groups as object), barrier: () => Promise.reject(new Error('away')) } as never,
  }
  const other = new MembershipEngine(failing)
  for (let i = 0; i < 2; i++)
    await t.rejects(other.activateGroup(organization, sales.id), { message: 'away' })
})

t.test('where nobody answers, or stops answering, all cells are read', async (t) => {
  for (const sets of [new AskedSets(), joined({ ...failing(), differing: failsLater() })]) {
    const w = world(60)
    const engine = new MembershipEngine({ ...w.ports, sets })
    t.equal(await engine.reconcile(organization), 20)
  }
})

function failing(): SetAnswers {
  const fails = () => Promise.reject(new Error('a bug'))
  return { preview: fails, differing: fails, seen: fails }
}

function failsLater(): SetAnswers['differing'] {
  let asked = 0
  return async () => {
    if (asked++ > 0) throw new Error('a bug')
    return { subjects: [{ kind: 'user', id: newId() }], next: 'there' }
  }
}

t.test('whoever waits is told when the thread dies, and no more than some may wait', async (t) => {
  const sets = new AskedSets()
  sets.attach(() => {})
  const waiting = Array.from({ length: 64 }, () => sets.seen(organization, []))
  t.equal(await reasonOf(sets.seen(organization, [])), 'busy')
  sets.detach()
  for (const one of waiting) t.equal(await reasonOf(one), 'unavailable')
  t.equal(await reasonOf(sets.seen(organization, [])), 'unavailable')
  sets.hear({ number: 3, ok: true, value: true })
})

t.test('previews: the other one where the first cannot, but not where it is busy', async (t) => {
  const nothing = { count: 0, sample: [], next: null }
  const preview = {
    ...{ joins: nothing, leaves: nothing, unknowns: nothing },
    stays: { count: 7 },
    gains: [],
    loses: [],
  }
  const other: Previewer = { preview: async () => preview }
  const page = { limit: 1 }
  t.same(await either(new AskedSets(), other).preview(organization, sales, page), preview)
  t.same(await either(joined(failing()), other).preview(organization, sales, page), preview)
  t.equal(
    await reasonOf(either(joined({ ...failing(), ...noPreview }), other).preview(organization, sales, page)),
    'busy',
  )
})

t.test('what differs: memberships, suggestions, and the next instant', async (t) => {
  const { rules, byId, clock } = world(1)
  const { compileRules } = await import('../../../src/core/membership/rule-set.ts')
  const source = await rules.read(organization)
  const set = compileRules(source, silentLog)
  const [cell] = [...byId.values()] as [Cell]
  const { id } = cell.user as { id: Cell['subject']['id'] }
  const member = { subjectId: id, groupId: sales.id as GroupId, reasons: ['rule'] as const } as const
  t.ok(differs(cell, set, clock.now()), 'a membership that is missing')
  const right = { ...cell, memberships: [member] } as Cell
  t.notOk(differs(right, set, clock.now()))
  t.ok(
    differs({ ...right, due: new Date(clock.now().getTime() - 1) }, set, clock.now()),
    'an instant that is over',
  )
  t.ok(
    differs({ ...right, memberships: [{ ...member, reasons: ['manual'] }] } as Cell, set, clock.now()),
    'another reason',
  )
  const review = compileRules({ ...source, groups: [{ ...sales, mode: 'review' }] }, silentLog)
  t.ok(differs(cell, review, clock.now()), 'a suggestion that is missing')
  const suggested = [{ subjectId: id, groupId: sales.id, operation: 'join', rejected: false }] as const
  t.notOk(differs({ ...cell, suggestions: suggested } as unknown as Cell, review, clock.now()))
})
