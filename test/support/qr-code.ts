// Reads a QR code as a telephone does (ISO/IEC 18004), from modules that are exactly right: versions 1 to 10, byte mode, no
// correction of errors. Nothing in here is of what draws it.

/** By level, for versions 1 to 10: codewords of correction in each block, and blocks (table 9). */
const correction = {
  L: [
    [7, 10, 15, 20, 26, 18, 20, 24, 30, 18],
    [1, 1, 1, 1, 1, 2, 2, 2, 2, 4],
  ],
  M: [
    [10, 16, 26, 18, 24, 16, 18, 22, 22, 26],
    [1, 1, 1, 2, 2, 4, 4, 4, 5, 5],
  ],
  Q: [
    [13, 22, 18, 26, 18, 24, 18, 22, 20, 24],
    [1, 1, 2, 2, 4, 4, 6, 6, 8, 8],
  ],
  H: [
    [17, 28, 22, 16, 22, 28, 26, 26, 24, 28],
    [1, 1, 2, 4, 4, 4, 5, 6, 8, 8],
  ],
} as const
const levels = ['M', 'L', 'H', 'Q'] as const
const codewords = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346]
const alignment = [[], [18], [22], [26], [30], [34], [22, 38], [24, 42], [26, 46], [28, 50]]
const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

/** `isDark(x, y)`, without the quiet zone; `size` modules on each side. */
export function readQrCode(size: number, isDark: (x: number, y: number) => boolean): string {
  const version = (size - 17) / 4
  const at = version - 1
  // The format: two bits of the level and three of the mask, behind a mask of their own (§7.9).
  const format = [0, 1, 2, 3, 4].reduce((bits, x) => (bits << 1) | Number(isDark(x, 8)), 0) ^ 0b10101
  const mask = masks[format & 7]
  const [perBlock, blocks] = correction[levels[(format >> 3) as 0 | 1 | 2 | 3]].map((row) => row[at]) as [
    number,
    number,
  ]
  const raw = codewords[at]
  if (mask === undefined || raw === undefined) throw new Error(`a QR code of version ${version}`)

  const bits: boolean[] = []
  // In columns of two from the right, upwards and downwards in turn, around the timing column (§7.7.3).
  for (let right = size - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up) {
    for (let step = 0; step < size; step++) {
      const y = up ? size - 1 - step : step
      for (const x of [right, right - 1])
        if (!isFunction(x, y, size, version)) bits.push(isDark(x, y) !== mask(x, y))
    }
  }
  const bytes = Array.from({ length: raw }, (_, index) =>
    bits.slice(index * 8, index * 8 + 8).reduce((byte, bit) => (byte << 1) | Number(bit), 0),
  )
  // Codewords of the blocks in turn; the last blocks are one longer (§7.6).
  const short = blocks - (raw % blocks)
  const length = Math.floor(raw / blocks) - perBlock
  const data = Array.from({ length: blocks }, (): number[] => [])
  let next = 0
  for (let index = 0; index <= length; index++)
    for (const [number, block] of data.entries())
      if (index < length || number >= short) block.push(bytes[next++] ?? 0)
  return textOf(data.flat(), version)
}

function isFunction(x: number, y: number, size: number, version: number): boolean {
  const inFinder = (x < 9 && y < 9) || (x >= size - 8 && y < 9) || (x < 9 && y >= size - 8)
  const inVersion = version >= 7 && ((x < 6 && y >= size - 11) || (y < 6 && x >= size - 11))
  if (inFinder || inVersion || x === 6 || y === 6) return true
  const centres = version === 1 ? [] : [6, ...(alignment[version - 1] ?? [])]
  const last = centres.at(-1)
  return centres.some((cx) =>
    centres.some(
      (cy) =>
        Math.abs(x - cx) <= 2 &&
        Math.abs(y - cy) <= 2 &&
        !((cx === 6 && (cy === 6 || cy === last)) || (cy === 6 && cx === last)),
    ),
  )
}

/** One segment in byte mode (§7.4.6). */
function textOf(data: readonly number[], version: number): string {
  const bits = data.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  if (!bits.startsWith('0100')) throw new Error('not in byte mode')
  const countLength = version < 10 ? 8 : 16
  const count = Number.parseInt(bits.slice(4, 4 + countLength), 2)
  const text = bits.slice(4 + countLength, 4 + countLength + count * 8)
  return Buffer.from((text.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))).toString()
}
