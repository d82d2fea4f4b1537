// The one style sheet of all pages, written into each of them: light and dark, from 390 to 1280 pixels, with the organization's
// colour as the only accent.
import { type Colour, seenOn, textOn } from './colour.ts'

export interface Theme {
  readonly page: Colour
  readonly surface: Colour
  readonly text: Colour
  readonly muted: Colour
  /** Of fields: seen without colour (WCAG 2.2 §1.4.11). */
  readonly edge: Colour
  readonly line: Colour
  readonly bad: Colour
  readonly badBack: Colour
  readonly good: Colour
  readonly goodBack: Colour
}

export const light: Theme = {
  page: '#f5f6f8',
  surface: '#ffffff',
  text: '#16181d',
  muted: '#5b616e',
  edge: '#868c99',
  line: '#e3e5ea',
  bad: '#a3141e',
  badBack: '#fdeeee',
  good: '#156a35',
  goodBack: '#eaf7ee',
}

export const dark: Theme = {
  page: '#0e0f12',
  surface: '#17191e',
  text: '#eceef2',
  muted: '#a0a6b2',
  edge: '#6f7683',
  line: '#2a2d35',
  bad: '#ffa3a3',
  badBack: '#351a1d',
  good: '#8fdaa8',
  goodBack: '#14291b',
}

export interface Accents {
  readonly button: Colour
  /** Around the button: 3:1 against the page, whatever its colour. */
  readonly rim: Colour
  /** What is written on the button. */
  readonly on: Colour
  /** 4.5:1 against surface and page. */
  readonly link: Colour
}

/** The organization's colour in one theme. It stays what it is as far as it can: a bright one is told from the page by its rim. */
export function accents(colour: Colour, { page, surface }: Theme): Accents {
  const around = [surface, page]
  const button = seenOn(colour, around, surface === light.surface ? 1.3 : 3)
  return { button, rim: seenOn(button, around, 3), on: textOn(button), link: seenOn(colour, around, 4.5) }
}

function variables(theme: Theme, colour: Colour): string {
  const { button, rim, on, link } = accents(colour, theme)
  const { page, surface, text, muted, edge, line, bad, badBack, good, goodBack } = theme
  return (
    `--page:${page};--surface:${surface};--text:${text};--muted:${muted};--edge:${edge};--line:${line};--bad:${bad};` +
    `--bad-back:${badBack};--good:${good};--good-back:${goodBack};--accent:${button};--rim:${rim};--on:${on};--link:${link}`
  )
}

const rules = `
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;background:var(--page);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-font-smoothing:antialiased}
h1{margin:0;font-size:21px;line-height:1.3;font-weight:600;letter-spacing:-.012em;overflow-wrap:anywhere}
h2{margin:0;font-size:15px;line-height:1.4;font-weight:600}
p{margin:0;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:3px;text-decoration-thickness:1px}
code{font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
svg{display:block;flex:none}
.muted{color:var(--muted)}
.wrong{color:var(--bad)}
.small{font-size:13px}
.stack{display:flex;flex-direction:column;gap:18px}
.tight{display:flex;flex-direction:column;gap:4px}
.brand{display:flex;align-items:center;gap:10px;font-weight:600;min-width:0}
.brand span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.mark{display:grid;place-items:center;flex:none;width:28px;height:28px;border-radius:8px;background:var(--accent);border:1px solid var(--rim);color:var(--on);font-size:15px;font-weight:600}
.stack>h2{margin-top:14px}
.wide>.stack>.note:not(.good,.bad){background:var(--surface)}
main{width:100%;margin:0 auto}
.narrow{max-width:400px;margin:auto;padding:40px 16px 72px}
.narrow>.brand{justify-content:center;margin-bottom:24px}
.narrow>.brand span{white-space:normal;text-wrap:balance}
.wide{max-width:960px;padding:32px 16px 72px}
.bar{border-bottom:1px solid var(--line);background:var(--surface)}
.bar>div{max-width:960px;margin:0 auto;padding:12px 16px;display:flex;gap:16px;align-items:center;justify-content:space-between}
.bar form{display:flex}
.who{flex:none;max-width:65%;margin-right:-8px;display:flex;align-items:center;gap:14px;min-width:0;color:var(--muted);font-size:14px}
.who>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.card{background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:28px;box-shadow:0 1px 2px rgb(0 0 0/.04),0 8px 24px rgb(0 0 0/.04)}
.card.flush{padding:0;overflow:hidden}
form{margin:0}
.field{display:flex;flex-direction:column;gap:6px}
label{font-size:14px;font-weight:500}
input,select{width:100%;height:44px;padding:0 12px;font:inherit;font-size:16px;color:var(--text);background:var(--surface);border:1px solid var(--edge);border-radius:9px;transition:border-color .12s}
input::placeholder{color:var(--muted);opacity:1}
input:hover,select:hover{border-color:var(--muted)}
input:focus,select:focus{outline:2px solid var(--link);outline-offset:-1px;border-color:transparent}
input[aria-invalid=true],select[aria-invalid=true]{border-color:var(--bad)}
input.code{font-size:20px;letter-spacing:.3em;font-variant-numeric:tabular-nums}
.button{display:inline-flex;align-items:center;justify-content:center;gap:8px;min-height:44px;padding:9px 16px;font:inherit;font-weight:550;line-height:1.4;text-align:center;text-decoration:none;border:1px solid transparent;border-radius:9px;cursor:pointer;transition:filter .12s,background .12s}
.button.full{width:100%}
.gap{margin-top:18px}
.primary{background:var(--accent);color:var(--on);border-color:var(--rim)}
.primary:hover{filter:brightness(1.08)}
.primary:active{filter:brightness(.94)}
.secondary{background:var(--surface);color:var(--text);border-color:var(--edge)}
.secondary:hover{background:var(--page)}
.danger{background:var(--surface);color:var(--bad);border-color:var(--bad)}
.danger:hover{background:var(--bad-back)}
.quiet{white-space:nowrap;flex:none;background:none;color:var(--link);min-height:36px;padding:5px 8px;font-size:14px}
.quiet:hover{text-decoration:underline;text-underline-offset:3px}
.slim{min-height:36px;padding:5px 12px;font-size:14px}
.note{display:flex;gap:10px;padding:12px 14px;border-radius:9px;font-size:14px;background:var(--page);border:1px solid var(--line)}
.note svg{margin-top:2px}
.note>div{min-width:0}
.note.bad{color:var(--bad);background:var(--bad-back);border-color:transparent}
.note.good{color:var(--good);background:var(--good-back);border-color:transparent}
.or{display:flex;align-items:center;gap:12px;color:var(--muted);font-size:13px}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.rows{list-style:none;margin:0;padding:0}
.rows>li{display:flex;align-items:center;gap:14px;padding:14px 20px}
.rows>li+li{border-top:1px solid var(--line)}
.rows .grow{flex:1;min-width:0}
.pill{display:inline-block;padding:1px 8px;border-radius:99px;background:var(--good-back);color:var(--good);font-size:12px;font-weight:550;white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:14px;list-style:none;margin:0;padding:0}
.tile{display:flex;align-items:center;gap:12px;height:100%;padding:16px;background:var(--surface);border:1px solid var(--line);border-radius:14px;color:inherit;text-decoration:none;transition:border-color .12s}
.tile:hover{border-color:var(--edge)}
.qr{align-self:center;background:#fff;border-radius:12px;padding:6px;border:1px solid var(--line)}
.foot{margin-top:20px;text-align:center;color:var(--muted);font-size:13px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:480px){.card{padding:24px 20px}.card.flush{padding:0}.rows>li{padding:14px 16px;flex-wrap:wrap}}
@media(prefers-reduced-motion:reduce){*{transition:none!important}}
@media(forced-colors:active){.mark,.button,.pill,.note{border:1px solid}}
`

const compact = rules.trim().replaceAll('\n', '')

/** The text of the page's one <style>; `colour` is validated, everything else is ours. */
export function styleSheet(colour: Colour): string {
  return (
    `:root{color-scheme:light dark;${variables(light, colour)}}` +
    `@media(prefers-color-scheme:dark){:root{${variables(dark, colour)}}}${compact}`
  )
}
