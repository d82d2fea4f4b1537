// The key that signs for an organization, as the codec wants it: off the thread that serves.
import { sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { Organization } from '../../core/directory/types.ts'
import type { Signer } from '../../wire/saml/messages.ts'
import type { SamlServices } from './services.ts'

const signInPool = promisify(sign)

/** Throws Fault. */
export async function signerOf(
  organization: Organization,
  { keys, clock }: Pick<SamlServices, 'keys' | 'clock'>,
): Promise<Signer> {
  const { key, privateKey } = await keys.current(organization, 'saml', 'RS256', clock.now())
  return {
    certificate: key.publicText,
    sign: (bytes) => signInPool('sha256', bytes, privateKey),
  }
}
