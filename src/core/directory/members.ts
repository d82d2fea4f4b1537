// Membership by hand: who is in a group and why, adding and removing. What a rule decides is not undone here.
import type { Clock } from '../../base/clock.ts'
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { Cell, CellSubject, ManualMember, Membership } from '../membership/cell.ts'
import type { DirectoryReader, GroupRecords, Insight, Page } from '../ports.ts'
import { type AuthorityPorts, authorityOf } from './authority.ts'
import { type CellWriter, changeCells, type Plan, signal } from './cells.ts'
import type { Group } from './types.ts'
import { type By, changeBody, notFound, type Refusal } from './writing.ts'

export interface MemberPorts extends Omit<AuthorityPorts, 'cells'> {
  readonly engine: CellWriter
  readonly groups: Pick<GroupRecords, 'find'>
  readonly reader: Pick<DirectoryReader, 'members'>
  readonly insight: Pick<Insight, 'manualMembers'>
  readonly clock: Clock
}

export interface Members {
  /** In id order, each with its reasons; null where there is no such group. */
  list(organization: OrganizationId, group: string, page: Page): Promise<readonly Membership[] | null>
  /** By hand or by approval, in id order, also where an exemption keeps them out; null where there is no such group. */
  listManual(organization: OrganizationId, group: string, page: Page): Promise<readonly ManualMember[] | null>
  add(by: By, group: string, subject: string): Promise<Result<null, Refusal>>
  remove(by: By, group: string, subject: string): Promise<Result<null, Refusal>>
}

export function cellSubject(of: Group['of'], id: string): CellSubject {
  return of === 'users' ? { kind: 'user', id: id as UserId } : { kind: 'device', id: id as DeviceId }
}

/** The name of the member within its cell; null where it is not there. */
export function nameIn(cell: Cell | null | undefined, of: Group['of'], id: string): string | null {
  if (of === 'users') return cell?.user?.id === id ? cell.user.username : null
  return cell?.devices.find((device) => device.id === id)?.name ?? null
}

export function members(ports: MemberPorts): Members {
  const find = (organization: OrganizationId, id: string) => ports.groups.find(organization, id as GroupId)

  async function change(by: By, id: string, subject: string, add: boolean): Promise<Result<null, Refusal>> {
    const group = await find(by.organization.id, id)
    if (!group) return notFound('group')
    const authority = await authorityOf(by, ports)
    const may = authority.overGroup(group.id)
    if (!may.ok) return may
    const at = ports.clock.now()
    const one = { subjectId: subject as SubjectId, groupId: group.id }
    const isOne = (other: { subjectId: string; groupId: string }) =>
      other.subjectId === one.subjectId && other.groupId === one.groupId
    const cells = [cellSubject(group.of, subject)]
    const plan: Plan = ([cell]) => {
      const name = nameIn(cell, group.of, subject)
      if (!cell || name === null) return signal('not-found')
      const manual = cell.inputs.some((input) => input.kind === 'manual' && isOne(input))
      if (!add && !manual) {
        const reasons = cell.memberships.find(isOne)?.reasons
        return reasons ? signal('in-use', howToRemove(name, group, reasons)) : signal('not-found')
      }
      const audit = [
        changeBody(
          by,
          at,
          add ? 'membership.add' : 'membership.remove',
          { kind: 'group', id: group.id, name: group.name },
          {
            member: {
              kind: cell.subject.kind === 'user' && group.of === 'users' ? 'user' : 'device',
              id: subject,
              name,
            },
          },
        ),
      ]
      return ok({ manual: { add: add ? [one] : [], remove: add ? [] : [one] }, audit })
    }
    return changeCells(ports.engine, by.organization.id, cells, 'member', plan, authority.guard)
  }

  return {
    list: async (organization, group, page) =>
      (await find(organization, group)) && ports.reader.members(organization, group as GroupId, page),
    listManual: async (organization, group, page) =>
      (await find(organization, group)) && ports.insight.manualMembers(organization, group as GroupId, page),
    add: (by, group, subject) => change(by, group, subject, true),
    remove: (by, group, subject) => change(by, group, subject, false),
  }
}

function howToRemove(name: string, group: Group, reasons: readonly string[]): string {
  const who = JSON.stringify(name)
  const which = JSON.stringify(group.name)
  return reasons.includes('exemption')
    ? `${who} is in ${which} by an exemption: remove that exemption (/exemptions)`
    : `${who} is in ${which} by its rule: add an exemption of kind "never" (/exemptions), or change the rule`
}
