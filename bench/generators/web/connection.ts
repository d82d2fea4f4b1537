// One keep-alive connection with cookies, as a browser or an application has it. Everything goes to one origin.
import { randomInt } from 'node:crypto'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Connection {
  get(url: string): Promise<Answer>
  /** Follows redirects within the origin. The first address outside of it, or the page. */
  browse(url: string): Promise<{ readonly left: URL } | { readonly page: Answer; readonly at: URL }>
  /** A form as an application sends it: without cookies, with HTTP Basic. */
  post(url: string, form: Readonly<Record<string, string>>, authorization: string): Promise<Answer>
  close(): void
}

const mostRedirects = 10

/** People come from many addresses, and servers limit each: so does every connection here, by one of its own in 127.0.0.0/8. */
const someAddress = (): string => `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`

export function openConnection(cookie: string): Connection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: someAddress() })
  const jar = new Map(cookie.split('; ').filter(Boolean).map(pairOf))

  function send(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, agent, headers }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts).toString(),
          }),
        )
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  async function get(url: string): Promise<Answer> {
    const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await send('GET', url, cookies === '' ? {} : { cookie: cookies })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [name, value] = pairOf(line.split(';', 1)[0] ?? '')
      if (value === '') jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  return {
    get,
    async browse(from) {
      let at = new URL(from)
      const { origin } = at
      for (let redirects = 0; redirects < mostRedirects; redirects++) {
        const page = await get(at.href)
        if (page.headers.location === undefined) return { page, at }
        at = new URL(page.headers.location, at)
        if (at.origin !== origin) return { left: at }
      }
      throw new Error(`no end of redirects, the last one to ${at}`)
    },
    post(url, form, authorization) {
      const body = new URLSearchParams(form).toString()
      const headers = {
        authorization,
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
      }
      return send('POST', url, headers, body)
    },
    close: () => agent.destroy(),
  }
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}
