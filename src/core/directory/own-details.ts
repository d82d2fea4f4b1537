// What users may look after themselves: the attributes that the organization has declared as self-editable, and nothing else.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, UserId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { OneAtATime } from '../factors/one-at-a-time.ts'
import type { CellPlan } from '../membership/apply.ts'
import type { DirectoryReader, RuleSource } from '../ports.ts'
import { type AuthorityPorts, type Deciding, deciding } from './authority.ts'
import { type CellWriter, changeCells, type Plan, signal } from './cells.ts'
import { inside, type Problem, Problems } from './problem.ts'
import { isPlainObject } from './spec.ts'
import type { AttributeDefinition, AttributeType, AttributeValue, Organization, User } from './types.ts'
import { readUser, userDocument } from './users.ts'
import { limits } from './values.ts'
import { type By, changeBody, difference, invalid, mergePatch, notFound, type Refusal } from './writing.ts'

export interface OwnDetail {
  /** Its place in a patch: `displayName`, `attributes.badge`. */
  readonly field: string
  readonly name: string
  readonly type: AttributeType
  /** As declared; null for standard attributes. */
  readonly description: string | null
  readonly value: AttributeValue | null
  /** Of a text, in characters. */
  readonly most: number
}

export interface OwnDetailPorts extends Omit<AuthorityPorts, 'cells'> {
  readonly engine: CellWriter
  readonly reader: Pick<DirectoryReader, 'findUser'>
  readonly rules: RuleSource
  readonly clock: Clock
}

export interface OwnDetails {
  /** Standard attributes first, in the order of the organization's settings; empty where nothing may be changed. */
  of(organization: Organization, user: UserId): Promise<readonly OwnDetail[]>
  /**
   * Takes a merge patch of these details; whatever else it names is refused, and nothing is written. One change of a user at a
   * time; throws Fault `busy` where too many wait already.
   */
  change(organization: Organization, user: UserId, patch: unknown): Promise<Result<null, Refusal>>
}

/** Of one user: people save one form, and perhaps again because it takes long. */
const mostWaiting = 4

export function ownDetails(ports: OwnDetailPorts): OwnDetails {
  // Every write makes those start over who change the same user at that moment: an owner who suspends somebody would never
  // get there between a hundred changes that this somebody makes.
  const turns = new OneAtATime(mostWaiting, 'too many changes of the same details at once: try again')
  const definitionsOf = async (organization: OrganizationId) =>
    (await ports.rules.read(organization)).attributes

  async function change(
    organization: Organization,
    id: UserId,
    patch: unknown,
  ): Promise<Result<null, Refusal>> {
    const user = await ports.reader.findUser(organization.id, id)
    if (user === null) return notFound('user')
    const definitions = await definitionsOf(organization.id)
    const strange = strangers(patch, new Set(detailsOf(user, organization, definitions).map(fieldOf)))
    if (strange.length > 0) return fail({ kind: 'forbidden', problems: strange })
    const actor = { kind: 'user', id, name: user.username } as const
    // Of no role at all: what people change of themselves gives or takes no role in the console.
    const by = { organization, actor, role: 'none' } satisfies Deciding & Pick<By, 'actor'>
    const at = ports.clock.now()
    const early = planned(by, user, patch, definitions, at)
    if (!early.ok) return invalid(early.error)
    if (early.value === null) return ok(null)
    const plan: Plan = ([cell]) => {
      if (!cell?.user) return signal('not-found')
      const fresh = planned(by, cell.user, patch, definitions, at)
      return fresh.ok ? ok(fresh.value ?? { audit: [] }) : fresh
    }
    return deciding(by, ports, ({ guard }) =>
      changeCells(ports.engine, organization.id, [{ kind: 'user', id }], 'user', plan, guard),
    )
  }

  return {
    async of(organization, id) {
      const user = await ports.reader.findUser(organization.id, id)
      return user === null ? [] : detailsOf(user, organization, await definitionsOf(organization.id))
    },

    change: (organization, id, patch) =>
      turns.run(`${organization.id} ${id}`, () => change(organization, id, patch)),
  }
}

const fieldOf = ({ field }: OwnDetail): string => field

function detailsOf(
  user: User,
  { settings }: Organization,
  definitions: readonly AttributeDefinition[],
): readonly OwnDetail[] {
  const standard = settings.selfEditable.map((name): OwnDetail => {
    const value = user[name]
    return { field: name, name, type: 'string', description: null, value, most: limits.text }
  })
  const declared = definitions.filter(({ of, selfEditable }) => of === 'users' && selfEditable)
  return [
    ...standard,
    ...declared.map(({ name, type, description }): OwnDetail => {
      const value = Object.hasOwn(user.attributes, name) ? (user.attributes[name] ?? null) : null
      return { field: inside('attributes', name), name, type, description, value, most: limits.customText }
    }),
  ]
}

/** What a patch names beside these fields. */
function strangers(patch: unknown, fields: ReadonlySet<string>): readonly Problem[] {
  const problems = new Problems()
  const refuse = (field: string) =>
    problems.add(
      field.slice(0, 128),
      'not-self-editable',
      'this is not yours to change: ask an administrator',
    )
  if (!isPlainObject(patch)) refuse('')
  else
    for (const [name, value] of Object.entries(patch)) {
      if (name !== 'attributes') fields.has(name) || refuse(name)
      else if (!isPlainObject(value)) refuse(name)
      else for (const own of Object.keys(value)) fields.has(inside(name, own)) || refuse(inside(name, own))
    }
  return problems.list
}

/** The user as the patch makes it; null where it changes nothing. */
function planned(
  by: Pick<By, 'actor'>,
  user: User,
  patch: unknown,
  definitions: readonly AttributeDefinition[],
  at: Date,
): Result<CellPlan | null, readonly Problem[]> {
  const problems = new Problems()
  const before = userDocument(user, definitions)
  const read = readUser(mergePatch(before, patch), definitions, problems)
  if (!read) return fail(problems.list)
  const row: User = { ...user, ...read.values, updatedAt: at }
  const after = userDocument(row)
  if (Object.keys(difference(before, after)).length === 0) return ok(null)
  const details = difference(userDocument(user), after)
  const target = { kind: 'user', id: user.id, name: user.username }
  return ok({ user: { do: 'update', row }, audit: [changeBody(by, at, 'user.update', target, details)] })
}
