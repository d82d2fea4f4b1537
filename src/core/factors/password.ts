// Passwords as Argon2id (RFC 9106), hashed on the thread pool behind a bounded queue. Nobody's password costs as much
// time as somebody's: there is always a hash to compare with.
import { type Algorithm, hash, verify } from '@node-rs/argon2'
import { Fault } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'

/** OWASP's second choice for Argon2id: 19 MiB, two passes, one lane. About 12 ms of one core. */
const cost = { algorithm: 2 as Algorithm, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Longer ones are refused before any work is done. UTF-8 bytes. */
export const longestPasswordBytes = 512

/** A hash of these parameters that matches nothing: what an unknown user's password is compared with. */
const nobody =
  '$argon2id$v=19$m=19456,t=2,p=1$bXVzdGVyLW5vYm9keS1hdC1hbGw$VUZGOkJ1bW1lci1mb3ItZXZlcnlib2R5LWhlcmUhIQ'

const phc =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/

/** May this PHC string be taken over? Bounded, so that an imported hash cannot cost gigabytes or minutes to check. */
export function isAcceptableHash(text: string): boolean {
  const match = phc.exec(text)
  if (match === null) return false
  const [memory, time, lanes] = match.slice(1).map(Number) as [number, number, number]
  return memory >= 8 * lanes && memory <= 262_144 && time >= 1 && time <= 10 && lanes >= 1 && lanes <= 4
}

export interface PasswordHasher {
  /** A PHC string. Throws Fault `busy`. */
  hash(password: Secret): Promise<Secret>
  /** Compares; with `null` it takes as long and says no. Throws Fault `busy`. */
  matches(stored: Secret | null, password: Secret): Promise<boolean>
}

/** `gate` bounds how many run at once and how many wait. */
export function argon2Hasher(gate: <T>(work: () => Promise<T>) => Promise<T>): PasswordHasher {
  return {
    async hash(password) {
      const bytes = encoded(password)
      if (bytes === null) throw new RangeError(`a password is ${longestPasswordBytes} bytes at most`)
      return new Secret(await gate(() => hash(bytes, cost)))
    },
    async matches(stored, password) {
      const bytes = encoded(password)
      if (bytes === null) return false
      const text = stored?.reveal() ?? nobody
      if (!isAcceptableHash(text))
        throw new Fault('internal', 'a stored password hash is not one that may be checked')
      const same = await gate(() => verify(text, bytes))
      return same && stored !== null
    },
  }
}

function encoded(password: Secret): Buffer | null {
  const bytes = Buffer.from(password.reveal().normalize('NFC'), 'utf8')
  return bytes.length > 0 && bytes.length <= longestPasswordBytes ? bytes : null
}
