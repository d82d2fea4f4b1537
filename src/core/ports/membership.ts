// What the membership engine reads and writes.
import type { OrganizationId } from '../../base/ids.ts'
import type { AttributeDefinition, Group } from '../directory/types.ts'
import type { Cell, CellBatch, CellChange, CellRewrite, CellSubject } from '../membership/cell.ts'
import type { WriteOutcome } from './records.ts'

export interface RuleSource {
  epoch(organization: OrganizationId): Promise<bigint>
  /** Groups, attribute schema and the epoch they belong to. */
  read(
    organization: OrganizationId,
  ): Promise<{ epoch: bigint; groups: readonly Group[]; attributes: readonly AttributeDefinition[] }>
}

export interface Cells {
  /** The cell in which this subject is evaluated (a device's is its owner's); null when there is none. */
  read(organization: OrganizationId, subject: CellSubject): Promise<Cell | null>
  /** Cells in id order after a cursor: for carrying a new rule through the organization. */
  scan(organization: OrganizationId, after: string | null, limit: number): Promise<readonly Cell[]>
  /** Those of these cells that (still) exist, in id order. */
  readMany(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<readonly Cell[]>
  /** Cells of all organizations whose next evaluation is due at this instant, those that wait longest first. */
  due(
    at: Date,
    limit: number,
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
