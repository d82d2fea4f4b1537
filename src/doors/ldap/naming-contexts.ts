// The naming contexts of all organizations, made when they are first needed and kept as long as the change feed says that
// nothing of them has changed.
import type { OrganizationId } from '../../base/ids.ts'
import { Fault } from '../../base/result.ts'
import type { AttributeDefinition, Organization } from '../../core/directory/types.ts'
import type { Change, ChangeFeed, DirectoryReader, Organizations, Records } from '../../core/ports.ts'
import { canonicalRdns, isWithin } from '../../wire/ldap/dn.ts'
import { NamingContext } from './naming-context.ts'
import { suffixOf } from './tree.ts'

/** Behind by more than this, nothing kept is used. */
export const longestStalenessMs = 2_000
const definitionsPerRead = 200

export interface ContextPorts {
  readonly organizations: Pick<Organizations, 'list'>
  readonly reader: Pick<DirectoryReader, 'groupNames' | 'posixGrants'>
  readonly attributes: Pick<Records<AttributeDefinition>, 'list'>
  readonly feed: Pick<ChangeFeed, 'subscribe' | 'stalenessMs'>
}

interface Suffix {
  readonly rdns: readonly string[]
  readonly organization: Organization
}

const concerned = new Set<Change['kind']>(['group', 'binding', 'resource', 'attribute', 'organization'])

export class NamingContexts {
  readonly #ports: ContextPorts
  readonly #loginShell: string
  readonly #kept = new Map<OrganizationId, NamingContext>()
  readonly #reading = new Map<OrganizationId, Promise<NamingContext>>()
  #suffixes: readonly Suffix[] | null = null
  /** Grows with every change that concerns contexts: what was read before it is not kept. */
  #generation = 0
  readonly #unsubscribe: () => void

  constructor(ports: ContextPorts, loginShell: string) {
    this.#ports = ports
    this.#loginShell = loginShell
    this.#unsubscribe = ports.feed.subscribe((changes) => this.#forget(changes))
  }

  close(): void {
    this.#unsubscribe()
  }

  /** Throws Fault('unavailable') where the organization is gone. */
  find(organization: OrganizationId): NamingContext | Promise<NamingContext> {
    const kept = this.#isFresh() ? this.#kept.get(organization) : undefined
    if (kept !== undefined) return kept
    const reading = this.#reading.get(organization)
    if (reading !== undefined) return reading
    const begun = this.#read(organization).finally(() => {
      if (this.#reading.get(organization) === begun) this.#reading.delete(organization)
    })
    this.#reading.set(organization, begun)
    return begun
  }

  /** The organization in whose tree a name lies, the one with the longest suffix; null where there is none. */
  async organizationAbove(rdns: readonly string[]): Promise<Organization | null> {
    const suffixes = await this.#listSuffixes()
    return suffixes.find((suffix) => isWithin(rdns, suffix.rdns))?.organization ?? null
  }

  async #listSuffixes(): Promise<readonly Suffix[]> {
    if (this.#suffixes !== null && this.#isFresh()) return this.#suffixes
    const generation = this.#generation
    const list = await this.#ports.organizations.list()
    const suffixes = list
      .map((organization) => ({ rdns: canonicalRdns(suffixOf(organization)), organization }))
      .sort((a, b) => b.rdns.length - a.rdns.length)
    if (generation === this.#generation) this.#suffixes = suffixes
    return suffixes
  }

  async #read(id: OrganizationId): Promise<NamingContext> {
    const generation = this.#generation
    const [suffixes, groups, posix, definitions] = await Promise.all([
      this.#listSuffixes(),
      this.#ports.reader.groupNames(id),
      this.#ports.reader.posixGrants(id),
      this.#definitions(id),
    ])
    const organization = suffixes.find((suffix) => suffix.organization.id === id)?.organization
    if (organization === undefined) throw new Fault('unavailable', 'the organization is gone')
    const context = new NamingContext(organization, groups, posix, definitions, this.#loginShell)
    if (generation === this.#generation) this.#kept.set(id, context)
    return context
  }

  async #definitions(id: OrganizationId): Promise<readonly AttributeDefinition[]> {
    const all: AttributeDefinition[] = []
    for (;;) {
      const after = all.at(-1)?.id
      const page = { limit: definitionsPerRead, ...(after === undefined ? {} : { after }) }
      const some = await this.#ports.attributes.list(id, { op: 'true' }, page)
      all.push(...some)
      if (some.length < definitionsPerRead) return all
    }
  }

  #isFresh(): boolean {
    return this.#ports.feed.stalenessMs() <= longestStalenessMs
  }

  #forget(changes: readonly Change[]): void {
    for (const { organization, kind } of changes) {
      if (!concerned.has(kind)) continue
      this.#generation++
      this.#kept.delete(organization)
      // Who asks from now on must not be given what was read before the change.
      this.#reading.delete(organization)
      if (kind === 'organization') this.#suffixes = null
    }
  }
}
