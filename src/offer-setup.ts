// An empty server waits for its first organization: a one-time token lies in the data folder, and whoever can read it
// may describe the organization once, by `muster init`.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Core } from './app.ts'
import type { Log } from './base/log.ts'
import { fail, ok } from './base/result.ts'
import { Secret } from './base/secrets.ts'
import type { Config } from './config/schema.ts'
import type { Actor } from './core/audit/record.ts'
import { firstOrganization, inWordsOfSetup } from './core/directory/first-organization.ts'
import { newToken, tokenDigest } from './core/directory/tokens.ts'
import { refuse } from './core/directory/writing.ts'
import type { Setup } from './doors/console/setup.ts'
import type { Store } from './store/store.ts'

const actor: Actor = { kind: 'system', name: 'setup' }

export interface SetupParts {
  readonly config: Pick<Config, 'dataFolder'>
  readonly log: Log
  readonly store: Pick<Store, 'organizations'>
  readonly core: Pick<Core, 'createOrganization' | 'directory'>
}

/** Writes the setup token; null where there is an organization already, and a token left from before is removed. */
export async function offerSetup({ config, log, store, core }: SetupParts): Promise<Setup | null> {
  const tokenFile = join(config.dataFolder, 'setup-token')
  await rm(tokenFile, { force: true })
  if ((await store.organizations.list()).length > 0) return null
  const offered = newToken()
  await writeFile(tokenFile, `${offered.reveal()}\n`, { mode: 0o600, flag: 'wx' })
  log.info(
    { tokenFile },
    'there is no organization yet: make the first one on this machine with `npx muster init`',
  )
  let digest: Buffer | null = tokenDigest(offered)

  return {
    digest: () => digest,

    async complete(body) {
      // Another process on the same database may have been faster.
      if ((await store.organizations.list()).length > 0) {
        digest = null
        await rm(tokenFile, { force: true })
        return refuse('taken', '', 'there is an organization already: use a token of its owner')
      }
      const first = firstOrganization(body)
      if (!first.ok) return first
      const made = await core.createOrganization(actor, first.value.file)
      if (!made.ok) return fail({ ...made.error, problems: inWordsOfSetup(made.error.problems) })
      const { organization } = made.value
      const by = { organization, actor, role: 'owner' } as const
      const token = await core.directory.tokens.create(by, { name: 'first token', role: 'owner' })
      if (!token.ok) return token
      const secret = new Secret(String(token.value.once?.token))
      const adminFile = join(config.dataFolder, 'admin-token')
      await rm(adminFile, { force: true })
      await writeFile(adminFile, `${secret.reveal()}\n`, { mode: 0o600, flag: 'wx' })
      digest = null
      await rm(tokenFile, { force: true })
      const { slug, name, domain } = organization
      return ok({
        organization: { slug, name, domain },
        owner: { username: first.value.owner },
        token: secret.reveal(),
      })
    },
  }
}
