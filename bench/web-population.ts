// What the servers of the web scenarios are told alike: the application, and who is signed in at it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface BenchClient {
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: string
  readonly scope: string
}

export const benchClient: BenchClient = {
  clientId: 'bench',
  clientSecret: 'muster-bench-secret-of-some-length',
  redirectUri: 'http://127.0.0.1:9/callback',
  scope: 'openid profile email groups',
}

/** The version of an installed package. */
export async function readVersion(name: string): Promise<string> {
  const file = join(import.meta.dirname, '../node_modules', name, 'package.json')
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}
