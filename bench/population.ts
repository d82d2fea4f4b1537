// The users that every server measured here gets: the same names, the same password, the same Argon2id parameters.
import { hash } from '@node-rs/argon2'

export const organization = { domain: 'acme.example', suffix: 'dc=acme,dc=example' } as const
export const password = 'muster-bench'
export const reader = {
  dn: `cn=reader,ou=services,${organization.suffix}`,
  password: 'muster-reader',
} as const
export const radiusSecret = 'muster-radius-secret'
/** Pattern of user names for the load generators: '#' is a digit of the user's number. */
export const usernamePattern = 'u######'
export const userDnPattern = `uid=${usernamePattern},ou=users,${organization.suffix}`
export const vlan = '20'

/** The numbers below which users have a password as costly as Muster makes them. Enough to bind with for as long as it takes. */
export const costlyUsers = 1_000

export interface BenchUser {
  readonly username: string
  readonly givenName: string
  readonly familyName: string
  readonly displayName: string
  readonly email: string
  readonly department: string
  /** PHC text of `password`. */
  readonly passwordHash: string
}

export interface Population {
  readonly count: number
  /** PHC text of `password`, with the parameters that Muster itself uses: the one of the first users. */
  readonly costlyHash: string
  users(): Generator<BenchUser>
}

/** The number of Argon2id in the library's const enum, which type stripping cannot read. */
const argon2id = 2
const costly = { memoryCost: 19456, timeCost: 2, parallelism: 1, algorithm: argon2id }
/**
 * The least that is accepted. For the users whose password is only measured while it is remembered: everybody has to log in
 * once before, and with costly hashes that would take half an hour for 100,000.
 */
const cheap = { ...costly, memoryCost: 8, timeCost: 1 }

/** `count` users, numbered from 0. One hash for many: making one for each would take longer than measuring. */
export async function createPopulation(count: number): Promise<Population> {
  const costlyHash = await hash(password, costly)
  const cheapHash = await hash(password, cheap)
  const user = (number: number): BenchUser => {
    const username = `u${String(number).padStart(6, '0')}`
    const familyName = `Number${number}`
    return {
      username,
      givenName: 'User',
      familyName,
      displayName: `User ${familyName}`,
      email: `${username}@${organization.domain}`,
      department: 'Engineering',
      passwordHash: number < costlyUsers ? costlyHash : cheapHash,
    }
  }
  return {
    count,
    costlyHash,
    *users() {
      for (let number = 0; number < count; number++) yield user(number)
    },
  }
}
