// Secrets at rest: AES-256-GCM with a key that is not in the database, bound to organization, table, row and column, so
// that a sealed value that is moved elsewhere does not open. Layout: version (1) | nonce (12) | tag (16) | ciphertext.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../base/result.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

/** Where a sealed value lies. */
export interface SealedPlace {
  readonly organization: string
  readonly table: string
  readonly row: string
  readonly column: string
}

const version = 1
const overhead = 1 + 12 + 16

export class Sealer {
  readonly #key: KeyObject

  constructor(key: Buffer) {
    if (key.length !== 32) throw new TypeError('a sealing key has 32 bytes')
    this.#key = createSecretKey(key)
  }

  /** 32 bytes for another purpose (signed cookies, form tokens), the same for every process with this key. */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, Buffer.alloc(0), `muster ${purpose}`, 32))
  }

  seal(place: SealedPlace, plain: Buffer): Buffer {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(context(place))
    const text = Buffer.concat([cipher.update(plain), cipher.final()])
    return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), text])
  }

  /** Throws Fault when the value was not sealed with this key for this place. */
  open(place: SealedPlace, sealed: Buffer): Buffer {
    try {
      if (sealed.length < overhead || sealed[0] !== version) throw new TypeError('not a sealed value')
      const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(1, 13), {
        authTagLength: 16,
      })
      decipher.setAAD(context(place))
      decipher.setAuthTag(sealed.subarray(13, overhead))
      return Buffer.concat([decipher.update(sealed.subarray(overhead)), decipher.final()])
    } catch (error) {
      throw new Fault(
        'internal',
        `${place.table}.${place.column} of ${place.row} does not open: wrong key, or moved`,
        { cause: error },
      )
    }
  }
}

function context({ organization, table, row, column }: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify(['muster', organization, table, row, column]))
}

/** Step by step, because Node's own `recursive` never ends where folders cannot be made at all (/proc). */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code === 'ENOENT' && !(await exists(dirname(folder)))) {
      await makeFolder(dirname(folder))
      return makeFolder(folder)
    }
    throw new Error(
      `the data folder ${folder} cannot be made (${code}): set MUSTER_DATA to a folder that may be written`,
    )
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Reads `<folder>/sealing-key` (64 hexadecimal digits), or makes it, mode 0600. */
export async function loadSealingKey(folder: string): Promise<Buffer> {
  await makeFolder(folder)
  const path = join(folder, 'sealing-key')
  try {
    const file = await open(path, 'wx', 0o600)
    const key = randomBytes(32)
    await file.writeFile(`${key.toString('hex')}\n`)
    await file.sync()
    await file.close()
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const text = (await readFile(path, 'utf8')).trim()
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new Error(
      `${path} is not a sealing key: 64 hexadecimal digits are expected; restore it from a backup`,
    )
  return Buffer.from(text, 'hex')
}

const checkPlace: SealedPlace = { organization: '', table: 'sealing_check', row: 'only', column: 'sealed' }

/** Throws when the database was sealed with another key: better no start than secrets that do not open. */
export async function checkSealingKey(database: Database, sealer: Sealer): Promise<void> {
  await database.house(
    sql`insert into sealing_check (sealed) values (${sealer.seal(checkPlace, Buffer.from('muster'))}) on conflict do nothing`,
  )
  const [row] = await database.house<{ sealed: Buffer }>(sql`select sealed from sealing_check`)
  try {
    sealer.open(checkPlace, row?.sealed ?? Buffer.alloc(0))
  } catch {
    throw new Error(
      'the sealing key is not the one this database was sealed with: put the sealing-key file of this database into the data folder',
    )
  }
}
