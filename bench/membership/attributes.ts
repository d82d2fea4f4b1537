// What the users and devices of the benchmark have: 30 attributes of users and 14 of devices, standard and declared ones.

import { newId } from '../../src/base/ids.ts'
import type { AttributeDefinition, AttributeType, SubjectKind } from '../../src/core/directory/types.ts'
import { userStates } from '../../src/core/directory/types.ts'
import { below, pick, type Random, zipf } from './random.ts'

export interface BenchAttribute {
  readonly name: string
  readonly of: SubjectKind
  readonly type: AttributeType | 'version'
  /** Declared by the organization? */
  readonly custom: boolean
  /** The value with this rank; texts only. Absent: every subject has its own. */
  readonly values?: readonly string[]
  /** Share of the subjects that have it. */
  readonly share: number
}

const words = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${name.slice(0, 5).toLowerCase()}-${i}`)

const text =
  (of: SubjectKind, custom: boolean, share: number) =>
  (name: string, count: number): BenchAttribute => ({
    ...{ name, of, custom, share, type: 'string', values: words(name, count) },
  })
const typed =
  (of: SubjectKind, type: BenchAttribute['type'], custom: boolean, share: number) =>
  (name: string): BenchAttribute => ({ name, of, type, custom, share })

const [userText, userCustom] = [text('users', false, 1), text('users', true, 0.85)]
const deviceCustom = text('devices', true, 0.85)
const list = (of: SubjectKind, name: string, count: number): BenchAttribute => ({
  ...{ name, of, custom: true, share: 0.8, type: 'list', values: words(name, count) },
})
const os = ['windows', 'macos', 'ios', 'android', 'linux'] as const
export const osVersions = Array.from({ length: 40 }, (_, i) => `${14 - (i % 8)}.${i % 10}`)

export const attributes: readonly BenchAttribute[] = [
  ...['username', 'email', 'displayName'].map(typed('users', 'string', false, 1)),
  userText('givenName', 500),
  userText('familyName', 5_000),
  userText('department', 40),
  userText('title', 200),
  userText('employeeType', 5),
  userText('location', 60),
  userText('company', 8),
  userText('costCenter', 300),
  { ...{ name: 'state', of: 'users', type: 'string', custom: false, share: 1 }, values: userStates },
  userCustom('region', 6),
  userCustom('team', 800),
  userCustom('building', 50),
  userCustom('clearance', 5),
  userCustom('contractType', 4),
  userCustom('badge', 100_000),
  ...['jobLevel', 'floor', 'riskScore'].map(typed('users', 'number', true, 0.9)),
  ...['hireDate', 'lastLogin', 'passwordChanged'].map(typed('users', 'date', true, 0.95)),
  typed('users', 'date', true, 0.2)('contractEnd'),
  ...['mfaEnrolled', 'onCall', 'remote'].map(typed('users', 'boolean', true, 0.9)),
  list('users', 'languages', 20),
  list('users', 'projects', 300),
  ...['name', 'serialNumber'].map(typed('devices', 'string', false, 1)),
  { ...{ name: 'os', of: 'devices', type: 'string', custom: false, share: 1 }, values: os },
  { ...{ name: 'osVersion', of: 'devices', type: 'version', custom: false, share: 1 }, values: osVersions },
  ...['managed', 'diskEncrypted'].map(typed('devices', 'boolean', false, 1)),
  typed('devices', 'date', false, 1)('lastContact'),
  typed('devices', 'list', false, 1)('mac'),
  deviceCustom('model', 60),
  deviceCustom('vendor', 8),
  deviceCustom('site', 60),
  typed('devices', 'date', true, 0.8)('warrantyEnd'),
  typed('devices', 'number', true, 0.9)('patchLevel'),
  list('devices', 'tags', 30),
]

/** Values that subjects have in common, so that a rule can ask for them and a change can give another one. */
export const shared = attributes.filter(
  ({ type, values }) => values !== undefined || !['string', 'list'].includes(type),
)

/** How many days before or after this instant the dates of an attribute lie. */
const spans: Readonly<Record<string, readonly [number, number]>> = {
  hireDate: [-4_000, 0],
  lastLogin: [-120, 0],
  passwordChanged: [-400, 0],
  contractEnd: [-100, 800],
  lastContact: [-90, 0],
  warrantyEnd: [-400, 1_000],
}
const dayMs = 86_400_000
const highest: Readonly<Record<string, number>> = { jobLevel: 12, floor: 20, riskScore: 100, patchLevel: 50 }

/** The highest value of an attribute that is a number. */
export const highestOf = (name: string): number => highest[name] ?? 10

/** A value as it is stored in `attributes`; of dates, their text. */
export function valueFor(
  { name, type, values = [] }: BenchAttribute,
  random: Random,
  now: number,
): string | number | boolean | readonly string[] {
  switch (type) {
    case 'string':
    case 'version':
      return values[zipf(random, values.length)] as string
    case 'number':
      return below(random, highestOf(name) + 1)
    case 'boolean':
      return random() < 0.6
    case 'list':
      return [...new Set([0, 1, 2].map(() => values[zipf(random, values.length)] as string))]
    case 'date': {
      const [from, to] = spans[name] ?? [-100, 0]
      // Most were seen lately.
      const share = to === 0 ? 1 - random() ** 2 : random()
      return new Date(now + (from + share * (to - from)) * dayMs).toISOString()
    }
    default:
      return type satisfies never
  }
}

/** The declarations of those that are not standard. */
export function declarations(at: Date): readonly AttributeDefinition[] {
  return attributes.flatMap(({ name, of, type, custom }): AttributeDefinition[] =>
    custom && type !== 'version'
      ? [
          {
            ...{ id: newId(), version: 1, createdAt: at, updatedAt: at, name, of, type },
            ...{ caseExact: false, selfEditable: false, description: null },
          },
        ]
      : [],
  )
}

/** A state of a user: nearly all are active. */
export const stateOf = (random: Random): (typeof userStates)[number] =>
  random() < 0.94 ? 'active' : pick(random, ['staged', 'suspended'] as const)
