// Factors of a user or service account, as an administrator manages them: which there are, a new password, a TOTP seed
// for somebody's authenticator, and taking one away. Proving factors is elsewhere.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, ServiceAccountId, UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import { isTotpSeed, newTotpSeed, normalizeSeed, totpUri } from '../factors/totp.ts'
import type { CellStamp, Credentials, DirectoryReader, Records } from '../ports.ts'
import { type AuthorityPorts, managing, mayManage } from './authority.ts'
import { Problems } from './problem.ts'
import { optional, readObject, type Shape, writeOnly } from './spec.ts'
import { type FactorKind, factorKinds, type ServiceAccount } from './types.ts'
import { checkPassword, password } from './users.ts'
import { choice, text } from './values.ts'
import { type By, changeBody, invalid, notFound, type Outcome, type Refusal, refusalOf } from './writing.ts'

export const seed = writeOnly(
  optional(text({ check: isTotpSeed, wanted: 'a TOTP seed in base32 of at least 128 bits (26 characters)' })),
)

export const factorShape = { kind: choice(['password', 'totp']), password, secret: seed } satisfies Shape

export interface FactorView {
  readonly id: string
  readonly kind: FactorKind
  readonly createdAt: Date
}

export interface FactorPorts extends AuthorityPorts {
  readonly credentials: Credentials
  readonly reader: Pick<DirectoryReader, 'findUser'>
  readonly serviceAccounts: Pick<Records<ServiceAccount>, 'find'>
  readonly hashPassword: (password: Secret) => Promise<Secret>
  readonly clock: Clock
}

export type OwnerKind = 'user' | 'service-account'

export interface FactorsOf {
  list(organization: OrganizationId, owner: string): Promise<readonly FactorView[] | null>
  /** Replaces the factor of that kind. A seed made here is in `once`, with the URI that authenticators scan. */
  enrol(by: By, owner: string, body: unknown): Promise<Outcome<FactorView>>
  remove(by: By, owner: string, kind: string): Promise<Result<null, Refusal>>
}

export function factorsOf(ownerKind: OwnerKind, ports: FactorPorts): FactorsOf {
  async function nameOf(organization: OrganizationId, owner: string): Promise<string | null> {
    if (ownerKind === 'user')
      return (await ports.reader.findUser(organization, owner as UserId))?.username ?? null
    return (await ports.serviceAccounts.find(organization, owner as ServiceAccountId))?.name ?? null
  }
  const may = async (by: By, owner: string): Promise<Result<unknown, Refusal>> =>
    ownerKind === 'user' ? mayManage(by, owner as UserId, ports) : ok(null)
  const idOf = (owner: string) => owner as UserId | ServiceAccountId

  return {
    async list(organization, owner) {
      return (await nameOf(organization, owner)) === null
        ? null
        : ports.credentials.list(organization, idOf(owner))
    },

    async enrol(by, owner, body) {
      const organization = by.organization
      const name = await nameOf(organization.id, owner)
      if (name === null) return notFound(ownerKind)
      const allowed = await may(by, owner)
      if (!allowed.ok) return allowed
      const problems = new Problems()
      const values = readObject(factorShape, body, '', problems)
      if (values) checkParts(ownerKind, values, name, problems)
      if (!values || !problems.none) return invalid(problems.list)
      const { kind } = values
      const made = kind === 'totp' && values.secret === undefined ? newTotpSeed() : null
      const secret =
        kind === 'password'
          ? await ports.hashPassword(new Secret(values.password ?? ''))
          : (made ?? normalizeSeed(values.secret ?? ''))
      const target = { kind: ownerKind, id: owner, name }
      const audit = changeBody(by, ports.clock.now(), `${ownerKind}.factor-set`, target, { factor: kind })
      const save = (as: CellStamp | null) =>
        ports.credentials.save(organization.id, idOf(owner), kind, secret, audit, as)
      const saved =
        ownerKind === 'user' ? await managing(by, owner as UserId, ports, save) : ok(await save(null))
      if (!saved.ok) return saved
      const refusal = refusalOf(saved.value, ownerKind)
      if (refusal) return refusal
      const object = (await ports.credentials.list(organization.id, idOf(owner))).find(
        (each) => each.kind === kind,
      )
      if (!object) return notFound('factor')
      if (!made) return ok({ object })
      const uri = totpUri(made, organization.name, name).reveal()
      return ok({ object, once: { secret: made.reveal(), uri } })
    },

    async remove(by, owner, kind) {
      const name = await nameOf(by.organization.id, owner)
      if (name === null || !(factorKinds as readonly string[]).includes(kind)) return notFound('factor')
      const allowed = await may(by, owner)
      if (!allowed.ok) return allowed
      const target = { kind: ownerKind, id: owner, name }
      const audit = changeBody(by, ports.clock.now(), `${ownerKind}.factor-remove`, target, { factor: kind })
      const removed = await ports.credentials.remove(
        by.organization.id,
        idOf(owner),
        kind as FactorKind,
        audit,
      )
      return removed ? ok(null) : notFound('factor')
    },
  }
}

function checkParts(
  ownerKind: OwnerKind,
  values: {
    readonly kind: string
    readonly password?: string | undefined
    readonly secret?: string | undefined
  },
  name: string,
  problems: Problems,
): void {
  if (values.kind === 'totp') {
    if (ownerKind !== 'user')
      problems.add('kind', 'wrong-kind', 'a service account has a password only', ['password'])
    if (values.password !== undefined)
      problems.add('password', 'wrong-kind', 'leave this out: the kind is "totp"')
    return
  }
  if (values.secret !== undefined)
    problems.add('secret', 'wrong-kind', 'leave this out: the kind is "password"')
  if (values.password === undefined) problems.add('password', 'required', 'this is required')
  else checkPassword(values.password, name, 'password', problems)
}
