// The shape of one dictionary entry, and the short rows in which the data files beside this one are written.

/** RFC 8044's data types in the older words; `vendor` is Vendor-Specific itself. */
export type DataType =
  | 'text'
  | 'octets'
  | 'integer'
  | 'ipaddr'
  | 'ipv6addr'
  | 'ipv6prefix'
  | 'ifid'
  | 'date'
  | 'vendor'

/** Who may put it into a packet: `reply` an administrator, `request` only a NAS, `own` only the protocol's machinery. */
export type Author = 'reply' | 'request' | 'own'

export interface AttributeDefinition {
  readonly name: string
  readonly number: number
  /** SMI enterprise number; 0 is the standard space. */
  readonly vendor: number
  readonly type: DataType
  readonly author: Author
  /** Carries a tag, so that several tunnels can stand in one packet (RFC 2868 §3.1). */
  readonly tagged: boolean
  /** How the value is hidden on the wire (password.ts). */
  readonly hidden: 'user-password' | 'salted' | null
  /** Never written into a log, whether hidden on the wire or not. */
  readonly secret: boolean
  readonly values: Readonly<Record<string, number>> | null
}

interface Details {
  readonly author?: Author
  readonly tagged?: true
  readonly hidden?: 'user-password' | 'salted'
  readonly secret?: true
  readonly values?: Readonly<Record<string, number>>
}

export type Row = readonly [name: string, number: number, type: DataType, details?: Details]

/** Details that many rows share. */
export const request: Details = { author: 'request' }
export const own: Details = { author: 'own' }
export const credential: Details = { author: 'own', secret: true }
export const tagged: Details = { tagged: true }
export const salted: Details = { hidden: 'salted', secret: true }
export const named = (values: Readonly<Record<string, number>>): Details => ({ values })
export const disabledEnabled = named({ Disabled: 0, Enabled: 1 })

export function define(vendor: number, rows: readonly Row[]): readonly AttributeDefinition[] {
  return rows.map(([name, number, type, details = {}]) => ({
    name,
    number,
    vendor,
    type,
    author: details.author ?? 'reply',
    tagged: details.tagged ?? false,
    hidden: details.hidden ?? null,
    secret: details.secret ?? false,
    values: details.values ?? null,
  }))
}
