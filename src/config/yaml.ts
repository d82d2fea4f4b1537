// The text of a configuration file to flat entries: key, place, value as text. Knows YAML, and no setting.
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ConfigProblem, problem } from './problems.ts'

export interface FileEntry {
  readonly key: string
  /** For messages: file, line and key. */
  readonly where: string
  /** Lists are joined by commas, as they are written in the environment. */
  readonly text: string
}

/** An empty file has no entries. A key without a value is an entry with an empty text. */
export function readYaml(path: string, source: string): { entries: FileEntry[]; problems: ConfigProblem[] } {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined) => `${path}:${lines.linePos(offset ?? 0).line}`
  const entries: FileEntry[] = []
  const problems = document.errors.map((error) =>
    problem(at(error.pos[0]), null, { expected: `YAML, but: ${error.message}`, suggestion: null }),
  )
  if (problems.length > 0 || document.contents === null) return { entries, problems }
  if (!isMap(document.contents)) {
    return {
      entries,
      problems: [problem(path, null, { expected: 'lines of "key: value"', suggestion: null })],
    }
  }
  for (const pair of document.contents.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '?'
    const where = `${at(isScalar(pair.key) ? pair.key.range?.[0] : undefined)}: ${key}`
    const text = textOf(pair.value)
    if (text === undefined) {
      problems.push(problem(where, null, { expected: 'one value or a list of values', suggestion: null }))
    } else {
      entries.push({ key, where, text })
    }
  }
  return { entries, problems }
}

/** Empty: nothing is set; undefined: not a value that a setting can have. */
function textOf(node: unknown): string | undefined {
  if (node === null) return ''
  if (isScalar(node)) return node.value === null ? '' : (sourceOf(node) ?? String(node.value))
  if (!isSeq(node)) return undefined
  const parts = node.items.map(textOf)
  return parts.every((part) => typeof part === 'string') ? parts.join(',') : undefined
}

/** Numbers as they were written: 0x50 and 1e3 are no ports. */
function sourceOf(node: { value: unknown; source?: string | undefined }): string | undefined {
  return typeof node.value === 'number' ? node.source : undefined
}
