// The exact text of an audit record, as it is stored and hashed. What strangers type ends up in it, so whatever a
// database cannot hold is replaced: no text of theirs may keep a record, or those stored with it, from being written.
import type { AuditBody } from './record.ts'

/** NUL and lone surrogates, as JSON.stringify writes them (and harmless texts that look so). */
const suspicious = /\\u(?:0000|d[89a-f])/i

export function formatAudit(body: AuditBody): string {
  const text = JSON.stringify(body)
  return suspicious.test(text) ? JSON.stringify(storable(JSON.parse(text))) : text
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\ufffd')
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storable(key), storable(inner)]))
}
