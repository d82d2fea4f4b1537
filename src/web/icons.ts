// Small pictures of our own, drawn with the colour of the text around them. Decoration only: what they mean is always written, too.
import { type Html, trusted } from './html.ts'

const shapes = {
  alert: '<circle cx="8" cy="8" r="6.5"/><path d="M8 4.8v3.8M8 11v.1"/>',
  check: '<circle cx="8" cy="8" r="6.5"/><path d="m5.2 8.2 2 2 3.6-4"/>',
  info: '<circle cx="8" cy="8" r="6.5"/><path d="M8 7.4v3.8M8 4.9V5"/>',
  key: '<circle cx="5.5" cy="10.5" r="3.2"/><path d="m7.8 8.2 5.7-5.7M11 5l2 2M9.2 6.8l1.2 1.2"/>',
  push: '<rect x="4.2" y="1.5" width="7.6" height="13" rx="1.8"/><path d="M7 12.2h2"/>',
  device: '<rect x="2" y="2.8" width="12" height="8" rx="1.4"/><path d="M5.5 13.4h5"/>',
  arrow: '<path d="M3 8h9.6M8.8 4.2 12.6 8l-3.8 3.8"/>',
  shield:
    '<path d="M8 1.6 13.2 3.4v4.2c0 3.2-2.1 5.6-5.2 6.8-3.1-1.2-5.2-3.6-5.2-6.8V3.4z"/><path d="m5.8 8 1.6 1.6 2.9-3.2"/>',
} as const
export type Icon = keyof typeof shapes

export function icon(name: Icon, size = 16): Html {
  return trusted(
    `<svg width="${size}" height="${size}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" ` +
      `stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shapes[name]}</svg>`,
  )
}
