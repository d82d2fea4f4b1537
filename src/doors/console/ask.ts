// Turns the body of /access/explain into the question that every door asks. Nothing here has an effect.
import { isId, type ResourceId, type UserId } from '../../base/ids.ts'
import { canonicalAddress } from '../../base/ip.ts'
import { ok, type Result } from '../../base/result.ts'
import type { AccessRequest, DoorName, Means } from '../../core/access/request.ts'
import type { Directory } from '../../core/directory/directory.ts'
import { Problems } from '../../core/directory/problem.ts'
import {
  nullable,
  optional,
  otherwise,
  readObject,
  type Shape,
  type Spec,
} from '../../core/directory/spec.ts'
import { type FactorKind, factorKinds, type Resource, type ResourceKind } from '../../core/directory/types.ts'
import { boolean, choice, date, set, text } from '../../core/directory/values.ts'
import { type By, invalid, type Refusal } from '../../core/directory/writing.ts'

const address: Spec<string> = {
  schema: { type: 'string', maxLength: 64, description: 'IP address' },
  absent: 'required',
  read: (value, field, problems) =>
    (typeof value === 'string' ? canonicalAddress(value) : null) ??
    problems.add(field, 'bad-address', 'expected an IP address, such as 10.0.0.7'),
}

export const explainShape = {
  /** Username, e-mail address or id. */
  user: text({ most: 320 }),
  /** Name, id, or one of `directory`, `portal`, `console`. */
  resource: text(),
  from: nullable(address),
  /** Factors taken as proven. */
  evidence: { ...otherwise(set(choice(factorKinds)), ['password']) } as Spec<readonly FactorKind[]>,
  /** Would a password be readable on the way? */
  secured: otherwise(boolean(), true),
  at: optional(date()),
} satisfies Shape

/** The door at which a resource of this kind is asked for, and what that door can carry to the person. */
const doorOf = {
  directory: { door: 'ldap', means: [] },
  network: { door: 'radius', means: ['prompt'] },
  application: { door: 'signin', means: ['prompt', 'push'] },
  portal: { door: 'portal', means: ['prompt', 'push'] },
  console: { door: 'console', means: ['prompt', 'push'] },
} as const satisfies Record<ResourceKind, { door: DoorName; means: readonly Means[] }>

export interface Question {
  readonly request: AccessRequest
  readonly assumed: readonly FactorKind[]
}

export async function askToExplain(
  by: By,
  body: unknown,
  now: Date,
  directory: Pick<Directory, 'resources'>,
): Promise<Result<Question, Refusal>> {
  const problems = new Problems()
  const read = readObject(explainShape, body, '', problems)
  if (!read) return invalid(problems.list)
  const resource = await findResource(by, read.resource, directory)
  if (!resource) {
    problems.add('resource', 'missing', 'there is no resource by this name or id')
    return invalid(problems.list)
  }
  const { door, means } = doorOf[resource.kind]
  return ok({
    assumed: read.evidence,
    request: {
      organization: by.organization.id,
      subject: isId(read.user)
        ? { by: 'user-id', id: read.user as UserId }
        : { by: 'login', name: read.user },
      evidence: [],
      resource: { kind: 'id', id: resource.id },
      circumstance: { peer: read.from, door, secured: read.secured },
      means,
      at: read.at ?? now,
    },
  })
}

async function findResource(
  by: By,
  named: string,
  { resources }: Pick<Directory, 'resources'>,
): Promise<Resource | null> {
  const organization = by.organization.id
  if (isId(named)) return resources.find(organization, named as ResourceId)
  const first = async (standard: string): Promise<Resource | null> => {
    const where = { op: 'eq', field: { standard }, value: named } as const
    return (await resources.list(organization, where, { limit: 1 }))[0] ?? null
  }
  const found = await first('name')
  if (found || !['directory', 'portal', 'console'].includes(named)) return found
  return first('kind')
}
