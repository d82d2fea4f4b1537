// The users of the benchmark with their devices, a chunk at a time: a million of them are never in memory together.
import { newId } from '../../src/base/ids.ts'
import type { AttributeValues, Device, SubjectKind, User } from '../../src/core/directory/types.ts'
import { attributes, type BenchAttribute, shared, stateOf, valueFor } from './attributes.ts'
import { pick, type Random, randomFrom } from './random.ts'

export interface Chunk {
  readonly users: readonly User[]
  /** 1.3 for each user, each with its owner. */
  readonly devices: readonly Device[]
}

const given = (of: SubjectKind, custom: boolean): readonly BenchAttribute[] =>
  shared.filter((one) => one.of === of && one.custom === custom && one.name !== 'state')
const [userTexts, userCustoms] = [given('users', false), given('users', true)]
const [deviceTexts, deviceCustoms] = [given('devices', false), given('devices', true)]
/** Custom attributes that belong to one subject alone. */
const chance = (random: Random): number => {
  const share = random()
  return share < 0.2 ? 0 : share < 0.65 ? 1 : share < 0.85 ? 2 : 3
}

function customs(of: readonly BenchAttribute[], random: Random, now: number): AttributeValues {
  return Object.fromEntries(
    of.flatMap((one) => (random() < one.share ? [[one.name, valueFor(one, random, now)]] : [])),
  )
}

export function makeUser(number: number, random: Random, at: Date): User {
  const texts = Object.fromEntries(userTexts.map((one) => [one.name, valueFor(one, random, at.getTime())]))
  const { givenName, familyName } = texts
  return {
    ...{ id: newId(), version: 1, createdAt: at, updatedAt: at, posixId: 0, managerId: null },
    ...(texts as unknown as Pick<User, 'givenName' | 'familyName' | 'department' | 'title'>),
    ...(texts as unknown as Pick<User, 'employeeType' | 'location' | 'company' | 'costCenter'>),
    username: `u${String(number).padStart(7, '0')}`,
    email: `${givenName}.${familyName}.${number}@acme.example`,
    displayName: `${givenName} ${familyName}`,
    state: stateOf(random),
    attributes: customs(userCustoms, random, at.getTime()),
  }
}

export function makeDevice(owner: User, index: number, random: Random, at: Date): Device {
  const values = Object.fromEntries(deviceTexts.map((one) => [one.name, valueFor(one, random, at.getTime())]))
  const octets = `${owner.username.slice(1)}${index}0000`.slice(0, 10).match(/../g) as string[]
  return {
    ...{ id: newId(), version: 1, createdAt: at, updatedAt: at, ownerId: owner.id },
    ...(values as unknown as Pick<Device, 'os' | 'osVersion' | 'managed' | 'diskEncrypted'>),
    name: `${owner.username}-${index}`,
    serialNumber: `SN${owner.username.slice(1)}${index}`,
    lastContact: new Date(values.lastContact as string),
    mac: [['02', ...octets].join(':')],
    attributes: customs(deviceCustoms, random, at.getTime()),
  }
}

export function* population(count: number, perChunk: number, seed: number, at: Date): Generator<Chunk> {
  const random = randomFrom(seed)
  for (let from = 0; from < count; from += perChunk) {
    const users = Array.from({ length: Math.min(perChunk, count - from) }, (_, i) =>
      makeUser(from + i, random, at),
    )
    const devices = users.flatMap((user) =>
      Array.from({ length: chance(random) }, (_, i) => makeDevice(user, i, random, at)),
    )
    yield { users, devices }
  }
}

const changeable = attributes.filter(
  (one) => one.of === 'users' && shared.includes(one) && one.name !== 'state' && one.name !== 'badge',
)

/** The same user with another value of one attribute. */
export function changed(
  user: User,
  random: Random,
  at: Date,
): { readonly user: User; readonly name: string } {
  const attribute = pick(random, changeable)
  const { name, custom } = attribute
  const value = valueFor(attribute, random, at.getTime())
  const next = custom ? { attributes: { ...user.attributes, [name]: value } } : { [name]: value }
  return { user: { ...user, ...next, updatedAt: at }, name }
}
