// What a rule would change, for administrators who have not saved it yet: read and checked like a group that is saved.
import type { Clock } from '../../base/clock.ts'
import { type GroupId, newId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { Finding } from '../membership/analysis/finding.ts'
import type { Preview, Previewer, SamplePage } from '../membership/preview/preview.ts'
import type { GroupRecords, RuleSource } from '../ports.ts'
import { groupShape, ruleFaults } from './groups.ts'
import { Problems } from './problem.ts'
import { type FindingPorts, findingsOf } from './rule-findings.ts'
import { optional, readObject, type Shape } from './spec.ts'
import type { Group } from './types.ts'
import { id, text } from './values.ts'
import { type By, invalid, type Refusal } from './writing.ts'

export const previewShape = {
  of: optional(groupShape.of),
  rule: text({ most: 65_536, lines: true }),
  /** The group whose rule it is to become; without it, that of a new one. */
  groupId: optional(id<GroupId>('a group')),
} satisfies Shape

export interface RulePreview extends Preview {
  /** What is odd about the rule. */
  readonly findings: readonly Finding[]
}

export interface PreviewPorts extends FindingPorts {
  readonly groups: Pick<GroupRecords, 'find'>
  readonly rules: RuleSource
  readonly previewer: Previewer
  readonly clock: Clock
}

export function groupPreview(ports: PreviewPorts) {
  /** As if the rule decided, also for a group of another mode. */
  return async (by: By, body: unknown, page: SamplePage): Promise<Result<RulePreview, Refusal>> => {
    const problems = new Problems()
    const values = readObject(previewShape, body, '', problems)
    if (!values) return invalid(problems.list)
    const organization = by.organization.id
    const { rule, groupId } = values
    const current = groupId === undefined ? null : await ports.groups.find(organization, groupId)
    if (groupId !== undefined && current === null)
      problems.add('groupId', 'missing', 'there is no such group')
    const of = values.of ?? current?.of
    if (of === undefined && problems.none) {
      problems.add('of', 'required', 'say of whom: "users" or "devices"', ['users', 'devices'])
    } else if (current !== null && of !== current.of) {
      problems.add('of', 'other', `this is a group of ${current.of}: leave "of" out`, [current.of])
    }
    if (!problems.none || of === undefined) return invalid(problems.list)
    const at = ports.clock.now()
    const group: Group = {
      ...(current ?? {
        ...{ id: newId<GroupId>(), name: '(new)', factors: [], posixId: 0, status: 'active' },
        ...{ version: 1, createdAt: at, updatedAt: at },
      }),
      ...{ of, rule, mode: 'dynamic' },
    }
    const { groups, attributes } = await ports.rules.read(organization)
    const faults = ruleFaults(group, current, groups, attributes)
    if (faults.length > 0) return invalid(faults)
    const preview = await ports.previewer.preview(organization, group, page)
    const findings = await findingsOf(by, { of, rule }, { groups, attributes }, ports)
    return ok({ ...preview, findings })
  }
}
