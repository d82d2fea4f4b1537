// Reads an organization file (as parsed from YAML or JSON) into rows: every fault is listed with its place, names are
// turned into ids, and nothing is written. What the organization has already comes in as `Known`.
import { type GroupId, newId, type ResourceId } from '../../../base/ids.ts'
import { applicationName } from '../applications.ts'
import { readAttributes } from '../attribute-values.ts'
import { readDeclaration } from '../attributes.ts'
import type { AttributeCheck } from '../bindings.ts'
import { checkMode, groupShape } from '../groups.ts'
import { inside, type Problems } from '../problem.ts'
import { type ResourceValues, readResource } from '../resources.ts'
import { Rules } from '../rules.ts'
import { serviceAccountShape } from '../service-accounts.ts'
import { describe, isPlainObject, readObject, refuseUnknown, type Shape, type Values } from '../spec.ts'
import { tokenShape } from '../tokens.ts'
import type { AttributeDefinition, Binding, Device, Group, Resource, ServiceAccount, User } from '../types.ts'
import {
  checkPassword,
  checkUsername,
  importedDeviceShape,
  importedHash,
  importedUserShape,
} from '../users.ts'
import { list, text } from '../values.ts'
import { type FileInputs, readExemptions, readRejected, readStateChanges } from './inputs.ts'
import { type Known, Reading, sections } from './reading.ts'
import {
  type NamedDevice,
  type NamedGroup,
  type NamedUser,
  readBindings,
  resolveNames,
} from './references.ts'

export interface Proofs {
  readonly password?: string | undefined
  readonly passwordHash?: string | undefined
  readonly totp?: string | undefined
}
interface WithProofs {
  readonly proofs: Proofs
}

export interface FileRows extends FileInputs {
  readonly attributes: readonly AttributeDefinition[]
  readonly users: readonly ({ readonly row: User } & WithProofs)[]
  readonly devices: readonly Device[]
  /** In the order in which their rules can be stored. */
  readonly groups: readonly Group[]
  readonly resources: readonly { readonly id: ResourceId; readonly values: ResourceValues }[]
  readonly bindings: readonly Binding[]
  readonly serviceAccounts: readonly ({ readonly row: ServiceAccount } & WithProofs)[]
  readonly tokens: readonly Values<typeof tokenShape>[]
}

const memberNames = list(text({ most: 128 }), 1_000_000)
const groupInFile = {
  ...groupShape,
  ...{ members: memberNames, approved: memberNames, rejected: memberNames },
} satisfies Shape
const serviceAccountInFile = { ...serviceAccountShape, passwordHash: importedHash } satisfies Shape

/** The rows of a file; undefined when there are problems. */
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
  const reading = new Reading(file, known, check, at, problems)
  const attributes = await readDeclarations(reading)
  const definitions = [...known.attributes, ...attributes]
  const users = await readUsers(reading, definitions)
  const devices = await readDevices(reading, definitions)
  const groups = await readGroups(reading)
  const groupRows = groups.map(({ row }) => row)
  const ordered = checkRules(reading, groups, definitions)
  const resources = await readResources(reading)
  const serviceAccounts = await readServiceAccounts(reading)
  const tokens = await reading.each('tokens', (value, field) =>
    readObject(tokenShape, value, field, problems),
  )
  const named = resources.map(({ id, values: { name, kind } }) => ({ id, name, kind }))
  const bindings = await readBindings(reading, groupRows, named)
  // Only references are left, and those to what could not be read would be blamed wrongly.
  if (!problems.none) return undefined
  const { names, ...resolved } = await resolveNames(reading, { users, devices, groups })
  const exemptions = await readExemptions(reading, names, groupRows)
  const stateChanges = await readStateChanges(reading, names)
  const rejected = readRejected(reading, names, groups)
  if (!problems.none) return undefined
  return {
    ...{ attributes, groups: ordered, resources, bindings, serviceAccounts, tokens },
    users: resolved.users.map((row, index) => ({ row, proofs: users[index]?.proofs ?? {} })),
    devices: resolved.devices,
    ...{ manual: resolved.manual, rejected, exemptions, stateChanges },
  }
}

async function readDeclarations(reading: Reading): Promise<AttributeDefinition[]> {
  const rows = await reading.each('attributes', (value, field) => {
    const read = readDeclaration(value, field, reading.problems)
    return read && { id: newId<AttributeDefinition['id']>(), ...reading.stored, ...read }
  })
  const nameOf = ({ name, of }: Pick<AttributeDefinition, 'name' | 'of'>) => `${of}.${name}`
  reading.unique('attributes', rows, nameOf, 'name', reading.known.attributes.map(nameOf))
  return rows
}

async function readUsers(
  reading: Reading,
  definitions: readonly AttributeDefinition[],
): Promise<(NamedUser & WithProofs)[]> {
  const { problems, stored } = reading
  const rows = await reading.each('users', (value, field) => {
    const read = readObject(importedUserShape, value, field, problems)
    const place = inside(field, 'attributes')
    const attributes = read && readAttributes(read.attributes, 'users', definitions, place, problems)
    if (!read || !attributes) return undefined
    const { password, passwordHash, totp, manager, ...rest } = read
    checkUsername(rest.username, rest.email, field, problems)
    checkProofs({ password, passwordHash }, rest.username, field, problems)
    const row: User = { id: newId(), ...stored, posixId: 0, managerId: null, ...rest, attributes }
    return { row, proofs: { password, passwordHash, totp }, manager }
  })
  reading.unique('users', rows, ({ row }) => row.username, 'username')
  reading.unique('users', rows, ({ row }) => row.email, 'email')
  return rows
}

async function readDevices(
  reading: Reading,
  definitions: readonly AttributeDefinition[],
): Promise<NamedDevice[]> {
  const { problems, stored } = reading
  const shape = importedDeviceShape(() => reading.at)
  const rows = await reading.each('devices', (value, field) => {
    const read = readObject(shape, value, field, problems)
    const place = inside(field, 'attributes')
    const attributes = read && readAttributes(read.attributes, 'devices', definitions, place, problems)
    if (!read || !attributes) return undefined
    const { owner, ...rest } = read
    const row: Device = { id: newId(), ...stored, ...rest, ownerId: null, attributes }
    return { row, owner }
  })
  reading.unique('devices', rows, ({ row }) => row.name, 'name')
  reading.unique('devices', rows, ({ row }) => row.serialNumber, 'serialNumber')
  return rows
}

async function readGroups(reading: Reading): Promise<NamedGroup[]> {
  const { problems, stored, known } = reading
  const rows = await reading.each('groups', (value, field) => {
    const read = readObject(groupInFile, value, field, problems)
    if (!read) return undefined
    const { members, approved, rejected, ...rest } = read
    checkMode(rest, inside(field, 'rule'), problems)
    const row: Group = { id: newId<GroupId>(), ...stored, posixId: 0, status: 'active', ...rest }
    if (rest.mode !== 'review' && rejected.length > 0) {
      const message = 'only rules of review groups suggest: leave it out, or set mode to "review"'
      problems.add(inside(field, 'rejected'), 'wrong-mode', message)
    }
    return { row, members, approved, rejected }
  })
  const existing = known.groups.map(({ name }) => name)
  reading.unique('groups', rows, ({ row }) => row.name, 'name', existing)
  return rows
}

async function readResources(reading: Reading): Promise<{ id: ResourceId; values: ResourceValues }[]> {
  const rows = await reading.each('resources', (value, field) => {
    const values = readResource(value, field, reading.problems)
    return values && { id: newId<ResourceId>(), values }
  })
  const existing = reading.known.resources.map(({ name }) => name)
  reading.unique('resources', rows, ({ values }) => values.name, 'name', existing)
  uniqueApplications(reading, rows)
  return rows
}

/** Client ids and entity ids tell upper from lower case, as names do not. */
function uniqueApplications(reading: Reading, rows: readonly { readonly values: ResourceValues }[]): void {
  const keyOf = ({ application }: Pick<Resource, 'application'>) =>
    application && `${application.protocol}:${applicationName(application)}`
  const seen = new Set(reading.known.resources.map(keyOf))
  for (const row of rows) {
    const { application } = row.values
    const name = application?.protocol === 'oidc' ? application.clientId : application?.entityId
    if (!application || name === undefined) continue
    const key = `${application.protocol}:${name}`
    const field = application.protocol === 'oidc' ? 'clientId' : 'entityId'
    const place = `resources[${reading.indexOf(row)}].application.${field}`
    if (seen.has(key)) reading.problems.add(place, 'taken', `${JSON.stringify(name)} is another application`)
    seen.add(key)
  }
}

async function readServiceAccounts(reading: Reading): Promise<({ row: ServiceAccount } & WithProofs)[]> {
  const { problems, stored } = reading
  const rows = await reading.each('serviceAccounts', (value, field) => {
    const read = readObject(serviceAccountInFile, value, field, problems)
    if (!read) return undefined
    const { password, passwordHash, ...rest } = read
    checkProofs({ password, passwordHash }, rest.name, field, problems)
    const row: ServiceAccount = { id: newId(), ...stored, ...rest }
    return { row, proofs: { password, passwordHash } }
  })
  reading.unique('serviceAccounts', rows, ({ row }) => row.name, 'name')
  return rows
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
  reading: Reading,
  groups: readonly NamedGroup[],
  definitions: readonly AttributeDefinition[],
): readonly Group[] {
  const { problems, known } = reading
  const rows = groups.map(({ row }) => row)
  const rules = new Rules([...known.groups, ...rows], definitions)
  const before = problems.list.length
  for (const group of groups) {
    const { of, rule } = group.row
    const checked = rule === null ? null : rules.check(of, rule, `groups[${reading.indexOf(group)}].rule`)
    if (checked && !checked.ok) problems.addAll(checked.error)
  }
  if (problems.list.length > before) return rows
  const order = rules.order('groups')
  if (!order.ok) {
    problems.addAll([order.error])
    return rows
  }
  const place = new Map(order.value.map((id, index) => [id, index]))
  return rows.sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0))
}
