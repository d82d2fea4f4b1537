// The program `muster`: its commands are in cli/, and `serve` runs the server in this process.
import { readFileSync } from 'node:fs'
import { buildCommandLine } from './cli/program.ts'
import { processTerminal } from './cli/terminal.ts'
import { loadConfig } from './config/load.ts'
import { formatProblem } from './config/problems.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

async function serve({ config: file }: { readonly config?: string }): Promise<void> {
  const loaded = loadConfig({ env: process.env, file, cwd: process.cwd() })
  if (!loaded.ok) {
    const lines = loaded.error.map((problem) => `  ${formatProblem(problem)}\n`)
    process.stderr.write(`muster: the configuration is faulty:\n${lines.join('')}`)
    process.exitCode = 1
    return
  }
  // Only now: the other commands need nothing of the server.
  const { run } = await import('./run.ts')
  process.exit(await run(loaded.value, version))
}

const { program, run } = buildCommandLine(processTerminal(), version)
program
  .command('serve')
  .description('runs the server until SIGTERM or SIGINT')
  .option('-c, --config <file>', 'configuration file (default: config/muster.yaml, where it exists)')
  .addHelpText(
    'after',
    '\nExamples:\n  muster serve\n  MUSTER_SAMPLE=off muster serve --config /etc/muster.yaml\n',
  )
  .action(serve)
const exitCode = await run(process.argv.slice(2))
if (exitCode !== 0) process.exitCode = exitCode
