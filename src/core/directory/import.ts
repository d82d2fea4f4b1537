// Brings a whole organization file in: read and checked as a whole first, passwords hashed next, and only then written.
import { type DeviceId, newId, type OrganizationId, type UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { Actor } from '../audit/record.ts'
import type { Condition } from './condition.ts'
import { holdExposures } from './holding.ts'
import { bindingsBesideRules } from './import/bindings.ts'
import { type FileRows, type Proofs, readFile } from './import/file.ts'
import { groupsBesideRules } from './import/groups.ts'
import type { Known } from './import/reading.ts'
import { Import, type ImportPorts, type ImportReport } from './import/write.ts'
import { nameKey } from './names.ts'
import { organizationDocument, readOrganization, updateOrganization } from './organizations.ts'
import { Problems } from './problem.ts'
import { isPlainObject, own } from './spec.ts'
import type { Organization, OrganizationSettings } from './types.ts'
import { type By, changeBody, difference, invalid, mergePatch, type Refusal, refusalOf } from './writing.ts'

export type { ImportPorts, ImportReport }

const namesPerQuery = 500

/** Makes the organization that the file describes, with all it holds. */
export async function importNewOrganization(
  actor: Actor,
  file: unknown,
  ports: ImportPorts,
): Promise<Result<ImportReport & { readonly organization: Organization }, Refusal>> {
  const at = ports.clock.now()
  const problems = new Problems()
  const described = typeof file === 'object' && file !== null ? own(file, 'organization') : undefined
  const values = readOrganization(described, 'organization', problems)
  const rows = await readFile(file, nothing, ports.checkAttributes, at, problems)
  if (!values || !rows) return invalid(problems.list)
  const proofs = await hashAll(rows, ports)
  const organization: Organization = {
    id: newId<OrganizationId>(),
    version: 1,
    createdAt: at,
    updatedAt: at,
    ...values,
  }
  const target = { kind: 'organization', id: organization.id, name: organization.name }
  const details = difference(null, organizationDocument(organization))
  const audit = changeBody({ actor }, at, 'organization.create', target, details)
  const refusal = refusalOf(await ports.organizations.insert(organization, audit), 'organization')
  if (refusal) return refusal
  const report = await new Import(
    { organization, actor, role: 'owner' },
    rows,
    proofs,
    true,
    at,
    ports,
  ).write()
  return report.ok ? ok({ ...report.value, organization }) : report
}

/**
 * Adds what the file holds to an organization. Its own description in the file must be that of this organization; settings in
 * it are a merge patch. Held until it is confirmed where people could newly let themselves in.
 */
export async function importInto(
  by: By,
  file: unknown,
  ports: ImportPorts,
): Promise<Result<ImportReport, Refusal>> {
  const at = ports.clock.now()
  const problems = new Problems()
  const described = typeof file === 'object' && file !== null ? own(file, 'organization') : undefined
  if (described !== undefined && described !== null) {
    const values = readOrganization(described, 'organization', problems)
    if (values && values.slug !== by.organization.slug) {
      problems.add(
        'organization.slug',
        'other',
        `the file is of another organization; this one is "${by.organization.slug}": leave "organization" out, or import it there`,
      )
    }
  }
  const { id } = by.organization
  const { epoch, groups, attributes } = await ports.rules.read(id)
  const resources = await ports.resources.list(id, { op: 'true' }, { limit: 10_000 })
  const known: Known = { groups, attributes, resources, ...finders(id, ports) }
  const rows = await readFile(file, known, ports.checkAttributes, at, problems)
  if (!rows) return invalid(problems.list)
  const settings = settingsOf(described, by.organization)
  const held = await holdExposures(by, ports, (standing) => ({
    groups: [...standing.groups, ...rows.groups],
    attributes: [...standing.attributes, ...rows.attributes],
    settings: settings ?? standing.settings,
    bindings: [...standing.bindings, ...rows.bindings],
  }))
  if (!held.ok) return held
  const proofs = await hashAll(rows, ports)
  const besides = {
    ...ports,
    groups: groupsBesideRules(ports.groups, ports.rules, epoch),
    bindings: bindingsBesideRules(by, ports.bindings, ports, rows.bindings, settings),
  }
  const written = await new Import(by, rows, proofs, false, at, besides).write()
  if (!written.ok || settings === null) return written
  const changed = await updateOrganization(by, { settings }, undefined, ports)
  return changed.ok ? written : changed
}

/** The organization's settings with those that the file names; null where that changes nothing. */
function settingsOf(described: unknown, organization: Organization): OrganizationSettings | null {
  const named = isPlainObject(described) ? own(described, 'settings') : undefined
  if (!isPlainObject(named)) return null
  const before = organizationDocument(organization)
  // What is wrong with them has been told already. Both are read, so that their fields come in the same order.
  const settled = (patch: object) =>
    readOrganization(mergePatch(before, { settings: patch }), 'organization', new Problems())?.settings
  const after = settled(named)
  return after === undefined || JSON.stringify(after) === JSON.stringify(settled({})) ? null : after
}

const nothing: Known = {
  ...{ groups: [], attributes: [], resources: [] },
  findUsers: async () => new Map(),
  findDevices: async () => new Map(),
}

function finders(organization: OrganizationId, { reader }: Pick<ImportPorts, 'reader'>) {
  async function find<Id>(
    names: readonly string[],
    field: string,
    list: (where: Condition, limit: number) => Promise<readonly (readonly [string, Id])[]>,
  ): Promise<Map<string, Id>> {
    const distinct = [...new Set(names.map(nameKey))]
    const found = new Map<string, Id>()
    for (let from = 0; from < distinct.length; from += namesPerQuery) {
      const part = distinct.slice(from, from + namesPerQuery)
      const of = part.map((value) => ({ op: 'eq', field: { standard: field }, value }) as const)
      for (const [name, id] of await list({ op: 'or', of }, part.length)) found.set(nameKey(name), id)
    }
    return found
  }
  return {
    findUsers: (names: readonly string[]) =>
      find<UserId>(names, 'username', async (where, limit) =>
        (await reader.users(organization, where, { limit }, false)).map(({ user }) => [
          user.username,
          user.id,
        ]),
      ),
    findDevices: (names: readonly string[]) =>
      find<DeviceId>(names, 'name', async (where, limit) =>
        (await reader.devices(organization, where, { limit })).map(({ device }) => [device.name, device.id]),
      ),
  }
}

/** Hashes every password of the file before anything is written, a few at a time: others want to log in meanwhile. */
async function hashAll(
  rows: FileRows,
  { hashPassword }: Pick<ImportPorts, 'hashPassword'>,
): Promise<ReadonlyMap<string, Secret>> {
  const hashes = new Map<string, Secret>()
  const hash = async ({
    row,
    proofs,
  }: {
    readonly row: { readonly id: string }
    readonly proofs: Proofs
  }) => {
    if (proofs.password !== undefined) hashes.set(row.id, await hashPassword(new Secret(proofs.password)))
    else if (proofs.passwordHash !== undefined) hashes.set(row.id, new Secret(proofs.passwordHash))
  }
  const all = [...rows.users, ...rows.serviceAccounts]
  for (let from = 0; from < all.length; from += 2) await Promise.all(all.slice(from, from + 2).map(hash))
  return hashes
}

/** `importInto` with its ports. */
export function importOrganization(ports: ImportPorts) {
  return (by: By, file: unknown): Promise<Result<ImportReport, Refusal>> => importInto(by, file, ports)
}
