// How the memberships of one organization lie in shared memory: what the one writer (table.ts) and the readers (view.ts)
// agree on. Only typed arrays: a million users are a million rows here, and no objects.

/** The parts of a table. All are replaced together: whoever holds older ones finds them closed. */
export interface TableParts {
  /** `control[sequence]`: odd while the table is being written, and for ever once it has been replaced. */
  readonly control: Int32Array<SharedArrayBuffer>
  /** Four words for each subject: its id. */
  readonly ids: Uint32Array<SharedArrayBuffer>
  /** Open addressing, linear probing: the number of the subject and 1, or 0 where nothing is. A power of two. */
  readonly slots: Uint32Array<SharedArrayBuffer>
  /** `rowWords` words for each subject. */
  readonly rows: Uint32Array<SharedArrayBuffer>
  /** The entries of all subjects: a group's number shifted by `reasonBits`, and the reasons. */
  readonly slab: Uint32Array<SharedArrayBuffer>
}

export const sequence = 0
/** Words of a row: where its entries begin, how many there are, the cell's version (its lowest 32 bits), 1 if it is there. */
export const rowWords = 4
export const rowStart = 0
export const rowLength = 1
export const rowVersion = 2
export const rowIsThere = 3

export const reasonBits = 3
export const reasonMask = (1 << reasonBits) - 1
/** Groups are numbered below this. */
export const mostGroups = 1 << (32 - reasonBits)
/** In more groups than this nobody is: a row that says so is being written. */
export const mostEntries = 1 << 24

/** The four words of an id, into `words`. False where the text is no UUID. */
export function parseId(id: string, words: Uint32Array): boolean {
  if (id.length !== 36) return false
  let digits = 0
  let word = 0
  for (let i = 0; i < 36; i++) {
    const code = id.charCodeAt(i)
    if (code === 45) continue
    // 0-9, then a-f; ids are lower case
    const value = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1
    if (value < 0) return false
    word = (word << 4) | value
    digits++
    if ((digits & 7) === 0) words[(digits >> 3) - 1] = word
  }
  return digits === 32
}

/** The id that four words from `at` on stand for. */
export function formatId(words: Uint32Array, at: number): string {
  const hex = (i: number): string => (words[at + i] as number).toString(16).padStart(8, '0')
  const [a, b, c, d] = [hex(0), hex(1), hex(2), hex(3)]
  return `${a}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${d}`
}

/** Where an id is looked for first. Ids are random mostly, but somebody may have numbered them: all bits count. */
export function hashId(words: Uint32Array, at: number): number {
  let hash = Math.imul((words[at] as number) ^ 0x9e3779b9, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ (words[at + 1] as number), 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16) ^ (words[at + 2] as number), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ (words[at + 3] as number), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * The number of the subject with this id, or -1. Looks at no more slots than there are, so that it ends also while somebody is
 * writing them.
 */
export function findId(
  parts: { readonly ids: Uint32Array; readonly slots: Uint32Array },
  words: Uint32Array,
): number {
  const { ids, slots } = parts
  const mask = slots.length - 1
  let slot = hashId(words, 0) & mask
  for (let tries = 0; tries <= mask; tries++) {
    const subject = (slots[slot] as number) - 1
    if (subject < 0) return -1
    const at = subject * 4
    if (
      ids[at] === words[0] &&
      ids[at + 1] === words[1] &&
      ids[at + 2] === words[2] &&
      ids[at + 3] === words[3]
    )
      return subject
    slot = (slot + 1) & mask
  }
  return -1
}

export function bytesOf(parts: TableParts): number {
  return Object.values(parts).reduce((sum, { byteLength }) => sum + byteLength, 0)
}
