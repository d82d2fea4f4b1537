// Simple binds: of users whose password nobody remembers, of the same users again, and one at a time beside the hash alone.
import { demandSuccess, generate } from '../generators.ts'
import { type Contender, median } from '../measure.ts'
import type { BenchMuster } from '../muster.ts'
import { openBinder } from '../one-bind.ts'
import { costlyUsers, type Population, password, userDnPattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

const connections = 4

function contender(population: Population, server: Omit<Contender, 'load'>, port: number): Contender {
  const options = {
    port,
    mode: 'bind',
    users: Math.min(population.count, costlyUsers),
    connections,
    warmup: 0,
    dn: userDnPattern,
    password,
  }
  return {
    ...server,
    load: async (seconds) => demandSuccess(await generate('ldapload', { ...options, seconds }), 0),
  }
}

/** Lets everybody bind once, so that all passwords are remembered. */
async function bindAll(population: Population, port: number): Promise<void> {
  const users = Math.min(population.count, costlyUsers)
  const options = {
    port,
    mode: 'bind',
    users,
    connections,
    warmup: 0,
    dn: userDnPattern,
    password,
    once: true,
  }
  demandSuccess(await generate('ldapload', { ...options, seconds: 600 }), 0)
}

const times = 200
const userDn = (number: number): string => userDnPattern.replace('######', String(number).padStart(6, '0'))

/** Binds and hashes in turn, one at a time, a user after another. */
async function besideTheHash(population: Population, own: BenchMuster, peerPort: number): Promise<string> {
  const mine = await openBinder(own.ldapPort)
  const theirs = await openBinder(peerPort)
  const took = { bind: [] as number[], verify: [] as number[], peer: [] as number[] }
  for (let count = 0; count < times; count++) {
    const dn = userDn(count % Math.min(population.count, costlyUsers))
    took.bind.push(await mine.bindMs(dn, password))
    took.verify.push(await own.verifyMs(population.costlyHash, password))
    took.peer.push(await theirs.bindMs(dn, password))
  }
  mine.close()
  theirs.close()
  const [bind, verify, peer] = [took.bind, took.verify, took.peer].map(median) as [number, number, number]
  const beside = bind - verify
  return [
    '| median | |',
    '| --- | ---: |',
    `| bind to Muster | ${bind.toFixed(2)} ms |`,
    `| the hash alone, in Muster's process | ${verify.toFixed(2)} ms |`,
    `| **beside the hash** | **${beside.toFixed(2)} ms** |`,
    `| bind to slapd, whose Argon2 is another library | ${peer.toFixed(2)} ms |`,
  ].join('\n')
}

export const scenario: Scenario = {
  name: 'ldap-bind',
  async *run({ population, slapd, muster, compare }) {
    const peer = await slapd()
    const own = await muster()
    const sides = [
      contender(population, peer, peer.port),
      own && contender(population, own, own.ldapPort),
    ] as const
    const conditions = `Argon2id m=19456 t=2 p=1; ${connections} connections, one bind in flight on each`

    await own?.rememberPasswords(0)
    yield { what: `LDAP simple bind, no password remembered, ${conditions}`, outcomes: await compare(sides) }
    if (own !== undefined) {
      yield {
        what: `One bind at a time, no password remembered, ${times} of each kind in turn`,
        text: await besideTheHash(population, own, peer.port),
      }
    }
    await own?.rememberPasswords(3600)
    if (own !== undefined) await bindAll(population, own.ldapPort)
    yield {
      what: `LDAP simple bind of users who did so a short while ago, ${conditions}; slapd remembers nothing`,
      outcomes: await compare(sides),
    }
  },
}
