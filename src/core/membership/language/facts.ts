// What a compiled rule looks at: plain values of one user or device, its groups, and its devices or owner.
import type { GroupId } from '../../../base/ids.ts'
import type { AttributeValue, AttributeValues, Device, User } from '../../directory/types.ts'

/**
 * Values by attribute name; dates as epoch milliseconds (an ISO 8601 text is understood too). A value that is absent,
 * null, empty, or not of its attribute's type is missing. `memberOf` holds the groups the subject is effectively in.
 */
export interface Facts {
  readonly values: Readonly<Record<string, AttributeValue | null | undefined>>
  readonly memberOf: ReadonlySet<GroupId>
}

/** A user with its devices, or a device with its owner. */
export interface Subject extends Facts {
  readonly devices?: readonly Facts[]
  readonly owner?: Facts
}

/** A stored user as facts. Custom attributes never replace standard ones. */
export function userFacts(user: User, memberOf: ReadonlySet<GroupId>): Facts {
  return { values: flattened(user), memberOf }
}

/** A stored device as facts. */
export function deviceFacts(device: Device, memberOf: ReadonlySet<GroupId>): Facts {
  return { values: flattened(device), memberOf }
}

const known = new WeakMap<User | Device, Facts['values']>()

/** Made once for each object: what is stored is never changed in place. */
function flattened(stored: User | Device): Facts['values'] {
  const before = known.get(stored)
  if (before !== undefined) return before
  const values = flatten(stored, stored.attributes)
  known.set(stored, values)
  return values
}

function flatten(stored: object, custom: AttributeValues): Record<string, AttributeValue> {
  // No prototype: `constructor` and `__proto__` are names like any other.
  const values: Record<string, AttributeValue> = Object.assign(Object.create(null), custom)
  for (const [name, value] of Object.entries(stored)) {
    if (name === 'attributes' || name === 'version') continue
    delete values[name]
    if (value instanceof Date) values[name] = value.getTime()
    else if (value !== null && value !== undefined) values[name] = value
  }
  return values
}
