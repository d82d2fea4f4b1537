// Declarations of custom attributes. What values they take is in attribute-values.ts.
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { ok } from '../../base/result.ts'
import type { RuleRecords, RuleSource } from '../ports.ts'
import { isFreeAttributeName } from './attribute-values.ts'
import { type AuthorityPorts, authorityOf } from './authority.ts'
import { type Collection, inTurns, type Kind, recordCollection } from './collection.ts'
import type { RuleTurns } from './groups.ts'
import { type HoldingPorts, holdExposures } from './holding.ts'
import { isAttributeName } from './names.ts'
import { Problems } from './problem.ts'
import { namesOf, Rules } from './rules.ts'
import { fixed, nullable, otherwise, readObject, type Shape, type Values } from './spec.ts'
import { type AttributeDefinition, attributeTypes } from './types.ts'
import { boolean, choice, text } from './values.ts'
import { invalid, refuse } from './writing.ts'

export const attributeShape = {
  name: fixed(
    text({
      most: 64,
      check: isAttributeName,
      wanted: 'a letter followed by letters, digits and "-", at most 64, as LDAP wants it',
    }),
  ),
  of: fixed(choice(['users', 'devices'])),
  type: fixed(choice(attributeTypes)),
  // It changes what rules mean that nobody has touched.
  caseExact: fixed(otherwise(boolean(), false)),
  selfEditable: otherwise(boolean(), false),
  description: nullable(text()),
} satisfies Shape

export type AttributeDeclaration = Values<typeof attributeShape>

export function readDeclaration(
  value: unknown,
  field: string,
  problems: Problems,
): AttributeDeclaration | undefined {
  const read = readObject(attributeShape, value, field, problems)
  if (read?.selfEditable && read.of === 'devices') {
    const place = field === '' ? 'selfEditable' : `${field}.selfEditable`
    return problems.add(place, 'of-devices', 'only attributes of users can be changed by users: leave it out')
  }
  if (!read || isFreeAttributeName(read.name)) return read
  const place = field === '' ? 'name' : `${field}.name`
  return problems.add(place, 'reserved', `"${read.name}" means something already: choose another name`)
}

export function attributeCollection(ports: {
  readonly attributes: RuleRecords<AttributeDefinition>
  readonly rules: RuleSource
  readonly bindings: HoldingPorts['bindings']
  readonly resources: AuthorityPorts['resources']
  readonly organizations: HoldingPorts['organizations']
  readonly turns: RuleTurns
  readonly clock: Clock
}): Collection<AttributeDefinition> {
  const kind: Kind<AttributeDefinition> = {
    name: 'attribute',
    shape: attributeShape,
    title: ({ name }) => name,
    document: ({ name, of, type, caseExact, selfEditable, description }) => ({
      ...{ name, of, type, caseExact, selfEditable, description },
    }),
    epoch: (organization) => ports.rules.epoch(organization),

    async read(by, document, current, at) {
      const problems = new Problems()
      const values = readDeclaration(document, '', problems)
      if (!values) return invalid(problems.list)
      const base = current ?? { id: newId<AttributeDefinition['id']>(), version: 1, createdAt: at }
      const row: AttributeDefinition = { ...base, updatedAt: at, ...values }
      if (current && current.selfEditable !== row.selfEditable) {
        const { groups, attributes } = await ports.rules.read(by.organization.id)
        const authority = await authorityOf(by, ports)
        for (const { id } of new Rules(groups, attributes).readersOfAttribute(row.name, row.of)) {
          const may = authority.overGroup(id)
          if (!may.ok) return may
        }
      }
      const held = await holdExposures(by, ports, (standing) => ({
        ...standing,
        attributes: [...standing.attributes.filter(({ id }) => id !== row.id), row],
      }))
      return held.ok ? ok({ row }) : held
    },

    async mayRemove(by, { name, of }) {
      const { groups, attributes } = await ports.rules.read(by.organization.id)
      const readers = new Rules(groups, attributes).readersOfAttribute(name, of)
      if (readers.length === 0) return ok(null)
      return refuse('in-use', '', `rules read this attribute: ${namesOf(readers)}. Change them first`)
    },
  }
  return inTurns(recordCollection(ports.attributes, kind, ports.clock), ports.turns)
}
