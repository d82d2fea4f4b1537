// The web addresses that applications are registered with. They are compared character by character afterwards, so that what
// is accepted here is exactly where browsers are sent to.
import { isLoopback, parseAddress } from '../../base/ip.ts'
import type { Spec } from './spec.ts'
import { text } from './values.ts'

const most = 2048

/** Visible ASCII, no backslash (browsers take it for a slash), no wildcard, no fragment (RFC 6749 §3.1.2). */
const isPlain = (value: string): boolean => /^[\x21-\x7e]+$/.test(value) && !/[\\*#]/.test(value)

/** The URL without user information, where the text is an absolute one with all its slashes; otherwise null. */
function readUrl(value: string): URL | null {
  if (!isPlain(value) || !URL.canParse(value)) return null
  const url = new URL(value)
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?]*)/i.exec(value)?.[1]
  if (authority?.includes('@')) return null
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  return isWeb && !authority ? null : url
}

function isLoopbackHost({ hostname }: URL): boolean {
  const address = parseAddress(hostname.replace(/^\[|\]$/g, ''))
  return hostname === 'localhost' || (address !== null && isLoopback(address))
}

const isSecure = (url: URL): boolean =>
  url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url))

/** RFC 8252 §7.1: a scheme of an app's own is a domain name backwards, so it has a dot; `javascript:` has none. */
const privateUse = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/

function address(check: (url: URL) => boolean, wanted: string): Spec<string> {
  return text({
    most,
    check: (value) => {
      const url = readUrl(value)
      return url !== null && check(url)
    },
    wanted,
    format: 'uri',
  })
}

export const redirectUri = address(
  (url) => isSecure(url) || privateUse.test(url.protocol),
  'an https address (http on this machine only, or an app\'s own scheme such as com.example.app:/done) without fragment, user name and "*"',
)

/** Where Muster itself, or a form with a signed message, is sent. */
export const secureUrl = address(isSecure, 'an https address (http on this machine only) without fragment')

/** A link that people follow: it carries nothing of theirs. */
export const link = address(
  ({ protocol }) => protocol === 'https:' || protocol === 'http:',
  'a web address such as https://wiki.acme.example/',
)
