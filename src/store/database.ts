// Connections to the database, embedded or served: one way to run SQL, errors sorted into Fault (the database is
// away) and DatabaseError (it answered, and the answer concerns the caller).

import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../base/log.ts'
import { Fault, TimedOut } from '../base/result.ts'
import type { Secret } from '../base/secrets.ts'
import type { Sql } from './sql.ts'

export type Place =
  /** `name`: what it is called on the server. */
  | { readonly kind: 'served'; readonly url: Secret; readonly connections: number; readonly name?: string }
  /** One session, reached through `connect`. `isShared`: with somebody else, so that nothing may be prepared in it. */
  | { readonly kind: 'embedded'; readonly connect: () => Duplex; readonly isShared?: boolean }

export interface Queryable {
  /** Runs a statement that names an organization. */
  query<Row extends object>(statement: Sql<'organization'>): Promise<Row[]>
  /** Runs a statement across organizations: for the few places that serve the house as a whole. */
  house<Row extends object>(statement: Sql<'organization' | 'fragment'>): Promise<Row[]>
}

/** Within a transaction, a migration may also run a text of several statements. */
export interface Transaction extends Queryable {
  script(text: string): Promise<void>
}

/** PostgreSQL answered with an error: SQLSTATE `code`, and the constraint where there is one. */
export class DatabaseError extends Error {
  readonly code: string
  readonly constraint: string | null
  constructor(code: string, constraint: string | null, message: string) {
    super(message)
    this.name = 'DatabaseError'
    this.code = code
    this.constraint = constraint
  }
}

const uniqueViolation = '23505'
const foreignKeyViolation = '23503'
const queryCanceled = '57014'
/** A serialization failure, a deadlock: nothing has happened, and the same may be tried again. */
const retryable = new Set(['40001', '40P01'])
const mostAttempts = 8
/** Classes of SQLSTATE that mean "the server is away or going": connection, resources, operator intervention, system. */
const away = /^(08|53|57P|58)/

export class Database implements Queryable {
  readonly #pool: pg.Pool
  readonly #prepares: boolean
  readonly place: Place

  constructor(place: Place, log: Log) {
    this.place = place
    this.#prepares = place.kind === 'served' || !place.isShared
    const application_name = (place.kind === 'served' && place.name) || 'muster'
    const shared = { application_name, connectionTimeoutMillis: 5_000 }
    this.#pool = new pg.Pool(
      place.kind === 'served'
        ? {
            ...shared,
            connectionString: withoutName(place.url.reveal()),
            max: place.connections,
            statement_timeout: 30_000,
            query_timeout: 40_000,
            idleTimeoutMillis: 60_000,
          }
        : {
            ...shared,
            connectionTimeoutMillis: 0,
            max: 1,
            stream: () => place.connect() as never,
            idleTimeoutMillis: 0,
            user: 'postgres',
            database: 'postgres',
          },
    )
    this.#pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'))
  }

  async query<Row extends object>(statement: Sql<'organization'>): Promise<Row[]> {
    return this.house<Row>(statement)
  }

  async house<Row extends object>(statement: Sql<'organization' | 'fragment'>): Promise<Row[]> {
    return retried(() => run<Row>(this.#pool, statement, this.#prepares))
  }

  /** Runs several statements separated by semicolons; for migrations. */
  async script(text: string): Promise<void> {
    await this.#pool.query(text).catch(sort)
  }

  /**
   * All or nothing. A deadlock or serialization failure is tried again (so `work` must have no effects outside), and after
   * some attempts is a Fault. With `timeoutMs`, each statement is cancelled after that time: throws TimedOut.
   */
  async transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options: { timeoutMs?: number } = {},
  ): Promise<T> {
    return retried(() => this.#attempt(work, options))
  }

  async #attempt<T>(
    work: (tx: Transaction) => Promise<T>,
    { timeoutMs }: { timeoutMs?: number },
  ): Promise<T> {
    const client = await this.#pool.connect().catch(sort)
    let broken: Error | undefined
    try {
      await client.query('begin').catch(sort)
      if (timeoutMs !== undefined)
        await client.query(`set local statement_timeout = ${Math.max(1, Math.floor(timeoutMs))}`).catch(sort)
      const tx: Transaction = {
        query: (s) => run(client, s, this.#prepares),
        house: (s) => run(client, s, this.#prepares),
        script: async (text) => void (await client.query(text).catch(sort)),
      }
      const value = await work(tx)
      await client.query('commit').catch(sort)
      return value
    } catch (error) {
      await client.query('rollback').catch((lost: Error) => (broken = lost))
      if (timeoutMs !== undefined && isTimeout(error)) throw new TimedOut(undefined, { cause: error })
      // sorted already where it came from the database; an error of `work` stays what it is
      throw error
    } finally {
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

/** Writers know each other by the name of their connections (records/groups.ts): one in the address would take its place. */
const withoutName = (url: string): string =>
  url.replace(/([?&])application_name=[^&#]*(&|(?=#|$))/gi, (_, before, after) =>
    after === '' ? '' : before,
  )

/** Those who collided wait for different times, so that they do not collide again. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error)) throw error
      if (attempt >= mostAttempts)
        throw new Fault('busy', 'too many changes of the same things at once: try again', { cause: error })
      await sleep(Math.random() * 10 * attempt)
    }
  }
}

const names = new Map<string, string>()

/** Statements of the program's own are few and prepared once per connection; beyond that (filters) they are sent as they come. */
function preparedName(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= 400) return known
  const made = `s${names.size}`
  names.set(text, made)
  return made
}

async function run<Row extends object>(
  on: pg.Pool | pg.ClientBase,
  statement: Sql<'organization' | 'fragment'>,
  prepares: boolean,
): Promise<Row[]> {
  const { text, values, adHoc } = statement.compile()
  const prepared = adHoc || !prepares ? undefined : preparedName(text)
  try {
    const result = await on.query<Row>(
      prepared === undefined ? { text, values } : { name: prepared, text, values },
    )
    return result.rows
  } catch (error) {
    return sort(error)
  }
}

function sort(error: unknown): never {
  if (error instanceof Fault || error instanceof DatabaseError) throw error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof pg.DatabaseError && !away.test(code)) {
    throw new DatabaseError(code, error.constraint ?? null, error.message)
  }
  throw new Fault(
    'unavailable',
    `the database does not answer: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  )
}

export const isUniqueViolation = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && error.code === uniqueViolation
export const isMissingReference = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && error.code === foreignKeyViolation
export const isTimeout = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === queryCanceled
export const isRetryable = (error: unknown): boolean =>
  error instanceof DatabaseError && retryable.has(error.code)
