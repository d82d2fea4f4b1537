// The simple types of SAML (Core §1.3): strict readers of texts, and the writer of instants.
import { attributeOf, type XmlElement } from '../xml/tree.ts'
import { samlLimits } from './limits.ts'
import { refuse } from './problems.ts'

/** An NCName of ASCII letters: what every implementation makes, and nothing that could end an XPath or a selector. */
const ncName = /^[A-Za-z_][A-Za-z0-9_.-]*$/

// 2026-01-31T12:00:00Z, with a fraction of a second or without one.
const instant =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

type Place = { readonly offset: number } | number

export function parseId(text: string, at: Place): string {
  if (text.length > samlLimits.id) refuse('value-too-long', at)
  if (!ncName.test(text)) refuse('id-malformed', at)
  return text
}

export function parseInstant(text: string, at: Place): Date {
  const value = new Date(text)
  if (!instant.test(text) || Number.isNaN(value.getTime())) refuse('value-not-instant', at)
  // 31 February is not 3 March.
  if (value.getUTCDate() !== Number(text.slice(8, 10))) refuse('value-not-instant', at)
  return value
}

/** Whole seconds would do, but not for everybody: some compare the milliseconds that they sent. */
export function formatInstant(value: Date): string {
  return value.toISOString()
}

/** Core §1.3.2: not empty, and white space around it means nothing. */
export function parseUri(text: string, at: Place): string {
  const uri = text.trim()
  if (uri === '') refuse('value-empty', at)
  if (uri.length > samlLimits.uri) refuse('value-too-long', at)
  return uri
}

/** Where a browser may be sent with a message. */
export function parseEndpoint(text: string, at: Place): string {
  const location = parseUri(text, at)
  const url = URL.canParse(location) ? new URL(location) : null
  if (url === null || !/^https?:\/\/[^\s#\\]+$/i.test(location)) refuse('value-not-url', at)
  if (url.username !== '' || url.password !== '') refuse('value-not-url', at)
  return location
}

export function parseBoolean(text: string, at: Place): boolean {
  const value = text.trim()
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  refuse('value-not-boolean', at)
}

/** xs:unsignedShort. */
export function parseIndex(text: string, at: Place): number {
  const value = text.trim()
  if (!/^\d{1,5}$/.test(value) || Number(value) > 0xffff) refuse('value-not-number', at)
  return Number(value)
}

/** Strict base64 without white space; the bits that mean nothing are zero. */
export function decodeBase64(text: string, at: Place = 0): Buffer {
  if (text === '' || !base64.test(text)) refuse('base64-malformed', at)
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) refuse('base64-malformed', at)
  return bytes
}

/** Base64 as XML and forms carry it, in lines. */
export function decodeBase64Lines(text: string, at: Place = 0): Buffer {
  if (text.length > samlLimits.base64) refuse('xml-too-large', at)
  return decodeBase64(text.replace(/[ \t\r\n]+/g, ''), at)
}

/** The attribute's value as `parse` reads it, or null where it is not there. */
export function optional<T>(
  element: XmlElement,
  name: string,
  parse: (text: string, at: XmlElement) => T,
): T | null {
  const value = attributeOf(element, name)
  return value === null ? null : parse(value, element)
}

export function required<T>(
  element: XmlElement,
  name: string,
  parse: (text: string, at: XmlElement) => T,
): T {
  return optional(element, name, parse) ?? refuse('attribute-missing', element)
}
