// A directory in memory for the LDAP door, which evaluates conditions itself, without SQL: users, devices, groups and who
// is in them. Counts what is asked of it, and can be slow.
import type { GroupId, OrganizationId, SubjectId } from '../../src/base/ids.ts'
import type { Condition, ConditionValue, Field } from '../../src/core/directory/condition.ts'
import { nameKey } from '../../src/core/directory/names.ts'
import type { AttributeDefinition, Device, Group, User } from '../../src/core/directory/types.ts'
import type { DirectoryReader, Page, PosixGrant } from '../../src/core/ports.ts'

export interface Contents {
  users: User[]
  devices: Device[]
  groups: Group[]
  attributes: AttributeDefinition[]
  /** Names of the groups of each user or device, by its id. */
  memberships: Record<string, string[]>
  posix?: PosixGrant[]
}

type Subject = User | Device | Group
type Truth = boolean | null

export class MemoryDirectory implements DirectoryReader {
  readonly contents: Contents
  readonly #organization: OrganizationId
  /** Calls of each method so far, with what they asked for. */
  readonly calls: { method: string; asked: unknown }[] = []
  /** What every answer waits for. */
  pace: () => Promise<void> = async () => {}

  constructor(organization: OrganizationId, contents: Contents) {
    this.#organization = organization
    this.contents = contents
  }

  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length
  }

  async #select<T extends Subject>(
    method: string,
    organization: OrganizationId,
    list: readonly T[],
    where: Condition,
    page: Page,
  ) {
    this.calls.push({ method, asked: where })
    await this.pace()
    if (organization !== this.#organization) return []
    return [...list]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .filter((one) => page.after === undefined || one.id > page.after)
      .filter((one) => this.#holds(where, one) === true)
      .slice(0, page.limit)
  }

  groupsOf(id: string): GroupId[] {
    const names = this.contents.memberships[id] ?? []
    return this.contents.groups.filter(({ name }) => names.includes(name)).map((group) => group.id)
  }

  #holds(condition: Condition, subject: Subject): Truth {
    switch (condition.op) {
      case 'and':
      case 'or': {
        const parts = condition.of.map((part) => this.#holds(part, subject))
        const decisive = condition.op === 'or'
        return parts.includes(decisive) ? decisive : parts.includes(null) ? null : !decisive
      }
      case 'not': {
        const inner = this.#holds(condition.of, subject)
        return inner === null ? null : !inner
      }
      case 'true':
      case 'false':
        return condition.op === 'true'
      case 'unknown':
        return null
      case 'member-of':
        return this.groupsOf(subject.id).includes(condition.group)
      case 'member-of-any':
        return this.groupsOf(subject.id).length > 0
      case 'has-member':
        return this.#membersOf(subject as Group).some(({ id }) => id === condition.subject)
      case 'has-member-any':
        return this.#membersOf(subject as Group).length > 0
      default:
        return compare(condition, valuesOf(condition.field, subject))
    }
  }

  #membersOf(group: Group): { id: SubjectId; name: string }[] {
    const isIn = (id: string) => (this.contents.memberships[id] ?? []).includes(group.name)
    return group.of === 'users'
      ? this.contents.users
          .filter(({ id, state }) => state === 'active' && isIn(id))
          .map(({ id, username }) => ({ id, name: username }))
      : this.contents.devices.filter(({ id }) => isIn(id))
  }

  async users(organization: OrganizationId, where: Condition, page: Page, activeOnly: boolean) {
    const list = this.contents.users.filter(({ state }) => !activeOnly || state === 'active')
    const found = await this.#select('users', organization, list, where, page)
    return found.map((user) => ({ user, groups: this.groupsOf(user.id) }))
  }

  async usersByKey(organization: OrganizationId, by: 'username' | 'email' | 'id', keys: readonly string[]) {
    this.calls.push({ method: 'usersByKey', asked: keys })
    await this.pace()
    if (organization !== this.#organization) return []
    const wanted = new Set(keys.map(nameKey))
    return this.contents.users
      .filter((user) => user[by] !== null && wanted.has(nameKey(user[by] as string)))
      .map((user) => ({ user, groups: this.groupsOf(user.id) }))
  }

  async devices(organization: OrganizationId, where: Condition, page: Page) {
    const found = await this.#select('devices', organization, this.contents.devices, where, page)
    return found.map((device) => ({ device, groups: this.groupsOf(device.id) }))
  }

  groups(organization: OrganizationId, where: Condition, page: Page) {
    return this.#select('groups', organization, this.contents.groups, where, page)
  }

  async memberNames(_organization: OrganizationId, group: GroupId, page: Page) {
    this.calls.push({ method: 'memberNames', asked: group })
    const found = this.contents.groups.find(({ id }) => id === group)
    return (found === undefined ? [] : this.#membersOf(found))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .filter(({ id }) => page.after === undefined || id > page.after)
      .slice(0, page.limit)
  }

  async groupNames(organization: OrganizationId) {
    this.calls.push({ method: 'groupNames', asked: null })
    return organization === this.#organization ? this.contents.groups : []
  }

  async posixGrants(organization: OrganizationId) {
    return organization === this.#organization ? (this.contents.posix ?? []) : []
  }

  members = async () => []
  findUser = async () => null
  findUserByUsername = async () => null
  findDevice = async () => null
}

const keyed = new Set(['username', 'email', 'name', 'serialNumber'])

function valuesOf(field: Field, subject: Subject): unknown[] {
  const value =
    'custom' in field
      ? 'attributes' in subject
        ? subject.attributes[field.custom]
        : null
      : (subject as unknown as Record<string, unknown>)[field.standard]
  const values = value === null || value === undefined ? [] : [value].flat()
  const fold = 'custom' in field ? !field.caseExact : true
  return values.map((one) =>
    typeof one !== 'string'
      ? one
      : 'custom' in field && field.type === 'date'
        ? new Date(one)
        : 'standard' in field && keyed.has(field.standard)
          ? nameKey(one)
          : fold
            ? one.toLowerCase()
            : one,
  )
}

function compare(condition: Extract<Condition, { field: Field }>, values: readonly unknown[]): Truth {
  const { field } = condition
  const isKey = 'standard' in field && keyed.has(field.standard)
  const foldText = (text: string) =>
    isKey
      ? text.normalize('NFKC').toLowerCase()
      : 'custom' in field && field.caseExact
        ? text
        : text.toLowerCase()
  if (condition.op === 'present') return values.length > 0
  if (condition.op === 'substring') {
    const pieces = [condition.initial, ...condition.any, condition.final].map(foldText)
    const pattern = new RegExp(
      `^${pieces.map((piece) => piece.replace(/[^\p{L}\p{N}]/gu, '\\$&')).join('[^]*')}$`,
    )
    return values.some((value) => typeof value === 'string' && pattern.test(value))
  }
  const asked = foldValue(condition.value, foldText)
  const tests = {
    eq: (a: number) => a === 0,
    ne: (a: number) => a !== 0,
    gt: (a: number) => a > 0,
    ge: (a: number) => a >= 0,
    lt: (a: number) => a < 0,
    le: (a: number) => a <= 0,
  }
  const test = tests[condition.op]
  return values.some((value) => {
    const own = value instanceof Date ? value.getTime() : (value as string | number | boolean)
    return typeof own === typeof asked && test(own === asked ? 0 : own > asked ? 1 : -1)
  })
}

const foldValue = (value: ConditionValue, foldText: (text: string) => string): string | number | boolean =>
  value instanceof Date ? value.getTime() : typeof value === 'string' ? foldText(value) : value
