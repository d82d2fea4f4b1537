// Comma-separated values (RFC 4180, also with `;` or tabs between them) to rows of texts, each with its line.

export interface CsvRow {
  /** From 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** Rows that are not empty. Throws SyntaxError, naming the line, where a quote is not closed or stands inside a cell. */
export function parseCsv(source: string): CsvRow[] {
  const text = source.replace(/^\ufeff/, '')
  const separator = separatorOf(text)
  const plain = separator === '\t' ? /[^\t\r\n]*/y : separator === ';' ? /[^;\r\n]*/y : /[^,\r\n]*/y
  const rows: CsvRow[] = []
  let cells: string[] = []
  let line = 1
  let start = 1
  let at = 0
  const endRow = (): void => {
    if (cells.some((cell) => cell !== '')) rows.push({ line: start, cells })
    cells = []
  }
  while (at < text.length) {
    if (cells.length === 0) start = line
    if (text[at] === '"') {
      const from = line
      let value = ''
      at++
      for (;;) {
        const end = text.indexOf('"', at)
        if (end === -1) throw new SyntaxError(`line ${from}: a quote is opened and not closed`)
        value += text.slice(at, end)
        at = end + 1
        if (text[at] !== '"') break
        value += '"'
        at++
      }
      line += value.split('\n').length - 1
      cells.push(value)
      if (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r')
        throw new SyntaxError(
          `line ${line}: after a closing quote comes ${JSON.stringify(separator)} or a new line`,
        )
    } else {
      plain.lastIndex = at
      const cell = plain.exec(text)?.[0] ?? ''
      cells.push(cell.trim())
      at += cell.length
    }
    if (text[at] === separator) {
      at++
      // A separator at the end of a line is followed by one more, empty, cell.
      if (at >= text.length || text[at] === '\n' || text[at] === '\r') cells.push('')
    }
    if (text[at] === '\r' || text[at] === '\n') {
      at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1
      line++
      endRow()
    }
  }
  endRow()
  return rows
}

/** Whatever of `,`, `;` and tab the header has most of. */
function separatorOf(text: string): string {
  const header = text.slice(0, 65_536).split(/[\r\n]/, 1)[0] ?? ''
  const count = (mark: string): number => header.split(mark).length - 1
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best), ',')
}
