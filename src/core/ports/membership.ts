// What the membership engine reads and writes.
import type { GroupId, OrganizationId, SubjectId } from '../../base/ids.ts'
import type { AttributeDefinition, Group, SubjectKind } from '../directory/types.ts'
import type { Cell, CellBatch, CellChange, CellRewrite, CellSubject } from '../membership/cell.ts'
import type { WriteOutcome } from './records.ts'

export interface RuleSource {
  epoch(organization: OrganizationId): Promise<bigint>
  /** Groups, attribute schema and the epoch they belong to. */
  read(organization: OrganizationId): Promise<{
    epoch: bigint
    groups: readonly Group[]
    attributes: readonly AttributeDefinition[]
    /** Groups that were dynamic, and whose members by rule are being kept (`GroupRecords.update`). */
    keeping?: readonly GroupId[]
  }>
}

export interface Cells {
  /** The cell in which this subject is evaluated (a device's is its owner's); null when there is none. */
  read(organization: OrganizationId, subject: CellSubject): Promise<Cell | null>
  /** Cells in id order after a cursor: for carrying a new rule through the organization. */
  scan(organization: OrganizationId, after: string | null, limit: number): Promise<readonly Cell[]>
  /** Those of these cells that (still) exist, in id order. */
  readMany(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<readonly Cell[]>
  /** What these users, or devices, are called; who is not there is left out. */
  names(
    organization: OrganizationId,
    kind: SubjectKind,
    ids: readonly SubjectId[],
  ): Promise<ReadonlyMap<SubjectId, string>>
  /** Cells of all organizations, or of one, whose next evaluation is due at this instant, those that wait longest first. */
  due(
    at: Date,
    limit: number,
    organization?: OrganizationId,
  ): Promise<readonly { readonly organization: OrganizationId; readonly subject: CellSubject }[]>
  /** When the first cell of all organizations is due; null: none ever is. */
  firstDue(): Promise<Date | null>
  /**
   * Writes facts, memberships, change-log rows and audit records in one statement (one transaction where two cells
   * are concerned), provided that the cells still have their versions and the rules their epoch.
   */
  write(organization: OrganizationId, change: CellChange): Promise<WriteOutcome>
  /**
   * Gives cells new memberships (and versions), with their audit records, in one transaction; returns those that had
   * changed meanwhile and were left alone.
   */
  rewrite(
    organization: OrganizationId,
    epoch: bigint,
    rewrites: readonly CellRewrite[],
    at: Date,
  ): Promise<readonly CellSubject[]>
  /** Many new users with their devices and memberships in one transaction; nothing is written unless all is. */
  insertMany(organization: OrganizationId, change: CellBatch): Promise<WriteOutcome>
}

/** Mail that reviewers are sent: claimed by one process, so that nobody is told twice. */
export interface ReviewNotices {
  /**
   * Suggestions that nobody has been told of, by group; null where there are none, where the last notice was later than
   * `notAfter`, or where another process is at it.
   */
  claim(organization: OrganizationId, notAfter: Date): Promise<ReviewClaim | null>
  /** The mail could not be sent: the next claim tells of them again. */
  release(organization: OrganizationId, claim: ReviewClaim): Promise<void>
}

export interface ReviewClaim {
  readonly counts: readonly { readonly group: string; readonly joins: number; readonly leaves: number }[]
  readonly before: Date | null
  readonly until: Date
}

export interface Mailer {
  /** Throws when the mail server does not take it. */
  send(mail: {
    readonly to: readonly string[]
    readonly subject: string
    readonly text: string
  }): Promise<void>
}
