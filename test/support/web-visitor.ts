// A browser without scripts, pictures and haste, for tests that need many people and not the look of pages: keeps cookies,
// follows redirects and refreshes, finds fields and buttons by the words on them. HTML as our own pages write it, no more.

export interface Shown {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  readonly html: string
  /** What the page says aloud, without tags; null where it says nothing so. */
  readonly alert: string | null
  /** The reference that a refusal can be found by. */
  readonly reference: string | null
}

export interface WebVisitor {
  /** What is shown now. */
  shown(): Shown
  visit(url: string | URL): Promise<Shown>
  /** Types into the fields with these labels and presses the button of their form. */
  fill(values: Readonly<Record<string, string>>, button: string): Promise<Shown>
  /** Presses a button of a form that has nothing to fill in. */
  press(button: string): Promise<Shown>
  hasField(label: string): boolean
  hasButton(label: string): boolean
  /** Follows the link with this text. */
  follow(text: string): Promise<Shown>
  /** A request with the cookies, and without following anything. */
  request(url: string | URL, init?: RequestInit): Promise<Response>
  /** Name → value of the cookies for a host. */
  cookies(host: string): ReadonlyMap<string, string>
}

const mostRedirects = 20

export function createVisitor(): WebVisitor {
  const jars = new Map<string, Map<string, string>>()
  const jarOf = (host: string) => jars.get(host) ?? jars.set(host, new Map()).get(host)!
  let shown: Shown | undefined
  const current = (): Shown => {
    if (shown === undefined) throw new Error('nothing was visited yet')
    return shown
  }

  async function request(to: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(to)
    const jar = jarOf(url.hostname)
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return response
  }

  async function open(to: string | URL, init: RequestInit = {}): Promise<Shown> {
    let url = new URL(to, shown?.url)
    let asked = init
    for (let redirects = 0; redirects < mostRedirects; redirects++) {
      const response = await request(url, asked)
      const html = await response.text()
      const next = response.headers.get('location') ?? refreshOf(html)
      if (next === null) {
        const { status, headers } = response
        shown = { url: url.href, status, headers, html, alert: alertOf(html), reference: referenceOf(html) }
        return shown
      }
      url = new URL(next, url)
      // Fetch §4.4: what was posted is not posted again. 307 and 308, which would, are answers that we never want.
      if (response.status === 307 || response.status === 308) throw new Error(`${response.status} to ${url}`)
      asked = {}
    }
    throw new Error(`no end of redirects, the last one to ${url}`)
  }

  const formsOf = () => [...current().html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([text]) => text)

  async function submit(values: Readonly<Record<string, string>>, label: string): Promise<Shown> {
    const { url, html } = current()
    const form = formsOf().find(
      (text) => buttonIn(text, label) && Object.keys(values).every((one) => fieldIn(text, one)),
    )
    if (form === undefined)
      throw new Error(
        `no form with ${[...Object.keys(values), label]} at ${url}: ${textOf(html.replace(/<style[\s\S]*?<\/style>/g, ''))}`,
      )
    const data = new URLSearchParams()
    for (const [tag] of form.matchAll(/<input\b[^>]*>/g)) {
      const { name, value = '', type, checked } = attributesOf(tag)
      const isTicked = type !== 'checkbox' && type !== 'radio' ? true : checked !== undefined
      if (name !== undefined && isTicked) data.append(name, value)
    }
    for (const [one, value] of Object.entries(values)) data.set(fieldIn(form, one)!, value)
    const { name, value = '' } = attributesOf(buttonIn(form, label)!)
    if (name !== undefined) data.append(name, value)
    const { action = url, method = 'get' } = attributesOf(/^<form\b[^>]*>/.exec(form)?.[0] ?? '')
    const target = new URL(action, url)
    if (method.toLowerCase() === 'get') {
      target.search = data.toString()
      return open(target)
    }
    const sameOrigin = target.origin === new URL(url).origin
    return open(target, {
      method: 'POST',
      body: data,
      headers: {
        origin: new URL(url).origin,
        'sec-fetch-site': sameOrigin ? 'same-origin' : 'cross-site',
      },
    })
  }

  return {
    shown: current,
    visit: (url) => open(url),
    fill: submit,
    press: (label) => submit({}, label),
    hasField: (label) => fieldIn(current().html, label) !== undefined,
    hasButton: (label) => formsOf().some((text) => buttonIn(text, label) !== undefined),
    async follow(text) {
      const links = [...current().html.matchAll(/<a\b[^>]*>([\s\S]*?)<\/a>/g)]
      const found = links.find(([, inner = '']) => textOf(inner) === text)
      const { href } = attributesOf(found?.[0].match(/^<a\b[^>]*>/)?.[0] ?? '')
      if (href === undefined) throw new Error(`no link "${text}" at ${current().url}`)
      return open(href)
    },
    request,
    cookies: (host) => jarOf(host),
  }
}

/** The name of the field with this label. */
function fieldIn(html: string, label: string): string | undefined {
  for (const [, start = '', inner = ''] of html.matchAll(/(<label\b[^>]*>)([\s\S]*?)<\/label>/g)) {
    if (textOf(inner) !== label) continue
    const { for: id } = attributesOf(start)
    const inputs = [...html.matchAll(/<input\b[^>]*>/g)].map(([tag]) => attributesOf(tag))
    return inputs.find((input) => input.id === id && input.type !== 'hidden')?.name
  }
  return undefined
}

/** The start tag of the button. */
function buttonIn(html: string, label: string): string | undefined {
  const found = [...html.matchAll(/(<button\b[^>]*>)([\s\S]*?)<\/button>/g)].find(
    ([, , inner = '']) => textOf(inner) === label,
  )
  return found?.[1]
}

function attributesOf(tag: string): Readonly<Record<string, string>> {
  const pairs = tag.matchAll(/\s([\w-]+)(?:="([^"]*)")?/g)
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, unescaped(value)]))
}

const unescaped = (text: string): string =>
  text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&#x([\da-f]+);/gi, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replace(/&amp;/g, '&')

const textOf = (html: string): string =>
  unescaped(html.replace(/<svg[\s\S]*?<\/svg>/g, '').replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()

/** Up to the end tag that closes the element. */
function alertOf(html: string): string | null {
  const start = /<(\w+)\b[^>]*\brole="alert"/.exec(html)
  if (start === null) return null
  const rest = html.slice(start.index)
  let depth = 0
  for (const { 0: tag, index } of rest.matchAll(new RegExp(`</?${start[1]}\\b`, 'g'))) {
    depth += tag.startsWith('</') ? -1 : 1
    if (depth === 0) return textOf(rest.slice(0, index).replace(/^<[^>]*>/, ''))
  }
  return textOf(rest)
}

const referenceOf = (html: string): string | null =>
  /reference:?[^<]*(?:<br>)?<code>([^<]+)<\/code>/i.exec(html)?.[1] ?? null

function refreshOf(html: string): string | null {
  const found = /<meta http-equiv="refresh" content="0;\s*url=([^"]*)"/i.exec(html)
  return found === null ? null : unescaped(found[1] ?? '')
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const at = pair.indexOf('=')
  const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
  const isOver = attributes.some((one) => {
    const [key = '', text = ''] = one.split('=')
    if (/^max-age$/i.test(key)) return Number(text) <= 0
    return /^expires$/i.test(key) && Date.parse(text) <= Date.now()
  })
  if (isOver) jar.delete(name)
  else jar.set(name, value)
}

/** Fills in the pages of sign-in that are shown, with a code where one is asked for. */
export async function passSignIn(
  visitor: WebVisitor,
  username: string,
  password = `muster-${username}`,
  code?: () => string | Promise<string>,
): Promise<Shown> {
  const shown = await visitor.fill({ Username: username, Password: password }, 'Sign in')
  if (code === undefined || !visitor.hasField('Verification code')) return shown
  return visitor.fill({ 'Verification code': await code() }, 'Verify')
}
