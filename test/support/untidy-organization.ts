import {
  type BindingId,
  type DeviceId,
  newId,
  type OrganizationId,
  type ResourceId,
  type SubjectId,
} from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Binding, Device, Group, Resource, User } from '../../src/core/directory/types.ts'
import type { Cell, CellSubject } from '../../src/core/membership/cell.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { createPreviewer } from '../../src/core/membership/preview/previewer.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import { ColumnSets } from '../../src/core/membership/sets/column-sets.ts'
import { scanningSets } from '../../src/core/membership/sets/set-scan.ts'
import type { Cells, RuleSource } from '../../src/core/ports.ts'
import { FakeClock } from './access.ts'
import { at, makeDevice, makeGroup, makeUser } from './store.ts'

export function dice(seed: number) {
  let state = seed
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return {
    chance: (share: number) => next() < share,
    upTo: (most: number) => Math.floor(next() * most),
    any: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}

export const day = 86_400_000
export const organization = newId<OrganizationId>()
export const userRules = [
  'department eq "Sales"',
  'title sw "Head" or not (department pr)',
  'memberOf eq "picked" and department ne "Legal"',
  'devices[os eq "macos" and diskEncrypted eq true]',
  'createdAt gt now-10d',
  'devices[lastContact lt now-5d]',
  'memberOf pr and title pr',
  'memberOf in ("dynamic-0", "dynamic-1") or title eq "Boss"',
]
export const deviceRules = [
  'os eq "linux"',
  'owner.memberOf eq "dynamic-0"',
  'not (owner.department pr)',
  'lastContact gt now-3d',
]

/** An organization in memory that nobody keeps tidy: stored memberships are often not what the rules say. */
export function world(seed: number) {
  const { chance, upTo, any } = dice(seed)
  const clock = new FakeClock()
  const now = () => clock.now().getTime()
  const groups: Group[] = [
    makeGroup('picked'),
    ...userRules.map((rule, i) =>
      makeGroup(`dynamic-${i}`, { mode: chance(0.25) ? 'review' : 'dynamic', rule }),
    ),
    ...deviceRules.map((rule, i) =>
      makeGroup(`devices-${i}`, { of: 'devices', mode: chance(0.25) ? 'review' : 'dynamic', rule }),
    ),
  ]
  const users = new Map<string, User>()
  const devices = new Map<string, Device>()
  const extras = new Map<string, Omit<Cell, 'subject' | 'version' | 'user' | 'devices' | 'epoch'>>()
  const nothing = {
    memberships: [],
    inputs: [],
    exemptionIds: [],
    suggestions: [],
    stateChanges: [],
    due: null,
  }
  const departments = ['Sales', 'Legal', null]
  const someUser = (id: User['id'] = newId()): User =>
    makeUser(id, {
      ...{ id, department: any(departments), title: any(['Boss', 'Head of X', null]) },
      createdAt: new Date(at.getTime() - upTo(20) * day),
    })
  const someDevice = (id: Device['id'] = newId()): Device =>
    makeDevice(id, {
      ...{ id, os: any(['macos', 'linux', null] as const), diskEncrypted: any([true, false, null]) },
      ownerId: chance(0.25) || users.size === 0 ? null : (any([...users.keys()]) as User['id']),
      lastContact: chance(0.3) ? null : new Date(at.getTime() - upTo(12) * day),
    })
  for (let i = 0; i < 40; i++) {
    const user = someUser()
    users.set(user.id, user)
  }
  for (let i = 0; i < 40; i++) {
    const device = someDevice()
    devices.set(device.id, device)
  }
  const bare = (subject: CellSubject): Cell => {
    const user = subject.kind === 'user' ? (users.get(subject.id) as User) : null
    const own = [...devices.values()].filter(({ id, ownerId }) =>
      user === null ? id === subject.id : ownerId === user.id,
    )
    return { subject, version: 1n, user, devices: own, epoch: 1n, ...nothing, ...extras.get(subject.id) }
  }
  const rules: RuleSource = {
    epoch: async () => 1n,
    read: async () => ({ epoch: 1n, groups, attributes: [] }),
  }
  const set = () => compileRules({ epoch: 1n, groups, attributes: [] }, silentLog)
  /** Stores what the rules say, or something near it. */
  const store = (subject: CellSubject): void => {
    extras.delete(subject.id)
    const cell = bare(subject)
    const subjects: [SubjectId, Group['of']][] = [
      ...(cell.user === null ? [] : [[cell.user.id, 'users'] as [SubjectId, Group['of']]]),
      ...cell.devices.map(({ id }) => [id, 'devices'] as [SubjectId, Group['of']]),
    ]
    const inputs = subjects.flatMap(([subjectId, of]) =>
      groups
        .filter((group) => group.of === of && chance(0.12))
        .map(({ id: groupId }) => {
          const kind = any(['manual', 'manual', 'always', 'never'] as const)
          const expiresAt = kind === 'manual' || chance(0.5) ? null : new Date(now() + (upTo(10) - 4) * day)
          return { subjectId, groupId, kind, expiresAt, ...(kind === 'manual' && { approved: chance(0.5) }) }
        }),
    )
    const stateChanges =
      cell.user !== null && chance(0.1)
        ? [
            {
              id: newId<never>(),
              userId: cell.user.id,
              state: 'active',
              at: new Date(now() + (upTo(12) - 3) * day),
              reason: 'x',
              createdAt: at,
            },
          ]
        : []
    const facts = { ...cell, inputs, stateChanges } as Cell
    const right = evaluate(facts, set(), clock.now())
    const lose = <T>(list: readonly T[]): T[] => list.filter(() => !chance(0.08))
    const memberships = lose(right.memberships).map((one) =>
      chance(0.03) ? { ...one, reasons: ['manual'] as const } : one,
    )
    const suggestions = lose(right.suggestions).map((one) => ({ ...one, rejected: chance(0.3) }))
    const first = subjects[0]
    const groupId = (groups[1] as Group).id
    const isIn = memberships.some((one) => one.subjectId === first?.[0] && one.groupId === groupId)
    if (chance(0.05) && first?.[1] === 'users' && !isIn)
      memberships.push({ subjectId: first[0], groupId, reasons: ['rule'] })
    const due = any([
      null,
      new Date(now() - day),
      new Date(now() + upTo(8) * day),
      new Date(at.getTime() + 5 * day),
    ])
    extras.set(subject.id, { ...nothing, inputs, stateChanges, memberships, suggestions, due } as never)
  }
  const subjectsNow = (): CellSubject[] =>
    [
      ...[...users.keys()].map((id) => ({ kind: 'user', id }) as CellSubject),
      ...[...devices.values()].flatMap(({ id, ownerId }) =>
        ownerId === null ? [{ kind: 'device', id } as CellSubject] : [],
      ),
    ].sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const subject of subjectsNow()) store(subject)
  const isThere = ({ kind, id }: CellSubject): boolean =>
    kind === 'user' ? users.has(id) : devices.get(id)?.ownerId === null
  const cells = {
    async scan(_: OrganizationId, after: string | null, limit: number) {
      return subjectsNow()
        .filter(({ id }) => after === null || id > after)
        .slice(0, limit)
        .map(bare)
    },
    async readMany(_: OrganizationId, subjects: readonly CellSubject[]) {
      return subjects.filter(isThere).map(bare)
    },
    async names(_: OrganizationId, kind: 'users' | 'devices', ids: readonly SubjectId[]) {
      const names = kind === 'users' ? users : devices
      return new Map(
        ids.flatMap((id) => {
          const one = names.get(id)
          return one === undefined ? [] : [[id, 'username' in one ? one.username : one.name]]
        }),
      )
    },
    async read(_: OrganizationId, { kind, id }: CellSubject) {
      const owner = kind === 'user' ? id : devices.get(id)?.ownerId
      if (owner === undefined || (kind === 'user' && !users.has(id))) return null
      return bare((owner === null ? { kind, id } : { kind: 'user', id: owner }) as CellSubject)
    },
  } as unknown as Cells
  const stamps = { version: 1, createdAt: at, updatedAt: at }
  const resources = ['wiki', 'office'].map(
    (name): Resource => ({
      ...{
        id: newId<ResourceId>(),
        name,
        kind: 'application',
        enabled: true,
        network: null,
        application: null,
      },
      ...stamps,
    }),
  )
  const bindings = groups
    .filter(({ of }) => of === 'users')
    .flatMap((group, i): Binding[] =>
      i % 4 !== 3
        ? [
            {
              id: newId<BindingId>(),
              groupId: group.id,
              resourceId: any(resources).id,
              attributes: any([
                {},
                { role: 'auditor' } as const,
                ...[10, 20, 30].map((vlan) => ({ radius: { vlan } })),
              ]),
              factors: [],
              order: any([1, 2, 3]),
              ...stamps,
            },
          ]
        : [],
    )
  const grants = {
    bindings: { list: async () => bindings } as never,
    resources: { list: async () => resources } as never,
  }
  const previewer = createPreviewer({ cells, rules, ...grants, clock })
  const scanning = scanningSets({ cells, rules, previewer, clock })
  let fellBack = 0
  const otherwise = new Proxy(scanning, {
    get: (of, key) => {
      fellBack++
      return Reflect.get(of, key)
    },
  })
  const sets = new ColumnSets({ cells, rules, grants, clock, otherwise, mostBytes: 2 ** 30 })
  const tell = (changed: {
    users?: string[]
    devices?: string[]
    attributes?: boolean
    grants?: boolean
    what?: 'subjects' | 'everything'
  }) =>
    sets.changed({
      ...{
        kind: 'changed',
        organization,
        batch: 1,
        what: 'subjects',
        attributes: false,
        grants: false,
        users: [],
        devices: [],
      },
      ...changed,
    })
  return {
    ...{
      chance,
      any,
      clock,
      groups,
      users,
      devices,
      extras,
      cells,
      sets,
      scanning,
      store,
      tell,
      set,
      subjectsNow,
      bare,
      someUser,
      someDevice,
    },
    fellBack: () => fellBack,
    /** Changes somebody, and tells it as the store does. */
    change(): void {
      const told = { users: [] as string[], devices: [] as string[], grants: false }
      if (chance(0.1)) {
        const [rebound] = bindings.splice(upTo(bindings.length), 1)
        if (rebound !== undefined) bindings.push({ ...rebound, resourceId: any(resources).id, order: 2 })
        told.grants = true
      }
      const restore = (id: string, kind: CellSubject['kind']): void => {
        const subject = { kind, id } as CellSubject
        if (isThere(subject)) store(subject)
        else extras.delete(id)
        told[kind === 'user' ? 'users' : 'devices'].push(id)
      }
      const what = upTo(6)
      if (what < 2) {
        const id = chance(0.7) ? any([...users.keys()]) : newId<User['id']>()
        users.set(id, someUser(id as User['id']))
        restore(id, 'user')
      } else if (what < 5) {
        const id = chance(0.7) ? any([...devices.keys()]) : newId<DeviceId>()
        const before = devices.get(id)
        const device = someDevice(id as DeviceId)
        if (chance(0.15)) devices.delete(id)
        else devices.set(id, device)
        if (before?.ownerId) restore(before.ownerId, 'user')
        if (devices.get(id)?.ownerId) restore(devices.get(id)?.ownerId as string, 'user')
        restore(id, 'device')
      } else {
        const id = any([...users.keys()])
        users.delete(id)
        restore(id, 'user')
        for (const device of devices.values())
          if (device.ownerId === id) {
            devices.set(device.id, { ...device, ownerId: null })
            restore(device.id, 'device')
          }
      }
      tell(told)
    },
  }
}

export type World = ReturnType<typeof world>
