// Rules, and what they read, saved by several at the same moment: whatever the interleaving, what is stored is sound, and
// nobody is told more than they would have been if they had come one after the other.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { newId } from '../../src/base/ids.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { silentLog } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import { createDirectory, type Directory } from '../../src/core/directory/directory.ts'
import {
  type ImportPorts,
  importNewOrganization,
  importOrganization,
} from '../../src/core/directory/import.ts'
import { Rules } from '../../src/core/directory/rules.ts'
import type { By, Outcome } from '../../src/core/directory/writing.ts'
import type { RuleSource } from '../../src/core/ports.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { importPorts } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { storeKinds } from '../support/store.ts'

enableLinearRegex()
t.setTimeout(120_000)
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Somebody else has a turn after the rules were read, and before what was checked beside them is written. */
function slow(rules: RuleSource): RuleSource {
  return {
    ...rules,
    async read(organization) {
      const source = await rules.read(organization)
      if (Math.random() < 0.7) await sleep(Math.random() * 6)
      return source
    },
  }
}

/** Three servers on one database, or three that share an embedded one; and an organization. */
async function servers(t: Test, kind: (typeof storeKinds)[number]) {
  const dataFolder = t.testdir({})
  const databaseUrl = kind === 'served' ? new Secret(await freshDatabase(t)) : null
  const stores: Store[] = []
  for (let i = 0; i < (kind === 'served' ? 3 : 1); i++) {
    stores.push(
      await openStore({
        ...{ dataFolder, databaseUrl, redisUrl: null, connections: 3, clock: systemClock, log: silentLog },
      }),
    )
  }
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const ports = [0, 1, 2].map((i): ImportPorts => {
    const store = stores[i % stores.length] as Store
    return { ...importPorts(store), rules: slow(store.rules) }
  })
  const actor = { kind: 'system', name: 'test' } as const
  const first = ports[0] as ImportPorts
  const made = await importNewOrganization(
    actor,
    {
      organization: { slug: 'acme', name: 'Acme', domain: 'acme.example' },
      users: [{ username: 'alice', department: 'Sales' }],
    },
    first,
  )
  if (!made.ok) throw new Error(JSON.stringify(made.error))
  const by: By = { organization: made.value.organization, actor, role: 'owner', confirmed: true }
  const store = stores[0] as Store
  /** What of the stored rules is not sound, or that they run in a circle. */
  const faults = async (): Promise<string[]> => {
    const { groups, attributes } = await store.rules.read(by.organization.id)
    const rules = new Rules(groups, attributes)
    const order = rules.order()
    return groups
      .flatMap(({ of, rule }) => {
        const checked = rule === null ? null : rules.check(of, rule)
        return checked === null || checked.ok ? [] : checked.error.map(({ message }) => message)
      })
      .concat(order.ok ? [] : [order.error.message])
  }
  const [one, two, three] = ports.map(createDirectory) as [Directory, Directory, Directory]
  return { ports, store, by, faults, directories: [one, two, three] as const }
}

/** How it ended: `written`, or the codes of what it was refused for. */
const ending = (outcome: Outcome<unknown>): string =>
  outcome.ok ? 'written' : outcome.error.problems.map(({ code }) => code).join()

for (const kind of storeKinds) {
  t.test(`rules that are saved at the same moment: ${kind}`, async (t) => {
    const { by, store, faults, directories, ports } = await servers(t, kind)
    const [one, two, three] = directories
    const dynamic = (name: string, rule: string) => ({ name, of: 'users', mode: 'dynamic', rule })
    const idOf = async (of: Directory['groups' | 'attributes'], name: string): Promise<string | null> => {
      const where = { op: 'eq', field: { standard: 'name' }, value: name } as const
      return (await of.list(by.organization.id, where, { limit: 1 }))[0]?.id ?? null
    }
    const make = async (name: string, rule = 'title pr') => {
      const made = await one.groups.create(by, dynamic(name, rule))
      if (!made.ok) throw new Error(JSON.stringify(made.error))
      return made.value.object
    }

    await t.test('of those that together would be a circle, the last one is refused', async (t) => {
      for (let round = 0; round < 15; round++) {
        const size = any([2, 3])
        const groups = []
        for (let i = 0; i < size; i++) groups.push(await make(`circle ${round} ${i}`))
        const endings = await Promise.all(
          groups.map(async ({ id }, i) => {
            const rule = `memberOf eq "circle ${round} ${(i + 1) % size}"`
            return ending(await (directories[i] as Directory).groups.update(by, id, { rule }))
          }),
        )
        const wanted = ['circle', ...Array(size - 1).fill('written')]
        if (`${endings.sort()}` !== `${wanted}`) return t.same(endings, wanted, `round ${round}`)
        for (const { id } of groups) await one.groups.update(by, id, { mode: 'static', rule: null })
        for (const { id } of groups) await one.groups.remove(by, id)
      }
      t.same(await faults(), [])
    })

    await t.test('a rule, and the end of what it reads', async (t) => {
      const seen = new Set<string>()
      for (let round = 0; round < 20; round++) {
        const attribute = await two.attributes.create(by, {
          ...{ name: `badge${round}`, of: 'users', type: 'string' },
        })
        if (!attribute.ok) return t.fail(JSON.stringify(attribute.error))
        const read = await make(`read ${round}`)
        const [rule, end] = any<readonly [string, () => Promise<Outcome<unknown>>]>([
          [`badge${round} eq "x"`, () => two.attributes.remove(by, attribute.value.object.id)],
          [`memberOf eq "read ${round}"`, () => two.groups.remove(by, read.id)],
          [`memberOf eq "read ${round}"`, () => two.groups.update(by, read.id, { name: `new ${round}` })],
        ])
        const [saved, ended] = (
          await Promise.all([
            sleep(Math.random() * 4).then(() => one.groups.create(by, dynamic(`reader ${round}`, rule))),
            sleep(Math.random() * 12).then(end),
          ])
        ).map(ending)
        const found = await faults()
        const either = saved === 'written' ? ended === 'in-use' : ended === 'written'
        if (!either || found.length > 0) return t.same([saved, ended, ...found], [], `round ${round}`)
        seen.add(`${saved} ${ended}`)
      }
      t.pass([...seen].join(' | '))
    })

    await t.test('anything by anybody', async (t) => {
      const names = ['red', 'green', 'blue', 'black']
      const attributes = ['badge', 'floor']
      const rule = () =>
        any([
          () => `memberOf eq "${any(names)}"`,
          () => `memberOf eq "${any(names)}" or ${any(attributes)} pr`,
          () => `${any(attributes)} eq "x"`,
          () => 'department eq "Sales"',
        ])()
      const id = async (of: Directory['groups' | 'attributes'], list: readonly string[]) =>
        (await idOf(of, any(list))) ?? newId()
      const act = (on: Directory) =>
        any<() => Promise<Outcome<unknown>>>([
          () => on.groups.create(by, dynamic(any(names), rule())),
          async () => on.groups.update(by, await id(on.groups, names), { rule: rule() }),
          async () => on.groups.update(by, await id(on.groups, names), { name: any(names) }),
          async () => on.groups.remove(by, await id(on.groups, names)),
          () => on.attributes.create(by, { name: any(attributes), of: 'users', type: 'string' }),
          async () => on.attributes.remove(by, await id(on.attributes, attributes)),
        ])()
      const counts: Record<string, number> = {}
      for (let round = 0; round < 40; round++) {
        const endings = (await Promise.all([one, two, three, any(directories)].map((on) => act(on)))).map(
          ending,
        )
        for (const end of endings) counts[end] = (counts[end] ?? 0) + 1
        const found = await faults()
        if (found.length > 0) return t.same(found, [], `round ${round}`)
      }
      t.comment(JSON.stringify(counts))
      t.ok((counts.written ?? 0) > 10)
      t.notOk('conflict' in counts, 'nobody is told that others were faster')
    })

    await t.test('an import whose rules read what others change meanwhile', async (t) => {
      const attribute = await one.attributes.create(by, { name: 'wing', of: 'users', type: 'string' })
      const other = await make('other')
      if (!attribute.ok) return t.fail(JSON.stringify(attribute.error))
      const file = (name: string) => ({
        users: [{ username: name, password: 'muster-somebody' }],
        attributes: [{ name, of: 'users', type: 'string' }],
        groups: [
          { name: `${name} above`, of: 'users', mode: 'dynamic', rule: `memberOf eq "${name} below"` },
          { name: `${name} below`, of: 'users', mode: 'dynamic', rule: `wing pr and ${name} pr` },
        ],
      })
      /** Passwords are hashed after the file was checked, and before anything is written. */
      const during = (name: string, meanwhile: () => Promise<Outcome<unknown>>) =>
        importOrganization({
          ...(ports[1] as ImportPorts),
          async hashPassword() {
            t.equal(ending(await meanwhile()), 'written')
            return new Secret('$argon2id$v=19$m=8,t=1,p=1$c2FsdA$AAAA')
          },
        })(by, file(name))
      t.match(await during('harmless', () => two.groups.update(by, other.id, { name: 'another' })), {
        ok: true,
        value: { counts: { groups: 2 } },
      })
      for (const name of ['harmless above', 'harmless below'])
        await one.groups.remove(by, (await idOf(one.groups, name)) as string)
      t.match(await during('wrong', () => two.attributes.remove(by, attribute.value.object.id)), {
        ok: false,
        error: { kind: 'invalid', problems: [{ field: /^groups\[\d\]\.rule$/, code: 'missing' }] },
      })
      t.same(await faults(), [])
    })

    // It takes a while, and is the same with any store.
    if (kind === 'embedded') return
    await t.test('rules that others never cease to change: busy, and nothing is stored', async (t) => {
      let asked = 0
      const rules: RuleSource = {
        ...store.rules,
        async epoch(organization) {
          asked++
          return (await store.rules.epoch(organization)) - 1n
        },
      }
      const { groups } = createDirectory({ ...(ports[0] as ImportPorts), rules })
      await t.rejects(groups.create(by, dynamic('late', 'title pr')), { reason: 'busy' } as never)
      t.equal(asked, 30)
      t.equal(await idOf(groups, 'late'), null)
    })
  })
}
