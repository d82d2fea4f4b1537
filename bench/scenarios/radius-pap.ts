// RADIUS PAP of random users with remembered passwords, answered with a VLAN.
import { demandSuccess, generate } from '../generators.ts'
import type { Contender } from '../measure.ts'
import { type Population, password, radiusSecret, usernamePattern } from '../population.ts'
import type { Scenario } from '../scenario.ts'

const accessAccept = 2

const optionsFor = ({ count }: Population, port: number) => ({
  port,
  secret: radiusSecret,
  users: count,
  user: usernamePattern,
  password,
  sockets: 8,
  depth: 16,
  warmup: 0,
})

function contender(population: Population, server: Omit<Contender, 'load'>, port: number): Contender {
  const options = optionsFor(population, port)
  return {
    ...server,
    load: async (seconds) => demandSuccess(await generate('radload', { ...options, seconds }), accessAccept),
  }
}

/** Lets everybody log in once, so that all passwords are remembered. Returns how long that took. */
async function logInAll(population: Population, port: number): Promise<number> {
  const options = { ...optionsFor(population, port), once: true, timeoutMs: 30_000, seconds: 600 }
  const report = demandSuccess(await generate('radload', options), accessAccept)
  if (report.operations !== population.count) throw new Error(`not everybody: ${JSON.stringify(report)}`)
  return report.seconds
}

export const scenario: Scenario = {
  name: 'radius-pap',
  async *run({ population, freeradius, freeradiusWithLog, muster, compare }) {
    const peer = await freeradius()
    const logging = await freeradiusWithLog()
    const own = await muster()
    await own?.rememberPasswords(3600)
    if (own !== undefined) {
      const seconds = await logInAll(population, own.radiusPort)
      console.error(`${population.count} users logged in once in ${seconds.toFixed(1)} s`)
      await own.checkpoint()
    }
    yield {
      what: 'RADIUS PAP with Message-Authenticator, a random user each time; 8 sockets, 16 requests in flight on each',
      outcomes: await compare([
        contender(population, peer, peer.port),
        contender(population, logging, logging.port),
        own && contender(population, own, own.radiusPort),
      ]),
    }
  },
}
