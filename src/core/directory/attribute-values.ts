// Custom attributes: what an organization may declare, and values checked against what it has declared.
import { nearest } from '../../base/nearest.ts'
import { nameKey } from './names.ts'
import { inside, type Problems } from './problem.ts'
import { describe } from './spec.ts'
import type { AttributeDefinition, AttributeValue, AttributeValues, SubjectKind } from './types.ts'
import { userTexts } from './types.ts'
import { instantOf, limits, textFault } from './values.ts'

/** Names that mean something already: in the API, in rules, or in LDAP, where custom attributes appear by their own name. */
const taken = new Set(
  [
    ...userTexts,
    ...[
      'id',
      'version',
      'createdAt',
      'updatedAt',
      'username',
      'email',
      'state',
      'managerId',
      'posixId',
      'password',
    ],
    ...[
      'attributes',
      'memberOf',
      'member',
      'devices',
      'owner',
      'name',
      'os',
      'osVersion',
      'serialNumber',
      'ownerId',
    ],
    ...[
      'managed',
      'diskEncrypted',
      'lastContact',
      'mac',
      'now',
      'and',
      'or',
      'not',
      'true',
      'false',
      'null',
      'in',
    ],
    ...[
      'eq',
      'ne',
      'co',
      'sw',
      'ew',
      'gt',
      'ge',
      'lt',
      'le',
      'pr',
      'matches',
      'organization',
      'organizationId',
    ],
    ...[
      'objectClass',
      'uid',
      'userid',
      'cn',
      'commonName',
      'sn',
      'surname',
      'gn',
      'mail',
      'rfc822Mailbox',
      'ou',
      'dc',
    ],
    ...[
      'o',
      'l',
      'manager',
      'employeeNumber',
      'uidNumber',
      'gidNumber',
      'homeDirectory',
      'loginShell',
      'gecos',
    ],
    ...[
      'memberUid',
      'uniqueMember',
      'userPassword',
      'entryUUID',
      'entryDN',
      'createTimestamp',
      'modifyTimestamp',
    ],
    ...[
      'creatorsName',
      'modifiersName',
      'structuralObjectClass',
      'subschemaSubentry',
      'hasSubordinates',
      'description',
    ],
    ...[
      'domainComponent',
      'localityName',
      'organizationName',
      'organizationalUnitName',
      'distinguishedName',
      'dn',
    ],
    ...[
      'departmentNumber',
      'numSubordinates',
      'namingContexts',
      'supportedControl',
      'ldapSyntaxes',
      'attributeTypes',
    ],
    ...['macAddress', 'constructor', 'prototype'],
  ].map(nameKey),
)

/** May an organization declare a custom attribute by this name? */
export function isFreeAttributeName(name: string): boolean {
  return !taken.has(nameKey(name)) && !(name in Object.prototype)
}

/** Reads `attributes` of a user or device. Dates become ISO 8601 in UTC; names get the spelling of their declaration. */
export function readAttributes(
  value: unknown,
  of: SubjectKind,
  definitions: readonly AttributeDefinition[],
  field: string,
  problems: Problems,
): AttributeValues | undefined {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) {
    return problems.add(field, 'wrong-type', `an object is expected here, not ${describe(value)}`)
  }
  const names = Object.keys(value)
  if (names.length > limits.customAttributes) {
    return problems.add(field, 'too-many', `at most ${limits.customAttributes} attributes are accepted`)
  }
  const declared = new Map(
    definitions.filter((each) => each.of === of).map((each) => [nameKey(each.name), each]),
  )
  const result: Record<string, AttributeValue> = Object.create(null)
  let good = true
  for (const name of names) {
    const sent = (value as Record<string, unknown>)[name]
    const place = inside(field, name.slice(0, 64))
    const definition = declared.get(nameKey(name))
    if (!definition) {
      good = false
      problems.add(place, 'unknown-attribute', unknownAttribute(name, of, [...declared.values()]))
    } else if (sent !== null && sent !== undefined) {
      const read = readValue(definition, sent, place, problems)
      if (read === undefined) good = false
      else result[definition.name] = read
    }
  }
  return good ? result : undefined
}

function unknownAttribute(name: string, of: SubjectKind, declared: readonly AttributeDefinition[]): string {
  const guess = nearest(
    name,
    declared.map((each) => each.name),
  )
  const shown = JSON.stringify(name.slice(0, 64))
  return guess === undefined
    ? `the organization has not declared an attribute ${shown} for ${of}: declare it at /attributes first`
    : `the organization has not declared an attribute ${shown} for ${of}: did you mean "${guess}"?`
}

function readValue(
  { type, name }: AttributeDefinition,
  value: unknown,
  field: string,
  problems: Problems,
): AttributeValue | undefined {
  const wrong = (wanted: string) =>
    problems.add(field, 'wrong-type', `"${name}" is declared as ${wanted}; this is ${describe(value)}`)
  switch (type) {
    case 'string':
      return typeof value === 'string' ? goodText(value, field, problems) : wrong('a text')
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? value : wrong('a number')
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong('true or false')
    case 'date': {
      const at = instantOf(value)
      if (at) return at.toISOString()
      return problems.add(
        field,
        'bad-date',
        `"${name}" is declared as a date: expected one such as 2026-01-31`,
      )
    }
    case 'list':
      return readList(value, field, problems, wrong)
    default:
      return type satisfies never
  }
}

function readList(
  value: unknown,
  field: string,
  problems: Problems,
  wrong: (wanted: string) => undefined,
): readonly string[] | undefined {
  if (!Array.isArray(value)) return wrong('a list of texts')
  if (value.length > limits.list)
    return problems.add(field, 'too-many', `at most ${limits.list} entries are accepted`)
  const items: string[] = []
  for (const [index, entry] of value.entries()) {
    const place = `${field}[${index}]`
    const item =
      typeof entry === 'string'
        ? goodText(entry, place, problems)
        : problems.add(place, 'wrong-type', `a text is expected here, not ${describe(entry)}`)
    if (item !== undefined) items.push(item)
  }
  return items.length === value.length ? items : undefined
}

function goodText(value: string, field: string, problems: Problems): string | undefined {
  const fault = textFault(value, limits.customText)
  return fault ? problems.add(field, fault.code, fault.message) : value
}
