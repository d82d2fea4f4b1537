// Reads organization files: YAML and JSON as they are, CSV as a list of users or devices. Remembers where each entry
// stands, so that the server's objections can name a line.
import { extname } from 'node:path'
import { isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml'
import { parseBoolean } from './assignments.ts'
import { parseCsv } from './csv.ts'
import { usage } from './failure.ts'

export interface OrganizationFile {
  readonly value: unknown
  /** `users[3].email` → the line it stands in; null where that is not known. */
  lineOf(field: string): number | null
}

export type CustomTypes = ReadonlyMap<string, string>

/** Throws a Failure that names the line of what cannot be read. */
export function readOrganizationFile(
  path: string,
  text: string,
  csv: { readonly of: 'users' | 'devices'; readonly types: CustomTypes },
): OrganizationFile {
  const kind = extname(path).toLowerCase()
  if (kind === '.csv' || kind === '.tsv') return readCsv(path, text, csv.of, csv.types)
  if (kind === '.yaml' || kind === '.yml' || kind === '.json') return readYaml(path, text)
  throw usage(`${path}: expected a name that ends in .yaml, .json or .csv`)
}

/** JSON is YAML, and keeps its lines that way. */
function readYaml(path: string, text: string): OrganizationFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const [error] = document.errors
  if (error) throw usage(`${path}:${lines.linePos(error.pos[0]).line}: ${error.message}`)
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    lineOf(field) {
      let node: unknown = document.contents
      let line: number | null = null
      for (const step of stepsOf(field)) {
        node = isMap(node) || isSeq(node) ? node.get(step, true) : undefined
        // What is missing is told of by its parent.
        if (!isNode(node) || !node.range) break
        line = lines.linePos(node.range[0]).line
      }
      return line
    },
  }
}

const stepsOf = (field: string): (string | number)[] =>
  [...field.matchAll(/\[([0-9]+)\]|([^.[\]]+)/g)].map(([, index, name]) =>
    index === undefined ? (name ?? '') : Number(index),
  )

const booleans = new Set(['managed', 'diskEncrypted', 'caseExact'])

function readCsv(path: string, text: string, of: 'users' | 'devices', types: CustomTypes): OrganizationFile {
  const [header, ...rows] = rowsOf(path, text)
  if (header === undefined) throw usage(`${path} is empty: its first line names the columns`)
  const entries = rows.map(({ line, cells }) => {
    if (cells.length > header.cells.length) {
      throw usage(`${path}:${line}: ${cells.length} cells, and only ${header.cells.length} columns are named`)
    }
    return entryOf(header.cells, cells, types, `${path}:${line}`)
  })
  return {
    value: { [of]: entries },
    lineOf(field) {
      const [section, index] = stepsOf(field)
      return section === of && typeof index === 'number' ? (rows[index]?.line ?? null) : null
    },
  }
}

function rowsOf(path: string, text: string): ReturnType<typeof parseCsv> {
  try {
    return parseCsv(text)
  } catch (error) {
    throw usage(`${path}: ${(error as Error).message}`)
  }
}

function entryOf(
  names: readonly string[],
  cells: readonly string[],
  types: CustomTypes,
  place: string,
): Record<string, unknown> {
  const entry: Record<string, unknown> = {}
  const attributes: Record<string, unknown> = {}
  for (const [index, name] of names.entries()) {
    const cell = cells[index] ?? ''
    if (cell === '' || name === '') continue
    const custom = name.startsWith('attributes.') ? name.slice('attributes.'.length) : null
    const type =
      custom !== null
        ? types.get(custom)
        : booleans.has(name)
          ? 'boolean'
          : name === 'mac'
            ? 'list'
            : 'string'
    const value = cellValue(type, cell, `${place}: ${name}`)
    if (custom === null) entry[name] = value
    else attributes[custom] = value
  }
  return Object.keys(attributes).length === 0 ? entry : { ...entry, attributes }
}

function cellValue(type: string | undefined, cell: string, place: string): unknown {
  if (type === 'boolean') return parseBoolean([place], cell)
  if (type === 'list') return cell.split(/[,;|]/).map((part) => part.trim())
  if (type !== 'number') return cell
  const number = Number(cell)
  if (!Number.isFinite(number)) throw usage(`${place} is a number, not ${JSON.stringify(cell)}`)
  return number
}
