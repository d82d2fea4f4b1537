// A QR code as a picture within the page: black on white in every theme, because many cameras read no other.
import { encode } from 'uqr'
import { type Html, html } from '../../web/html.ts'

const side = 208
/** ISO/IEC 18004 asks for four modules of quiet around it; the frame on the page is white, too, and has the rest. */
const border = 3

export function qrPicture(text: string, title: string): Html {
  const { data, size } = encode(text, { ecc: 'M', border })
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  return html`<svg class="qr" role="img" width="${side}" height="${side}" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"><title>${title}</title><path fill="#000" d="${path}"/></svg>`
}
