// Reads a part of a search in pieces, and turns what was read into entries as they go onto the wire.
import type { OrganizationId, UserId } from '../../base/ids.ts'
import { TimedOut } from '../../base/result.ts'
import type { Group } from '../../core/directory/types.ts'
import type { DirectoryReader, Page } from '../../core/ports.ts'
import { encodeFixed } from './fixed-entry.ts'
import { type GroupEntry, memberKeys } from './group-entry.ts'
import type { Shown } from './layout.ts'
import type { LookUps } from './look-ups.ts'
import type { NamingContext } from './naming-context.ts'
import type { Part } from './plan.ts'
import { encodeShown, type Selection, selectShown } from './selection.ts'

/** `after`: the position behind this entry. */
export interface Row {
  readonly after: string
  readonly dn: string
  readonly attributes: readonly Buffer[]
}

/** A group has more members than are sent in one entry. */
export class EntryTooLarge extends Error {}

export interface PartPorts {
  readonly reader: DirectoryReader
  readonly lookUps: Pick<LookUps, 'usernames'>
  readonly memberBytes: number
}

const membersPerRead = 5_000

export class PartReader {
  readonly #ports: PartPorts
  readonly #context: NamingContext
  readonly #organization: OrganizationId
  readonly #selection: Selection
  readonly #timeLeftMs: () => number

  /** `timeLeftMs`: how long a statement may take; TimedOut is thrown when it is not positive. */
  constructor(ports: PartPorts, context: NamingContext, selection: Selection, timeLeftMs: () => number) {
    this.#ports = ports
    this.#context = context
    this.#organization = context.organization.id
    this.#selection = selection
    this.#timeLeftMs = timeLeftMs
  }

  /** Up to `limit` entries behind `after`, or from the beginning. Throws TimedOut, EntryTooLarge or Fault. */
  async read(part: Part, after: string | null, limit: number): Promise<readonly Row[]> {
    switch (part.kind) {
      case 'fixed': {
        const from = after === null ? 0 : Number(after) + 1
        return part.entries.slice(from, from + limit).map((entry, index) => ({
          after: String(from + index),
          dn: entry.dn,
          attributes: encodeFixed(entry, this.#selection),
        }))
      }
      case 'users': {
        const page = this.#page(after, limit)
        const entries = await this.#ports.reader.users(this.#organization, part.where, page, true)
        const shown = selectShown(this.#context.users, this.#selection)
        const managers = entries.map(({ user }) => user.managerId)
        return this.#rows(entries, shown, 'manager', managers, ({ user }) => [
          user.id,
          this.#context.tree.entryDn('users', user.username),
        ])
      }
      case 'devices': {
        const page = this.#page(after, limit)
        const entries = await this.#ports.reader.devices(this.#organization, part.where, page)
        const shown = selectShown(this.#context.devices, this.#selection)
        const owners = entries.map(({ device }) => device.ownerId)
        return this.#rows(entries, shown, 'owner', owners, ({ device }) => [
          device.id,
          this.#context.tree.entryDn('devices', device.name),
        ])
      }
      case 'groups':
        return this.#groups(part, after, limit)
      default:
        return part satisfies never
    }
  }

  async #rows<T>(
    entries: readonly T[],
    shown: readonly Shown<T>[],
    dnKey: string,
    named: readonly (UserId | null)[],
    positionOf: (entry: T) => readonly [after: string, dn: string],
  ): Promise<readonly Row[]> {
    const asksNames = shown.some(({ type }) => type.key === dnKey)
    const usernames = asksNames
      ? await this.#ports.lookUps.usernames(this.#organization, named)
      : new Map<UserId, string>()
    const { tree, groups } = this.#context
    return entries.map((entry) => {
      const [after, dn] = positionOf(entry)
      const attributes = encodeShown(shown, entry, { tree, groups, usernames }, this.#selection.typesOnly)
      return { after, dn, attributes }
    })
  }

  async #groups(
    part: Extract<Part, { kind: 'groups' }>,
    after: string | null,
    limit: number,
  ): Promise<readonly Row[]> {
    const shown = selectShown(this.#context.groupEntries, this.#selection)
    const asksMembers = shown.some(({ type }) => memberKeys.has(type.key))
    const page = this.#page(after, limit)
    const groups = await this.#ports.reader.groups(this.#organization, part.where, page)
    const { tree } = this.#context
    const spelling = { tree, groups: this.#context.groups, usernames: new Map<UserId, string>() }
    const rows: Row[] = []
    for (const group of groups) {
      const members = asksMembers ? await this.#members(group) : []
      const entry: GroupEntry = { group, members }
      rows.push({
        after: group.id,
        dn: tree.entryDn('groups', group.name),
        attributes: encodeShown(shown, entry, spelling, this.#selection.typesOnly),
      })
    }
    return rows
  }

  async #members(group: Group): Promise<readonly string[]> {
    const names: string[] = []
    let after: string | null = null
    let octets = 0
    for (;;) {
      const page = this.#page(after, membersPerRead)
      const some = await this.#ports.reader.memberNames(this.#organization, group.id, page)
      for (const { name } of some) {
        octets += Buffer.byteLength(this.#context.tree.entryDn(group.of, name)) + 4
        names.push(name)
      }
      if (octets > this.#ports.memberBytes) throw new EntryTooLarge()
      const last = some.at(-1)
      if (last === undefined || some.length < membersPerRead) return names
      after = last.id
    }
  }

  #page(after: string | null, limit: number): Page {
    const timeoutMs = Math.floor(this.#timeLeftMs())
    if (timeoutMs <= 0) throw new TimedOut()
    return { limit, timeoutMs, ...(after === null ? {} : { after }) }
  }
}
