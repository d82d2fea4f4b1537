// Pages: what is written into them stays text, what is seen has contrast, and what is used has a name.
import t from 'tap'
import { type Colour, contrast, parseColour, seenOn, textOn } from '../../src/web/colour.ts'
import { continuePage } from '../../src/web/continue.ts'
import { errorPage } from '../../src/web/error-page.ts'
import { formPostPage } from '../../src/web/form-post.ts'
import { type Html, html, safeUrl } from '../../src/web/html.ts'
import { page } from '../../src/web/page.ts'
import {
  alert,
  button,
  card,
  codeField,
  field,
  form,
  heading,
  link,
  linkButton,
  notice,
  or,
  rows,
} from '../../src/web/parts.ts'
import { accents, dark, light } from '../../src/web/style.ts'

const frame = { brand: { name: 'Acme', colour: '#ffd400' }, nonce: 'bm9uY2U=' }
const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;`
const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length

/** One page with every part, each with `text` wherever text from outside can stand. */
function everything(text: string): string {
  const action = '/o/acme/signin'
  const body = card(
    heading(text, html`to continue to <strong>${text}</strong>`),
    alert(text, text),
    notice(text, 'good'),
    form({
      action,
      csrf: text,
      hidden: { to: text },
      body: [
        field({ label: 'Username', name: 'username', autocomplete: 'username', value: text, hint: text }),
        field({ label: 'Password', name: 'password', type: 'password', problem: text, hint: text }),
        codeField({ value: text }),
        button({ label: 'Sign in', full: true }),
        button({ label: text, kind: 'secondary', icon: 'key', name: text, value: text, skipsFields: true }),
      ],
    }),
    or(),
    link(text, action),
    linkButton({ label: text, href: `${action}?to=${encodeURIComponent(text)}`, about: text }),
    rows(
      [
        {
          icon: 'device',
          title: text,
          detail: text,
          pill: text,
          action: button({ label: 'End', about: text }),
        },
      ],
      text,
    ),
    rows([], text),
  )
  return page({
    ...frame,
    brand: { ...frame.brand, name: text },
    title: text,
    body,
    layout: 'wide',
    bar: html`${text}`,
  })
}

const pages = (text: string) => ({
  everything: everything(text),
  signin: page({
    ...frame,
    title: 'Sign in',
    body: card(
      heading('Sign in'),
      form({
        action: '/o/acme/signin',
        csrf: text,
        body: [
          field({ label: 'Username', name: 'username', autocomplete: 'username' }),
          field({ label: 'Password', name: 'password', type: 'password', autocomplete: 'current-password' }),
          button({ label: 'Sign in', full: true }),
        ],
      }),
    ),
  }),
  error: errorPage({
    ...frame,
    title: text,
    text,
    reference: text,
    action: { label: text, href: '/o/acme/portal' },
  }),
  post: formPostPage({
    ...frame,
    action: 'https://crm.example/acs',
    fields: { SAMLResponse: text, submit: text },
    to: text,
  }),
  go: continuePage({
    ...frame,
    to: `https://app.example/cb?code=${encodeURIComponent(text)}&state='"<>`,
    title: text,
  }),
})

t.test('W04: text from outside stays text, in every part of every page', async (t) => {
  t.equal(String(html`<p title="${hostile}">${hostile}</p>`).includes('<script'), false)
  t.equal(String(html`${[html`<b>`, '<b>', 1, null, undefined, false]}`), '<b>&lt;b&gt;1')
  const forged = JSON.parse(JSON.stringify({ toString: '<b>' })) as Html
  t.throws(() => String(html`${forged}`), 'what only looks like HTML is not')
  const hollow = Object.create(Object.getPrototypeOf(html``)) as Html
  t.throws(() => html`${hollow}`, TypeError)
  const harmless = pages('x')
  for (const [name, text] of Object.entries(pages(hostile))) {
    t.notMatch(text, /<img|<script>|onerror='/, name)
    const own = harmless[name as keyof typeof harmless]
    t.equal(count(text, /</g), count(own, /</g), `${name}: no element more than with a harmless text`)
    t.equal(count(text, /"/g), count(own, /"/g), `${name}: and no quote`)
  }
})

t.test(
  'W04: no inline handlers and styles, nothing from elsewhere, scripts and styles under the nonce',
  async (t) => {
    for (const [name, text] of Object.entries(pages('x'))) {
      t.notMatch(text, /<[^>]*\son[a-z]+\s*=/i, `${name}: no handler`)
      t.notMatch(text, /<[^>]*\sstyle\s*=/i, `${name}: no style attribute`)
      t.notMatch(text, /<(?:script|style)(?! nonce="bm9uY2U=")/, `${name}: nonce`)
      t.notMatch(text, /\ssrc=|url\(|@import|<iframe|<object|<base/, `${name}: loads nothing`)
      t.ok(Buffer.byteLength(text) < 12_000, `${name}: ${Buffer.byteLength(text)} bytes`)
      t.equal(count(text, /<h1[ >]/g), 1, `${name}: one h1`)
      t.equal(count(text, /<main[ >]/g), 1, `${name}: one main`)
      t.match(text, /^<!doctype html>\n<html lang="en">/, name)
      t.match(text, /<title>[^<]+ · [^<]+<\/title>/, name)
    }
  },
)

t.test('fields have labels, ids are there once, and what describes a field exists', async (t) => {
  for (const [name, text] of Object.entries(pages('x'))) {
    const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
    t.equal(new Set(ids).size, ids.length, `${name}: ids`)
    const labels = [...text.matchAll(/<label for="([^"]+)">/g)].map(([, id]) => id)
    const fields = [...text.matchAll(/<input id="([^"]+)"/g)].map(([, id]) => id)
    t.same(labels, fields, `${name}: a label each`)
    t.equal(count(text, /<input(?! id=| type="hidden")/g), 0, `${name}: no field without`)
    for (const [, described = ''] of text.matchAll(/aria-describedby="([^"]+)"/g)) {
      for (const id of described.split(' ')) t.ok(ids.includes(id), `${name}: ${id}`)
    }
    for (const [tag] of text.matchAll(/<svg[^>]*>/g)) t.match(tag, /aria-hidden="true"/)
  }
  const { signin, everything: all } = pages('x')
  for (const label of ['Username', 'Password'])
    t.match(signin, new RegExp(`<label for="[^"]+">${label}</label>`))
  t.match(signin, /<button class="[^"]+" type="submit">Sign in<\/button>/)
  t.match(all, /<label for="[^"]+">Verification code<\/label>/)
  t.match(all, /role="alert"/)
})

t.test('contrast is that of WCAG AA with any colour, on light and on dark', async (t) => {
  t.equal(contrast('#000000', '#ffffff'), 21)
  t.ok(Math.abs(contrast('#777777', '#ffffff') - 4.48) < 0.01, 'as others compute it')
  const steps = ['00', '33', '66', '99', 'cc', 'ff']
  const colours = steps.flatMap((r) => steps.flatMap((g) => steps.map((b) => `#${r}${g}${b}` as Colour)))
  const faults: string[] = []
  const need = (what: string, one: Colour, other: Colour, ratio: number) => {
    if (contrast(one, other) < ratio) faults.push(`${what}: ${one} on ${other}`)
  }
  for (const colour of colours) {
    need('text', textOn(colour), colour, 4.5)
    for (const theme of [light, dark]) {
      const { button: back, rim, on, link: linked } = accents(colour, theme)
      need('button', on, back, 4.5)
      for (const around of [theme.surface, theme.page]) {
        need('rim', rim, around, 3)
        need('link', linked, around, 4.5)
      }
    }
  }
  for (const theme of [light, dark]) {
    for (const around of [theme.surface, theme.page]) {
      need('text', theme.text, around, 7)
      need('muted', theme.muted, around, 4.5)
      need('edge', theme.edge, around, 3)
      need('problem', theme.bad, around, 4.5)
    }
    need('refusal', theme.bad, theme.badBack, 4.5)
    need('success', theme.good, theme.goodBack, 4.5)
  }
  t.same(faults, [])
  t.equal(seenOn('#2f5bd0', ['#ffffff'], 3), '#2f5bd0', 'a colour that suffices stays as it is')
})

t.test('a colour is six digits or the colour of the house', async (t) => {
  t.equal(parseColour(' #FD0 '), '#ffdd00')
  for (const text of ['', 'red', '#12', '#1234567', '#ffd400;}body{display:none', 'rgb(0,0,0)', '#ggg']) {
    t.equal(parseColour(text), null, text)
  }
  const text = page({ ...frame, brand: { name: '', colour: 'red;}*{' }, title: 'x', body: heading('x') })
  t.notMatch(text, /red;/)
  t.match(text, /--accent:#2f5bd0/)
})

t.test('pages lead only where they may', async (t) => {
  const kept = {
    'https://app.example/cb?code=1': 'https://app.example/cb?code=1',
    'http://127.0.0.1:9001/callback': 'http://127.0.0.1:9001/callback',
    'com.example.app:/cb?code=1': 'com.example.app:/cb?code=1',
    '/o/acme/portal?x=1#y': '/o/acme/portal?x=1#y',
  }
  for (const [url, expected] of Object.entries(kept)) t.equal(safeUrl(url), expected)
  const refused = [
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>',
    'vbscript:x',
    'blob:https://x/1',
    'file:///etc/passwd',
    'about:blank',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/./\\evil.example',
    '/.//evil.example',
    'portal',
    '',
  ]
  for (const url of refused) {
    t.equal(safeUrl(url), null, JSON.stringify(url))
    t.throws(() => link('x', url), TypeError)
    t.throws(() => continuePage({ ...frame, to: url }), TypeError)
    t.throws(() => formPostPage({ ...frame, action: url, fields: {}, to: 'x' }), TypeError)
  }
  t.throws(() => formPostPage({ ...frame, action: 'com.example.app:/cb', fields: {}, to: 'x' }), TypeError)
  const { go, post } = pages('x')
  t.match(go, '<meta http-equiv="refresh" content="0;url=https://app.example/cb?code=x&amp;state=')
  t.match(go, />Continue</)
  t.match(post, /<form method="post" action="https:\/\/crm\.example\/acs">/)
  t.match(post, /<noscript><button [^>]*>Continue/)
})
