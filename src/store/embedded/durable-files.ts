// The file system of the embedded database: a folder of the host, with the one thing that PGlite leaves out: fsync
// that reaches the disk. Runs in the worker. It does not open the database.

import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NodeFS } from '@electric-sql/pglite/nodefs'

type NodeStream = { nfd: number }
type EmscriptenModule = {
  NODEFS: { stream_ops: { fsync?: (stream: NodeStream) => number } }
  FS: { ErrnoError: new (errno: number) => Error }
}
const EIO = 29 // as WASI numbers it

/** Counts what it does, so that durability can be proven: `syncs` grows with every fdatasync that returned. */
export class DurableFiles extends NodeFS {
  syncs = 0

  override async init(...given: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...given)
    const mend = (module: EmscriptenModule) => {
      // Emscripten asks `stream_ops.fsync` on fd_sync, and takes its absence for success. Its fdatasync is an empty
      // stub: hence `wal_sync_method=fsync` in the start parameters.
      module.NODEFS.stream_ops.fsync = (stream) => {
        try {
          fdatasyncSync(stream.nfd)
        } catch {
          // Postgres answers a failed sync of its log with PANIC: right, as the kernel may have dropped the pages.
          throw new module.FS.ErrnoError(EIO)
        }
        this.syncs++
        return 0
      }
    }
    const preRun = [...((emscriptenOpts.preRun ?? []) as unknown[]), mend]
    return { emscriptenOpts: { ...emscriptenOpts, preRun } as typeof emscriptenOpts }
  }
}

/** Everything under a folder, and the folder itself, to the disk. */
export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) syncTree(path)
    else if (entry.isFile()) syncPath(path)
  }
  syncPath(folder)
}

/** One file or folder to the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
