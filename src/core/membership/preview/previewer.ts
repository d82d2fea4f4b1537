// Previews by going through every cell of an organization, a chunk at a time: one preview per organization, and whoever
// else is asked meanwhile is answered in between.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../base/clock.ts'
import type { GroupId, OrganizationId } from '../../../base/ids.ts'
import { silentLog } from '../../../base/log.ts'
import { allRows } from '../../all-rows.ts'
import type { Binding, Group, Resource } from '../../directory/types.ts'
import { OneAtATime } from '../../factors/one-at-a-time.ts'
import type { Cells, Records, RuleSource } from '../../ports.ts'
import { everyCell } from '../every-cell.ts'
import { compileRules } from '../rule-set.ts'
import {
  type Grant,
  type Granted,
  type GroupGrants,
  granted,
  type Preview,
  PreviewCount,
  type Previewer,
  type SamplePage,
} from './preview.ts'

export interface PreviewerPorts {
  readonly cells: Pick<Cells, 'scan'>
  readonly rules: Pick<RuleSource, 'read'>
  readonly bindings: Pick<Records<Binding>, 'list'>
  readonly resources: Pick<Records<Resource>, 'list'>
  readonly clock: Clock
}

const mostWaiting = 8
const cellsPerChunk = 500

export function createPreviewer(ports: PreviewerPorts): Previewer {
  const turns = new OneAtATime(mostWaiting, 'too many previews of rules at once: try again in a moment')

  async function scan(organization: OrganizationId, group: Group, page: SamplePage): Promise<Preview> {
    const source = await ports.rules.read(organization)
    const groups = [...source.groups.filter(({ id }) => id !== group.id), group]
    // Stored rules that do not compile have been logged by the engine.
    const rules = compileRules({ ...source, groups }, silentLog)
    const grants = grantsOf(await readGranting(ports, organization), groups)
    const counted = new PreviewCount(rules, group.id, grants, page, ports.clock.now())
    for await (const cells of everyCell(ports.cells, organization, cellsPerChunk)) {
      for (const cell of cells) counted.add(cell)
      await setImmediate()
    }
    return counted.result()
  }

  return {
    preview: (organization, group, page) => turns.run(organization, () => scan(organization, group, page)),
  }
}

export interface Granting {
  /** As the decision takes them. */
  readonly bindings: readonly Binding[]
  readonly resources: readonly Resource[]
}

export async function readGranting(
  ports: Pick<PreviewerPorts, 'bindings' | 'resources'>,
  organization: OrganizationId,
): Promise<Granting> {
  const [bindings, resources] = await Promise.all([
    allRows((page) => ports.bindings.list(organization, { op: 'true' }, page)),
    allRows((page) => ports.resources.list(organization, { op: 'true' }, page)),
  ])
  return { bindings: bindings.toSorted(inOrder), resources }
}

/** What members of each of these groups have. */
export function grantsOf({ bindings, resources }: Granting, groups: readonly Group[]): GroupGrants {
  const byId = new Map(resources.map((resource) => [resource.id, resource]))
  const grants = new Map<GroupId, Granted[]>()
  for (const { id, of, name } of groups) {
    grants.set(id, of === 'users' ? [granted({ kind: 'group', resource: name }, 0)] : [])
  }
  for (const [rank, { groupId, resourceId, attributes }] of bindings.entries()) {
    const resource = byId.get(resourceId)
    if (resource === undefined) continue
    const { radius, role } = attributes
    const grant: Grant = {
      ...{ kind: resource.kind, resource: resource.name },
      ...(radius?.vlan !== undefined && { vlan: radius.vlan }),
      ...(role !== undefined && { role }),
    }
    grants.get(groupId)?.push(granted(grant, rank))
  }
  return grants
}

function inOrder(a: Binding, b: Binding): number {
  return a.order - b.order || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1)
}
