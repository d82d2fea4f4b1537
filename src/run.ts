// The server as a process: its log, its banner, its signals and its exit code.
import pino from 'pino'
import { serve } from './app.ts'
import { banner } from './banner.ts'
import { logSerializers, printableJson } from './base/log.ts'
import { lacksSecurityFixes, safeNodeReleases } from './base/node-release.ts'
import { Fault } from './base/result.ts'
import type { Config } from './config/schema.ts'

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function run(config: Config, version: string): Promise<number> {
  const destination = process.stderr.isTTY
    ? { write: writeForPeople }
    : pino.destination({ dest: 2, sync: false })
  const log = pino({ level: config.logLevel, base: null, serializers: logSerializers }, destination)
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

/** A log line as somebody at a terminal reads it; values stay JSON, so that nothing in them can move the cursor. */
function writeForPeople(line: string): void {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>
  const failure = (err as { message?: string } | undefined)?.message
  const details = Object.entries({ ...fields, ...(failure === undefined ? {} : { error: failure }) })
  const told = details.map(([name, value]) => `${name}=${printableJson(value)}`).join(' ')
  const clock = new Date(Number(time)).toISOString().slice(11, 19)
  process.stderr.write(
    `${clock} ${pino.levels.labels[Number(level)] ?? ''} ${printableJson(msg).slice(1, -1)} ${told}\n`,
  )
}
