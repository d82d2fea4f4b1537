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

export interface BenchUser {
  readonly username: string
  readonly givenName: string
  readonly familyName: string
  readonly displayName: string
  readonly email: string
  readonly department: string
}

export interface Population {
  readonly count: number
  /** PHC text of `password`; one for all users, since hashing 100,000 would take longer than measuring. */
  readonly passwordHash: string
  users(): Generator<BenchUser>
}

function user(number: number): BenchUser {
  const username = `u${String(number).padStart(6, '0')}`
  const familyName = `Number${number}`
  return {
    username,
    givenName: 'User',
    familyName,
    displayName: `User ${familyName}`,
    email: `${username}@${organization.domain}`,
    department: 'Engineering',
  }
}

/** The number of Argon2id in the library's const enum, which type stripping cannot read. */
const argon2id = 2

/** `count` users, numbered from 0. */
export async function createPopulation(count: number): Promise<Population> {
  const parameters = { memoryCost: 19456, timeCost: 2, parallelism: 1, algorithm: argon2id }
  return {
    count,
    passwordHash: await hash(password, parameters),
    *users() {
      for (let number = 0; number < count; number++) yield user(number)
    },
  }
}
