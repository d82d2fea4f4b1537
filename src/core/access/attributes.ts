// What the resource receives: the attributes of all bindings that grant, merged in the administrator's order.
// For each single attribute the first binding that has it wins, so an order is all there is to know.
import type { Application, AttributeValue, BindingAttributes, RadiusReply, User } from '../directory/types.ts'

/** Merges attributes given in order of precedence, first one strongest. */
export function mergeAttributes(inOrder: readonly BindingAttributes[]): BindingAttributes {
  const radius = mergeReplies(inOrder.flatMap((a) => (a.radius ? [a.radius] : [])))
  // Without a prototype: a claim called `__proto__` is a claim like any other.
  const ldap = Object.assign(Object.create(null), ...inOrder.map((a) => a.ldap ?? {}).reverse())
  const claims = Object.assign(Object.create(null), ...inOrder.map((a) => a.claims ?? {}).reverse())
  const role = inOrder.find((a) => a.role !== undefined)?.role
  return {
    ...(radius ? { radius } : {}),
    ...(Object.keys(ldap).length > 0 ? { ldap } : {}),
    ...(Object.keys(claims).length > 0 ? { claims } : {}),
    ...(role ? { role } : {}),
  }
}

/** All values of one attribute come from one binding: mixing them would make a list that nobody wrote. */
function mergeReplies(inOrder: readonly RadiusReply[]): RadiusReply | null {
  if (inOrder.length === 0) return null
  const vlan = inOrder.find((reply) => reply.vlan !== undefined)?.vlan
  const seen = new Set<string>()
  const reply = inOrder.flatMap((one) => {
    const own = (one.reply ?? []).filter(({ name }) => !seen.has(name.toLowerCase()))
    for (const { name } of own) seen.add(name.toLowerCase())
    return own
  })
  return { ...(vlan === undefined ? {} : { vlan }), ...(reply.length > 0 ? { reply } : {}) }
}

/**
 * What an application is told of the user beside the standard claims: its release list, read from the user, and the bindings'
 * claims, which win. What the user does not have is left out.
 */
export function releasedOf(
  application: Application | null,
  user: User,
  claims: BindingAttributes['claims'],
): Readonly<Record<string, AttributeValue>> {
  const released: Record<string, AttributeValue> = Object.create(null)
  for (const [name, path] of Object.entries(application?.release ?? {})) {
    const value = attributeOf(user, path)
    if (value !== undefined && value !== null) released[name] = value
  }
  return Object.assign(released, claims)
}

const custom = 'attributes.'

function attributeOf(user: User, path: string): AttributeValue | null | undefined {
  if (path.startsWith(custom)) {
    const name = path.slice(custom.length)
    return Object.hasOwn(user.attributes, name) ? user.attributes[name] : undefined
  }
  return Object.hasOwn(user, path)
    ? (user as unknown as Record<string, AttributeValue | null>)[path]
    : undefined
}
