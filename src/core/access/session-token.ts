// The token in a browser's cookie, by which its session is known. The store has the digest only.
import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '../../base/secrets.ts'

/** 256 random bits, base64url. */
export function newSessionToken(): Secret {
  return new Secret(randomBytes(32).toString('base64url'))
}

/** SHA-256: the token is random, so nothing slower is needed. */
export function sessionDigest(token: Secret): Buffer {
  return createHash('sha256').update(token.reveal()).digest()
}
