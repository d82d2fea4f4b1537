// One colour of an organization, made readable: what is written on it, and how it is bent until it is seen on a light and on a dark
// page (WCAG 2.2 §1.4.3 and §1.4.11). Pure arithmetic on sRGB.

/** `#rrggbb` in lower case. */
export type Colour = `#${string}`

type Channels = readonly [number, number, number]

export const defaultColour: Colour = '#2f5bd0'

/** The colour that `text` spells as #rgb or #rrggbb, or null. */
export function parseColour(text: string): Colour | null {
  const lower = text.trim().toLowerCase()
  if (/^#[0-9a-f]{6}$/.test(lower)) return lower as Colour
  return /^#[0-9a-f]{3}$/.test(lower) ? (lower.replace(/[0-9a-f]/g, '$&$&') as Colour) : null
}

/** 1 (the same) to 21 (black and white). */
export function contrast(one: Colour, other: Colour): number {
  const [a, b] = [luminance(channels(one)), luminance(channels(other))]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

/** White or black: one of them has a contrast of at least 4.58 with any colour. White is preferred where it suffices. */
export function textOn(background: Colour): Colour {
  return contrast(background, '#ffffff') >= 4.5 ? '#ffffff' : '#000000'
}

/** The colour nearest to `colour`, towards black or white, that has at least `ratio` with each of `backgrounds`. */
export function seenOn(colour: Colour, backgrounds: readonly Colour[], ratio: number): Colour {
  const suffices = (candidate: Colour) => backgrounds.every((one) => contrast(candidate, one) >= ratio)
  const towards = textOn(backgrounds[0] ?? '#ffffff')
  for (let percent = 0; percent < 100; percent += 2) {
    const candidate = mixed(colour, towards, percent / 100)
    if (suffices(candidate)) return candidate
  }
  return towards
}

function mixed(from: Colour, to: Colour, share: number): Colour {
  const target = channels(to)
  const parts = channels(from).map((value, i) => Math.round(value + ((target[i] as number) - value) * share))
  return `#${parts.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}

function channels(colour: Colour): Channels {
  const number = Number.parseInt(colour.slice(1), 16)
  return [number >> 16, (number >> 8) & 255, number & 255]
}

/** WCAG 2.2, "relative luminance". */
function luminance(of: Channels): number {
  const [red, green, blue] = of.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as unknown as Channels
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
