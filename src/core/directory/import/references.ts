// Turns the names in an organization file into ids: managers, owners, members, and what bindings join. The file's own
// objects come first, then those that the organization has already.
import { type DeviceId, newId, type ResourceId, type SubjectId, type UserId } from '../../../base/ids.ts'
import type { ManualMember } from '../../membership/cell.ts'
import { importedBindingShape, settleAttributes } from '../bindings.ts'
import { nameKey } from '../names.ts'
import { inside } from '../problem.ts'
import { readObject } from '../spec.ts'
import type { Binding, Device, Group, ResourceKind, User } from '../types.ts'
import type { NamesInFile } from './inputs.ts'
import type { Reading } from './reading.ts'

export interface NamedUser {
  readonly row: User
  readonly manager: string | null
}
export interface NamedDevice {
  readonly row: Device
  readonly owner: string | null
}
export interface NamedGroup {
  readonly row: Group
  readonly members: readonly string[]
  /** Members by approval, or kept when the group's mode changed. */
  readonly approved: readonly string[]
  /** Of a review group: for whom its suggestion was rejected. */
  readonly rejected: readonly string[]
}

/** Bindings with the ids of their group and resource. */
export function readBindings(
  reading: Reading,
  groups: readonly Group[],
  resources: readonly { readonly id: ResourceId; readonly name: string; readonly kind: ResourceKind }[],
): Promise<Binding[]> {
  const { problems, known } = reading
  const groupOf = new Map([...known.groups, ...groups].map((group) => [nameKey(group.name), group]))
  const resourceOf = new Map([...known.resources, ...resources].map((one) => [nameKey(one.name), one]))
  return reading.each('bindings', (value, field) => {
    const read = readObject(importedBindingShape, value, field, problems)
    if (!read) return undefined
    const { group: groupName, resource: resourceName, ...rest } = read
    const group = groupOf.get(nameKey(groupName))
    const resource = resourceOf.get(nameKey(resourceName))
    const groupField = inside(field, 'group')
    if (!group) problems.add(groupField, 'missing', `there is no group ${JSON.stringify(groupName)}`)
    else if (group.of !== 'users')
      problems.add(groupField, 'wrong-kind', 'only groups of users get resources')
    if (!resource) {
      problems.add(
        inside(field, 'resource'),
        'missing',
        `there is no resource ${JSON.stringify(resourceName)}`,
      )
    }
    if (!group || !resource) return undefined
    const place = inside(field, 'attributes')
    const attributes = settleAttributes(rest.attributes, resource.kind, reading.check, place, problems)
    const ids = { id: newId<Binding['id']>(), groupId: group.id, resourceId: resource.id }
    return { ...ids, ...reading.stored, ...rest, attributes }
  })
}

/** Rows with their references, and who is a member by hand. To be asked of a file that has no other faults. */
export async function resolveNames(
  reading: Reading,
  file: {
    readonly users: readonly NamedUser[]
    readonly devices: readonly NamedDevice[]
    readonly groups: readonly NamedGroup[]
  },
): Promise<{
  readonly users: readonly User[]
  readonly devices: readonly Device[]
  readonly manual: readonly ManualMember[]
  readonly names: NamesInFile
}> {
  const { problems, known } = reading
  const membersOf = (of: Group['of']) =>
    file.groups
      .filter(({ row }) => row.of === of)
      .flatMap(({ members, approved }) => [...members, ...approved])
  const managers = file.users.flatMap(({ manager }) => manager ?? [])
  const owners = file.devices.flatMap(({ owner }) => owner ?? [])
  const userId = await finder<UserId>(
    file.users.map(({ row }) => ({ id: row.id, name: row.username })),
    [...managers, ...owners, ...membersOf('users')],
    (names) => known.findUsers(names),
    (index) => problems.add(`users[${index}].username`, 'taken', 'this username exists already'),
  )
  const deviceId = await finder<DeviceId>(
    file.devices.map(({ row }) => ({ id: row.id, name: row.name })),
    membersOf('devices'),
    (names) => known.findDevices(names),
    (index) => problems.add(`devices[${index}].name`, 'taken', 'this name exists already'),
  )
  const need = <T extends SubjectId>(
    found: T | undefined,
    what: string,
    name: string,
    field: string,
  ): T | null => {
    if (found === undefined) problems.add(field, 'missing', `there is no ${what} ${JSON.stringify(name)}`)
    return found ?? null
  }
  return {
    users: file.users.map(({ row, manager }, index) =>
      manager === null
        ? row
        : { ...row, managerId: need(userId(manager), 'user', manager, `users[${index}].manager`) },
    ),
    devices: file.devices.map(({ row, owner }, index) =>
      owner === null
        ? row
        : { ...row, ownerId: need(userId(owner), 'user', owner, `devices[${index}].owner`) },
    ),
    manual: file.groups.flatMap(({ row, members, approved }, index) => {
      const seen = new Set<SubjectId>()
      const memberOf = (name: string, place: string): SubjectId[] => {
        const found: SubjectId | undefined = row.of === 'users' ? userId(name) : deviceId(name)
        const subjectId = need(found, row.of === 'users' ? 'user' : 'device', name, place)
        if (subjectId === null) return []
        if (seen.has(subjectId)) problems.add(place, 'twice', `${JSON.stringify(name)} is named already`)
        seen.add(subjectId)
        return [subjectId]
      }
      const read = (names: readonly string[], field: 'members' | 'approved') =>
        names.flatMap((name, at) => memberOf(name, `groups[${index}].${field}[${at}]`))
      return [
        ...read(members, 'members').map((subjectId) => ({ subjectId, groupId: row.id })),
        ...read(approved, 'approved').map((subjectId) => ({ subjectId, groupId: row.id, approved: true })),
      ]
    }),
    names: {
      users: new Map(file.users.map(({ row }) => [nameKey(row.username), row.id])),
      devices: new Map(file.devices.map(({ row }) => [nameKey(row.name), row.id])),
    },
  }
}

/** Finds ids by name, in the file or among those that are there; tells which of the file's names are taken. */
async function finder<Id>(
  own: readonly { readonly id: Id; readonly name: string }[],
  wanted: readonly string[],
  find: (names: readonly string[]) => Promise<ReadonlyMap<string, Id>>,
  onTaken: (index: number) => void,
): Promise<(name: string) => Id | undefined> {
  const mine = new Map(own.map(({ id, name }, index) => [nameKey(name), { id, index }]))
  for (const [key] of await find(own.map(({ name }) => name))) {
    const taken = mine.get(key)
    if (taken) onTaken(taken.index)
  }
  const elsewhere = await find(wanted.filter((name) => !mine.has(nameKey(name))))
  return (name) => mine.get(nameKey(name))?.id ?? elsewhere.get(nameKey(name))
}
