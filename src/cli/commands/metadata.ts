// A service provider's metadata as the source of an application, from a file here or from an address that the server fetches.
import { readFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import type { Item } from '../api.ts'
import { option, type Session } from '../command.ts'
import { exitCodes, Failure, usage } from '../failure.ts'

export const metadataFlags = [
  option('--metadata-file <path>', 'a SAML service provider as its metadata says'),
  option('--metadata-url <url>', 'the same, fetched by the server (https)'),
]

/**
 * The application that the metadata describes, made or (with `id`) changed; null where no metadata is named. `body`: what other
 * flags say, of which only the name goes with it.
 */
export async function saveFromMetadata(
  session: Session,
  body: Readonly<Record<string, unknown>>,
  id?: string,
): Promise<Item | null> {
  const { metadataFile, metadataUrl } = session.options
  if (typeof metadataFile !== 'string' && typeof metadataUrl !== 'string') return null
  const { name, kind = 'application', ...rest } = body
  const [other] = Object.keys(rest)
  if (other !== undefined || kind !== 'application') {
    throw usage(
      'only a name goes with metadata, which describes an application',
      'Change the rest afterwards: muster resource update <name> key=value',
    )
  }
  const sent = {
    ...(name !== undefined && { name }),
    ...(id !== undefined && { resourceId: id }),
    ...(typeof metadataFile === 'string' && { metadata: read(metadataFile, session.terminal.cwd) }),
    ...(typeof metadataUrl === 'string' && { metadataUrl }),
  }
  return (await session.api()).request<Item>('POST', '/resources/saml-metadata', { body: sent })
}

function read(path: string, cwd: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(resolvePath(cwd, path)))
  } catch (error) {
    const { code = 'it is not UTF-8' } = error as NodeJS.ErrnoException
    throw new Failure(exitCodes.usage, `${path} cannot be read: ${code}`, { cause: error })
  }
}
