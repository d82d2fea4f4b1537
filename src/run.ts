// The server as a process: its log, its banner, its signals and its exit code.
import pino from 'pino'
import { serve } from './app.ts'
import { banner } from './banner.ts'
import { lacksSecurityFixes, safeNodeReleases } from './base/node-release.ts'
import { Fault } from './base/result.ts'
import type { Config } from './config/schema.ts'

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function run(config: Config, version: string): Promise<number> {
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: false }))
  const ended = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
  process.on('uncaughtException', (error) => log.error({ err: error }, 'a fault nobody caught'))
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a failure nobody waited for'))
  if (lacksSecurityFixes(process.versions.node)) {
    log.warn(
      { node: process.versions.node },
      `this Node lacks the security fixes of 2026-10-21: in production use ${safeNodeReleases}`,
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
