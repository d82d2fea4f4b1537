// What a person quotes to their administrator: short enough to be read out, random, and of no meaning by itself.
import { randomBytes } from 'node:crypto'

/** 32 of them, none that is taken for another. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** 40 random bits: `7K3M-Q0XA`. */
export function newReference(): string {
  const text = Array.from(randomBytes(8), (byte) => alphabet[byte & 31]).join('')
  return `${text.slice(0, 4)}-${text.slice(4)}`
}
