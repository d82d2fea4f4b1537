// The vector files of this folder. `##` lines are about the file. Each vector: `#` lines of comment, the first its title; lines of input
// (hexadecimal, or text after `>`); and one line `=` with what is expected.
import { readFileSync } from 'node:fs'

export interface Vector {
  readonly title: string
  /** The hexadecimal input. */
  readonly bytes: Buffer
  /** The text input. */
  readonly text: string
  readonly expected: string
}

/** All vectors of `<name>.txt`. A file that cannot be read as vectors is an error. */
export function readVectors(name: string): readonly Vector[] {
  const text = readFileSync(new URL(`${name}.txt`, import.meta.url), 'utf8')
  const vectors: Vector[] = []
  let comments: string[] = []
  let hex = ''
  let input = ''
  for (const line of text.split('\n')) {
    if (line.startsWith('##')) continue
    else if (line.startsWith('#')) comments.push(line.slice(1).trim())
    else if (line.startsWith('>')) input = line.slice(2)
    else if (line.startsWith('=')) {
      const [title] = comments
      if (title === undefined) throw new Error(`${name}: a vector without a title before: ${line}`)
      vectors.push({ title, bytes: Buffer.from(hex, 'hex'), text: input, expected: line.slice(2) })
      comments = []
      hex = ''
      input = ''
    } else {
      const digits = line.replaceAll(' ', '')
      if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new Error(`${name}: not hexadecimal: ${line}`)
      hex += digits
    }
  }
  if (vectors.length === 0) throw new Error(`${name}: no vectors`)
  return vectors
}

/** Anything as one line of JSON: bytes as b'…' with \xNN for what is not printable ASCII. */
export function show(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) {
    const text = value.toString('latin1')
    const escaped = text.replace(/[^ -~]|\\/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    return `b'${escaped}'`
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
