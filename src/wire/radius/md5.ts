// MD5 (RFC 1321), which RADIUS is made of. It protects nothing that is not bound to a secret as well.
import { hash } from 'node:crypto'

/** The digest, 16 bytes, of these parts one behind the other. By way of latin1, which Node is twice as fast with as with bytes. */
export function md5(...parts: readonly Uint8Array[]): Buffer {
  const [only] = parts
  const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
  return Buffer.from(hash('md5', bytes, 'binary'), 'latin1')
}
