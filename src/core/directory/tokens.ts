// API tokens: made here, shown once, stored as a digest. A token belongs to one organization and has one role.
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { newId, type TokenId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { ApiToken, Records, Tokens } from '../ports.ts'
import { type Collection, type Kind, recordCollection } from './collection.ts'
import { Problems } from './problem.ts'
import { fixed, nullable, readObject, type Shape } from './spec.ts'
import { displayName } from './users.ts'
import { choice, date } from './values.ts'
import { type By, invalid, type Refusal, refuse } from './writing.ts'

export const tokenShape = {
  name: displayName(),
  role: fixed(choice(['owner', 'administrator', 'auditor'])),
  expiresAt: nullable(date()),
} satisfies Shape

/** 256 random bits behind a prefix by which scanners for leaked secrets know it. */
export const newToken = (): Secret => new Secret(`muster_${randomBytes(32).toString('base64url')}`)

/** What is stored of a token. It is as random as a key, so that a plain digest cannot be guessed. */
export function tokenDigest(token: Secret): Buffer {
  return createHash('sha256').update(token.reveal()).digest()
}

export function tokenCollection(ports: {
  readonly tokens: Tokens
  readonly clock: Clock
}): Collection<ApiToken> {
  // A role could otherwise give itself a higher one.
  const mayWrite = async (by: By): Promise<Result<null, Refusal>> =>
    by.role === 'owner'
      ? ok(null)
      : refuse('forbidden', '', 'only an owner may make, change or remove tokens')

  const kind: Kind<ApiToken> = {
    name: 'token',
    shape: tokenShape,
    title: ({ name }) => name,
    document: ({ name, role, expiresAt }) => ({ name, role, expiresAt }),

    async read(by, document, current, at) {
      const may = await mayWrite(by)
      if (!may.ok) return may
      const problems = new Problems()
      const values = readObject(tokenShape, document, '', problems)
      if (values?.expiresAt && values.expiresAt <= at) {
        problems.add('expiresAt', 'past', 'this is in the past: give an instant to come, or null for no end')
      }
      if (!values || !problems.none) return invalid(problems.list)
      const base = current ?? { id: newId<TokenId>(), version: 1, createdAt: at }
      const row: ApiToken = { ...base, updatedAt: at, ...values }
      if (current) return ok({ row })
      const token = newToken()
      const stored = { ...row, digest: tokenDigest(token) }
      return ok({
        row,
        write: (audit) => ports.tokens.insert(by.organization.id, stored, audit),
        once: { token: token.reveal() },
      })
    },

    mayRemove: mayWrite,
  }
  // Tokens differ from other records in their insert only, which the draft does by itself.
  const records: Records<ApiToken> = {
    ...bound(ports.tokens),
    insert: () => Promise.reject(new Error('unused')),
  }
  return recordCollection(records, kind, ports.clock)
}

function bound(tokens: Tokens): Omit<Records<ApiToken>, 'insert'> {
  return {
    find: (organization, id) => tokens.find(organization, id),
    list: (organization, where, page) => tokens.list(organization, where, page),
    update: (organization, row, audit) => tokens.update(organization, row, audit),
    remove: (organization, id, version, audit) => tokens.remove(organization, id, version, audit),
  }
}
