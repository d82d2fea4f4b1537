// What oidc-provider keeps, in the store of the house: by model and digest, one organization per adapter. What may be used once is
// used up by the database. Clients are not kept: they are the organization's applications.
import type { Adapter, AdapterPayload } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import type { OidcObjects, UsedOnce } from '../../core/ports.ts'
import { answering } from './answer.ts'

export interface AdapterPorts {
  readonly organization: OrganizationId
  readonly objects: OidcObjects
  readonly usedOnce: UsedOnce
  readonly clock: Clock
  /** Metadata of a client that is turned on. */
  findClient(clientId: string): Promise<AdapterPayload | undefined>
  findGrant(grantId: string): Promise<AdapterPayload | undefined>
  /** The grant is over: nothing of it counts any more. */
  endGrant(grantId: string, reason: string): Promise<void>
}

/** Random bits of what is random. Each kind has a length of its own, so that one is not looked for among the others. */
export const tokenBits: Readonly<Record<string, number>> = {
  AccessToken: 256,
  ClientCredentials: 264,
  RefreshToken: 270,
  AuthorizationCode: 276,
}
const bitsOfCharacter = 6

/** A pushed request is found for longer than it is valid, so that one that was used is known as used. */
const afterlifeSeconds = 900

export function createAdapter(model: string, ports: AdapterPorts): Adapter {
  if (model === 'Client') return { ...nothingKept, find: (id) => answering(() => ports.findClient(id)) }
  // A session of the library's own never outlives the request: who is signed in, Muster's session alone says.
  if (model === 'Session') return nothingKept
  if (model === 'Grant')
    return {
      ...nothingKept,
      find: (id) => answering(() => ports.findGrant(id)),
      destroy: (id) => answering(() => ports.endGrant(id, 'the grant was revoked')),
    }
  if (model === 'ReplayDetection') return replayDetection(ports)
  return stored(model, ports)
}

const nothingKept: Adapter = {
  async upsert() {},
  async find() {},
  async findByUid() {},
  async findByUserCode() {},
  async consume() {},
  async destroy() {},
  async revokeByGrantId() {},
}

/** The library looks first and stores then; the database has to say who was the first (RFC 7523 §3, "jti"). */
function replayDetection({ organization, usedOnce }: AdapterPorts): Adapter {
  return {
    ...nothingKept,
    upsert: (id, { exp = 0 }) =>
      answering(async () => {
        if (!(await usedOnce.use(organization, 'client-assertion', id, new Date(exp * 1000))))
          throw new errors.InvalidClientAuth('client assertion tokens must only be used once')
      }),
  }
}

function stored(model: string, { organization, objects, clock, endGrant }: AdapterPorts): Adapter {
  const bits = tokenBits[model]
  const find = async (id: string): Promise<AdapterPayload | undefined> => {
    if (bits !== undefined && id.length !== Math.ceil(bits / bitsOfCharacter)) return undefined
    const found = await objects.find(organization, model, id, clock.now())
    if (found === null) return undefined
    const consumed = found.consumedAt === null ? {} : { consumed: seconds(found.consumedAt) }
    return { ...found.payload, jti: id, ...consumed }
  }
  return {
    upsert: (id, payload, expiresIn) =>
      answering(async () => {
        // A client asks for itself, and no scope is offered to it.
        if (model === 'ClientCredentials' && payload.scope !== undefined)
          throw new errors.InvalidScope('no scopes are offered to clients themselves', payload.scope)
        const { jti: _, consumed: __, ...rest } = payload
        refuseNul(rest)
        const seconds = (expiresIn ?? 0) + (model === 'PushedAuthorizationRequest' ? afterlifeSeconds : 0)
        await objects.save(organization, model, id, {
          payload: rest,
          grantId: payload.grantId ?? null,
          uid: payload.uid ?? null,
          expiresAt: expiresIn === undefined ? null : new Date(clock.now().getTime() + seconds * 1000),
        })
      }),

    find: (id) => answering(() => find(id)),
    async findByUid() {},
    async findByUserCode() {},

    consume: (id) =>
      answering(async () => {
        if (await objects.consume(organization, model, id, clock.now())) return
        if (model === 'PushedAuthorizationRequest')
          throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
        // RFC 6749 §4.1.2: a code that comes twice ends what came of it. A refresh token that is used twice at the very same moment
        // is a client in a hurry: one of the two gets nothing, and only a later use ends the family.
        const grantId = model === 'AuthorizationCode' ? (await find(id))?.grantId : undefined
        if (grantId !== undefined) await endGrant(grantId, 'an authorization code was used twice')
        throw new errors.InvalidGrant(`${model} already consumed`)
      }),

    destroy: (id) => answering(() => objects.remove(organization, model, id)),

    revokeByGrantId: (grantId) => answering(() => objects.removeGrants(organization, [grantId])),
  }
}

/** JSON of the database has no place for it, and no parameter a use. */
function refuseNul(payload: object): void {
  if (JSON.stringify(payload).includes('\\u0000'))
    throw new errors.InvalidRequest('parameters must not contain NUL')
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)
