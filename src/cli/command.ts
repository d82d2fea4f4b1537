// What every command has: --json, --organization, examples in its help, and a session with the running server.
import { type Command, Option } from 'commander'
import { Api } from './api.ts'
import { serverUrl, tokenFor } from './connection.ts'
import { type Column, type Paint, painter, table } from './output.ts'
import type { Terminal } from './terminal.ts'

export type Options = Readonly<Record<string, unknown>>

/** What a command works with; the connection is made when it is first asked for. */
export interface Session {
  readonly terminal: Terminal
  readonly json: boolean
  readonly paint: Paint
  readonly options: Options
  api(): Promise<Api>
  /** With --json the value, otherwise what `text` says; without `text` nothing. */
  answer(value: unknown, text?: () => string): void
  table<T>(columns: readonly Column<T>[], rows: readonly T[]): string
}

/** A number that it gives is the exit code; otherwise that is 0. */
export type Handler = (session: Session, words: readonly string[]) => Promise<unknown>

export interface CommandSpec {
  readonly name: string
  readonly summary: string
  /** As commander spells them: `<name>`, `[words...]`. */
  readonly words?: readonly (readonly [string, string])[]
  readonly options?: readonly Option[]
  /** What follows `muster <command>`. */
  readonly examples: readonly string[]
  /** It asks no server: there is no organization to name. */
  readonly local?: boolean
}

export const option = (flags: string, about: string): Option => new Option(flags, about)

/** Adds a command below `parent`; `terminal` is what it runs in, and `ended` gets its exit code. */
export function define(
  parent: Command,
  spec: CommandSpec,
  { terminal, ended }: Surroundings,
  handler: Handler,
): Command {
  const command = parent.command(spec.name).description(spec.summary)
  for (const [word, about] of spec.words ?? []) command.argument(word, about)
  for (const each of spec.options ?? []) command.addOption(each)
  command.option('--json', 'print JSON')
  if (!spec.local) command.option('-o, --organization <slug>', "organization (default: the token's own)")
  const path = pathOf(command)
  const examples = spec.examples.map((example) => `  ${`${path} ${example}`.trim()}\n`).join('')
  command.addHelpText('after', `\nExamples:\n${examples}`)
  command.action(async (...given: unknown[]) => {
    const words = given
      .slice(0, -2)
      .flat()
      .filter((word): word is string => typeof word === 'string')
    const code = await handler(openSession(terminal, command.opts()), words)
    ended(typeof code === 'number' ? code : 0)
  })
  return command
}

export interface Surroundings {
  readonly terminal: Terminal
  readonly ended: (exitCode: number) => void
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

export function openSession(terminal: Terminal, options: Options): Session {
  const json = options.json === true
  const paint = painter(terminal.colour && !json)
  let opened: Api | null = null
  const api = async (): Promise<Api> => {
    if (opened !== null) return opened
    const url = serverUrl(terminal)
    const { organization } = options
    opened = new Api(url, tokenFor(url, terminal), typeof organization === 'string' ? organization : null)
    return opened
  }
  return {
    terminal,
    json,
    paint,
    options,
    api,
    answer(value, text) {
      if (json) terminal.out(`${JSON.stringify(value, null, 2)}\n`)
      else if (text !== undefined) terminal.out(text())
    },
    table: (columns, rows) => table(columns, rows, paint, terminal.columns),
  }
}
