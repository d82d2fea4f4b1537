// SAML: people who are signed in open an application; up to the page whose form carries the signed response.
import { webUrl, withApplication } from '../../test/support/applications.ts'
import type { Contender } from '../measure.ts'
import type { BenchMuster } from '../muster.ts'
import type { SamlTask } from '../peers/samlify.ts'
import type { Scenario } from '../scenario.ts'
import { generateWeb, type SamlEndpoints } from '../web-load.ts'
import { openSessions } from '../web-sessions.ts'

const connections = 8

const sp = {
  entityId: 'https://bench.acme.example/metadata',
  assertionConsumerService: 'http://127.0.0.1:9/acs',
}

/** What Muster says of its first user, said by a peer of everybody. */
const task: SamlTask = {
  ...sp,
  nameId: 'b7f6a1de-5c1c-4b0e-9d55-0d3b2c1f7a10',
  attributes: {
    username: ['u000000'],
    email: ['u000000@acme.example'],
    firstName: ['User'],
    lastName: ['Number0'],
    displayName: ['User Number0'],
    groups: ['engineering'],
  },
}

function contender(
  server: Omit<Contender, 'load'>,
  endpoints: SamlEndpoints,
  cookies: readonly string[],
): Contender {
  return {
    ...server,
    load: (seconds) => generateWeb({ flow: { flow: 'saml', ...endpoints }, seconds, cookies }),
  }
}

/** The application in Muster, open to the users of the population. */
async function register({ server }: BenchMuster): Promise<SamlEndpoints> {
  await withApplication(
    server,
    'bench-saml',
    {
      protocol: 'saml',
      entityId: sp.entityId,
      assertionConsumerServices: [{ url: sp.assertionConsumerService }],
    },
    { groups: ['engineering'] },
  )
  const path = '/o/acme/saml/sso'
  const singleSignOn = `http://127.0.0.1:${server.ports.http}${path}`
  return { ...sp, singleSignOn, destination: `${webUrl(server)}${path}` }
}

export const scenario: Scenario = {
  name: 'web-saml',
  isOnce: true,
  async *run({ samlify, muster, compare }) {
    const own = await muster()
    const ours = own && (await register(own))
    const sessions = own === undefined ? [] : await openSessions(own.server, connections)
    const peer = await samlify(task)
    const singleSignOn = `http://127.0.0.1:${peer.port}/sso`
    const theirs = { ...sp, singleSignOn, destination: singleSignOn }
    const nobody = Array.from({ length: connections }, () => '')
    yield {
      what: `SAML request by the Redirect binding, the person being signed in, answered with a signed assertion in a signed response; RSA 2048, SHA-256, ${connections} connections`,
      outcomes: await compare([
        contender(peer, theirs, nobody),
        own && ours && contender(own, ours, sessions),
      ]),
    }
  },
}
