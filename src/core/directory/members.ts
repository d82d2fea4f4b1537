// Membership by hand: who is in a group and why, adding and removing. What a rule decides is not undone here.
import type { Clock } from '../../base/clock.ts'
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { Cell, CellSubject, ManualMember, Membership } from '../membership/cell.ts'
import type { DirectoryReader, GroupRecords, Insight, Page } from '../ports.ts'
import { type AuthorityPorts, deciding } from './authority.ts'
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
  /** Done; null unless an exemption keeps them out all the same. */
  add(by: By, group: string, subject: string): Promise<Result<ManualNote | null, Refusal>>
  /** Done; null unless they stay, by the rule or an exemption. */
  remove(by: By, group: string, subject: string): Promise<Result<ManualNote | null, Refusal>>
}

/** Why a change by hand has not made the difference that is expected of it. */
export interface ManualNote {
  readonly member: boolean
  readonly message: string
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

  async function change(
    by: By,
    id: string,
    subject: string,
    add: boolean,
  ): Promise<Result<ManualNote | null, Refusal>> {
    const group = await find(by.organization.id, id)
    if (!group) return notFound('group')
    const at = ports.clock.now()
    const one = { subjectId: subject as SubjectId, groupId: group.id }
    const cells = [cellSubject(group.of, subject)]
    let note: ManualNote | null = null
    const plan: Plan = ([cell]) => {
      const name = nameIn(cell, group.of, subject)
      if (!cell || name === null) return signal('not-found')
      const manual = cell.inputs.some((input) => input.kind === 'manual' && isAbout(one)(input))
      if (!add && !manual) {
        const reasons = cell.memberships.find(isAbout(one))?.reasons
        return reasons ? signal('in-use', howToRemove(name, group, reasons)) : signal('not-found')
      }
      note = add ? whyOut(cell, name, group, one, at) : whyIn(cell, name, group, one)
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
    const written = await deciding(by, ports, async ({ overGroup, guard }) => {
      const may = overGroup(group.id)
      return may.ok ? changeCells(ports.engine, by.organization.id, cells, 'member', plan, guard) : may
    })
    if (written.ok) return ok(note)
    // It has gone since it was found.
    const isGone = written.error.kind === 'invalid' && written.error.problems[0]?.code === 'missing'
    return isGone ? notFound('group') : written
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

type One = Pick<Membership, 'subjectId' | 'groupId'>

const isAbout =
  (one: One) =>
  (other: One): boolean =>
    other.subjectId === one.subjectId && other.groupId === one.groupId

function whyOut(cell: Cell, name: string, group: Group, one: One, at: Date): ManualNote | null {
  const never = cell.inputs
    .filter(isAbout(one))
    .find(({ kind, expiresAt }) => kind === 'never' && (expiresAt === null || expiresAt > at))
  if (never === undefined) return null
  const until = never.expiresAt === null ? '' : ` until ${never.expiresAt.toISOString()}`
  const id = cell.exemptionIds.find(isAbout(one))?.id ?? ''
  const message = `an exemption keeps ${JSON.stringify(name)} out of ${JSON.stringify(group.name)}${until}: change or remove it (/exemptions/${id})`
  return { member: false, message }
}

function whyIn(cell: Cell, name: string, group: Group, one: One): ManualNote | null {
  const reasons = cell.memberships.find(isAbout(one))?.reasons.filter((reason) => reason !== 'manual') ?? []
  return reasons.length === 0 ? null : { member: true, message: howToRemove(name, group, reasons) }
}

function howToRemove(name: string, group: Group, reasons: readonly string[]): string {
  const who = JSON.stringify(name)
  const which = JSON.stringify(group.name)
  return reasons.includes('exemption')
    ? `${who} is in ${which} by an exemption: remove that exemption (/exemptions)`
    : `${who} is in ${which} by its rule: add an exemption of kind "never" (/exemptions), or change the rule`
}
