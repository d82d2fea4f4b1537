// Plain SQL with its values kept apart. The type of a statement says whether it names an organization:
// what does not, cannot be run by `query`, which takes `Sql<'organization'>` only.
import type { OrganizationId } from '../base/ids.ts'

type Scope = 'organization' | 'fragment'
type Plain = string | number | bigint | boolean | Date | Buffer | null
type Value = Plain | readonly Plain[] | Sql<Scope>

/** True where one of the values is an OrganizationId, or a statement that holds one. */
type NamesOrganization<V extends readonly unknown[]> = V extends readonly [infer Head, ...infer Rest]
  ? Head extends OrganizationId | Sql<'organization'>
    ? true
    : NamesOrganization<Rest>
  : false

export class Sql<S extends Scope> {
  readonly scope?: S
  readonly strings: readonly string[]
  readonly values: readonly Value[]
  /** Of a shape that somebody outside has chosen: not worth preparing, and not to be prepared. */
  readonly adHoc: boolean
  constructor(strings: readonly string[], values: readonly Value[], isAdHoc = false) {
    this.strings = strings
    this.values = values
    this.adHoc = isAdHoc
  }

  /** PostgreSQL text with $1, $2 … and the values in that order; a value used twice is sent twice. */
  compile(): { text: string; values: unknown[]; adHoc: boolean } {
    const values: unknown[] = []
    let isAdHoc = false
    const walk = (part: Sql<Scope>): string => {
      isAdHoc ||= part.adHoc
      let text = part.strings[0] as string
      for (let i = 0; i < part.values.length; i++) {
        const value = part.values[i]
        if (value instanceof Sql) text += walk(value)
        else {
          values.push(typeof value === 'bigint' ? value.toString() : value)
          text += `$${values.length}`
        }
        text += part.strings[i + 1]
      }
      return text
    }
    const text = walk(this)
    return { text, values, adHoc: isAdHoc }
  }
}

/** Tagged template: every `${value}` becomes a parameter, every nested statement is spliced in. */
export function sql<const V extends readonly Value[]>(
  strings: TemplateStringsArray,
  ...values: V
): Sql<NamesOrganization<V> extends true ? 'organization' : 'fragment'> {
  return new Sql(strings, values)
}

const identifier = /^[a-z_][a-z0-9_]*$/

/** A name of a table or column, from the code and never from outside; anything but a plain identifier is refused. */
export function name(text: string): Sql<'fragment'> {
  if (!identifier.test(text)) throw new TypeError(`not an SQL identifier: ${JSON.stringify(text)}`)
  return new Sql([text], [])
}

/** Statements with a separator of the code's own between them. */
export function join<S extends Scope>(parts: readonly Sql<S>[], separator: string): Sql<S> {
  if (parts.length === 0) return new Sql([''], [])
  const strings = ['', ...Array<string>(parts.length - 1).fill(separator), '']
  return new Sql(strings, parts)
}

export const nothing: Sql<'fragment'> = new Sql([''], [])

/** The statement, marked as one whose shape comes from outside. */
export function adHoc<S extends Scope>(statement: Sql<S>): Sql<S> {
  return new Sql(statement.strings, statement.values, true)
}
