// What a document is to us: elements with their namespaces, attributes and whole texts. Comments are gone and the
// text around them is joined, so that everybody reads the same value (CVE-2017-11428).
import { WireError } from '../../base/bytes.ts'

export interface XmlAttribute {
  /** Empty where the attribute has no prefix, and then it is in no namespace. */
  readonly prefix: string
  readonly namespace: string
  readonly name: string
  readonly value: string
}

/** `xmlns:prefix="namespace"` as it stands at an element; the prefix is empty for `xmlns="…"`. */
export interface XmlDeclaration {
  readonly prefix: string
  readonly namespace: string
}

export interface XmlElement {
  readonly prefix: string
  readonly namespace: string
  readonly name: string
  /** Without namespace declarations. */
  readonly attributes: readonly XmlAttribute[]
  readonly declarations: readonly XmlDeclaration[]
  /** No two strings stand next to each other. */
  readonly children: readonly XmlNode[]
  /** Where its start tag ended, in UTF-16 units of the document; 0 where we built the element. */
  readonly offset: number
}

export type XmlNode = XmlElement | string

export function is(element: XmlElement, namespace: string, name: string): boolean {
  return element.name === name && element.namespace === namespace
}

export function childElements(element: XmlElement): readonly XmlElement[] {
  return element.children.filter((child) => typeof child !== 'string')
}

export function childrenNamed(element: XmlElement, namespace: string, name: string): readonly XmlElement[] {
  return childElements(element).filter((child) => is(child, namespace, name))
}

/** The only child of that name, or null; a second one is an error, for nobody could say which of them counts. */
export function onlyChild(element: XmlElement, namespace: string, name: string): XmlElement | null {
  const [first, second] = childrenNamed(element, namespace, name)
  if (second !== undefined) throw new WireError('element-repeated', second.offset)
  return first ?? null
}

/** The value of an attribute without a prefix. */
export function attributeOf(element: XmlElement, name: string): string | null {
  return element.attributes.find((each) => each.name === name && each.namespace === '')?.value ?? null
}

/** All of the text; an element within it is an error. */
export function textOf(element: XmlElement): string {
  const nested = childElements(element)[0]
  if (nested !== undefined) throw new WireError('element-unexpected', nested.offset)
  return element.children.join('')
}

/** The element and everything below it, in document order. */
export function* descendants(element: XmlElement): Generator<XmlElement> {
  yield element
  for (const child of element.children) if (typeof child !== 'string') yield* descendants(child)
}
