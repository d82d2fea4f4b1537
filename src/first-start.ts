// What happens when there is no organization yet: the sample one is created, with its first API token in the data folder,
// or a one-time setup token waits there for `muster init`.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Core } from './app.ts'
import type { Log } from './base/log.ts'
import { fail, ok } from './base/result.ts'
import { Secret } from './base/secrets.ts'
import type { Config } from './config/schema.ts'
import type { Actor } from './core/audit/record.ts'
import { firstOrganization } from './core/directory/first-organization.ts'
import { newToken, tokenDigest } from './core/directory/tokens.ts'
import type { Organization } from './core/directory/types.ts'
import { refuse } from './core/directory/writing.ts'
import type { Setup } from './doors/console/setup.ts'
import type { Store } from './store/store.ts'

const starting: Actor = { kind: 'system', name: 'first start' }
const sampleFile = new URL('../config/sample/acme.yaml', import.meta.url)

/** Listening on loopback only, and saying the credentials aloud, goes with the sample organization. */
export function isSample(organization: Pick<Organization, 'slug' | 'domain'>): boolean {
  return organization.slug === 'acme' && organization.domain === 'acme.example'
}

/** Writes a token that only the owner of the data folder can read. */
async function keepToken(path: string, token: Secret): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, `${token.reveal()}\n`, { mode: 0o600, flag: 'wx' })
}

/** Creates the sample organization where one is wanted and there is none; otherwise, without any, waits for `muster init`. */
export async function firstStart({
  config,
  log,
  store,
  core,
}: {
  config: Config
  log: Log
  store: Store
  core: Core
}): Promise<void> {
  const organizations = await store.organizations.list()
  const tokenFile = join(config.dataFolder, 'admin-token')
  const sample = organizations.find(isSample)
  if (organizations.length > 0) {
    await rm(join(config.dataFolder, 'setup-token'), { force: true })
    if (sample !== undefined && organizations.length === 1)
      await refuseHalfMade(store, sample, config.dataFolder)
    return
  }
  const wanted = config.sample === 'auto' ? config.databaseUrl === null : config.sample
  if (!wanted) return
  log.info({}, 'creating the sample organization Acme ...')
  const made = await core.createOrganization(starting, parse(await readFile(sampleFile, 'utf8')))
  if (!made.ok)
    throw new Error(
      `${sampleFile.pathname} is not an organization:\n${made.error.problems.map(({ field, message }) => `  ${field}: ${message}`).join('\n')}`,
    )
  await keepToken(tokenFile, new Secret(made.value.tokens[0]?.token ?? ''))
}

/**
 * The way in for the first administrator of an empty server: a one-time token in the data folder, which `muster init` on
 * this machine reads.
 */
export async function offerSetup({
  config,
  log,
  store,
  core,
}: {
  config: Config
  log: Log
  store: Store
  core: Core
}): Promise<Setup> {
  const path = join(config.dataFolder, 'setup-token')
  const token = newToken()
  let digest: Buffer | null = tokenDigest(token)
  await keepToken(path, token)
  log.info(
    { path },
    'there is no organization yet: run `npx muster init` on this machine to create the first one',
  )
  const close = async (): Promise<void> => {
    digest = null
    await rm(path, { force: true })
  }
  return {
    digest: () => digest,
    async complete(body) {
      // Another process on this database may have been first, with a token of its own.
      if ((await store.organizations.list()).length > 0) {
        await close()
        return refuse('not-found', '', 'there is an organization already')
      }
      const first = firstOrganization(body)
      if (!first.ok) return first
      const made = await core.createOrganization(starting, first.value.file)
      if (!made.ok) return fail({ ...made.error, problems: first.value.told(made.error.problems) })
      await close()
      const { organization, tokens, counts, clientSecrets, applicationSecrets } = made.value
      const [issued, ...others] = tokens
      const token = new Secret(issued?.token ?? '')
      await keepToken(join(config.dataFolder, 'admin-token'), token)
      const { slug, name, domain } = organization
      const { owner } = first.value
      return ok({
        organization: { slug, name, domain },
        owner: owner === null ? null : { username: owner },
        token: token.reveal(),
        imported: { counts, tokens: others, clientSecrets, applicationSecrets },
      })
    },
  }
}

/** The token comes last: an organization without any was cut off while it was being made. */
async function refuseHalfMade(store: Store, sample: Organization, folder: string): Promise<void> {
  const tokens = await store.tokens.list(sample.id, { op: 'true' }, { limit: 1 })
  if (tokens.length > 0) return
  throw new Error(
    `the creation of the sample organization was cut off: remove the data in ${folder} (or the database) and start again`,
  )
}
