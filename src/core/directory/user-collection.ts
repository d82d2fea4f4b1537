// Users, as administrators read and write them. A user is a cell with its devices, so that every write goes through the
// engine, which evaluates the rules and writes memberships in the same statement.
import type { Clock } from '../../base/clock.ts'
import { newId, type OrganizationId, type UserId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { CellPlan } from '../membership/apply.ts'
import type { Cell } from '../membership/cell.ts'
import type { Credentials, DirectoryReader, RuleSource } from '../ports.ts'
import { type AuthorityPorts, deciding, managing, mayManage } from './authority.ts'
import { type CellWriter, changeCells, type Plan, signal } from './cells.ts'
import { type Collection, patchProblems } from './collection.ts'
import { type Problem, Problems } from './problem.ts'
import type { AttributeDefinition, User } from './types.ts'
import { readUser, userDocument, userShape } from './users.ts'
import {
  type By,
  changeBody,
  difference,
  invalid,
  mergePatch,
  notFound,
  type Outcome,
  type Refusal,
  refusalOf,
  stale,
} from './writing.ts'

export interface SubjectPorts extends AuthorityPorts {
  readonly engine: CellWriter
  readonly reader: DirectoryReader
  readonly rules: RuleSource
  readonly credentials: Credentials
  /** A PHC string; throws Fault `busy`. */
  readonly hashPassword: (password: Secret) => Promise<Secret>
  readonly clock: Clock
}

export function userCollection(ports: SubjectPorts): Collection<User> {
  const { engine, reader, clock } = ports

  const target = ({ id, username }: Pick<User, 'id' | 'username'>) => ({ kind: 'user', id, name: username })

  async function write(by: By, id: UserId, plan: Plan): Promise<Result<null, Refusal>> {
    return deciding(by, ports, ({ guard }) =>
      changeCells(engine, by.organization.id, [{ kind: 'user', id }], 'user', plan, guard),
    )
  }

  /** The hash is made before anything is written, so that a full queue leaves nothing half-done. */
  async function savePassword(by: By, user: User, hash: Secret): Promise<Outcome<User>> {
    const audit = changeBody(by, clock.now(), 'user.password', target(user), { password: 'set' })
    const saved = await managing(by, user.id, ports, (as) =>
      ports.credentials.save(by.organization.id, user.id, 'password', hash, audit, as),
    )
    return saved.ok ? (refusalOf(saved.value, 'user') ?? ok({ object: user })) : saved
  }

  async function finish(by: By, id: UserId, hash: Secret | null): Promise<Outcome<User>> {
    const user = await reader.findUser(by.organization.id, id)
    if (!user) return notFound('user')
    return hash ? savePassword(by, user, hash) : ok({ object: user })
  }

  async function checkManager(
    organization: OrganizationId,
    id: UserId | null,
    self: UserId,
    problems: Problems,
  ) {
    if (id === null) return
    if (id === self) problems.add('managerId', 'own-manager', 'nobody is their own manager')
    else if (!(await reader.findUser(organization, id)))
      problems.add('managerId', 'missing', 'there is no such user')
  }

  return {
    shape: userShape,
    find: (organization, id) => reader.findUser(organization, id as UserId),
    list: async (organization, where, page) =>
      (await reader.users(organization, where, page, false)).map(({ user }) => user),

    async create(by, body) {
      const { attributes } = await ports.rules.read(by.organization.id)
      const problems = new Problems()
      const read = readUser(body, attributes, problems)
      const id = newId<UserId>()
      if (read) await checkManager(by.organization.id, read.values.managerId, id, problems)
      if (!read || !problems.none) return invalid(problems.list)
      const hash = read.secret === undefined ? null : await ports.hashPassword(new Secret(read.secret))
      const at = clock.now()
      // The store gives the posix id.
      const row: User = { id, version: 1, createdAt: at, updatedAt: at, posixId: 0, ...read.values }
      const audit = [changeBody(by, at, 'user.create', target(row), difference(null, userDocument(row)))]
      const written = await write(by, id, () => ok({ user: { do: 'insert', row }, audit }))
      return written.ok ? finish(by, id, hash) : written
    },

    async update(by, id, patch, version) {
      const current = await reader.findUser(by.organization.id, id as UserId)
      if (!current) return notFound('user')
      const { attributes } = await ports.rules.read(by.organization.id)
      const early = patchProblems(userShape, patch)
      // A first look on what is stored now: what costs time or a query is done before the plan, which must be pure.
      const first = early.none
        ? readUser(mergePatch(userDocument(current, attributes), patch), attributes, early)
        : undefined
      if (first && first.values.managerId !== current.managerId) {
        await checkManager(by.organization.id, first.values.managerId, current.id, early)
      }
      if (!early.none) {
        return version === undefined || version === current.version ? invalid(early.list) : stale('user')
      }
      // State and names are judged by the guard, on the cell that is written.
      if (first?.secret !== undefined) {
        const may = await mayManage(by, current.id, ports)
        if (!may.ok) return may
      }
      const hash = first?.secret === undefined ? null : await ports.hashPassword(new Secret(first.secret))
      if (hash && Object.keys(patch as object).join() === 'password') {
        // Nothing of the user itself changes: one write, one audit record.
        return version === undefined || version === current.version
          ? finish(by, current.id, hash)
          : stale('user')
      }
      const at = clock.now()
      const written = await write(by, current.id, ([cell]) =>
        planUpdate(by, cell ?? null, patch, version, attributes, at),
      )
      return written.ok ? finish(by, current.id, hash) : written
    },

    async remove(by, id, version) {
      const at = clock.now()
      const written = await write(by, id as UserId, ([cell]) => {
        const user = cell?.user
        if (!user) return signal('not-found')
        if (version !== undefined && version !== user.version) return signal('stale')
        const devices = cell.devices.map((device) => ({
          do: 'update' as const,
          row: { ...device, ownerId: null, updatedAt: at },
        }))
        const details = {
          ...difference(userDocument(user), null),
          devicesWithoutOwner: devices.map(({ row }) => row.name),
        }
        const audit = [changeBody(by, at, 'user.remove', target(user), details)]
        return ok({ user: { do: 'remove', id: user.id }, devices, audit })
      })
      return written.ok ? ok({ object: null }) : written
    },
  }

  function planUpdate(
    by: By,
    cell: Cell | null,
    patch: unknown,
    version: number | undefined,
    attributes: readonly AttributeDefinition[],
    at: Date,
  ): Result<CellPlan, readonly Problem[]> {
    const user = cell?.user
    if (!user) return signal('not-found')
    if (version !== undefined && version !== user.version) return signal('stale')
    const problems = new Problems()
    const read = readUser(mergePatch(userDocument(user, attributes), patch), attributes, problems)
    if (!read) return fail(problems.list)
    const row: User = { ...user, ...read.values, updatedAt: at }
    const details = difference(userDocument(user), userDocument(row))
    return ok({
      user: { do: 'update', row },
      audit: [changeBody(by, at, 'user.update', target(row), details)],
    })
  }
}
