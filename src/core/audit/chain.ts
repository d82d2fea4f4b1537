// Proves that an organization's audit log is whole: every record's hash covers the one before it and the exact text of
// its body, and the last one is where the chain is known to end.
import { createHash } from 'node:crypto'
import type { OrganizationId } from '../../base/ids.ts'
import type { AuditReader } from '../ports.ts'

export type ChainVerdict =
  | { readonly intact: true; readonly records: string; readonly head: string }
  | { readonly intact: false; readonly sequence: string; readonly fault: string }

const perPage = 1_000

/** SHA-256 of the hash before it (as bytes) and the body's text, in hex. */
export function recordHash(previous: string, body: string): string {
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(body, 'utf8').digest('hex')
}

/** What the first record of an organization's chain follows. */
export function genesisHash(organization: OrganizationId): string {
  return createHash('sha256').update(`muster audit chain ${organization}`, 'utf8').digest('hex')
}

/** Reads the whole chain of an organization, as it was when this began. */
export async function verifyChain(reader: AuditReader, organization: OrganizationId): Promise<ChainVerdict> {
  const head = await reader.head(organization)
  let sequence = 0n
  let last = genesisHash(organization)
  const broken = (fault: string): ChainVerdict => ({ intact: false, sequence: String(sequence), fault })
  while (sequence < head.sequence) {
    const page = await reader.scan(organization, sequence, perPage)
    if (page.length === 0) break
    for (const record of page) {
      sequence += 1n
      if (record.sequence !== sequence)
        return broken(`a record is missing: found ${record.sequence} in its place`)
      if (record.previous !== last) return broken('it does not continue the record before it')
      if (recordHash(record.previous, record.body) !== record.hash)
        return broken('its body or hash was changed')
      last = record.hash
      if (sequence === head.sequence) break
    }
  }
  if (sequence < head.sequence) return broken(`the log ends here, and should end at ${head.sequence}`)
  if (last !== head.hash) return broken('the last record is not the one that the log ends with')
  return { intact: true, records: String(sequence), head: head.hash }
}
