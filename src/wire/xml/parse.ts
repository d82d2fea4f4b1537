// Bytes of a stranger to a tree: strict XML 1.0 in UTF-8 with namespaces, within caps that are checked before the work
// they bound. No DOCTYPE, no processing instruction, no entity beyond the five of XML itself.
import { SaxesParser } from 'saxes'
import { utf8, WireError } from '../../base/bytes.ts'
import type { XmlAttribute, XmlDeclaration, XmlElement, XmlNode } from './tree.ts'

export interface XmlLimits {
  readonly bytes: number
  /** The root element is at depth 1. */
  readonly depth: number
  readonly elements: number
  /** Attributes and namespace declarations of one element. */
  readonly attributes: number
  /** UTF-16 units of one text between two tags, and of one attribute's value. */
  readonly textLength: number
}

interface OpenElement extends XmlElement {
  readonly children: XmlNode[]
}

const xmlns = 'http://www.w3.org/2000/xmlns/'

/** The root element. Throws only WireError, whose offset counts UTF-16 units once the bytes are known to be UTF-8. */
export function parseXml(bytes: Uint8Array, limits: XmlLimits): XmlElement {
  if (bytes.length > limits.bytes) throw new WireError('xml-too-large', limits.bytes)
  const text = utf8(bytes)
  if (text === null) throw new WireError('xml-not-utf8', 0)
  // Before parsing, and wherever it stands: a message has no use for the letters either.
  const doctype = /<!(?:DOCTYPE|ENTITY)/i.exec(text)
  if (doctype !== null) throw new WireError('xml-doctype', doctype.index)
  return new Reading(limits).read(text)
}

/** One document on its way through saxes. */
class Reading {
  readonly #limits: XmlLimits
  readonly #parser = new SaxesParser({ xmlns: true })
  readonly #open: OpenElement[] = []
  #root: XmlElement | null = null
  #elements = 0
  #attributes = 0

  constructor(limits: XmlLimits) {
    this.#limits = limits
    this.#listen()
  }

  read(text: string): XmlElement {
    this.#parser.write(text).close()
    return this.#root ?? this.#refuse('xml-malformed')
  }

  #refuse(code: string): never {
    throw new WireError(code, this.#parser.position)
  }

  #listen(): void {
    const parser = this.#parser
    parser.on('error', () => this.#refuse('xml-malformed'))
    parser.on('doctype', () => this.#refuse('xml-doctype'))
    parser.on('processinginstruction', () => this.#refuse('xml-processing-instruction'))
    parser.on('xmldecl', ({ version, encoding }) => {
      if (version !== '1.0') this.#refuse('xml-version')
      if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8') this.#refuse('xml-not-utf8')
    })
    parser.on('opentagstart', () => {
      if (++this.#elements > this.#limits.elements) this.#refuse('xml-too-many-elements')
      if (this.#open.length === this.#limits.depth) this.#refuse('xml-too-deep')
      this.#attributes = 0
    })
    parser.on('attribute', ({ value }) => {
      if (++this.#attributes > this.#limits.attributes) this.#refuse('xml-too-many-attributes')
      if (value.length > this.#limits.textLength) this.#refuse('xml-text-too-long')
    })
    parser.on('opentag', ({ prefix, uri, local, attributes }) => {
      const all = Object.values(attributes)
      this.#enter({
        prefix,
        namespace: uri,
        name: local,
        attributes: all.filter((each) => each.uri !== xmlns).map(attributeFrom),
        declarations: all.filter((each) => each.uri === xmlns).map(declarationFrom),
        children: [],
        offset: parser.position,
      })
    })
    parser.on('closetag', () => {
      this.#open.pop()
    })
    parser.on('text', (text) => this.#append(text))
    parser.on('cdata', (text) => this.#append(text))
  }

  #enter(element: OpenElement): void {
    this.#open.at(-1)?.children.push(element)
    this.#root ??= element
    this.#open.push(element)
  }

  #append(text: string): void {
    const children = this.#open.at(-1)?.children
    // Outside of the root there is nothing but white space.
    if (children === undefined || text === '') return
    const before = children.at(-1)
    const length = typeof before === 'string' ? before.length + text.length : text.length
    if (length > this.#limits.textLength) this.#refuse('xml-text-too-long')
    if (typeof before === 'string') children[children.length - 1] = before + text
    else children.push(text)
  }
}

interface ParsedAttribute {
  readonly prefix: string
  readonly local: string
  readonly uri: string
  readonly value: string
}

function attributeFrom({ prefix, local, uri, value }: ParsedAttribute): XmlAttribute {
  return { prefix, namespace: uri, name: local, value }
}

function declarationFrom({ prefix, local, value }: ParsedAttribute): XmlDeclaration {
  return { prefix: prefix === '' ? '' : local, namespace: value.trim() }
}
