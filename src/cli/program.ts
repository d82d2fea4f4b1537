// The commands of `muster`, and how each run of them ends. `serve` is not among them: main.ts adds it.
import { Command, CommanderError } from 'commander'
import type { Surroundings } from './command.ts'
import { addAudit } from './commands/audit.ts'
import { addCollection } from './commands/collection.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExplain } from './commands/explain.ts'
import { addExport } from './commands/export.ts'
import { addGroupCommands } from './commands/group.ts'
import { addImport } from './commands/import.ts'
import { addInit } from './commands/init.ts'
import { addDeviceInsights } from './commands/insights.ts'
import { addKeyCommands } from './commands/key.ts'
import { addResourceCommands } from './commands/resource.ts'
import { addUserCommands } from './commands/user.ts'
import { exitCodes, Failure, formatFailure } from './failure.ts'
import { kinds } from './kinds.ts'
import type { Terminal } from './terminal.ts'

const about = `Muster: a directory and access server.

All commands but serve speak to a running server, by default the one here:
  MUSTER_URL    its address (default: http://localhost:8080, or MUSTER_HTTP_PORT)
  MUSTER_TOKEN  an API token (default: the one in $MUSTER_DATA/admin-token)`

const codes = `
Exit codes: 0 done, 1 refused or failed, 2 called wrongly, 3 no server answers.`

export interface CommandLine {
  readonly program: Command
  /** Runs `words` (without node and script); gives the exit code. Never throws. */
  run(words: readonly string[]): Promise<number>
}

export function buildCommandLine(terminal: Terminal, version: string): CommandLine {
  let exitCode: number = exitCodes.ok
  const around: Surroundings = {
    terminal,
    ended: (code) => {
      exitCode = code
    },
  }
  const program = new Command('muster').description(about).version(version).addHelpText('after', codes)
  // Settings that commands inherit when they are added.
  program.exitOverride().showSuggestionAfterError().showHelpAfterError('(--help tells more)')
  program.configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
    ...(terminal.columns !== null && { getOutHelpWidth: () => terminal.columns ?? 80 }),
  })
  addInit(program, around)
  addUserCommands(addCollection(program, kinds.user, around), around)
  addDeviceInsights(addCollection(program, kinds.device, around), around)
  addGroupCommands(addCollection(program, kinds.group, around), around)
  addResourceCommands(addCollection(program, kinds.resource, around), around)
  addCollection(program, kinds.binding, around)
  addKeyCommands(program, around)
  addImport(program, around)
  addExport(program, around)
  addExplain(program, around)
  addAudit(program, around)
  addDoctor(program, around)

  return {
    program,
    async run(words) {
      exitCode = exitCodes.ok
      try {
        await program.parseAsync([...words], { from: 'user' })
        return exitCode
      } catch (error) {
        return endOf(error, terminal, words.includes('--json'))
      }
    },
  }
}

function endOf(error: unknown, terminal: Terminal, json: boolean): number {
  // Commander has said what is wrong already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (!(error instanceof Failure)) {
    terminal.err(
      `error: a fault of the program itself: ${error instanceof Error ? error.stack : String(error)}\n`,
    )
    return exitCodes.refused
  }
  const { message, advice, problem, exitCode } = error
  terminal.err(json ? `${JSON.stringify({ error: { message, advice, problem } })}\n` : formatFailure(error))
  return exitCode
}
