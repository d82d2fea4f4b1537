// What users and devices are called: one page of ids at a time.
import type { OrganizationId } from '../../../base/ids.ts'
import type { Directory } from '../../../core/directory/directory.ts'
import { listTimeoutMs } from './collections.ts'

/** Usernames and device names by id. */
export async function subjectNames(
  directory: Pick<Directory, 'users' | 'devices'>,
  organization: OrganizationId,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const of = [...new Set(ids)].map((value) => ({ op: 'eq', field: { standard: 'id' }, value }) as const)
  const page = { limit: of.length, timeoutMs: listTimeoutMs }
  const [users, devices] = await Promise.all([
    directory.users.list(organization, { op: 'or', of }, page),
    directory.devices.list(organization, { op: 'or', of }, page),
  ])
  return new Map<string, string>([
    ...users.map((user) => [user.id, user.username] as const),
    ...devices.map((device) => [device.id, device.name] as const),
  ])
}
