// What a server to compare with looks like from outside.

export interface Peer {
  /** Product and version, as the table names it. */
  readonly name: string
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}
