// muster group preview: who would join and leave under a rule that is not saved yet, and what they would gain and lose.
import type { Command } from 'commander'
import { define, option, type Surroundings } from '../command.ts'
import { usage } from '../failure.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'
import { printable } from '../output.ts'
import { rowCount } from '../rows.ts'

interface Grant {
  readonly kind: string
  readonly resource: string
  readonly vlan?: number
  readonly role?: string
}

interface Moved {
  readonly subjectId: string
  readonly name: string
  readonly gains: readonly Grant[]
  readonly loses: readonly Grant[]
}

interface Sampled<T> {
  readonly count: number
  readonly sample: readonly T[]
}

interface Preview {
  readonly joins: Sampled<Moved>
  readonly leaves: Sampled<Moved>
  readonly stays: { readonly count: number }
  readonly unknowns: Sampled<{ readonly name: string }>
  readonly gains: readonly (Grant & { readonly count: number })[]
  readonly loses: readonly (Grant & { readonly count: number })[]
}

const timeoutMs = 300_000

export function addGroupPreview(group: Command, around: Surroundings): void {
  define(
    group,
    {
      name: 'preview',
      summary: 'what a rule would change, before it is saved',
      words: [['[name]', 'the group whose rule it is to become']],
      options: [
        option('--of <users|devices>', 'without a group: of whom it would be (default: users)'),
        option('--rule <rule>', 'the rule'),
        option('-n, --limit <number>', 'show so many of each (default: 20)').argParser(rowCount),
      ],
      examples: [
        `engineering --rule 'department eq "Engineering" and employeeType ne "Contractor"'`,
        `--of devices --rule 'os eq "macos"'`,
      ],
    },
    around,
    async (session, [name]) => {
      const { of, rule, limit } = session.options
      if (typeof rule !== 'string') {
        throw usage('there is no rule', `Say which: muster group preview ${name ?? ''} --rule '…'`)
      }
      const api = await session.api()
      const groupId = name === undefined ? undefined : (await resolve(api, kinds.group, name)).id
      const body = { rule, ...(groupId === undefined ? { of: of ?? 'users' } : { groupId, of }) }
      const query = { limit: Math.min(500, typeof limit === 'number' ? limit : 20) }
      const preview = await api.request<Preview>('POST', '/groups/preview', { query, body, timeoutMs })
      session.answer(preview, () => tell(preview))
    },
  )
}

function tell({ joins, leaves, stays, unknowns, gains, loses }: Preview): string {
  const missing =
    unknowns.count === 0
      ? ''
      : `${unknowns.count} decided only because a value is missing: ${names(unknowns.sample, unknowns.count)}\n`
  return [
    `${joins.count} would join, ${leaves.count} would leave, ${stays.count} would stay\n`,
    ...joins.sample.map((one) => `  + ${moved(one)}\n`),
    rest(joins),
    ...leaves.sample.map((one) => `  - ${moved(one)}\n`),
    rest(leaves),
    missing,
    ...gains.map((one) => `${one.count} would gain ${grant(one)}\n`),
    ...loses.map((one) => `${one.count} would lose ${grant(one)}\n`),
  ].join('')
}

const rest = ({ count, sample }: Sampled<unknown>): string =>
  count > sample.length ? `    and ${count - sample.length} more\n` : ''

function names(sample: readonly { readonly name: string }[], count: number): string {
  const shown = sample.slice(0, 5).map(({ name }) => printable(name))
  return `${shown.join(', ')}${count > shown.length ? ' …' : ''}`
}

function moved({ name, gains, loses }: Moved): string {
  const parts = [...gains.map((one) => `gains ${grant(one)}`), ...loses.map((one) => `loses ${grant(one)}`)]
  return parts.length === 0 ? printable(name) : `${printable(name)}: ${parts.join(', ')}`
}

function grant({ kind, resource, vlan, role }: Grant): string {
  const what = kind === 'group' ? `the LDAP group ${printable(resource)}` : printable(resource)
  const more = [vlan === undefined ? '' : `VLAN ${vlan}`, role ?? ''].filter((part) => part !== '')
  return more.length === 0 ? what : `${what} (${more.join(', ')})`
}
