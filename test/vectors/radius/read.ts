// Reads the vector files of this folder: cases separated by empty lines, `key: value` lines, a line that starts with a blank continues the one
// above, `#` starts a comment line.
import { readFileSync } from 'node:fs'

/** One case; a key that is not there gives undefined. */
export type Vector = Readonly<Record<string, string | undefined>> & { readonly title: string }

/** The cases of `<name>.txt`. */
export function readVectors(name: string): Vector[] {
  const text = readFileSync(new URL(`${name}.txt`, import.meta.url), 'utf8').replace(/^#.*\n/gm, '')
  return text
    .split(/\n\s*\n/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map((block) => {
      const lines = block.replace(/\n\s+/g, ' ').split('\n')
      const pairs = lines.map((line) => /^([a-z-]+):\s*(.*)$/.exec(line)?.slice(1, 3) ?? [])
      const vector: Record<string, string | undefined> = Object.fromEntries(pairs)
      if (vector.title === undefined) throw new Error(`${name}: a case without title: ${block.slice(0, 60)}`)
      return { ...vector, title: vector.title }
    })
}

export function fromHex(text: string): Buffer {
  const digits = text.replace(/\s/g, '')
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal: ${text.slice(0, 60)}`)
  return Buffer.from(digits, 'hex')
}
