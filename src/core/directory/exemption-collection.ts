// Exemptions: this subject is always, or never, a member of that group, whatever the rule says. They belong to the
// subject's cell, so that its memberships change in the same statement.
import type { Clock } from '../../base/clock.ts'
import { type ExemptionId, type GroupId, newId, type SubjectId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { SubjectInGroup } from '../membership/cell.ts'
import type { Exemptions, GroupRecords, Page } from '../ports.ts'
import { type AuthorityPorts, deciding } from './authority.ts'
import { type CellWriter, changeCells, type Plan, signal } from './cells.ts'
import { patchProblems } from './collection.ts'
import { cellSubject, nameIn } from './members.ts'
import { Problems } from './problem.ts'
import { fixed, nullable, readObject, type Shape, type Values } from './spec.ts'
import type { Exemption } from './types.ts'
import { choice, date, id, reason } from './values.ts'
import {
  type By,
  changeBody,
  difference,
  invalid,
  mergePatch,
  notFound,
  type Outcome,
  type Refusal,
} from './writing.ts'

export const exemptionShape = {
  groupId: fixed(id<GroupId>('a group')),
  subjectId: fixed(id<SubjectId>('a user or device')),
  kind: choice(['always', 'never']),
  reason: reason(),
  expiresAt: nullable(date()),
} satisfies Shape

export interface ExemptionPorts extends Omit<AuthorityPorts, 'cells'> {
  readonly exemptions: Exemptions
  readonly groups: Pick<GroupRecords, 'find'>
  readonly engine: CellWriter
  readonly clock: Clock
}

export interface ExemptionCollection {
  readonly shape: Shape
  find(organization: By['organization']['id'], id: string): Promise<Exemption | null>
  list(
    organization: By['organization']['id'],
    where: { readonly group?: GroupId; readonly subject?: SubjectId },
    page: Page,
  ): Promise<readonly Exemption[]>
  create(by: By, body: unknown): Promise<Outcome<Exemption>>
  update(by: By, id: string, patch: unknown): Promise<Outcome<Exemption>>
  remove(by: By, id: string): Promise<Outcome<null>>
}

export function exemptionCollection(ports: ExemptionPorts): ExemptionCollection {
  const document = ({
    groupId,
    subjectId,
    kind,
    reason,
    expiresAt,
  }: Exemption): Values<typeof exemptionShape> => ({
    ...{ groupId, subjectId, kind, reason, expiresAt },
  })

  async function write(
    by: By,
    before: Exemption | null,
    after: Exemption | null,
  ): Promise<Result<null, Refusal>> {
    const row = after ?? before
    if (!row) return ok(null)
    const group = await ports.groups.find(by.organization.id, row.groupId)
    if (!group) return invalid([{ field: 'groupId', code: 'missing', message: 'there is no such group' }])
    const at = ports.clock.now()
    const action = `exemption.${before === null ? 'create' : after === null ? 'remove' : 'update'}`
    const cells = [cellSubject(group.of, row.subjectId)]
    const plan: Plan = ([cell]) => {
      const name = nameIn(cell, group.of, row.subjectId)
      if (name === null) {
        const one = group.of === 'users' ? 'user' : 'device'
        return fail([{ field: 'subjectId', code: 'missing', message: `there is no such ${one}` }])
      }
      const isOne = (one: SubjectInGroup) => one.subjectId === row.subjectId && one.groupId === row.groupId
      const held = before === null ? cell?.exemptionIds.find(isOne) : undefined
      if (held !== undefined) {
        const message = `there is an exemption of ${JSON.stringify(name)} in ${JSON.stringify(group.name)} already: change or remove ${held.id}`
        return signal('taken', message, 'subjectId')
      }
      if (before && !cell?.exemptionIds.some((each) => each.id === before.id)) return signal('not-found')
      const details = {
        ...difference(before && document(before), after && document(after)),
        group: group.name,
        member: name,
      }
      const audit = [
        changeBody(
          by,
          at,
          action,
          { kind: 'exemption', id: row.id, name: `${name} in ${group.name}` },
          details,
        ),
      ]
      if (after === null) return ok({ exemptions: [{ do: 'remove', id: row.id }], audit })
      return ok({ exemptions: [{ do: before ? 'update' : 'insert', row: after }], audit })
    }
    return deciding(by, ports, async ({ overGroup, guard }) => {
      const may = overGroup(group.id)
      return may.ok ? changeCells(ports.engine, by.organization.id, cells, 'exemption', plan, guard) : may
    })
  }

  return {
    shape: exemptionShape,
    find: (organization, exemption) => ports.exemptions.find(organization, exemption as ExemptionId),
    list: (organization, where, page) => ports.exemptions.list(organization, where, page),

    async create(by, body) {
      const problems = new Problems()
      const values = readObject(exemptionShape, body, '', problems)
      const at = ports.clock.now()
      if (values) checkExpiry(values.expiresAt, at, problems)
      if (!values || !problems.none) return invalid(problems.list)
      const object: Exemption = { id: newId(), createdAt: at, ...values }
      const written = await write(by, null, object)
      return written.ok ? ok({ object }) : written
    },

    async update(by, exemption, patch) {
      const before = await ports.exemptions.find(by.organization.id, exemption as ExemptionId)
      if (!before) return notFound('exemption')
      const problems = patchProblems(exemptionShape, patch)
      const merged = mergePatch(document(before), patch)
      const values = problems.none ? readObject(exemptionShape, merged, '', problems) : undefined
      if (values && values.expiresAt?.getTime() !== before.expiresAt?.getTime()) {
        checkExpiry(values.expiresAt, ports.clock.now(), problems)
      }
      if (!values || !problems.none) return invalid(problems.list)
      const object: Exemption = { ...before, ...values }
      const written = await write(by, before, object)
      return written.ok ? ok({ object }) : written
    },

    async remove(by, exemption) {
      const before = await ports.exemptions.find(by.organization.id, exemption as ExemptionId)
      if (!before) return notFound('exemption')
      const written = await write(by, before, null)
      return written.ok ? ok({ object: null }) : written
    },
  }
}

function checkExpiry(expiresAt: Date | null, at: Date, problems: Problems): void {
  if (expiresAt !== null && expiresAt <= at) {
    problems.add('expiresAt', 'past', 'this is in the past: give an instant to come, or null for no end')
  }
}
