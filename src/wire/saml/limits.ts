// How much a message or a metadata document may ask of us.
import type { XmlLimits } from '../xml/parse.ts'

/** A logout request of thousands of sessions aside, messages have some twenty elements. */
export const messageLimits: XmlLimits = {
  bytes: 64 * 1024,
  depth: 32,
  elements: 500,
  attributes: 32,
  textLength: 16 * 1024,
}

export const metadataLimits: XmlLimits = {
  bytes: 512 * 1024,
  depth: 32,
  elements: 4_000,
  attributes: 64,
  textLength: 64 * 1024,
}

export const samlLimits = {
  /** UTF-16 units of a whole query string. */
  query: 128 * 1024,
  queryParameters: 64,
  /** UTF-16 units of a base64 message, before its white space is taken out. */
  base64: 384 * 1024,
  /** Bytes (Bindings §3.4.3 says 80, and service providers send more). */
  relayState: 1024,
  /** UTF-16 units of an ID, an entity ID, a URL (Core §8.3.6: 1024). */
  id: 256,
  uri: 1024,
  certificates: 8,
  /** Assertions that we issue are valid no longer than this. */
  assertionMs: 5 * 60_000,
} as const
