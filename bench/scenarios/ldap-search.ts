// Equality searches of random users by a bound service account.
import { demandSuccess, generate } from '../generators.ts'
import type { Contender } from '../measure.ts'
import { organization, type Population, reader, usernamePattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

function contender(population: Population, server: Omit<Contender, 'load'>, port: number): Contender {
  const options = {
    port,
    mode: 'search',
    users: population.count,
    connections: 8,
    depth: 8,
    warmup: 0,
    base: organization.suffix,
    value: usernamePattern,
    bindDn: reader.dn,
    bindPassword: reader.password,
  }
  return {
    ...server,
    load: async (seconds) => demandSuccess(await generate('ldapload', { ...options, seconds }), 0),
  }
}

export const scenario: Scenario = {
  name: 'ldap-search',
  what: 'LDAP subtree search (uid=…) of a random user for cn, mail and memberOf; 8 connections, 8 searches in flight on each',
  async run({ population, slapd, muster, compare }) {
    const peer = await slapd()
    const own = await muster()
    return compare([contender(population, peer, peer.port), own && contender(population, own, own.ldapPort)])
  },
}
