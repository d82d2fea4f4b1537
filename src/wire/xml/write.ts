// Trees to text. What we write is in the form of Exclusive XML Canonicalization 1.0 from the start, so the digest of
// an element that we sign is SHA-256 over the very characters that are sent.
import { WireError } from '../../base/bytes.ts'
import type { XmlAttribute, XmlDeclaration, XmlElement, XmlNode } from './tree.ts'

/** XML 1.0 §2.2: what no document can hold, not even as a reference. */
const notXml = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

/** Whether a document can hold this text; a control character or half of a surrogate pair cannot be written. */
export function isXmlText(text: string): boolean {
  return !notXml.test(text)
}

const inText: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' }
const inAttribute: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}

// Canonical XML 1.0 §2.3.
function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => inText[character] as string)
}

function escapeAttribute(value: string): string {
  return value.replace(/[&<"\t\n\r]/g, (character) => inAttribute[character] as string)
}

export type AttributeValues = Readonly<Record<string, string | null>>

/** Makes elements out of names such as `saml:Issuer`, by a table of prefixes. */
export function elementMaker<Prefix extends string>(namespaces: Readonly<Record<Prefix, string>>) {
  /** An attribute that is null is left out, and so is a child that is null. */
  return (
    name: `${Prefix}:${string}`,
    attributes: AttributeValues = {},
    children: readonly (XmlNode | null)[] = [],
  ): XmlElement => {
    const colon = name.indexOf(':')
    const prefix = name.slice(0, colon) as Prefix
    const present = Object.entries(attributes).filter((pair): pair is [string, string] => pair[1] !== null)
    for (const text of [...present.map(([, value]) => value), ...children]) {
      if (typeof text === 'string' && !isXmlText(text)) throw new WireError('text-not-xml', 0)
    }
    return {
      prefix,
      namespace: namespaces[prefix],
      name: name.slice(colon + 1),
      attributes: present.map(([name, value]) => ({ prefix: '', namespace: '', name, value })),
      declarations: [],
      children: children.filter((child) => child !== null),
      offset: 0,
    }
  }
}

/** Prefix → namespace, as far as it has been written above. */
type Scope = ReadonlyMap<string, string>

/** Whether a declaration is written where it stands, even though nothing there uses it. */
type Keep = (prefix: string) => boolean

/**
 * Exclusive XML Canonicalization 1.0, without comments, of the element by itself; `inclusive` is the PrefixList, in
 * which `#default` is the empty prefix.
 */
export function canonical(element: XmlElement, inclusive: ReadonlySet<string> = new Set()): string {
  return write(element, new Map(), (prefix) => inclusive.has(prefix === '' ? '#default' : prefix))
}

/**
 * Canonical text as it is sent: the two line ends of XML 1.1 as references. It means the same, and is the same once it is canonical
 * again; but xmldom takes them for line feeds where it meets them as they are, and then finds a signature wrong.
 */
export function asSent(text: string): string {
  return text.replaceAll('\u0085', '&#x85;').replaceAll('\u2028', '&#x2028;')
}

/** `canonical`, with every namespace declaration where it stood. */
export function asDeclared(element: XmlElement): string {
  return write(element, new Map(), () => true)
}

function write(element: XmlElement, scope: Scope, keep: Keep): string {
  const declarations = missing(element, scope, keep)
  const inner = new Map(scope)
  for (const { prefix, namespace } of declarations) inner.set(prefix, namespace)
  const name = qualified(element.prefix, element.name)
  const start = [
    name,
    ...declarations.map(({ prefix, namespace }) => {
      return `${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapeAttribute(namespace)}"`
    }),
    ...[...element.attributes].sort(byNamespaceAndName).map((each) => {
      return `${qualified(each.prefix, each.name)}="${escapeAttribute(each.value)}"`
    }),
  ].join(' ')
  const content = element.children
    .map((child) => (typeof child === 'string' ? escapeText(child) : write(child, inner, keep)))
    .join('')
  return `<${start}>${content}</${name}>`
}

/** The declarations to write at this element: of what it uses visibly (§2), and of what is kept. */
function missing(element: XmlElement, scope: Scope, keep: Keep): readonly XmlDeclaration[] {
  const wanted = new Map([[element.prefix, element.namespace]])
  for (const each of element.attributes) if (each.prefix !== '') wanted.set(each.prefix, each.namespace)
  for (const each of element.declarations) if (keep(each.prefix)) wanted.set(each.prefix, each.namespace)
  wanted.delete('xml')
  return [...wanted]
    .filter(([prefix, namespace]) => (scope.get(prefix) ?? (prefix === '' ? '' : null)) !== namespace)
    .map(([prefix, namespace]) => ({ prefix, namespace }))
    .sort((one, other) => compare(one.prefix, other.prefix))
}

function byNamespaceAndName(one: XmlAttribute, other: XmlAttribute): number {
  return compare(one.namespace, other.namespace) || compare(one.name, other.name)
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function qualified(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}:${name}`
}
