// The command line in this process, against a small server on loopback that answers as it is told.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buildCommandLine } from '../../src/cli/program.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { WithTeardown } from './database.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly token: string | null
  readonly body: unknown
}

/** Gives the body of the answer, or status and body. */
export type Answers = (asked: Asked) => unknown

export class Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export const page = (...items: readonly unknown[]) => ({ items, next: null })

export const problem = (status: number, title: string, errors: readonly unknown[] = []): Answer =>
  new Answer(status, { type: 'urn:muster:problem:test', title, status, errors })

async function read(request: IncomingMessage): Promise<Asked> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const url = new URL(request.url ?? '/', 'http://localhost')
  const text = Buffer.concat(parts).toString()
  return {
    method: request.method ?? '',
    path: url.pathname.replace('/o/acme/api/v1', ''),
    query: Object.fromEntries(url.searchParams),
    token: /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? null,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

/** Answers whatever the test does not as an organization would that has nothing. */
export async function fakeServer(t: WithTeardown, answers: Answers) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const one = await read(request)
    asked.push(one)
    const own = one.path === '/api/v1/organizations' ? page({ slug: 'acme' }) : await answers(one)
    const answer =
      own instanceof Answer ? own : own === undefined ? problem(404, 'Not found') : new Answer(200, own)
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(
      answer.body === null ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, asked }
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  readonly interactive?: boolean
  readonly replies?: readonly string[]
  readonly colour?: boolean
  readonly columns?: number
}

export const now = new Date('2026-11-20T12:00:00Z')

/** `muster …words`, as somebody in these surroundings would run it. */
export async function muster(words: readonly string[], surroundings: Surroundings = {}): Promise<Ran> {
  const { env = {}, cwd = '/nowhere', input = '', interactive = false, replies = [] } = surroundings
  let out = ''
  let err = ''
  const left = [...replies]
  const terminal: Terminal = {
    env,
    cwd,
    colour: surroundings.colour ?? false,
    columns: surroundings.columns ?? null,
    interactive,
    now: () => now,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    readInput: async () => input,
    async ask(question) {
      err += question
      return left.shift() ?? ''
    },
  }
  const code = await buildCommandLine(terminal, '1.2.3').run(words)
  return { code, out, err }
}
