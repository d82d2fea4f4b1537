// Reading the directory, many entries at a time.
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../../base/ids.ts'
import type { Condition } from '../directory/condition.ts'
import type { BindingAttributes, Device, Group, User } from '../directory/types.ts'
import type { Membership } from '../membership/cell.ts'

export interface Page {
  readonly limit: number
  /** Id after which to go on; pages are in id order. */
  readonly after?: string
  /** Milliseconds after which the statement is cancelled: TimedOut is thrown. */
  readonly timeoutMs?: number
}

/** `groups`: effective memberships. */
export interface UserEntry {
  readonly user: User
  readonly groups: readonly GroupId[]
}
export interface DeviceEntry {
  readonly device: Device
  readonly groups: readonly GroupId[]
}

/** `approved`: what is given by hand was given by approval, or kept when the group's mode changed. */
export interface ListedMember extends Membership {
  readonly approved?: boolean
}

/** What a binding to a directory gives to the entries of a group's members. */
export interface PosixGrant {
  readonly groupId: GroupId
  readonly ldap: NonNullable<BindingAttributes['ldap']>
}

export interface DirectoryReader {
  /** `activeOnly`: as LDAP shows them. */
  users(
    organization: OrganizationId,
    where: Condition,
    page: Page,
    activeOnly: boolean,
  ): Promise<readonly UserEntry[]>
  /**
   * The users with any of these usernames, e-mail addresses or ids, whatever their state: many equality searches in one
   * statement. Keys may be spelled in any way; the entries come in no order and must be matched to them by `nameKey`.
   */
  usersByKey(
    organization: OrganizationId,
    by: 'username' | 'email' | 'id',
    keys: readonly string[],
  ): Promise<readonly UserEntry[]>
  devices(organization: OrganizationId, where: Condition, page: Page): Promise<readonly DeviceEntry[]>
  groups(organization: OrganizationId, where: Condition, page: Page): Promise<readonly Group[]>
  /** Members of a group in id order: active users (or devices), with the names that entries are called by. */
  memberNames(
    organization: OrganizationId,
    group: GroupId,
    page: Page,
  ): Promise<readonly { id: SubjectId; name: string }[]>
  /** Every effective member with its reasons, in id order, whatever its state. */
  members(organization: OrganizationId, group: GroupId, page: Page): Promise<readonly ListedMember[]>
  findUser(organization: OrganizationId, id: UserId): Promise<User | null>
  findUserByUsername(organization: OrganizationId, username: string): Promise<User | null>
  findDevice(organization: OrganizationId, id: DeviceId): Promise<Device | null>
  /** All groups' ids, names and kinds: what memberOf needs to spell DNs. Cached by whoever follows the feed. */
  groupNames(organization: OrganizationId): Promise<readonly { id: GroupId; name: string; of: Group['of'] }[]>
  /** Of all bindings to directories that are turned on, in the administrator's order. Cached like the names. */
  posixGrants(organization: OrganizationId): Promise<readonly PosixGrant[]>
}
