// Starting programs for tests and benchmarks: to the end (`run`) or to be stopped later (`startProcess`). A program
// started here dies with the process that started it, even when that one is killed.
import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly input?: string | Buffer
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** After this time the program is killed and the code is null; default one minute. */
  readonly timeoutMs?: number
  /** Run as this user and its group; needs root. */
  readonly user?: string
}

export interface Finished {
  /** The exit code; null when a signal ended the program. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The command line that has the program get SIGTERM when its parent dies (on Linux), and run as `user` if given. */
export function guarded(command: string, args: readonly string[], user?: string): [string, string[]] {
  if (process.platform !== 'linux') return [command, [...args]]
  const as = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--init-groups']
  return ['setpriv', [...as, '--pdeathsig=TERM', '--', command, ...args]]
}

/** Runs a program to its end and returns what it said. Rejects only when it could not be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(...guarded(command, args, options.user), {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    )
    // A program may end without reading its input.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input)
  })
}

/** Like `run`, for a program that must succeed: throws, with everything it said, when it does not. */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const finished = await run(command, args, options)
  if (finished.code === 0) return finished
  throw new Error(`${command} ended with ${finished.code}\n${finished.stdout}${finished.stderr}`)
}

export interface Running {
  readonly pid: number
  /** Everything printed so far. */
  stdout(): string
  stderr(): string
  /** The exit code once it has ended; null when a signal ended it. */
  readonly exited: Promise<number | null>
  /** Has it ended? */
  ended(): boolean
  /** Asks it to stop; kills it, by its own pid, when it has not after `graceMs`. Returns the exit code. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<number | null>
}

/** Starts a program that keeps running until it is stopped. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: Omit<RunOptions, 'input' | 'timeoutMs'> = {},
): Running {
  const child = spawn(...guarded(command, args, options.user), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (child.pid === undefined) throw new Error(`${command} could not be started`)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  let ended = false
  // 'exit', not 'close': a grandchild that holds the pipes must not keep us waiting.
  const exited = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => {
      ended = true
      resolve(code)
    }),
  )
  return {
    pid: child.pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    ended: () => ended,
    async stop(signal = 'SIGTERM', graceMs = 10_000) {
      if (!ended) child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      const code = await exited
      clearTimeout(timer)
      return code
    },
  }
}

/** Polls until `ready` is true; throws, with what the program printed, when it ends or `timeoutMs` passes before. */
export async function untilReady(
  name: string,
  running: Running,
  ready: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await ready())) {
    const trouble = running.ended() ? 'ended' : performance.now() > deadline ? 'is not ready in time' : ''
    if (trouble !== '') {
      await running.stop()
      throw new Error(`${name} ${trouble}\n${running.stdout()}${running.stderr()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
