// Databases for test files: each file gets an empty one of its own on the server of `npm test`, or, when a file is run
// by itself, on a server that is started for it.
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { ensurePackages, testPackages } from './debian.ts'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'

/** What is needed of tap's `t` here. */
export interface WithTeardown {
  teardown(action: () => unknown): unknown
}

async function statement(serverUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** The server of `npm test`, or one for this file alone. */
async function serverUrl(t: WithTeardown, variable: string, start: typeof startRedis): Promise<string> {
  const url = process.env[variable]
  if (url) return url
  await ensurePackages(testPackages)
  const server = await start()
  process.env[variable] = server.url
  t.teardown(async () => {
    delete process.env[variable]
    await server.stop()
  })
  return server.url
}

/** Creates an empty database, dropped when `t` ends, whoever is still connected to it. Returns its postgres:// URL. */
export async function freshDatabase(t: WithTeardown): Promise<string> {
  const server = await serverUrl(t, 'MUSTER_TEST_DATABASE_URL', startPostgres)
  const name = `test_${randomBytes(8).toString('hex')}`
  await statement(server, `create database ${name}`)
  t.teardown(() => statement(server, `drop database if exists ${name} with (force)`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/** The redis:// URL of the server of the tests. It is shared: use keys that no other file uses. */
export function redisUrl(t: WithTeardown): Promise<string> {
  return serverUrl(t, 'MUSTER_TEST_REDIS_URL', startRedis)
}
