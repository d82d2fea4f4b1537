// The server as a process: its log, its banner, its signals and its exit code.
import pino from 'pino'
import { serve } from './app.ts'
import { banner } from './banner.ts'
import { Fault } from './base/result.ts'
import type { Config } from './config/schema.ts'

/** The security release of 2026-10-21: older ones are for trying Muster, not for production. */
const safeNode = { 24: [24, 22, 2], 26: [26, 13, 0] } as const

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function run(config: Config, version: string): Promise<number> {
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: false }))
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
  process.on('uncaughtException', (error) => log.error({ err: error }, 'a fault nobody caught'))
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a failure nobody waited for'))
  if (isOldNode(process.versions.node)) {
    log.warn(
      { node: process.versions.node },
      'this Node lacks the security release of 2026-10-21: in production use 24.22.2 or 26.13 and later',
    )
  }
  try {
    const running = await serve({ config, log, version })
    process.stdout.write(`${banner(running, version, config.dataFolder)}\n`)
    const signal = await ended
    log.info({ signal }, 'stopping')
    const clean = await running.stop()
    return clean ? 0 : 1
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(`muster: cannot start: ${message}\n`)
    if (!(error instanceof Fault)) log.debug({ err: error }, 'cannot start')
    return 1
  }
}

function isOldNode(running: string): boolean {
  const [major = 0, minor = 0, patch = 0] = running.split('.').map(Number)
  const [, safeMinor, safePatch] = safeNode[major as keyof typeof safeNode] ?? [0, 0, 0]
  return major < 24 || minor < safeMinor || (minor === safeMinor && patch < safePatch)
}
