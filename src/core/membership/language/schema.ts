// What a rule can speak of: the attributes of a kind of subject, their types, and what lies one step away (a user's
// devices, a device's owner). Group rules, list filters and policy conditions differ in their schema only.
import {
  type AttributeDefinition,
  type AttributeType as DeclaredType,
  operatingSystems,
  type SubjectKind,
  userStates,
  userTexts,
} from '../../directory/types.ts'

/** `version` orders numeric parts as numbers (14.10 after 14.9); it is not offered for custom attributes. */
export type AttributeType = DeclaredType | 'version'

export interface Attribute {
  /** Its name in rules and its key in `Facts.values`. */
  readonly name: string
  readonly type: AttributeType
  readonly caseExact: boolean
  readonly custom: boolean
  /** The only values it can have. */
  readonly choices?: readonly string[]
}

export interface RuleSchema {
  /** What the subjects are called in messages: `users`, `devices`, `groups` … */
  readonly subjects: string
  readonly attributes: ReadonlyMap<string, Attribute>
  /** The kind of group that `memberOf` names; absent where the subjects are in no groups. */
  readonly memberOf?: SubjectKind
  /** Value paths: `devices[…]`. */
  readonly collections?: ReadonlyMap<string, RuleSchema>
  readonly owner?: RuleSchema
}

/** A custom attribute as far as rules care. */
export type CustomAttribute = Pick<AttributeDefinition, 'name' | 'of' | 'type' | 'caseExact'>

const text = (name: string): Attribute => ({ name, type: 'string', caseExact: false, custom: false })
const id = (name: string): Attribute => ({ name, type: 'string', caseExact: true, custom: false })
const choice = (name: string, choices: readonly string[]): Attribute => ({ ...text(name), choices })
const typed = (type: AttributeType, ...names: string[]): Attribute[] =>
  names.map((name) => ({ name, type, caseExact: false, custom: false }))

const standard = {
  users: [
    ...['username', 'email', ...userTexts].map(text),
    ...['id', 'managerId'].map(id),
    choice('state', userStates),
    ...typed('date', 'createdAt', 'updatedAt'),
  ],
  devices: [
    ...['name', 'serialNumber'].map(text),
    ...['id', 'ownerId'].map(id),
    choice('os', operatingSystems),
    ...typed('version', 'osVersion'),
    ...typed('boolean', 'managed', 'diskEncrypted'),
    ...typed('date', 'lastContact', 'createdAt', 'updatedAt'),
    ...typed('list', 'mac'),
  ],
} satisfies Record<SubjectKind, readonly Attribute[]>

/** Words that mean something else in a rule, so that no custom attribute may be called so. */
const taken = ['memberOf', 'owner', 'attributes', 'devices', 'and', 'or', 'not']

const fold = (name: string): string => name.toLowerCase()

/** Would a custom attribute of this name be out of reach of rules? Refuse its declaration then. */
export function isTakenName(name: string, of: SubjectKind): boolean {
  const all = [...standard[of].map((attribute) => attribute.name), ...taken]
  return all.some((other) => fold(other) === fold(name))
}

/** A schema of attributes alone, for lists of things that are no subjects. Names are found regardless of case. */
export function defineSchema(subjects: string, attributes: readonly Attribute[]): RuleSchema {
  const found = new Map<string, Attribute>()
  for (const attribute of attributes) {
    if (!found.has(fold(attribute.name))) found.set(fold(attribute.name), attribute)
  }
  return { subjects, attributes: found }
}

/** The attribute called `name`, regardless of case (RFC 7643 §2.1); `attributes.x` is the custom attribute x. */
export function findAttribute(schema: RuleSchema, name: string): Attribute | undefined {
  const key = fold(name)
  if (!key.startsWith('attributes.')) return schema.attributes.get(key)
  const attribute = schema.attributes.get(key.slice('attributes.'.length))
  return attribute?.custom ? attribute : undefined
}

/**
 * The schemas of users and devices in an organization that has declared `custom` attributes. Where one is called like a
 * standard attribute, the standard one counts. A rule reaches a user and its devices and no further: a device inside
 * `devices[…]` has no `owner`, an owner no `devices`.
 */
export function subjectSchemas(custom: readonly CustomAttribute[]): Record<SubjectKind, RuleSchema> {
  const of = (kind: SubjectKind): RuleSchema => {
    const declared = custom.filter((attribute) => attribute.of === kind)
    const attributes = declared.map(({ name, type, caseExact }) => ({ name, type, caseExact, custom: true }))
    return { ...defineSchema(kind, [...standard[kind], ...attributes]), memberOf: kind }
  }
  const users = of('users')
  const devices = of('devices')
  return {
    users: { ...users, collections: new Map([['devices', devices]]) },
    devices: { ...devices, owner: users },
  }
}
