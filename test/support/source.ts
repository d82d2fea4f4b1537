// The repository as text, for tests of its own order: its files, import specifiers, named paths.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export const root = join(import.meta.dirname, '../..')

const notOurs = new Set(['node_modules', '.git', '.tap', 'data', '.build'])

/** Files of the repository, without what is installed or built; paths relative to its root. */
export function repositoryFiles(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (notOurs.has(entry.name)) return []
    return entry.isDirectory()
      ? repositoryFiles(path)
      : entry.isFile() && !path.endsWith('.log')
        ? [path]
        : []
  })
}

export const readSource = (file: string): string => readFileSync(join(root, file), 'utf8')

export interface Import {
  readonly specifier: string
  /** Is it erased before the program runs? */
  readonly typeOnly: boolean
  /** What stands between `import` and `from`; empty for other forms. */
  readonly clause: string
}

const statement = /^[ \t]*(?:import|export)\s+(type\b)?(?:([^'"`;()]*?)\bfrom\s*)?(['"])([^'"]+)\3/gm
const dynamic = /\bimport\(\s*(['"`])([^'"`]+)\1/g
const byUrl = /\bnew URL\(\s*(['"`])(\.[^'"`]+)\1\s*,\s*import\.meta\.url/g

/** Every import of a TypeScript source: static, re-export, `import()`, `import('…').Type`, worker files by URL. */
export function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  return [
    ...Array.from(code.matchAll(statement), (m) => ({
      specifier: m[4] ?? '',
      typeOnly: m[1] !== undefined,
      clause: m[2] ?? '',
    })),
    ...Array.from(code.matchAll(dynamic), (m) => ({ specifier: m[2] ?? '', typeOnly: false, clause: '' })),
    ...Array.from(code.matchAll(byUrl), (m) => ({ specifier: m[2] ?? '', typeOnly: false, clause: '' })),
  ]
}

/** The file, relative to the root, that a relative specifier in `file` means. */
export const resolveImport = (file: string, specifier: string): string =>
  normalize(join(dirname(file), specifier))

const named = /(?<![\w./@$-])(?:src|test|bench|docs|config|docker|certs|bin)\/[\w.*/-]*/g

/** The paths of the repository's own folders that a document names; the part before a wildcard where there is one. */
export function pathsNamedIn(text: string): string[] {
  return Array.from(text.matchAll(named), ([path]) => {
    const star = path.indexOf('*')
    const fixed = star === -1 ? path : path.slice(0, path.lastIndexOf('/', star) + 1)
    return fixed.replace(/[./-]+$/, '')
  })
}

const link = /\]\(([^)\s]+)\)/g
const upward = /(?<![\w./])(?:\.\.\/)+[\w@][\w./@-]*/g

/** The relative link targets of a Markdown text, without anchors. */
export function linksIn(text: string): string[] {
  return Array.from(text.matchAll(link), (m) => m[1] ?? '')
    .filter((target) => !/^(?:[a-z]+:|#|\/)/i.test(target))
    .map((target) => target.replace(/#.*$/, ''))
}

/** Every path in a text that starts by going up. */
export const upwardPathsIn = (text: string): string[] => Array.from(text.matchAll(upward), ([path]) => path)
