// Says a decisive clause in one line, for people: what was asked, and what there is instead.
import type { DevicesTrace, TermTrace } from './trace.ts'
import { decisive } from './trace.ts'

/** What a caller knows that a trace does not. */
export interface Telling {
  /** The rule's text, from which clauses are quoted. */
  readonly text: string
  /** The name of a group by its id. */
  groupName(id: string): string | undefined
}

const maxQuoted = 120
const maxDevices = 3

/**
 * One line: `department eq "Sales"` does not hold: department is "Engineering". For a value path it names the device that
 * makes it hold, or says of up to three devices what is missing.
 */
export function tellClause(clause: TermTrace | DevicesTrace, telling: Telling): string {
  const holds = clause.holds ? 'holds' : 'does not hold'
  return `${quote(clause, telling)} ${holds}: ${clause.kind === 'term' ? have(clause, telling) : devices(clause, telling)}`
}

function quote({ at }: TermTrace | DevicesTrace, { text }: Telling): string {
  const written = text.slice(at.start, at.end).replace(/\s+/g, ' ')
  return `\`${written.length > maxQuoted ? `${written.slice(0, maxQuoted)}…` : written}\``
}

function have(term: TermTrace, telling: Telling): string {
  if (term.ownerMissing) return 'there is no owner'
  const whose = term.side === 'owner' ? 'owner.' : ''
  const { attribute, values, more } = term
  if (attribute === null) {
    const who = term.side === 'owner' ? 'the owner is' : 'is'
    const named = (ids: readonly unknown[]): string[] =>
      ids.map((id) => JSON.stringify(telling.groupName(String(id)) ?? id))
    if (values.length > 0) return `${who} in ${list(named(values), more)}`
    if (term.groups === null) return `${who} in no group`
    return term.groups.length === 1
      ? `${who} not in ${named(term.groups)[0]}`
      : `${who} in none of these groups`
  }
  const name = whose + attribute.name
  if (values.length === 0) return `${name} has no value`
  const isDate = attribute.type === 'date'
  const shown = values.map((value) => (isDate ? instant(Number(value)) : JSON.stringify(value)))
  return `${name} is ${list(shown, more)}`
}

function devices({ devices: shown, count, holds }: DevicesTrace, telling: Telling): string {
  if (count === 0) return 'there are no devices'
  const named = shown.slice(0, holds ? 1 : maxDevices).map((device) => {
    const name = device.name ?? device.id ?? 'a device'
    if (device.holds) return `for ${name}`
    // One reason for each device: the line stays a line.
    const [reason] = decisive(device.where)
    return reason === undefined ? name : `${name}: ${tellClause(reason, telling)}`
  })
  const left = holds ? 0 : count - named.length
  return named.join('; ') + (left > 0 ? `; and ${left} more` : '')
}

const list = (shown: readonly string[], more: number): string =>
  shown.join(', ') + (more > 0 ? ` and ${more} more` : '')

/** A date beyond what a Date can say is shown as its number. */
function instant(milliseconds: number): string {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString()
}
