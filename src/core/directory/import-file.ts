// Reads an organization file (as parsed from YAML or JSON) into rows: every fault is listed with its place, names are
// turned into ids, and nothing is written. What the organization has already comes in as `Known`.
import type { DeviceId, GroupId, ResourceId, SubjectId, UserId } from '../../base/ids.ts'
import { newId } from '../../base/ids.ts'
import type { SubjectInGroup } from '../membership/cell.ts'
import { readAttributes } from './attribute-values.ts'
import { readDeclaration } from './attributes.ts'
import { type AttributeCheck, importedBindingShape, settleAttributes } from './bindings.ts'
import { checkMode, groupShape } from './groups.ts'
import { nameKey } from './names.ts'
import { inside, type Problems } from './problem.ts'
import { type ResourceValues, readResource } from './resources.ts'
import { Rules } from './rules.ts'
import { serviceAccountShape } from './service-accounts.ts'
import { describe, isPlainObject, own, readObject, refuseUnknown, type Shape, type Values } from './spec.ts'
import { tokenShape } from './tokens.ts'
import type {
  AttributeDefinition,
  Binding,
  Device,
  Group,
  Resource,
  ResourceKind,
  ServiceAccount,
  User,
} from './types.ts'
import {
  checkPassword,
  checkUsername,
  importedDeviceShape,
  importedHash,
  importedUserShape,
} from './users.ts'
import { list, text } from './values.ts'

/** What the organization has already, as far as the file may refer to it or clash with it. */
export interface Known {
  readonly groups: readonly Group[]
  readonly attributes: readonly AttributeDefinition[]
  readonly resources: readonly Pick<Resource, 'id' | 'name' | 'kind'>[]
  /** Ids of the users that `names` call, by nameKey; likewise devices. */
  findUsers(names: readonly string[]): Promise<ReadonlyMap<string, UserId>>
  findDevices(names: readonly string[]): Promise<ReadonlyMap<string, DeviceId>>
}

export interface Proofs {
  readonly password?: string | undefined
  readonly passwordHash?: string | undefined
  readonly totp?: string | undefined
}

export interface FileRows {
  readonly attributes: readonly AttributeDefinition[]
  readonly users: readonly { readonly row: User; readonly proofs: Proofs }[]
  readonly devices: readonly Device[]
  /** In the order in which their rules can be stored. */
  readonly groups: readonly Group[]
  readonly manual: readonly SubjectInGroup[]
  readonly resources: readonly { readonly id: ResourceId; readonly values: ResourceValues }[]
  readonly bindings: readonly Binding[]
  readonly serviceAccounts: readonly { readonly row: ServiceAccount; readonly proofs: Proofs }[]
  readonly tokens: readonly Values<typeof tokenShape>[]
}

const sections = [
  'attributes',
  'users',
  'devices',
  'groups',
  'resources',
  'bindings',
  'serviceAccounts',
  'tokens',
] as const
type Section = (typeof sections)[number]

const groupInFile = { ...groupShape, members: list(text({ most: 128 }), 1_000_000) } satisfies Shape
const serviceAccountInFile = { ...serviceAccountShape, passwordHash: importedHash } satisfies Shape

/** The rows of a file; undefined when there are problems. Gives way to others while it reads a long one. */
export async function readFile(
  file: unknown,
  known: Known,
  check: AttributeCheck,
  at: Date,
  problems: Problems,
): Promise<FileRows | undefined> {
  if (!isPlainObject(file)) {
    return problems.add('', 'wrong-type', `an organization file is an object, not ${describe(file)}`)
  }
  refuseUnknown(file, {}, '', problems, ['organization', ...sections])
  const stored = { version: 1, createdAt: at, updatedAt: at }

  const attributes: AttributeDefinition[] = []
  await each('attributes', (value, field) => {
    const read = readDeclaration(value, field, problems)
    if (read) attributes.push({ id: newId(), ...stored, ...read })
  })
  const attributeName = ({ name, of }: { name: string; of: string }) => `${of}.${name}`
  unique('attributes', attributes, attributeName, 'name', known.attributes.map(attributeName))
  const definitions = [...known.attributes, ...attributes]

  const users: { row: User; proofs: Proofs; manager: string | null }[] = []
  await each('users', (value, field) => {
    const read = readObject(importedUserShape, value, field, problems)
    const values =
      read && readAttributes(read.attributes, 'users', definitions, inside(field, 'attributes'), problems)
    if (!read || !values) return
    const { password, passwordHash, totp, manager, ...rest } = read
    checkUsername(rest.username, rest.email, field, problems)
    checkProofs({ password, passwordHash }, rest.username, field, problems)
    const row: User = { id: newId(), ...stored, posixId: 0, managerId: null, ...rest, attributes: values }
    users.push({ row, proofs: { password, passwordHash, totp }, manager })
  })
  const rows = users.map(({ row }) => row)
  const userIds = unique('users', rows, ({ username }) => username, 'username')
  unique('users', rows, ({ email }) => email, 'email')

  const devices: { row: Device; owner: string | null }[] = []
  const deviceShape = importedDeviceShape(() => at)
  await each('devices', (value, field) => {
    const read = readObject(deviceShape, value, field, problems)
    const values =
      read && readAttributes(read.attributes, 'devices', definitions, inside(field, 'attributes'), problems)
    if (!read || !values) return
    const { owner, ...rest } = read
    devices.push({ row: { id: newId(), ...stored, ...rest, ownerId: null, attributes: values }, owner })
  })
  const deviceRows = devices.map(({ row }) => row)
  const deviceIds = unique('devices', deviceRows, ({ name }) => name, 'name')
  unique('devices', deviceRows, ({ serialNumber }) => serialNumber, 'serialNumber')

  const groups: { row: Group; members: readonly string[] }[] = []
  await each('groups', (value, field) => {
    const read = readObject(groupInFile, value, field, problems)
    if (!read) return
    const { members, ...rest } = read
    checkMode(rest, inside(field, 'rule'), problems)
    groups.push({ row: { id: newId<GroupId>(), ...stored, posixId: 0, status: 'active', ...rest }, members })
  })
  const groupRows = groups.map(({ row }) => row)
  unique(
    'groups',
    groupRows,
    ({ name }) => name,
    'name',
    known.groups.map(({ name }) => name),
  )
  const ordered = checkRules(groupRows, known.groups, definitions, problems)

  const resources: { id: ResourceId; values: ResourceValues }[] = []
  await each('resources', (value, field) => {
    const values = readResource(value, field, problems)
    if (values) resources.push({ id: newId(), values })
  })
  unique(
    'resources',
    resources,
    ({ values }) => values.name,
    'name',
    known.resources.map(({ name }) => name),
  )

  const serviceAccounts: { row: ServiceAccount; proofs: Proofs }[] = []
  await each('serviceAccounts', (value, field) => {
    const read = readObject(serviceAccountInFile, value, field, problems)
    if (!read) return
    const { password, passwordHash, ...rest } = read
    checkProofs({ password, passwordHash }, rest.name, field, problems)
    serviceAccounts.push({ row: { id: newId(), ...stored, ...rest }, proofs: { password, passwordHash } })
  })
  unique('serviceAccounts', serviceAccounts, ({ row }) => row.name, 'name')

  const tokens: Values<typeof tokenShape>[] = []
  await each('tokens', (value, field) => {
    const read = readObject(tokenShape, value, field, problems)
    if (read) tokens.push(read)
  })

  const bindings = await readBindings()
  // Beyond this point only references are left, and those of a faulty file would be blamed wrongly.
  if (!problems.none) return undefined
  const manual = await resolve()
  if (!problems.none) return undefined
  return {
    ...{ attributes, users, devices: deviceRows, groups: ordered, manual },
    ...{ resources, bindings, serviceAccounts, tokens },
  }

  /** Every entry of a section, with its place. */
  async function each(section: Section, read: (value: unknown, field: string) => void): Promise<void> {
    const value = own(file as object, section)
    if (value === undefined || value === null) return
    if (!Array.isArray(value)) {
      problems.add(section, 'wrong-type', `a list is expected here, not ${describe(value)}`)
      return
    }
    for (const [index, entry] of value.entries()) {
      if (problems.full) return
      read(entry, `${section}[${index}]`)
      if (index % 1_000 === 999) await new Promise((resume) => setImmediate(resume))
    }
  }

  /** Notes names that come twice, or exist already; gives the index of each. */
  function unique<T>(
    section: Section,
    entries: readonly T[],
    nameOf: (entry: T) => string | null,
    field: string,
    existing: readonly string[] = [],
  ): ReadonlyMap<string, number> {
    const there = new Set(existing.map(nameKey))
    const seen = new Map<string, number>()
    for (const [index, entry] of entries.entries()) {
      const name = nameOf(entry)
      if (name === null) continue
      const key = nameKey(name)
      const first = seen.get(key)
      const place = `${section}[${index}].${field}`
      if (first !== undefined)
        problems.add(place, 'twice', `${JSON.stringify(name)} is ${section}[${first}] already`)
      else if (there.has(key)) problems.add(place, 'taken', `${JSON.stringify(name)} exists already`)
      seen.set(key, index)
    }
    return seen
  }

  async function readBindings(): Promise<Binding[]> {
    const groupsByName = new Map([...known.groups, ...groupRows].map((group) => [nameKey(group.name), group]))
    const byName = new Map<string, { readonly id: ResourceId; readonly kind: ResourceKind }>(
      [...known.resources, ...resources.map(({ id, values }) => ({ id, ...values }))].map((one) => [
        nameKey(one.name),
        one,
      ]),
    )
    const found: Binding[] = []
    await each('bindings', (value, field) => {
      const read = readObject(importedBindingShape, value, field, problems)
      if (!read) return
      const { group: groupName, resource: resourceName, ...rest } = read
      const group = groupsByName.get(nameKey(groupName))
      const resource = byName.get(nameKey(resourceName))
      if (!group)
        problems.add(inside(field, 'group'), 'missing', `there is no group ${JSON.stringify(groupName)}`)
      else if (group.of !== 'users')
        problems.add(inside(field, 'group'), 'wrong-kind', 'only groups of users get resources')
      if (!resource)
        problems.add(
          inside(field, 'resource'),
          'missing',
          `there is no resource ${JSON.stringify(resourceName)}`,
        )
      if (!group || !resource) return
      const given = settleAttributes(
        rest.attributes,
        resource.kind,
        check,
        inside(field, 'attributes'),
        problems,
      )
      const ids = { id: newId<Binding['id']>(), groupId: group.id, resourceId: resource.id }
      found.push({ ...ids, ...stored, ...rest, attributes: given })
    })
    return found
  }

  /** Managers, owners and members: users and devices of the file first, then those that are there already. */
  async function resolve(): Promise<SubjectInGroup[]> {
    const taken = await known.findUsers(rows.map(({ username }) => username))
    for (const [key] of taken) {
      const index = userIds.get(key)
      if (index !== undefined)
        problems.add(`users[${index}].username`, 'taken', 'this username exists already')
    }
    const takenDevices = await known.findDevices(deviceRows.map(({ name }) => name))
    for (const [key] of takenDevices) {
      const index = deviceIds.get(key)
      if (index !== undefined) problems.add(`devices[${index}].name`, 'taken', 'this name exists already')
    }
    const wantedUsers = [...users.map(({ manager }) => manager), ...devices.map(({ owner }) => owner)]
    const wantedMembers = (of: Group['of']) =>
      groups.filter(({ row }) => row.of === of).flatMap(({ members }) => members)
    const names = [...wantedUsers.filter((name) => name !== null), ...wantedMembers('users')]
    const elsewhere = await known.findUsers(names.filter((name) => !userIds.has(nameKey(name))))
    const devicesElsewhere = await known.findDevices(
      wantedMembers('devices').filter((name) => !deviceIds.has(nameKey(name))),
    )
    const userId = (name: string): UserId | undefined => {
      const index = userIds.get(nameKey(name))
      return index === undefined ? elsewhere.get(nameKey(name)) : rows[index]?.id
    }
    const deviceId = (name: string): DeviceId | undefined => {
      const index = deviceIds.get(nameKey(name))
      return index === undefined ? devicesElsewhere.get(nameKey(name)) : deviceRows[index]?.id
    }
    const need = <T extends SubjectId>(
      found: T | undefined,
      name: string,
      field: string,
      what: string,
    ): T | null => {
      if (found === undefined) problems.add(field, 'missing', `there is no ${what} ${JSON.stringify(name)}`)
      return found ?? null
    }
    for (const [index, user] of users.entries()) {
      if (user.manager === null) continue
      const managerId = need(userId(user.manager), user.manager, `users[${index}].manager`, 'user')
      user.row = { ...user.row, managerId }
    }
    for (const [index, { owner, row }] of devices.entries()) {
      if (owner === null) continue
      deviceRows[index] = { ...row, ownerId: need(userId(owner), owner, `devices[${index}].owner`, 'user') }
    }
    return groups.flatMap(({ row, members }, index) =>
      members.flatMap((name, at) => {
        const place = `groups[${index}].members[${at}]`
        const found = row.of === 'users' ? userId(name) : deviceId(name)
        const subjectId = need<SubjectId>(found, name, place, row.of === 'users' ? 'user' : 'device')
        return subjectId === null ? [] : [{ subjectId, groupId: row.id }]
      }),
    )
  }
}

function checkProofs(proofs: Proofs, name: string, field: string, problems: Problems): void {
  if (proofs.password === undefined) return
  checkPassword(proofs.password, name, inside(field, 'password'), problems)
  if (proofs.passwordHash !== undefined) {
    problems.add(inside(field, 'passwordHash'), 'twice', 'give either password or passwordHash')
  }
}

/** Are the file's rules sound beside those that are there? Gives its groups in the order in which rules need them. */
function checkRules(
  groups: readonly Group[],
  existing: readonly Group[],
  definitions: readonly AttributeDefinition[],
  problems: Problems,
): readonly Group[] {
  const rules = new Rules([...existing, ...groups], definitions)
  const before = problems.list.length
  for (const [index, { of, rule }] of groups.entries()) {
    if (rule === null) continue
    const checked = rules.check(of, rule, `groups[${index}].rule`)
    if (!checked.ok) problems.addAll(checked.error)
  }
  if (problems.list.length > before) return groups
  const order = rules.order('groups')
  if (!order.ok) {
    problems.addAll([order.error])
    return groups
  }
  const place = new Map(order.value.map((id, index) => [id, index]))
  return [...groups].sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0))
}
