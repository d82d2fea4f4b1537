// What the LDAP door counts.

export interface LdapMetrics {
  /** An operation was answered. `operation`: bind, search, compare, modify …; `code`: the RFC's name of its result. */
  operation(operation: string, code: string): void
  /** How a look-up of one user by a unique key was served. */
  lookUp(from: 'cache' | 'store'): void
  /** One statement for so many look-ups. */
  batch(keys: number): void
}

export const noMetrics: LdapMetrics = { operation() {}, lookUp() {}, batch() {} }
