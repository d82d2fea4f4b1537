// Organizations: their names and settings. Making one is for the start and the command line; the API changes its own.
import type { Clock } from '../../base/clock.ts'
import { newId, type OrganizationId } from '../../base/ids.ts'
import { ok } from '../../base/result.ts'
import type { Actor } from '../audit/record.ts'
import type { Organizations } from '../ports.ts'
import { patchProblems } from './collection.ts'
import { type HoldingPorts, holdExposures } from './holding.ts'
import { isDomain, isEmail, isSlug } from './names.ts'
import { Problems } from './problem.ts'
import { fixed, otherwise, readObject, type Shape, type Values } from './spec.ts'
import { beforeRuleTry } from './tries.ts'
import { type Organization, type OrganizationSettings, userTexts } from './types.ts'
import { displayName } from './users.ts'
import { choice, integer, object, set, text } from './values.ts'
import {
  type By,
  changeBody,
  difference,
  invalid,
  mergePatch,
  notFound,
  type Outcome,
  refusalOf,
  refuse,
  stale,
} from './writing.ts'

export const defaultSettings: OrganizationSettings = {
  clearTextPasswords: 'loopback',
  lockout: { limit: 5, firstSeconds: 60, longestSeconds: 900, wrongCodesPerDay: 30 },
  rememberPasswordSeconds: 300,
  session: { idleSeconds: 14_400, longestSeconds: 43_200 },
  color: '#2f5bd7',
  selfEditable: [],
  hold: { percent: 10, members: 1_000, least: 10 },
  reviewers: [],
}

const { lockout } = defaultSettings
const lockoutShape = {
  limit: otherwise(integer(3, 1000), lockout.limit),
  firstSeconds: otherwise(integer(1, 86_400), lockout.firstSeconds),
  longestSeconds: otherwise(integer(1, 86_400), lockout.longestSeconds),
  wrongCodesPerDay: otherwise(integer(3, 1000), lockout.wrongCodesPerDay),
} satisfies Shape

const { session } = defaultSettings
const sessionShape = {
  idleSeconds: otherwise(integer(60, 2_592_000), session.idleSeconds),
  longestSeconds: otherwise(integer(60, 2_592_000), session.longestSeconds),
} satisfies Shape

const { hold } = defaultSettings
const holdShape = {
  percent: otherwise(integer(0, 100), hold.percent),
  members: otherwise(integer(0, 100_000_000), hold.members),
  least: otherwise(integer(1, 100_000_000), hold.least),
} satisfies Shape

const color = text({
  most: 7,
  check: (value) => /^#[0-9a-fA-F]{6}$/.test(value),
  wanted: 'a colour such as #2f5bd7',
})

const settingsShape = {
  clearTextPasswords: otherwise(choice(['never', 'loopback', 'always']), defaultSettings.clearTextPasswords),
  lockout: otherwise(object(lockoutShape), lockout),
  rememberPasswordSeconds: otherwise(integer(0, 3600), defaultSettings.rememberPasswordSeconds),
  session: otherwise(object(sessionShape), session),
  color: otherwise(color, defaultSettings.color),
  selfEditable: set(choice(userTexts)),
  hold: otherwise(object(holdShape), hold),
  reviewers: set(text({ most: 254, check: isEmail, wanted: 'an e-mail address' })),
} satisfies Shape

export const organizationShape = {
  slug: fixed(text({ most: 63, check: isSlug, wanted: 'lower-case letters, digits and "-", as in a path' })),
  name: displayName(),
  domain: fixed(
    text({ most: 253, check: isDomain, wanted: 'a DNS domain in lower case, such as acme.example' }),
  ),
  settings: otherwise(object(settingsShape), defaultSettings),
} satisfies Shape

export type OrganizationValues = Values<typeof organizationShape>

export interface OrganizationPorts {
  readonly organizations: Organizations
  readonly clock: Clock
}

export function readOrganization(
  value: unknown,
  field: string,
  problems: Problems,
): OrganizationValues | undefined {
  const read = readObject(organizationShape, value, field, problems)
  const settings = read?.settings.lockout
  if (settings && settings.longestSeconds < settings.firstSeconds) {
    const place = `${field === '' ? '' : `${field}.`}settings.lockout.longestSeconds`
    return problems.add(place, 'out-of-range', 'this must be at least firstSeconds')
  }
  return read
}

/** Makes an organization from `{ slug, name, domain, settings? }`. */
export async function createOrganization(
  actor: Actor,
  value: unknown,
  { organizations, clock }: OrganizationPorts,
): Promise<Outcome<Organization>> {
  const problems = new Problems()
  const values = readOrganization(value, '', problems)
  if (!values) return invalid(problems.list)
  const at = clock.now()
  const object: Organization = {
    id: newId<OrganizationId>(),
    version: 1,
    createdAt: at,
    updatedAt: at,
    ...values,
  }
  const target = { kind: 'organization', id: object.id, name: object.name }
  const audit = changeBody(
    { actor },
    at,
    'organization.create',
    target,
    difference(null, organizationDocument(object)),
  )
  return refusalOf(await organizations.insert(object, audit), 'organization') ?? ok({ object })
}

/** Changes name and settings of the caller's own organization. */
export async function updateOrganization(
  by: By,
  patch: unknown,
  version: number | undefined,
  ports: OrganizationPorts & HoldingPorts,
): Promise<Outcome<Organization>> {
  const { organizations, clock } = ports
  if (by.role !== 'owner') return refuse('forbidden', '', 'only an owner may change the organization')
  const early = patchProblems(organizationShape, patch)
  for (let attempt = 1; ; attempt++) {
    const epoch = await ports.rules.epoch(by.organization.id)
    const current = await organizations.findBySlug(by.organization.slug)
    if (!current) return notFound('organization')
    if (version !== undefined && version !== current.version) return stale('organization')
    if (!early.none) return invalid(early.list)
    const problems = new Problems()
    const values = readOrganization(mergePatch(organizationDocument(current), patch), '', problems)
    if (!values) return invalid(problems.list)
    const held = await holdExposures({ ...by, organization: current }, ports, (standing) => ({
      ...standing,
      settings: values.settings,
    }))
    if (!held.ok) return held
    const at = clock.now()
    const row: Organization = { ...current, ...values, updatedAt: at }
    const target = { kind: 'organization', id: row.id, name: row.name }
    const details = difference(organizationDocument(current), organizationDocument(row))
    const outcome = await organizations.update(
      row,
      changeBody(by, at, 'organization.update', target, details),
      // What people may change themselves is judged beside the rules.
      `${current.settings.selfEditable}` === `${row.settings.selfEditable}` ? undefined : epoch,
    )
    if (outcome.outcome === 'conflict') {
      await beforeRuleTry(attempt)
      continue
    }
    return refusalOf(outcome, 'organization') ?? ok({ object: { ...row, version: row.version + 1 } })
  }
}

export function organizationDocument({ slug, name, domain, settings }: Organization): OrganizationValues {
  return { slug, name, domain, settings }
}
