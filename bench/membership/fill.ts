// Fills a database as an import does: chunks of new users with their devices and memberships, each one transaction, with the
// audit records of everybody who joins a group.
import { systemClock } from '../../src/base/clock.ts'
import { newId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Group, Organization } from '../../src/core/directory/types.ts'
import type { CellBatch } from '../../src/core/membership/cell.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { causeOf } from '../../src/core/membership/history.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import { makeOrganization } from '../../test/support/store.ts'
import { declarations } from './attributes.ts'
import { grant } from './grants.ts'
import type { House } from './house.ts'
import { population } from './population.ts'
import { randomFrom } from './random.ts'
import { changeRecord, written } from './records.ts'
import { makeGroups } from './rules.ts'

/** As many as src/core/directory/import/write.ts takes at once. */
const usersPerChunk = 1_000
const seed = 20_260_301

export interface Filled {
  readonly organization: Organization
  readonly groups: readonly Group[]
  /** Every user's id. */
  readonly users: readonly string[]
  readonly devices: number
  readonly memberships: number
  /** Milliseconds; others have the processor in between. */
  readonly evaluating: number
  /** All of it, with making the population up. */
  readonly importing: number
}

export async function fill(house: House, users: number, rules: number): Promise<Filled> {
  const { store, engine } = house
  const at = systemClock.now()
  const organization = { ...makeOrganization('acme'), id: newId<Organization['id']>() }
  const target = { kind: 'organization', id: organization.id, name: organization.name }
  await written(store.organizations.insert(organization, changeRecord('organization.create', target)))
  for (const one of declarations(at))
    await written(
      store.attributes.insert(
        organization.id,
        one,
        changeRecord('attribute.create', { kind: 'attribute', ...one }),
      ),
    )
  const groups = makeGroups(rules, randomFrom(seed), at)
  for (const { id, name, ...group } of groups)
    await written(
      store.groups.insert(
        organization.id,
        { id, name, ...group },
        changeRecord('group.create', { kind: 'group', id, name }),
      ),
    )
  await grant(house, organization.id, groups, randomFrom(seed), at)
  const ids: string[] = []
  const sums = { devices: 0, memberships: 0, evaluating: 0 }
  let isWriting: Promise<void> = Promise.resolve()
  const began = performance.now()
  for (const chunk of population(users, usersPerChunk, seed, at)) {
    const { users: rows, devices } = chunk
    const audit = [changeRecord('organization.import', target)]
    const evaluating = performance.now()
    const evaluated = await engine.evaluateNew(organization.id, rows, devices, [], causeOf(audit))
    sums.evaluating += performance.now() - evaluating
    const records = [...audit, ...evaluated.audit]
    const batch = { ...evaluated, ...chunk, manual: [], factors: [], audit: records, at }
    // As an import does: while one chunk is written, the next one is evaluated.
    await isWriting
    isWriting = insert(house, organization.id, batch)
    isWriting.catch(() => {})
    sums.devices += devices.length
    sums.memberships += evaluated.memberships.length
    for (const { id } of rows) ids.push(id)
    if (ids.length % 50_000 === 0) console.error(`${ids.length.toLocaleString('en')} users in`)
  }
  await isWriting
  return { organization, groups, users: ids, ...sums, importing: performance.now() - began }
}

const insert = ({ store }: House, organization: Organization['id'], batch: CellBatch): Promise<void> =>
  written(store.cells.insertMany(organization, batch))

/** Throws unless the memberships stored for these users and their devices are what every rule, evaluated anew, says. */
export async function checkSample(
  { store }: House,
  organization: Organization['id'],
  ids: readonly string[],
) {
  const set = compileRules(await store.rules.read(organization), silentLog)
  let checked = 0
  for (let from = 0; from < ids.length; from += 500) {
    const subjects = ids.slice(from, from + 500).map((id) => ({ kind: 'user', id: id as never }) as const)
    for (const cell of await store.cells.readMany(organization, subjects)) {
      const now = systemClock.now()
      // What time has turned meanwhile is the timer's work.
      if (cell.due !== null && cell.due <= now) continue
      const spell = (list: typeof cell.memberships): string =>
        list
          .map(({ subjectId, groupId, reasons }) => `${subjectId} ${groupId} ${reasons}`)
          .sort()
          .join('\n')
      if (spell(cell.memberships) !== spell(evaluate(cell, set, now).memberships))
        throw new Error(`the memberships of user ${cell.subject.id} are not what the rules say`)
      checked++
    }
  }
  return checked
}
