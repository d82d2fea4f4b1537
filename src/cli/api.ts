// The running server's API: requests below the token's organization, pages of lists, and failures in plain words.
import { exitCodes, Failure, type ProblemDocument } from './failure.ts'

export type Item = Readonly<Record<string, unknown>> & { readonly id: string }
export type Query = Readonly<Record<string, string | number | undefined>>

export interface Page<T = Item> {
  readonly items: readonly T[]
  readonly next: string | null
}

export interface RequestOptions {
  readonly query?: Query
  readonly body?: unknown
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 60_000
const largestPage = 500

export class Api {
  readonly url: string
  readonly #token: string
  #organization: Promise<string> | null

  constructor(url: string, token: string, organization: string | null) {
    this.url = url
    this.#token = token
    this.#organization = organization === null ? null : Promise.resolve(organization)
  }

  /** Slug of the organization: as given, or the token's own. */
  organization(): Promise<string> {
    this.#organization ??= this.#ask()
    return this.#organization
  }

  async #ask(): Promise<string> {
    const answer = await call(this.url, '/api/v1/organizations', { token: this.#token })
    const slug = (answer as Page<{ slug?: unknown }>).items?.[0]?.slug
    if (typeof slug === 'string') return slug
    throw new Failure(exitCodes.refused, 'the server does not tell whose token this is', {
      advice: 'Name the organization: --organization <slug>',
    })
  }

  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<T> {
    const slug = encodeURIComponent(await this.organization())
    const token = this.#token
    return (await call(this.url, `/o/${slug}/api/v1${path}`, { method, token, ...options })) as T
  }

  /** Items of a list, page by page, at most `limit`. */
  async *each<T = Item>(
    path: string,
    query: Query = {},
    limit = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<T> {
    let after: string | undefined
    let left = limit
    while (left > 0) {
      const page = await this.request<Page<T>>('GET', path, {
        query: { ...query, limit: Math.min(left, largestPage), after },
      })
      yield* page.items
      left -= page.items.length
      if (page.next === null || page.items.length === 0) return
      after = page.next
    }
  }

  /** At most `limit` items and whether there are more. */
  async list<T = Item>(
    path: string,
    query: Query = {},
    limit = largestPage,
  ): Promise<{ items: T[]; more: boolean }> {
    const items: T[] = []
    for await (const item of this.each<T>(path, query, limit + 1)) items.push(item)
    return { items: items.slice(0, limit), more: items.length > limit }
  }
}

interface CallOptions extends RequestOptions {
  readonly method?: string
  readonly token?: string
}

/** One request; gives the parsed answer (null without one) or throws a Failure. */
export async function call(url: string, path: string, options: CallOptions = {}): Promise<unknown> {
  const { method = 'GET', query = {}, body, token } = options
  const target = new URL(`${url}${path}`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value))
  }
  let response: Response
  let text: string
  try {
    response = await fetch(target, {
      method,
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A token goes to the server that was named, and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs),
    })
    text = await response.text()
  } catch (error) {
    throw unreachable(url, error)
  }
  const answer = parse(text)
  if (response.ok && answer !== undefined) return answer
  if (response.ok || typeof answer !== 'object' || answer === null) {
    throw new Failure(exitCodes.unreachable, `${url} answers ${response.status}, but not like Muster`, {
      advice: 'Is MUSTER_URL the address of a Muster server, and is it running behind its proxy?',
    })
  }
  throw refused(response.status, answer, { ...query, ...(typeof body === 'object' ? body : {}) })
}

function parse(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function refused(status: number, problem: ProblemDocument, sent: unknown): Failure {
  const message =
    status === 401 ? 'the token is not accepted' : (problem.title ?? `the server answers ${status}`)
  const advice =
    status === 401
      ? 'It is unknown, expired or of another organization: see MUSTER_TOKEN, --organization and $MUSTER_DATA/admin-token'
      : status === 503
        ? 'The server is there, but busy or without its database: see `muster doctor`'
        : undefined
  return new Failure(exitCodes.refused, message, { problem, sent, advice })
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNRESET: 'the connection was cut off',
  UND_ERR_SOCKET: 'the connection was cut off',
  ETIMEDOUT: 'it does not answer',
  TimeoutError: 'it did not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
}

export function unreachable(url: string, error: unknown): Failure {
  const code = codeOf(error)
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)
  const why = isCertificate ? `its certificate is not trusted (${code})` : (causes[code] ?? code)
  const advice = isCertificate
    ? 'Name the CA it comes from: NODE_EXTRA_CA_CERTS=/path/to/ca.pem'
    : 'Start it with npm start, or say where it is with MUSTER_URL'
  return new Failure(exitCodes.unreachable, `no Muster server answers at ${url}: ${why}`, {
    advice,
    cause: error,
  })
}

function codeOf(error: unknown): string {
  const { name, code, cause, message } = error as NodeJS.ErrnoException & { cause?: unknown }
  if (code !== undefined && typeof code === 'string') return code
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0])
  if (cause !== undefined && cause !== null) return codeOf(cause)
  return name === 'TimeoutError' ? name : message
}
