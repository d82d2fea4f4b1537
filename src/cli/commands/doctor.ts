// Looks at everything that a running server rests on, and says what to mend. Changes nothing.
import type { Command } from 'commander'
import type { Check } from '../checks/check.ts'
import { checkCertificate, checkConfig, checkDataFolder, checkNode, checkPorts } from '../checks/machine.ts'
import { checkClock, checkServer, checkToken } from '../checks/server.ts'
import { define, type Surroundings } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { printable } from '../output.ts'

const marks = { ok: ['✓', 'green'], warning: ['!', 'yellow'], fault: ['✗', 'red'] } as const

export function addDoctor(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'doctor',
      summary: 'checks this machine and its server; exit code 1 where something is at fault',
      examples: ['', '--json'],
    },
    around,
    async (session) => {
      const { terminal } = session
      const checks: Check[] = [checkNode(process.versions.node)]
      const { config, check } = checkConfig(terminal)
      checks.push(check)
      if (config !== null && terminal.env.MUSTER_URL === undefined) {
        checks.push(...checkDataFolder(config.dataFolder, process.getuid?.() ?? null))
        checks.push(...checkCertificate(config.dataFolder, terminal.now()))
      }
      const server = await checkServer(terminal)
      checks.push(...server.checks)
      if (config !== null && terminal.env.MUSTER_URL === undefined) {
        checks.push(...(await checkPorts(config, server.answers)))
      }
      if (server.answers) checks.push(await checkToken(session))
      checks.push(...checkClock(server.date, terminal.now()))
      const faults = checks.filter(({ status }) => status === 'fault').length
      const warnings = checks.filter(({ status }) => status === 'warning').length
      session.answer({ ok: faults === 0, checks }, () => {
        const lines = checks.map(({ status, name, message, advice }) => {
          const [mark, style] = marks[status]
          const more = advice === undefined ? '' : `\n    ${printable(advice)}`
          return `${session.paint(style, mark)} ${name}: ${printable(message)}${more}\n`
        })
        const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
        return `${lines.join('')}\n${count(faults, 'fault')}, ${count(warnings, 'warning')}\n`
      })
      return faults === 0 ? exitCodes.ok : exitCodes.refused
    },
  )
}
