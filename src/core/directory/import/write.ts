// Writes the rows of an organization file, in such an order that nothing grants access before everything it rests on is
// there. Reading and checking is done before (file.ts).
import { newId, type OrganizationId } from '../../../base/ids.ts'
import { ok, type Result } from '../../../base/result.ts'
import type { Secret } from '../../../base/secrets.ts'
import type { AuditBody } from '../../audit/record.ts'
import { normalizeSeed } from '../../factors/totp.ts'
import type { CellBatch } from '../../membership/cell.ts'
import type { MembershipEngine } from '../../membership/change.ts'
import { causeOf } from '../../membership/history.ts'
import type { Cells, WriteOutcome } from '../../ports.ts'
import { changeCells } from '../cells.ts'
import type { DirectoryPorts } from '../directory.ts'
import { groupDocument } from '../groups.ts'
import { cellSubject } from '../members.ts'
import type { Problem } from '../problem.ts'
import { resourceDocument, settleResource } from '../resources.ts'
import { newToken, tokenDigest } from '../tokens.ts'
import type { Device } from '../types.ts'
import { deviceDocument } from '../users.ts'
import { type By, changeBody, difference, type Refusal, refusalOf } from '../writing.ts'
import type { FileRows } from './file.ts'
import {
  exemptionRecords,
  type FileInputs,
  inputsBySubject,
  membershipInputs,
  notTakenOver,
  settleStates,
  stateRecords,
  withRejected,
  withStates,
} from './inputs.ts'

export interface ImportPorts extends Omit<DirectoryPorts, 'engine' | 'cells'> {
  readonly engine: Pick<MembershipEngine, 'change' | 'evaluateNew' | 'activateGroup' | 'settle'>
  readonly cells: Pick<Cells, 'insertMany' | 'read' | 'scan'>
}

export interface ImportReport {
  readonly counts: Readonly<Record<keyof FileRows, number>>
  /** Made for this import, shown now and never again. */
  readonly tokens: readonly { readonly name: string; readonly token: string }[]
  readonly clientSecrets: readonly { readonly address: string; readonly secret: string }[]
  readonly applicationSecrets: readonly { readonly clientId: string; readonly secret: string }[]
}

/** Each is one transaction. So few that nobody waits long for the processor while one is made ready. */
const usersPerChunk = 1_000

/** One import on its way into the store. The first refusal ends it. */
export class Import {
  readonly #by: By
  readonly #rows: FileRows
  readonly #hashes: ReadonlyMap<string, Secret>
  /**
   * Was the organization made for this import? In any other, somebody may be there, or come while passwords are hashed: new
   * rules have to be carried through.
   */
  readonly #isNew: boolean
  readonly #at: Date
  readonly #ports: ImportPorts
  readonly #tokens: { name: string; token: string }[] = []
  readonly #clientSecrets: { address: string; secret: string }[] = []
  readonly #applicationSecrets: { clientId: string; secret: string }[] = []

  constructor(
    by: By,
    rows: FileRows,
    hashes: ReadonlyMap<string, Secret>,
    isNew: boolean,
    at: Date,
    ports: ImportPorts,
  ) {
    this.#by = by
    this.#rows = rows
    this.#hashes = hashes
    this.#isNew = isNew
    this.#at = at
    this.#ports = ports
  }

  async write(): Promise<Result<ImportReport, Refusal>> {
    // Resources come first, because another organization may have their networks; bindings, which grant, come last.
    const steps = [
      () => this.#resources(),
      () => this.#attributes(),
      () => this.#groups(),
      () => this.#users(),
      () => this.#strays(),
      () => this.#serviceAccounts(),
      () => this.#bindings(),
      () => this.#tokenRows(),
    ]
    for (const step of steps) {
      const refusal = await step()
      if (refusal) return refusal
    }
    if (!this.#isNew) {
      for (const { id } of this.#rows.groups) await this.#ports.engine.activateGroup(this.#organization, id)
    }
    const counts = Object.fromEntries(Object.entries(this.#rows).map(([name, rows]) => [name, rows.length]))
    return ok({
      counts: counts as ImportReport['counts'],
      tokens: this.#tokens,
      clientSecrets: this.#clientSecrets,
      applicationSecrets: this.#applicationSecrets,
    })
  }

  get #organization(): OrganizationId {
    return this.#by.organization.id
  }

  #audit(kind: string, id: string, name: string, details: Readonly<Record<string, unknown>>): AuditBody {
    const target = { kind, id, name }
    return changeBody(this.#by, this.#at, `${kind}.create`, target, { ...details, import: true })
  }

  async #each<T>(
    rows: readonly T[],
    section: keyof FileRows,
    write: (row: T) => Promise<WriteOutcome>,
  ): Promise<{ ok: false; error: Refusal } | null> {
    for (const [index, row] of rows.entries()) {
      const refusal = refusalOf(await write(row), `${section}[${index}]`)
      if (refusal) return at(`${section}[${index}]`, refusal)
    }
    return null
  }

  #resources() {
    const { resources } = this.#ports
    return this.#each(this.#rows.resources, 'resources', async ({ id, values }) => {
      const stored = { id, version: 1, createdAt: this.#at, updatedAt: this.#at }
      const settled = await settleResource(this.#organization, stored, values, null, resources)
      const { row, clientSecret } = settled
      this.#clientSecrets.push(...settled.clientSecrets)
      if (row.application?.protocol === 'oidc' && clientSecret !== null) {
        this.#applicationSecrets.push({ clientId: row.application.clientId, secret: clientSecret })
      }
      const details = { ...difference(null, resourceDocument(row)), ...settled.secretsSet }
      const audit = this.#audit('resource', id, row.name, details)
      return resources.save(this.#organization, row, true, settled.secrets, audit)
    })
  }

  #attributes() {
    return this.#each(this.#rows.attributes, 'attributes', (row) => {
      const { name, of, type, caseExact } = row
      const audit = this.#audit('attribute', row.id, name, difference(null, { name, of, type, caseExact }))
      return this.#ports.attributes.insert(this.#organization, row, audit)
    })
  }

  #groups() {
    return this.#each(this.#rows.groups, 'groups', (group) => {
      const status = !this.#isNew && group.mode !== 'static' ? 'activating' : 'active'
      const audit = this.#audit('group', group.id, group.name, difference(null, groupDocument(group)))
      return this.#ports.groups.insert(this.#organization, { ...group, status }, audit)
    })
  }

  async #users() {
    const mine = new Set(this.#rows.users.map(({ row }) => row.id))
    const devicesOf = Map.groupBy(this.#rows.devices, ({ ownerId }) => ownerId)
    const inputsOf = inputsBySubject(this.#rows)
    const { users } = this.#rows
    const unowned = devicesOf.get(null) ?? []
    const chunks: (() => Promise<CellBatch>)[] = []
    for (let from = 0; from < users.length; from += usersPerChunk) {
      const part = users.slice(from, from + usersPerChunk)
      const devices = part.flatMap(({ row }) => devicesOf.get(row.id) ?? [])
      chunks.push(() => this.#batch(part, devices, inputsOf))
    }
    for (let from = 0; from < unowned.length; from += usersPerChunk)
      chunks.push(() => this.#batch([], unowned.slice(from, from + usersPerChunk), inputsOf))
    const refused = await this.#insertAll(chunks)
    if (refused) return refused
    const others = this.#rows.devices.filter(({ ownerId }) => ownerId !== null && !mine.has(ownerId))
    for (const device of others) {
      const refusal = await this.#deviceOfKnownUser(device, inputsOf([device.id]))
      if (refusal) return refusal
    }
    return null
  }

  /** While the database writes one chunk, the next one is evaluated. The first refusal ends it. */
  async #insertAll(chunks: readonly (() => Promise<CellBatch>)[]) {
    let writing: Promise<{ ok: false; error: Refusal } | null> = Promise.resolve(null)
    for (const chunk of chunks) {
      const [batch, refusal] = await Promise.all([chunk(), writing])
      if (refusal) return refusal
      writing = this.#insert(batch, chunk)
      // Whoever awaits it is told; until then it is nobody's.
      writing.catch(() => {})
    }
    return writing
  }

  /** `again`: evaluates it anew, where the rules have changed meanwhile. */
  async #insert(
    first: CellBatch,
    again: () => Promise<CellBatch>,
  ): Promise<{ ok: false; error: Refusal } | null> {
    let batch = first
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#ports.cells.insertMany(this.#organization, batch)
      if (outcome.outcome === 'conflict' && attempt < 5) {
        batch = await again()
        continue
      }
      const refusal = refusalOf(outcome, 'import')
      return refusal && at('users', refusal)
    }
  }

  /** New users with their devices, and the memberships they have by the rules as they are. */
  async #batch(
    part: FileRows['users'],
    devices: readonly Device[],
    inputsOf: (ids: readonly string[]) => FileInputs,
  ): Promise<CellBatch> {
    const inputs = inputsOf([...part.map(({ row }) => row.id), ...devices.map(({ id }) => id)])
    const now = this.#ports.clock.now()
    const settled = settleStates(
      part.map(({ row }) => row),
      inputs.stateChanges,
      now,
    )
    const { users, later } = settled
    const factors = part.flatMap(({ row, proofs }) => {
      const hash = this.#hashes.get(row.id)
      return [
        ...(hash ? [{ owner: row.id, kind: 'password' as const, secret: hash }] : []),
        ...(proofs.totp === undefined
          ? []
          : [{ owner: row.id, kind: 'totp' as const, secret: normalizeSeed(proofs.totp) }]),
      ]
    })
    const { organization } = this.#by
    const names = [...users.map(({ username }) => username), ...devices.map(({ name }) => name)]
    const details = { users: users.length, devices: devices.length, first: names[0], last: names.at(-1) }
    const target = { kind: 'organization', id: organization.id, name: organization.name }
    const audit = [
      changeBody(this.#by, this.#at, 'organization.import', target, details),
      ...exemptionRecords(this.#by, inputs.exemptions, this.#at),
      ...stateRecords(this.#by, settled, now),
    ]
    const evaluated = await this.#ports.engine.evaluateNew(
      organization.id,
      users,
      devices,
      membershipInputs(inputs),
      causeOf(audit),
    )
    return {
      ...evaluated,
      users,
      devices,
      factors,
      manual: notTakenOver(inputs.manual, evaluated.memberships),
      exemptions: inputs.exemptions.map(({ row }) => row),
      stateChanges: later,
      suggestions: withRejected(evaluated.suggestions ?? [], inputs.rejected),
      dues: withStates(evaluated.dues, later),
      audit: [...audit, ...evaluated.audit],
      at: this.#at,
    }
  }

  async #deviceOfKnownUser(device: Device, { manual, exemptions }: FileInputs) {
    if (device.ownerId === null) return null
    const audit = [
      this.#audit('device', device.id, device.name, difference(null, deviceDocument(device))),
      ...exemptionRecords(this.#by, exemptions, this.#at),
    ]
    const given = exemptions.map(({ row }) => ({ do: 'insert', row }) as const)
    const cells = [{ kind: 'user', id: device.ownerId } as const]
    const written = await changeCells(this.#ports.engine, this.#organization, cells, 'device', () =>
      ok({
        devices: [{ do: 'insert', row: device }],
        manual: { add: manual, remove: [] },
        exemptions: given,
        audit,
      }),
    )
    return written.ok ? null : at('devices', written)
  }

  /** Members by hand of the new groups who were there before the file. */
  async #strays() {
    if (this.#isNew) return null
    const { users, devices, manual, groups } = this.#rows
    const mine = new Set<string>([...users.map(({ row }) => row.id), ...devices.map(({ id }) => id)])
    const groupOf = new Map(groups.map((group) => [group.id, group]))
    for (const one of manual) {
      const group = groupOf.get(one.groupId)
      if (mine.has(one.subjectId) || !group) continue
      const target = { kind: 'group', id: group.id, name: group.name }
      const audit = [
        changeBody(this.#by, this.#at, 'membership.add', target, { member: one.subjectId, import: true }),
      ]
      const cells = [cellSubject(group.of, one.subjectId)]
      const written = await changeCells(this.#ports.engine, this.#organization, cells, 'member', () =>
        ok({ manual: { add: [one], remove: [] }, audit }),
      )
      if (!written.ok) return at('groups', written)
    }
    return null
  }

  #serviceAccounts() {
    return this.#each(this.#rows.serviceAccounts, 'serviceAccounts', async ({ row }) => {
      const { name, enabled, reads } = row
      const audit = this.#audit('service-account', row.id, name, difference(null, { name, enabled, reads }))
      const outcome = await this.#ports.serviceAccounts.insert(this.#organization, row, audit)
      const hash = this.#hashes.get(row.id)
      if (outcome.outcome !== 'written' || !hash) return outcome
      const target = { kind: 'service-account', id: row.id, name }
      const set = changeBody(this.#by, this.#at, 'service-account.password', target, {
        password: 'set',
        import: true,
      })
      return this.#ports.credentials.save(this.#organization, row.id, 'password', hash, set)
    })
  }

  #bindings() {
    return this.#each(this.#rows.bindings, 'bindings', (row) => {
      const { groupId, resourceId, attributes, factors, order } = row
      const details = difference(null, { groupId, resourceId, attributes, factors, order })
      return this.#ports.bindings.insert(
        this.#organization,
        row,
        this.#audit('binding', row.id, row.id, details),
      )
    })
  }

  #tokenRows() {
    return this.#each(this.#rows.tokens, 'tokens', async (values) => {
      const token = newToken()
      const stored = { id: newId<never>(), version: 1, createdAt: this.#at, updatedAt: this.#at }
      const row = { ...stored, ...values, digest: tokenDigest(token) }
      this.#tokens.push({ name: values.name, token: token.reveal() })
      return this.#ports.tokens.insert(
        this.#organization,
        row,
        this.#audit('token', row.id, row.name, { ...values }),
      )
    })
  }
}

/** The refusal with its place in the file. */
function at(place: string, refusal: { ok: false; error: Refusal }): { ok: false; error: Refusal } {
  const move = (problem: Problem): Problem => ({
    ...problem,
    field: problem.field === '' ? place : `${place}.${problem.field}`,
  })
  return { ok: false, error: { ...refusal.error, problems: refusal.error.problems.map(move) } }
}
