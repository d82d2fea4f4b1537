// What may be sent of users and devices, and how a row comes of it. Pure: the write is in subjects.ts.
import type { UserId } from '../../base/ids.ts'
import { isAcceptableHash } from '../factors/password.ts'
import { isTotpSeed } from '../factors/totp.ts'
import { readAttributes } from './attribute-values.ts'
import { isDisplayable, isEmail, isUsername, nameKey } from './names.ts'
import type { Problems } from './problem.ts'
import type { JsonSchema, Shape, Spec, Values } from './spec.ts'
import { nullable, optional, otherwise, readObject, writeOnly } from './spec.ts'
import type { AttributeDefinition, AttributeValues, Device, User, UserText } from './types.ts'
import { operatingSystems, userStates, userTexts } from './types.ts'
import { boolean, choice, date, id, limits, set, text } from './values.ts'

export const displayName = (most = 128) =>
  text({
    most,
    check: isDisplayable,
    wanted: 'a name without control characters and without white space at its ends',
  })

/** Checked against the organization's declarations afterwards. */
const customAttributes: Spec<unknown> = {
  schema: {
    type: 'object',
    maxProperties: limits.customAttributes,
    description: 'Custom attributes as declared at /attributes',
  } satisfies JsonSchema,
  absent: { value: {} },
  read: (value) => value,
}

/** 8 to 512 bytes; that it is not the username is checked where both are known. */
export const password = writeOnly(
  optional(
    text({
      most: 512,
      check: (value) => Buffer.byteLength(value) >= 8 && Buffer.byteLength(value.normalize('NFC')) <= 512,
      wanted: 'a password of 8 to 512 bytes',
    }),
  ),
)

const userTextSpecs = Object.fromEntries(userTexts.map((name) => [name, nullable(text())])) as Record<
  UserText,
  Spec<string | null>
>

export const userShape = {
  username: text({
    most: 64,
    check: isUsername,
    wanted: 'a username of letters, digits and . _ @ + -, beginning with a letter or digit',
  }),
  email: nullable(text({ most: 320, check: isEmail, wanted: 'an e-mail address', format: 'email' })),
  state: otherwise(choice(userStates), 'active'),
  ...userTextSpecs,
  managerId: nullable(id<UserId>('a user')),
  attributes: customAttributes,
  password,
} satisfies Shape

const mac: Spec<string> = {
  ...text({ most: 17 }),
  read(value, field, problems) {
    const digits = typeof value === 'string' ? value.replace(/[:.-]/g, '').toLowerCase() : ''
    if (!/^[0-9a-f]{12}$/.test(digits) || (value as string).length > 17) {
      return problems.add(field, 'bad-format', 'expected a MAC address, such as 00:1a:2b:3c:4d:5e')
    }
    return digits.match(/../g)?.join(':')
  },
}

const deviceSpecs = (relativeTo?: () => Date) =>
  ({
    name: displayName(),
    os: nullable(choice(operatingSystems)),
    osVersion: nullable(text({ most: 64 })),
    serialNumber: nullable(text({ most: 128 })),
    managed: otherwise(boolean(), false),
    diskEncrypted: nullable(boolean()),
    lastContact: nullable(date(relativeTo)),
    mac: set(mac),
    attributes: customAttributes,
  }) satisfies Shape

export const deviceShape = { ...deviceSpecs(), ownerId: nullable(id<UserId>('a user')) } satisfies Shape

/** Checklist L27: a hash that would cost gigabytes or minutes to check is refused when it comes in. */
export const importedHash = writeOnly(
  optional(
    text({
      most: 512,
      check: isAcceptableHash,
      wanted: 'an Argon2id hash of at most 256 MiB, 10 passes, 4 lanes',
    }),
  ),
)

const { managerId: _manager, ...importedUser } = userShape

/** For imports: users bring their factors, and name their manager; devices name their owner. */
export const importedUserShape = {
  ...importedUser,
  manager: nullable(text({ most: 64 })),
  passwordHash: importedHash,
  totp: writeOnly(
    optional(
      text({ check: isTotpSeed, wanted: 'a TOTP seed in base32 of at least 128 bits (26 characters)' }),
    ),
  ),
} satisfies Shape
export const importedDeviceShape = (now: () => Date) =>
  ({ ...deviceSpecs(now), owner: nullable(text({ most: 64 })) }) satisfies Shape

type Kept = 'id' | 'version' | 'createdAt' | 'updatedAt' | 'posixId' | 'attributes'
type UserValues = Omit<User, Kept> & { readonly attributes: AttributeValues }
export type DeviceValues = Omit<Device, Kept> & { readonly attributes: AttributeValues }

/** Reads a user; `secret` is the password that came along. */
export function readUser(
  value: unknown,
  definitions: readonly AttributeDefinition[],
  problems: Problems,
): { readonly values: UserValues; readonly secret: string | undefined } | undefined {
  const read = readObject(userShape, value, '', problems)
  const attributes = read && readAttributes(read.attributes, 'users', definitions, 'attributes', problems)
  if (!read || !attributes) return undefined
  const { password: secret, ...rest } = read
  const before = problems.list.length
  checkUsername(rest.username, rest.email, '', problems)
  if (secret !== undefined) checkPassword(secret, rest.username, 'password', problems)
  return problems.list.length > before ? undefined : { values: { ...rest, attributes }, secret }
}

/** A login name must not be somebody else's e-mail address, because both are typed into the same field. */
export function checkUsername(
  username: string,
  email: string | null,
  field: string,
  problems: Problems,
): void {
  if (!username.includes('@') || (email !== null && nameKey(email) === nameKey(username))) return
  const place = field === '' ? 'username' : `${field}.username`
  problems.add(place, 'not-own-email', 'a username with @ in it must be the e-mail address of the same user')
}

export function checkPassword(secret: string, username: string, field: string, problems: Problems): void {
  if (nameKey(secret) === nameKey(username)) {
    problems.add(field, 'same-as-username', 'the password must not be the username')
  }
}

export function readDevice(
  value: unknown,
  definitions: readonly AttributeDefinition[],
  problems: Problems,
): DeviceValues | undefined {
  const read = readObject(deviceShape, value, '', problems)
  const attributes = read && readAttributes(read.attributes, 'devices', definitions, 'attributes', problems)
  return read && attributes && { ...read, attributes }
}

/** Only what is still declared: values of attributes that are declared no more go with the next write. */
function declared(
  values: AttributeValues,
  of: 'users' | 'devices',
  definitions: readonly AttributeDefinition[],
) {
  const names = new Set(definitions.filter((each) => each.of === of).map(({ name }) => name))
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)))
}

export function userDocument(
  user: User,
  definitions?: readonly AttributeDefinition[],
): Values<Omit<typeof userShape, 'password'>> {
  const {
    id: _id,
    version: _version,
    createdAt: _created,
    updatedAt: _updated,
    posixId: _posix,
    ...rest
  } = user
  return {
    ...rest,
    attributes: definitions ? declared(user.attributes, 'users', definitions) : user.attributes,
  }
}

export function deviceDocument(
  device: Device,
  definitions?: readonly AttributeDefinition[],
): Values<typeof deviceShape> {
  const { id: _id, version: _version, createdAt: _created, updatedAt: _updated, ...rest } = device
  return {
    ...rest,
    attributes: definitions ? declared(device.attributes, 'devices', definitions) : device.attributes,
  }
}
