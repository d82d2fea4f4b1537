// RADIUS PAP of random users, answered with a VLAN.
import { demandSuccess, generate } from '../generators.ts'
import type { Contender } from '../measure.ts'
import { type Population, password, radiusSecret, usernamePattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

const accessAccept = 2

function contender(population: Population, server: Omit<Contender, 'load'>, port: number): Contender {
  const options = {
    port,
    secret: radiusSecret,
    users: population.count,
    user: usernamePattern,
    password,
    sockets: 8,
    depth: 16,
    warmup: 0,
  }
  return {
    ...server,
    load: async (seconds) => demandSuccess(await generate('radload', { ...options, seconds }), accessAccept),
  }
}

export const scenario: Scenario = {
  name: 'radius-pap',
  what: 'RADIUS PAP with Message-Authenticator, a random user each time; 8 sockets, 16 requests in flight on each',
  async run({ population, freeradius, muster, compare }) {
    const peer = await freeradius()
    const own = await muster()
    return compare([
      contender(population, peer, peer.port),
      own && contender(population, own, own.radiusPort),
    ])
  },
}
