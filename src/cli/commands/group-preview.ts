// muster group preview and check, for a rule that is not saved yet: who would join and leave and what they would gain and lose,
// and is it sound?
import type { Command } from 'commander'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { usage } from '../failure.ts'
import { type Finding, tellFindings } from '../findings.ts'
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
  readonly findings: readonly Finding[]
}

interface Checked {
  readonly rule: string
  readonly findings: readonly Finding[]
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
      const { of, limit } = session.options
      const rule = ruleOf(session, `preview ${name ?? ''}`)
      const api = await session.api()
      const groupId = name === undefined ? undefined : (await resolve(api, kinds.group, name)).id
      const body = { rule, ...(groupId === undefined ? { of: of ?? 'users' } : { groupId, of }) }
      const query = { limit: Math.min(500, typeof limit === 'number' ? limit : 20) }
      const preview = await api.request<Preview>('POST', '/groups/preview', { query, body, timeoutMs })
      session.answer(preview, () => tell(preview))
    },
  )
}

export function addRuleCheck(group: Command, around: Surroundings): void {
  define(
    group,
    {
      name: 'check',
      summary: 'is a rule sound, and what is odd about it',
      options: [
        option('--of <users|devices>', 'of whom it is (default: users)'),
        option('--rule <rule>', 'the rule'),
      ],
      examples: [`--rule 'department eq "Sales" and title pr'`, `--of devices --rule 'os eq "macos"' --json`],
    },
    around,
    async (session) => {
      const body = { of: session.options.of ?? 'users', rule: ruleOf(session, 'check') }
      const checked = await (await session.api()).request<Checked>('POST', '/rules/check', { body })
      session.answer(checked, () => `${printable(checked.rule)}\n${verdict(checked.findings)}`)
    },
  )
}

const verdict = (findings: readonly Finding[]): string =>
  findings.length === 0 ? 'nothing is odd about it\n' : tellFindings(findings)

function ruleOf({ options: { rule } }: Session, command: string): string {
  if (typeof rule === 'string') return rule
  throw usage('there is no rule', `Say which: muster group ${command.trim()} --rule '…'`)
}

function tell({ joins, leaves, stays, unknowns, gains, loses, findings }: Preview): string {
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
    tellFindings(findings),
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
