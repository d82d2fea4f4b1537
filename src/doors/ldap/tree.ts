// Where entries are: dc=acme,dc=example, four branches below it, and one level of entries below each. Names only:
// whether an entry exists is not known here.
import type { Organization } from '../../core/directory/types.ts'
import { canonicalRdns, type Dn, formatDn, isWithin, parseDn } from '../../wire/ldap/dn.ts'
import { canonicalAttributeType } from '../../wire/ldap/dn-types.ts'

export const branches = ['users', 'groups', 'devices', 'services'] as const
export type Branch = (typeof branches)[number]

export const namingAttribute = { users: 'uid', groups: 'cn', devices: 'cn', services: 'cn' } as const

export type Place =
  | { readonly at: 'top' }
  | { readonly at: 'branch'; readonly branch: Branch }
  /** `name` as it was written. */
  | { readonly at: 'entry'; readonly branch: Branch; readonly name: string }
  /** No entry can have this name; `matched` is the nearest one above that exists (RFC 4511 §4.1.9), or empty. */
  | { readonly at: 'nowhere'; readonly matched: string }

/** dc=acme,dc=example for acme.example (RFC 2247). */
export const suffixOf = ({ domain }: Pick<Organization, 'domain'>): string =>
  domain
    .split('.')
    .map((label) => `dc=${label}`)
    .join(',')

const plain = /^[A-Za-z0-9][A-Za-z0-9._@-]*$/
const placesKept = 4_096
const longestKept = 256

/** The tree of one organization. */
export class Tree {
  readonly suffix: string
  readonly suffixRdns: readonly string[]
  readonly #tails: Readonly<Record<Branch, string>>
  readonly #heads: Readonly<Record<Branch, string>>
  /** Clients name the same few bases again and again. */
  readonly #places = new Map<string, Place>()

  constructor(organization: Pick<Organization, 'domain'>) {
    this.suffix = suffixOf(organization)
    this.suffixRdns = canonicalRdns(this.suffix)
    const of = (text: (branch: Branch) => string) =>
      Object.fromEntries(branches.map((branch) => [branch, text(branch)])) as Record<Branch, string>
    this.#tails = of((branch) => `,ou=${branch},${this.suffix}`)
    this.#heads = of((branch) => `${namingAttribute[branch]}=`)
  }

  branchDn(branch: Branch): string {
    return this.#tails[branch].slice(1)
  }

  entryDn(branch: Branch, name: string): string {
    const rdn = plain.test(name)
      ? this.#heads[branch] + name
      : formatDn([[{ type: namingAttribute[branch], value: name }]])
    return rdn + this.#tails[branch]
  }

  /** Throws WireError where `text` is no DN. */
  locate(text: string): Place {
    const kept = this.#places.get(text)
    if (kept !== undefined) return kept
    const dn = parseDn(text)
    const place = this.locateRdns(dn, canonicalRdns(dn))
    if (this.#places.size >= placesKept) this.#places.clear()
    if (text.length <= longestKept) this.#places.set(text, place)
    return place
  }

  /** The same for a name that was parsed; `rdns` are its canonical ones. */
  locateRdns(dn: Dn, rdns: readonly string[]): Place {
    if (!isWithin(rdns, this.suffixRdns)) return { at: 'nowhere', matched: '' }
    const above = rdns.length - this.suffixRdns.length
    if (above === 0) return { at: 'top' }
    const branch = branches.find((one) => rdns[above - 1] === `ou=${one}`)
    if (branch === undefined) return { at: 'nowhere', matched: this.suffix }
    if (above === 1) return { at: 'branch', branch }
    const [first, second] = dn[0] ?? []
    const isName =
      above === 2 &&
      second === undefined &&
      typeof first?.value === 'string' &&
      canonicalAttributeType(first.type) === namingAttribute[branch]
    return isName
      ? { at: 'entry', branch, name: first.value as string }
      : { at: 'nowhere', matched: this.branchDn(branch) }
  }
}
