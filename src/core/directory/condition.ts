// What a reader of the directory is looking for, in terms of no protocol: LDAP filters and API list filters
// are both turned into a Condition, and the store turns a Condition into SQL.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { AttributeType } from './types.ts'

/** A stored attribute: `standard` ones are columns, `custom` ones are declared by the organization. */
export type Field =
  | { readonly standard: string }
  | { readonly custom: string; readonly type: AttributeType; readonly caseExact: boolean }

export type ConditionValue = string | number | boolean | Date

export type Condition =
  | { readonly op: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  | { readonly op: 'true' }
  | { readonly op: 'false' }
  /** Cannot be answered (RFC 4511 §4.5.1.7 Undefined): neither it nor its negation selects anything. */
  | { readonly op: 'unknown' }
  /** A missing value satisfies `ne` and none of the others. For a list, any element may satisfy a positive operator. */
  | {
      readonly op: 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le'
      readonly field: Field
      readonly value: ConditionValue
    }
  | { readonly op: 'present'; readonly field: Field }
  | {
      readonly op: 'substring'
      readonly field: Field
      readonly initial: string
      readonly any: readonly string[]
      readonly final: string
    }
  /** The subject is an effective member of the group. */
  | { readonly op: 'member-of'; readonly group: GroupId }
  /** The subject is in any group at all. */
  | { readonly op: 'member-of-any' }
  /** The group has this effective member. */
  | { readonly op: 'has-member'; readonly subject: SubjectId }
  /** The group has any effective member. */
  | { readonly op: 'has-member-any' }
