// Reads the vector files of this folder: cases separated by empty lines, `key: value` lines, a line that starts with a
// blank continues the one above, `#` starts a comment line.
import { readFileSync } from 'node:fs'

export type Vector = Readonly<Record<string, string>>

/** The cases of `<name>.txt`. */
export function readVectors(name: string): Vector[] {
  return readVector(`${name}.txt`)
    .replace(/^#.*\n/gm, '')
    .split(/\n\s*\n/)
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const lines = block.trim().replace(/\n\s+/g, '').split('\n')
      return Object.fromEntries(
        lines.map((line) => /^([a-z-]+): *(.*)$/.exec(line)?.slice(1, 3) ?? [line, '']),
      )
    })
}

/** A whole file of this folder. */
export function readVector(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}
