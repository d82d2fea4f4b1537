// What an administrator wants network resources to receive is checked when it is saved: at a login it is too late.
import type { Problem } from '../../core/directory/problem.ts'
import type { BindingAttributes, ResourceKind } from '../../core/directory/types.ts'
import { isVlan, parseReplyAttribute } from '../../wire/radius/attributes.ts'

/** Problems of the `radius` part of a binding's attributes; fields begin at `attributes`. */
export function checkRadiusAttributes(kind: ResourceKind, { radius }: BindingAttributes): readonly Problem[] {
  if (kind !== 'network' || radius === undefined) return []
  const problems: Problem[] = []
  if (radius.vlan !== undefined && !isVlan(radius.vlan)) {
    problems.push({
      field: 'attributes.radius.vlan',
      code: 'out-of-range',
      message: 'a VLAN is a whole number from 1 to 4094',
    })
  }
  for (const [index, attribute] of (radius.reply ?? []).entries()) {
    const parsed = parseReplyAttribute(attribute)
    if (!parsed.ok)
      problems.push({
        field: `attributes.radius.reply[${index}]`,
        code: 'bad-attribute',
        message: parsed.error,
      })
  }
  return problems
}
