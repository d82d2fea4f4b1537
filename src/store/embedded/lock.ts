// One process at a time may open an embedded database: two would overwrite each other's pages without noticing.
// The lock is the kernel's lock on a file (Node offers none of its own, SQLite does), so that it ends with the process
// however the process ends, holds across containers that share the folder, and cannot go stale or be taken twice.
//
// The file must never be opened by other code of the process that holds it: POSIX drops all locks that a process has
// on a file when it closes any descriptor of it. Hence the holder's name is in a second file.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../base/result.ts'

export type FolderLock = { release(): void }

/** Two racers can each stop the other from the last step; SQLite steps back and tries again within this time. */
const RACE_MILLISECONDS = 300
const SQLITE_BUSY = 5

/**
 * Takes the lock of a data folder. Throws a Fault (`unavailable`) that names the holder when another process has it,
 * or this process already.
 */
export function lockFolder(folder: string): FolderLock {
  const holderFile = join(folder, 'postgres.holder')
  const file = new DatabaseSync(join(folder, 'postgres.lock'), { timeout: RACE_MILLISECONDS })
  try {
    file.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) {
      throw new Fault(
        'unavailable',
        `The data folder ${folder} cannot be locked: ${(error as Error).message}`,
      )
    }
    throw new Fault(
      'unavailable',
      `The data folder ${folder} is in use by ${describeHolder(holderFile)}. An embedded database serves one process: ` +
        'stop that one, or choose another folder (MUSTER_DATA), or put the data on a PostgreSQL server ' +
        '(MUSTER_DATABASE_URL), which many processes can share.',
    )
  }
  const holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() }
  writeFileSync(`${holderFile}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
  renameSync(`${holderFile}.new`, holderFile)
  return {
    release() {
      if (file.isOpen) file.close()
    },
  }
}

function describeHolder(holderFile: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(holderFile, 'utf8'))
    return `process ${pid} on host ${host} (since ${since})`
  } catch {
    return 'another process' // it has the lock, and has not yet written its name
  }
}
