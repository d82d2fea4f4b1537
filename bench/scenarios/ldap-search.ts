// What LDAP servers are asked all day, by a bound service account: who is this, is she still there, which group is that.
import { demandSuccess, generate } from '../generators.ts'
import type { Contender, Outcome } from '../measure.ts'
import type { BenchMuster } from '../muster.ts'
import { organization, type Population, reader, userDnPattern, usernamePattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

type Asked = Readonly<Record<'base' | 'scope' | 'filterAttribute' | 'value' | 'attributes', string>>

const byName: Asked = {
  base: organization.suffix,
  scope: 'sub',
  filterAttribute: 'uid',
  value: usernamePattern,
  attributes: 'cn,mail,memberOf',
}
const oneEntry: Asked = { ...byName, base: userDnPattern, scope: 'base' }
const group: Asked = {
  ...byName,
  base: `ou=groups,${organization.suffix}`,
  filterAttribute: 'cn',
  value: 'engineering',
  attributes: 'cn,gidNumber',
}

const optionsFor = ({ count }: Population, port: number, asked: Asked) => ({
  ...asked,
  port,
  mode: 'search',
  users: count,
  connections: 8,
  depth: 8,
  warmup: 0,
  bindDn: reader.dn,
  bindPassword: reader.password,
})

/** Asks for everybody once. */
async function findAll(population: Population, port: number): Promise<void> {
  const options = { ...optionsFor(population, port, byName), once: true, seconds: 600 }
  demandSuccess(await generate('ldapload', options), 0)
}

function contender(
  population: Population,
  server: Omit<Contender, 'load'>,
  port: number,
  asked: Asked,
): Contender {
  const options = optionsFor(population, port, asked)
  return {
    ...server,
    load: async (seconds) => demandSuccess(await generate('ldapload', { ...options, seconds }), 0),
  }
}

/** Where Muster had the entries from while `work` ran. */
async function withLookUps(
  own: BenchMuster | undefined,
  work: () => Promise<Outcome[]>,
): Promise<{ outcomes: Outcome[]; text?: string }> {
  if (own === undefined) return { outcomes: await work() }
  const read = () =>
    Promise.all(['cache', 'store'].map((from) => own.metric('muster_ldap_look_ups_total', `from="${from}"`)))
  const [cacheBefore = 0, storeBefore = 0] = await read()
  const outcomes = await work()
  const [cacheAfter = 0, storeAfter = 0] = await read()
  const fromCache = cacheAfter - cacheBefore
  const share = (fromCache / (fromCache + storeAfter - storeBefore)) * 100
  return { outcomes, text: `Muster found ${share.toFixed(1)} % of the entries in memory.` }
}

const load = '8 connections, 8 searches in flight on each'

export const scenario: Scenario = {
  name: 'ldap-search',
  async *run({ population, slapd, muster, compare }) {
    const peer = await slapd()
    const own = await muster()
    const both = (asked: Asked) =>
      compare([
        contender(population, peer, peer.port, asked),
        own && contender(population, own, own.ldapPort, asked),
      ])
    const what = `LDAP subtree search (uid=…) of a random user for cn, mail and memberOf; ${load}`
    yield { what: `${what}; both just started`, ...(await withLookUps(own, () => both(byName))) }
    await findAll(population, peer.port)
    if (own !== undefined) await findAll(population, own.ldapPort)
    yield { what: `${what}; everybody was asked for before`, ...(await withLookUps(own, () => both(byName))) }
    yield {
      what: `LDAP read of a random user's entry (base search for objectClass) for the same attributes; ${load}`,
      ...(await withLookUps(own, () => both(oneEntry))),
    }
    yield {
      what: `LDAP search for a group by its name, without members; ${load}`,
      outcomes: await both(group),
    }
  },
}
