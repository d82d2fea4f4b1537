// What the command line has of its surroundings: environment, standard streams, a terminal's colours and questions.
// Tests give another one.
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** May what is printed be coloured? */
  readonly colour: boolean
  /** Columns, where the output is a terminal; null: lines may be of any length. */
  readonly columns: number | null
  /** Is somebody there to answer questions? */
  readonly interactive: boolean
  now(): Date
  out(text: string): void
  err(text: string): void
  /** All of standard input. */
  readInput(): Promise<string>
  /** `hidden`: what is typed is not shown. */
  ask(question: string, hidden?: boolean): Promise<string>
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process
  // `muster user list | head` closes the pipe early: nothing is wrong then.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    env,
    cwd: process.cwd(),
    colour: stdout.isTTY === true && stdout.hasColors(),
    columns: stdout.isTTY === true ? stdout.columns : null,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    now: () => new Date(),
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    async readInput() {
      const parts: Buffer[] = []
      for await (const part of stdin) parts.push(part as Buffer)
      return Buffer.concat(parts).toString('utf8')
    },
    async ask(question, hidden = false) {
      // readline echoes to its output: a hidden answer goes nowhere. It has the terminal's own echo turned off before
      // anything is asked, so that not even a hasty answer is seen.
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
      const lines = createInterface({ input: stdin, output: hidden ? nowhere : stderr, terminal: true })
      const ended = new AbortController()
      lines.once('SIGINT', () => ended.abort())
      if (hidden) stderr.write(question)
      try {
        return await lines.question(hidden ? '' : question, { signal: ended.signal })
      } catch {
        process.exit(130)
      } finally {
        lines.close()
        if (hidden) stderr.write('\n')
      }
    },
  }
}

/** A password, from standard input or asked for without echo; never from an argument, where others could read it. */
export async function readPassword(terminal: Terminal, what = 'Password'): Promise<string> {
  if (!terminal.interactive) return (await terminal.readInput()).replace(/\r?\n$/, '')
  for (;;) {
    const password = await terminal.ask(`${what}: `, true)
    if ((await terminal.ask('Again: ', true)) === password) return password
    terminal.err('These differ. Once more:\n')
  }
}
