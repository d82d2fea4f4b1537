// Chains that ask one attribute for one value after the other ask it once for all of them: `a eq "x" or a eq "y"` is
// `a in ("x", "y")`, and `a ne "x" and a ne "y"` is `not (a in ("x", "y"))`, also where the value is missing.
import type { CheckedRule, Constant } from '../language/checked.ts'
import type { AttributeType } from '../language/schema.ts'

type Chain = Extract<CheckedRule, { kind: 'and' | 'or' }>
type In = Extract<CheckedRule, { kind: 'in' }>

/** Those that can be asked with `in`. */
const types: readonly AttributeType[] = ['string', 'number', 'version', 'list']

/** The items of a chain, where those that ask one attribute for single values are one. */
export function mergedItems({ kind, items }: Chain): readonly CheckedRule[] {
  const merged = new Map<
    string,
    { readonly item: CheckedRule; readonly first: In; readonly values: Constant[] }
  >()
  const others: CheckedRule[] = []
  for (const item of items) {
    const one = kind === 'or' ? anyOf(item) : noneOf(item)
    if (one === null) {
      others.push(item)
      continue
    }
    const key = `${one.side} ${one.attribute.name}`
    const known = merged.get(key)
    if (known === undefined) merged.set(key, { item, first: one, values: [...one.values] })
    else for (const value of one.values) known.values.push(value)
  }
  for (const { item, first, values } of merged.values()) {
    const all: CheckedRule = { ...first, values }
    // What stands alone stays as it is: `eq` is found faster.
    if (values.length === first.values.length) others.push(item)
    else others.push(kind === 'or' ? all : { kind: 'not', item: all, at: all.at })
  }
  return others
}

/** `eq` as `in`; null for everything else. */
function anyOf(item: CheckedRule): In | null {
  if (item.kind === 'in') return item
  return item.kind === 'compare' && item.op === 'eq' ? asIn(item) : null
}

/** What `ne` and `not (… eq …)` are the opposite of; null for everything else. */
function noneOf(item: CheckedRule): In | null {
  if (item.kind === 'not') return anyOf(item.item)
  return item.kind === 'compare' && item.op === 'ne' ? asIn(item) : null
}

function asIn({ side, attribute, value, at }: Extract<CheckedRule, { kind: 'compare' }>): In | null {
  return types.includes(attribute.type) ? { kind: 'in', side, attribute, values: [value], at } : null
}
