// The thread in which the embedded Postgres lives: protocol bytes in, protocol bytes out, in order. Queries block this
// thread and no other. It knows nothing of clients; what may be asked, and when, is decided by engine.ts.

import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { DurableFiles, syncPath, syncTree } from './durable-files.ts'

export type WorkerTask = {
  /** `create` makes a new database folder and ends; `serve` opens one that exists. */
  readonly task: 'create' | 'serve'
  readonly folder: string
  readonly settings: Readonly<Record<string, string>>
}
export type ToWorker = { readonly kind: 'exchange'; readonly bytes: Uint8Array } | { readonly kind: 'close' }
export type FromWorker =
  | { readonly kind: 'ready'; readonly syncs: number }
  | { readonly kind: 'piece'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'answer'
      readonly bytes: Uint8Array
      readonly inTransaction: boolean
      readonly syncs: number
    }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'closed'; readonly syncs: number }

/** Answers larger than this go over in pieces. Postgres hands them out 8 kB at a time. */
const PIECE_BYTES = 256 * 1024
/** The status with which PGlite's Postgres leaves its loop for an ordinary SQL error. */
const SQL_ERROR = 100

const { task, folder, settings } = workerData as WorkerTask
const port = parentPort
if (port === null) throw new Error('worker.ts runs in a worker thread only')
const lastWords: string[] = []

function tell(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer)
}

/** After anything but an SQL error the memory of the database cannot be trusted: this thread ends, and says why. */
function giveUp(error: unknown): never {
  const { name, message, status } = error as { name?: string; message?: string; status?: number }
  const what =
    status === undefined ? `${name ?? 'Error'}: ${message ?? String(error)}` : `exit with status ${status}`
  tell({ kind: 'failed', message: [what, ...lastWords].join('; ') })
  process.exit(1)
}

async function open(path: string): Promise<{ database: PGlite; files: DurableFiles }> {
  const files = new DurableFiles(path)
  const database = await PGlite.create({
    fs: files,
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'), // -F: never sync
      ...Object.entries({ wal_sync_method: 'fsync', jit: 'off', ...settings }).flatMap(([name, value]) => [
        '-c',
        `${name}=${value}`,
      ]),
    ],
    onStderr: (line) => {
      if (/FATAL|PANIC|ERROR/.test(line)) lastWords.push(line.trim())
      if (lastWords.length > 3) lastWords.shift()
      return false
    },
  })
  return { database, files }
}

/** Made beside its place and moved there when it is whole and on the disk: an interrupted start leaves nothing half. */
async function create(): Promise<void> {
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  const { database } = await open(unfinished)
  await database.close()
  chmodSync(unfinished, 0o700) // initdb opens the folder to the group
  syncTree(unfinished)
  renameSync(unfinished, folder)
  syncPath(dirname(folder))
  tell({ kind: 'closed', syncs: 0 })
}

async function serve(): Promise<void> {
  if (!existsSync(folder)) throw new Error(`no database in ${folder}`)
  const { database, files } = await open(folder)
  const module = database.Module as unknown as { _PostgresMainLoopOnce: () => void }
  const loopOnce = module._PostgresMainLoopOnce
  // PGlite swallows whatever leaves this loop, and would call a dead database again for ever.
  module._PostgresMainLoopOnce = () => {
    try {
      loopOnce()
    } catch (error) {
      if ((error as { status?: number }).status !== SQL_ERROR) giveUp(error)
      throw error
    }
  }

  async function exchange(request: Uint8Array): Promise<void> {
    let pieces: Uint8Array[] = []
    let size = 0
    const joined = () => {
      const bytes = new Uint8Array(size)
      let at = 0
      for (const piece of pieces) {
        bytes.set(piece, at)
        at += piece.length
      }
      pieces = []
      size = 0
      return bytes
    }
    const onRawData = (view: Uint8Array) => {
      pieces.push(view.slice()) // a view of the database's own memory
      size += view.length
      if (size < PIECE_BYTES) return
      const bytes = joined()
      tell({ kind: 'piece', bytes }, [bytes.buffer])
    }
    // The streaming call, as the plain one keeps every answer it ever gave.
    await database.execProtocolRawStream(request, { syncToFs: false, onRawData })
    lastWords.length = 0
    const bytes = joined()
    tell({ kind: 'answer', bytes, inTransaction: database.isInTransaction(), syncs: files.syncs }, [
      bytes.buffer,
    ])
  }

  let work = Promise.resolve()
  port?.on('message', (message: ToWorker) => {
    const step = async () => {
      if (message.kind === 'exchange') return await exchange(message.bytes)
      await database.close()
      tell({ kind: 'closed', syncs: files.syncs })
      port?.close()
    }
    work = work.then(step).catch(giveUp)
  })
  tell({ kind: 'ready', syncs: files.syncs })
}

await (task === 'create' ? create() : serve()).catch(giveUp)
