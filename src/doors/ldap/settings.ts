// What can be turned about the LDAP door, and where it stands when nobody turns it.

export interface LdapSettings {
  /** Operations of one connection that have no answer yet; beyond it the connection is closed (slapd: 100 and 1,000). */
  readonly unansweredAnonymous: number
  readonly unansweredBound: number
  /** Of these, how many are worked on at once; the others wait in order. */
  readonly atOnce: number
  /** Without a byte in either direction. */
  readonly idleAnonymousMs: number
  readonly idleBoundMs: number
  /** Octets of unanswered requests of one connection, beyond which it is not read from. */
  readonly unansweredBytes: number
  /** Octets of unfinished and unanswered requests of all connections together that nobody has bound. */
  readonly strangersBytes: number
  /** Entries of one search without paging; with paging, of one page. */
  readonly entriesPerSearch: number
  readonly entriesPerPage: number
  /** Entries read from the store at once. */
  readonly entriesPerRead: number
  readonly longestSearchMs: number
  /** Octets of a group's members in one entry; a search that would send more ends with adminLimitExceeded. */
  readonly memberBytes: number
  /** Octets of user entries kept ready to be sent. */
  readonly cacheBytes: number
  readonly loginShell: string
}

export const ldapDefaults: LdapSettings = {
  unansweredAnonymous: 100,
  unansweredBound: 1_000,
  atOnce: 64,
  idleAnonymousMs: 2 * 60_000,
  idleBoundMs: 15 * 60_000,
  unansweredBytes: 8 * 1024 * 1024,
  strangersBytes: 64 * 1024 * 1024,
  entriesPerSearch: 10_000,
  entriesPerPage: 1_000,
  entriesPerRead: 500,
  longestSearchMs: 60_000,
  memberBytes: 8 * 1024 * 1024,
  cacheBytes: 192 * 1024 * 1024,
  loginShell: '/bin/bash',
}
