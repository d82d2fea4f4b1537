// A browser without scripts, as far as forms need one: it keeps cookies, sends Origin with a form, and reads the forms of a page.
import type { FastifyInstance } from 'fastify'

export interface Page {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  /** Where a redirect leads, or a page that goes on by itself. */
  readonly leadsTo: string | null
  readonly forms: readonly PageForm[]
  /** What is read aloud at once; without markup. */
  readonly alert: string | null
  readonly heading: string | null
}

export interface PageForm {
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #app: FastifyInstance
  readonly #peer: string
  readonly #origin: string

  constructor(app: FastifyInstance, peer = '127.0.0.1', origin = 'http://localhost') {
    this.#app = app
    this.#peer = peer
    this.#origin = origin
  }

  get(url: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send('GET', url, undefined, headers)
  }

  post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send('POST', url, new URLSearchParams(fields).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      origin: this.#origin,
      'sec-fetch-site': 'same-origin',
      ...headers,
    })
  }

  /** Fills in the form of a page whose action ends so, and sends it. */
  submit(page: Page, fields: Record<string, string> = {}, action = ''): Promise<Page> {
    const form = page.forms.find((one) => one.action.endsWith(action))
    if (form === undefined) throw new Error(`no form for ${action}: ${page.status} ${page.heading}`)
    return this.post(form.action, { ...form.fields, ...fields })
  }

  /** Follows redirects, and pages that go on by themselves. */
  async follow(page: Page): Promise<Page> {
    let at = page
    for (let hops = 0; at.leadsTo !== null && hops < 5; hops++) at = await this.get(at.leadsTo)
    return at
  }

  async #send(
    method: 'GET' | 'POST',
    url: string,
    payload: string | undefined,
    headers: Record<string, string>,
  ): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await this.#app.inject({
      ...{ method, url, remoteAddress: this.#peer },
      headers: {
        host: new URL(this.#origin).host,
        ...(cookie !== '' && { cookie }),
        'user-agent': firefox,
        ...headers,
      },
      ...(payload !== undefined && { payload }),
    })
    for (const { name, value } of answer.cookies) {
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return readPage(answer.statusCode, answer.body, answer.headers)
  }
}

const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

export function readPage(status: number, text: string, headers: Page['headers']): Page {
  const refresh = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(text)?.[1]
  const { location } = headers
  return {
    ...{ status, text, headers },
    leadsTo: typeof location === 'string' ? location : refresh === undefined ? null : decoded(refresh),
    forms: [...text.matchAll(/<form method="post" action="([^"]*)">([\s\S]*?)<\/form>/g)].map(
      ([, action = '', inside = '']) => ({
        action: decoded(action),
        fields: Object.fromEntries(
          [...inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(
            ([, name = '', value = '']) => [name, decoded(value)],
          ),
        ),
      }),
    ),
    alert: plain(/role="alert">([\s\S]*?)<\/div><\/div>/.exec(text)?.[1]),
    heading: plain(/<h1>([\s\S]*?)<\/h1>/.exec(text)?.[1]),
  }
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const decoded = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] as string)
const plain = (markup: string | undefined): string | null =>
  markup === undefined ? null : decoded(markup.replace(/<[^>]*>/g, '')).trim()
