// Simple binds, a user's first of the day and its next: both servers hash with Argon2id, m=19456, t=2, p=1.
import { demandSuccess, generate } from '../generators.ts'
import type { Contender, Outcome } from '../measure.ts'
import { type Population, password, userDnPattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

type Who = 'every bind of another user' | 'always the same user'

function contender(
  population: Population,
  server: Omit<Contender, 'load'>,
  port: number,
  who: Who,
): Contender {
  const options = {
    port,
    mode: 'bind',
    users: population.count,
    connections: 4,
    warmup: 0,
    dn: userDnPattern,
    password,
    sameUser: who === 'always the same user',
  }
  return {
    ...server,
    name: `${server.name}, ${who}`,
    load: async (seconds) => demandSuccess(await generate('ldapload', { ...options, seconds }), 0),
  }
}

export const scenario: Scenario = {
  name: 'ldap-bind',
  what: 'LDAP simple bind, Argon2id m=19456 t=2 p=1; 4 connections, one bind in flight on each',
  async run({ population, slapd, muster, compare }) {
    const peer = await slapd()
    const own = await muster()
    const outcomes: Outcome[] = []
    for (const who of ['every bind of another user', 'always the same user'] as const) {
      const sides = [
        contender(population, peer, peer.port, who),
        own && contender(population, own, own.ldapPort, who),
      ]
      outcomes.push(...(await compare(sides)))
    }
    return outcomes
  },
}
