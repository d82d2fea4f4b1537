// Service accounts: programs that bind to the directory and read the branches that they may.
import type { Clock } from '../../base/clock.ts'
import { newId, type ServiceAccountId } from '../../base/ids.ts'
import { ok } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { Credentials, Records } from '../ports.ts'
import { type Collection, type Kind, recordCollection } from './collection.ts'
import { Problems } from './problem.ts'
import { fixed, otherwise, readObject, type Shape } from './spec.ts'
import { directoryBranches, type ServiceAccount } from './types.ts'
import { checkPassword, displayName, password } from './users.ts'
import { boolean, choice, set } from './values.ts'
import { changeBody, invalid, refusalOf } from './writing.ts'

export const serviceAccountShape = {
  name: fixed(displayName(64)),
  enabled: otherwise(boolean(), true),
  reads: set(choice(directoryBranches)),
  password,
} satisfies Shape

export function serviceAccountCollection(ports: {
  readonly serviceAccounts: Records<ServiceAccount>
  readonly credentials: Credentials
  readonly hashPassword: (password: Secret) => Promise<Secret>
  readonly clock: Clock
}): Collection<ServiceAccount> {
  const kind: Kind<ServiceAccount> = {
    name: 'service-account',
    shape: serviceAccountShape,
    title: ({ name }) => name,
    document: ({ name, enabled, reads }) => ({ name, enabled, reads }),

    async read(by, document, current, at) {
      const problems = new Problems()
      const values = readObject(serviceAccountShape, document, '', problems)
      if (values?.password !== undefined) checkPassword(values.password, values.name, 'password', problems)
      if (!values || !problems.none) return invalid(problems.list)
      const { password: secret, ...rest } = values
      const base = current ?? { id: newId<ServiceAccountId>(), version: 1, createdAt: at }
      const row: ServiceAccount = { ...base, updatedAt: at, ...rest }
      if (secret === undefined) return ok({ row })
      // Hashed before anything is written: a full queue leaves nothing half-done.
      const hash = await ports.hashPassword(new Secret(secret))
      const target = { kind: 'service-account', id: row.id, name: row.name }
      const audit = changeBody(by, at, 'service-account.password', target, { password: 'set' })
      return ok({
        row,
        after: async () => {
          const outcome = await ports.credentials.save(by.organization.id, row.id, 'password', hash, audit)
          return refusalOf(outcome, 'service-account') ?? ok(null)
        },
      })
    },
  }
  return recordCollection(ports.serviceAccounts, kind, ports.clock)
}
