// What the groups are bound to: applications, each to some groups of users.
import { newId } from '../../src/base/ids.ts'
import type { Group, Organization } from '../../src/core/directory/types.ts'
import type { House } from './house.ts'
import { pick, type Random } from './random.ts'
import { changeRecord, written } from './records.ts'

const applications = 100
const groupsOfEach = 5

export async function grant(
  { store }: House,
  organization: Organization['id'],
  groups: readonly Group[],
  random: Random,
  at: Date,
): Promise<void> {
  const ofUsers = groups.filter(({ of }) => of === 'users')
  const stored = { version: 1, createdAt: at, updatedAt: at }
  for (let i = 0; i < applications; i++) {
    const resource = { ...stored, id: newId<never>(), name: `application-${i}`, kind: 'application' } as const
    const target = { kind: 'resource', id: resource.id, name: resource.name }
    const row = { ...resource, enabled: true, network: null, application: null }
    await written(store.resources.insert(organization, row, changeRecord('resource.create', target)))
    const theirs = new Set(Array.from({ length: groupsOfEach }, () => pick(random, ofUsers).id))
    for (const groupId of theirs) {
      const binding = { ...stored, id: newId<never>(), groupId, resourceId: resource.id, order: 0 }
      const bound = { kind: 'binding', id: binding.id, name: resource.name }
      const full = { ...binding, attributes: {}, factors: [] }
      await written(store.bindings.insert(organization, full, changeRecord('binding.create', bound)))
    }
  }
}
