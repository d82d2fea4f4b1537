// Places in the text of a rule as places in its JSON form, so that a visual builder can show what is wrong where.
import { inside } from '../../directory/problem.ts'
import type { RuleJson } from './json.ts'
import type { Expr, Span } from './syntax.ts'

/**
 * Finds the path in the JSON form for a place in the text of the same rule: that of the smallest part around it, below
 * `field`. `expr` is what was read from `json`, or what `json` was made of.
 */
export function placesIn(json: RuleJson, expr: Expr, field = ''): (at: Span) => string {
  const places: { readonly at: Span; readonly path: string }[] = []
  const add = (at: Span, path: string): void => void places.push({ at, path })
  const visit = (value: RuleJson, tree: Expr, path: string): void => {
    const list = 'all' in value ? value.all : 'any' in value ? value.any : null
    const name = 'all' in value ? 'all' : 'any'
    const [only] = list ?? []
    // A list of one says the same as what is in it.
    if (list?.length === 1 && only !== undefined) {
      visit(only, tree, `${inside(path, name)}[0]`)
      return
    }
    add(tree.at, path)
    if (tree.kind === 'and' || tree.kind === 'or') {
      for (const [index, item] of tree.items.entries())
        visit(list?.[index] as RuleJson, item, `${inside(path, name)}[${index}]`)
    } else if (tree.kind === 'not' && 'not' in value) visit(value.not, tree.item, inside(path, 'not'))
    else if (tree.kind === 'any' && 'where' in value) {
      add(tree.collection.at, inside(path, 'has'))
      visit(value.where, tree.where, inside(path, 'where'))
    }
    if ('path' in tree) add(tree.path.at, inside(path, 'attribute'))
    if (tree.kind === 'compare') add(tree.value.at, inside(path, 'value'))
    if (tree.kind === 'matches') add(tree.pattern.at, inside(path, 'value'))
    if (tree.kind === 'in')
      for (const [index, { at }] of tree.values.entries()) add(at, `${inside(path, 'values')}[${index}]`)
  }
  visit(json, expr, field)
  const length = ({ start, end }: Span): number => end - start
  return (at) => {
    let found = places[0]
    for (const one of places)
      if (one.at.start <= at.start && at.end <= one.at.end && found && length(one.at) < length(found.at))
        found = one
    return found?.path ?? field
  }
}
