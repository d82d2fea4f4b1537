// Reads tap's output line by line, says one line per test file and everything about a failure, and counts tests.
// One test is an innermost subtest, or a whole file that has none; assertions are not counted.

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

interface Node {
  readonly name: string
  /** Has it subtests (skipped ones too)? Then it is not a test itself. */
  parent: boolean
  /** Failed tests below this node. */
  failures: number
  /** Assertions of this node itself that failed. */
  ownFailures: number
}

const newNode = (name: string): Node => ({ name, parent: false, failures: 0, ownFailures: 0 })

const pointPattern = /^(not )?ok\b(?: \d+)?(?: -)?(.*)$/
const planPattern = /^1\.\.(\d+)/
const timePattern = /# time=([\d.]+m?s)/

export class TapOutput {
  readonly counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  readonly #say: (line: string) => void
  /** The open nodes: the run, a file, its subtests. */
  readonly #open: Node[] = [newNode('')]
  #inDiagnostics: { indent: string; shown: boolean } | undefined
  #lastPointFailed = false
  #filesPlanned = 0
  #filesSeen = 0

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  /** Takes one line, without its end. */
  line(line: string): void {
    const text = line.trimStart()
    const indent = line.slice(0, line.length - text.length)
    const level = Math.floor(indent.length / 4)
    const point = pointPattern.exec(text)
    if (this.#inDiagnostics !== undefined) this.#diagnostics(line, text, indent)
    else if (text === '---') this.#inDiagnostics = { indent, shown: this.#lastPointFailed }
    else if (text.startsWith('# Subtest: ')) this.#openNode(level, text.slice('# Subtest: '.length))
    else if (point) this.#point(level, point[1] === undefined, (point[2] ?? '').trim())
    else if (text.startsWith('Bail out!')) this.#say(text)
    else if (level === 0) this.#filesPlanned = Number(planPattern.exec(text)?.[1] ?? this.#filesPlanned)
  }

  /** To be called at the end: what is still open was cut off, what was planned and is missing never ran: failures. */
  end(): void {
    while (this.#open.length > 1) {
      this.#say(`✗ ${this.#path()}: the output ends here`)
      this.#close(false, false)
      if (this.#open.length === 1) this.#filesSeen++
    }
    const missing = this.#filesPlanned - this.#filesSeen
    if (missing <= 0) return
    this.counts.failed += missing
    this.#say(`✗ ${missing} of ${this.#filesPlanned} test files did not run`)
  }

  #openNode(level: number, name: string): void {
    while (this.#open.length > level + 1) this.#close(false, false)
    this.#open.push(newNode(name))
  }

  #point(level: number, ok: boolean, rest: string): void {
    const skipped = /# (SKIP|TODO)\b/i.test(rest)
    const name = rest.replace(/ *# (time=|SKIP|TODO).*$/i, '')
    this.#lastPointFailed = false
    if (level === 0) this.#filesSeen++
    const closes = this.#open.length > level + 1
    while (this.#open.length > level + 2) this.#close(false, false)
    if (closes) {
      if (level === 0) this.#sayFile(ok, rest)
      this.#close(ok, skipped)
    } else if (level === 0) {
      // A file that never said anything, for example because it timed out.
      this.#open.push(newNode(name))
      this.#sayFile(ok, rest)
      this.#lastPointFailed = !ok && !skipped
      this.#close(ok, skipped)
    } else if (skipped) {
      this.counts.skipped++
      this.#current().parent = true
    } else if (!ok) {
      this.#current().ownFailures++
      this.#lastPointFailed = true
      this.#say(`  ✗ ${this.#path()} > ${name}`)
    }
  }

  /** Counts the innermost open node, which has ended. */
  #close(ok: boolean, skipped: boolean): void {
    const node = this.#open.pop()
    const parent = this.#current()
    if (node === undefined) return
    const ownFault = node.ownFailures > 0 || (!ok && node.failures === 0)
    if (skipped) this.counts.skipped++
    else if (ownFault) {
      this.counts.failed++
      node.failures++
    } else if (!node.parent) this.counts.passed++
    parent.parent = true
    parent.failures += node.failures
  }

  #sayFile(ok: boolean, rest: string): void {
    const file = this.#current()
    const time = timePattern.exec(rest)?.[1] ?? ''
    this.#say(`${ok ? '✓' : '✗'} ${file.name} ${time.replace(/\.\d+/, '')}`)
  }

  #diagnostics(line: string, text: string, indent: string): void {
    const diagnostics = this.#inDiagnostics
    if (text === '...' && indent === diagnostics?.indent) this.#inDiagnostics = undefined
    else if (diagnostics?.shown) this.#say(`    ${line.slice(diagnostics.indent.length)}`)
  }

  #current(): Node {
    return this.#open.at(-1) as Node
  }

  #path(): string {
    return this.#open
      .slice(1)
      .map((node) => node.name)
      .join(' > ')
  }
}
