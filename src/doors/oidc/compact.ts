// The one way in which a signed token is written (RFC 7515 §7.1): three parts, nothing around or between their characters, and no
// name twice in what they say. Some decoders overlook white space, and readers differ about names that come twice: one token would
// have many spellings, and mean different things to whoever checks it and whoever uses it.
import { utf8 } from '../../base/bytes.ts'
import { repeatsName } from '../../base/json.ts'

const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

export function isCompact(text: unknown): text is string {
  if (typeof text !== 'string' || !compact.test(text)) return false
  return text.split('.').slice(0, 2).every(isClearJson)
}

function isClearJson(part: string): boolean {
  const text = utf8(Buffer.from(part, 'base64url'))
  if (text === null) return false
  try {
    JSON.parse(text)
    return !repeatsName(text)
  } catch {
    return false
  }
}
