// Devices, as administrators read and write them. A device belongs to the cell of its owner, or is one of its own; a
// change of owner concerns the cells of both.
import { type DeviceId, newId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Cell, CellSubject } from '../membership/cell.ts'
import { deciding } from './authority.ts'
import { changeCells, type Plan, signal } from './cells.ts'
import { type Collection, patchProblems } from './collection.ts'
import { Problems } from './problem.ts'
import type { Device } from './types.ts'
import type { SubjectPorts } from './user-collection.ts'
import { deviceDocument, deviceShape, readDevice } from './users.ts'
import {
  type By,
  changeBody,
  difference,
  invalid,
  mergePatch,
  notFound,
  type Outcome,
  type Refusal,
  stale,
} from './writing.ts'

const noOwner = fail([{ field: 'ownerId', code: 'missing', message: 'there is no such user' }])

export function deviceCollection(
  ports: Omit<SubjectPorts, 'credentials' | 'hashPassword'>,
): Collection<Device> {
  const { engine, reader, clock } = ports
  const target = ({ id, name }: Device) => ({ kind: 'device', id, name })
  const deviceIn = (cells: readonly (Cell | null)[], id: string) =>
    cells.flatMap((cell) => cell?.devices ?? []).find((device) => device.id === id)

  async function write(
    by: By,
    cells: readonly CellSubject[],
    what: string,
    plan: Plan,
  ): Promise<Result<null, Refusal>> {
    return deciding(by, ports, ({ guard }) =>
      changeCells(engine, by.organization.id, cells, what, plan, guard),
    )
  }

  async function finish(by: By, id: DeviceId): Promise<Outcome<Device>> {
    const object = await reader.findDevice(by.organization.id, id)
    return object ? ok({ object }) : notFound('device')
  }

  return {
    shape: deviceShape,
    find: (organization, id) => reader.findDevice(organization, id as DeviceId),
    list: async (organization, where, page) =>
      (await reader.devices(organization, where, page)).map(({ device }) => device),

    async create(by, body) {
      const { attributes } = await ports.rules.read(by.organization.id)
      const problems = new Problems()
      const values = readDevice(body, attributes, problems)
      if (!values) return invalid(problems.list)
      const at = clock.now()
      const id = newId<DeviceId>()
      const row: Device = { id, version: 1, createdAt: at, updatedAt: at, ...values }
      const audit = [changeBody(by, at, 'device.create', target(row), difference(null, deviceDocument(row)))]
      const { ownerId } = row
      const cell: CellSubject = ownerId === null ? { kind: 'device', id } : { kind: 'user', id: ownerId }
      const written = await write(by, [cell], 'device', ([owner]) =>
        ownerId !== null && !owner?.user ? noOwner : ok({ devices: [{ do: 'insert', row }], audit }),
      )
      return written.ok ? finish(by, id) : written
    },

    async update(by, id, patch, version) {
      const current = await reader.findDevice(by.organization.id, id as DeviceId)
      if (!current) return notFound('device')
      const { attributes } = await ports.rules.read(by.organization.id)
      const problems = patchProblems(deviceShape, patch)
      const merged = (device: Device) => mergePatch(deviceDocument(device, attributes), patch)
      // A first look, to know whose cells are concerned; the plan looks again at what it finds there.
      const first = problems.none ? readDevice(merged(current), attributes, problems) : undefined
      if (!first) {
        return version === undefined || version === current.version ? invalid(problems.list) : stale('device')
      }
      const at = clock.now()
      const cells: CellSubject[] = [{ kind: 'device', id: current.id }]
      if (first.ownerId !== null) cells.push({ kind: 'user', id: first.ownerId })
      const written = await write(by, cells, 'device', (found) => {
        const device = deviceIn(found, id)
        if (!device) return signal('not-found')
        if (version !== undefined && version !== device.version) return signal('stale')
        const faults = new Problems()
        const values = readDevice(merged(device), attributes, faults)
        if (!values) return fail(faults.list)
        // Somebody else re-owned it after the first look: the patch says nothing about the owner.
        const ownerId = values.ownerId === device.ownerId ? device.ownerId : first.ownerId
        if (ownerId !== null && !found.some((cell) => cell?.user?.id === ownerId)) return noOwner
        const row: Device = { ...device, ...values, ownerId, updatedAt: at }
        const details = difference(deviceDocument(device), deviceDocument(row))
        const audit = [changeBody(by, at, 'device.update', target(row), details)]
        return ok({ devices: [{ do: 'update', row }], audit })
      })
      return written.ok ? finish(by, current.id) : written
    },

    async remove(by, id, version) {
      const at = clock.now()
      const cell: CellSubject = { kind: 'device', id: id as DeviceId }
      const written = await write(by, [cell], 'device', (found) => {
        const device = deviceIn(found, id)
        if (!device) return signal('not-found')
        if (version !== undefined && version !== device.version) return signal('stale')
        const details = difference(deviceDocument(device), null)
        const audit = [changeBody(by, at, 'device.remove', target(device), details)]
        return ok({ devices: [{ do: 'remove', id: device.id }], audit })
      })
      return written.ok ? ok({ object: null }) : written
    },
  }
}
