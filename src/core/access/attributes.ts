// What the resource receives: the attributes of all bindings that grant, merged in the administrator's order.
// For each single attribute the first binding that has it wins, so an order is all there is to know.
import type { BindingAttributes, RadiusReply } from '../directory/types.ts'

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
