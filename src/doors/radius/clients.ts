// The clients of all organizations by source address, with their secrets prepared. Follows the change feed; while it
// loads, and while it cannot, the table that it has stays in force.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import { PrefixTable, parseAddress, parseCidr } from '../../base/ip.ts'
import type { Log } from '../../base/log.ts'
import type { Change, ChangeFeed, RadiusSite, RadiusSites } from '../../core/ports.ts'
import { SharedSecret } from '../../wire/radius/authenticator.ts'

export interface Client {
  readonly organization: OrganizationId
  readonly network: string
  readonly secret: SharedSecret
  /** In id order, so that of two which fit equally well it is always the same one. */
  readonly resources: RadiusSite['resources']
}

export interface ClientsOptions {
  readonly sites: RadiusSites
  readonly feed: Pick<ChangeFeed, 'subscribe'>
  readonly clock: Clock
  readonly log: Log
}

const changesOfClients = new Set<Change['kind']>(['resource', 'organization'])
/** A lone change is loaded at once; of many in a row, no more than so often. */
const gapMs = 100
const retryMs = 500
/** Addresses remembered with their client, which spares the search by prefix. */
const rememberedAddresses = 16_384

export class Clients {
  readonly #options: ClientsOptions
  readonly #unsubscribe: () => void
  #table = new PrefixTable<Client>()
  #remembered = new Map<string, Client>()
  #busy = false
  #stale = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  readonly #first = Promise.withResolvers<void>()

  constructor(options: ClientsOptions) {
    this.#options = options
    this.#unsubscribe = options.feed.subscribe((changes) => {
      if (changes.some(({ kind }) => changesOfClients.has(kind))) this.#refresh()
    })
    this.#refresh()
  }

  /** Resolves once the clients were read for the first time; before that, everybody is a stranger. */
  ready(): Promise<void> {
    return this.#first.promise
  }

  /** The client with the longest prefix that holds this canonical address. */
  find(address: string | null): Client | null {
    if (address === null) return null
    const known = this.#remembered.get(address)
    if (known !== undefined) return known
    const parsed = parseAddress(address)
    const client = parsed === null ? undefined : this.#table.find(parsed)
    if (client === undefined) return null
    if (this.#remembered.size >= rememberedAddresses) this.#remembered.clear()
    this.#remembered.set(address, client)
    return client
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    clearTimeout(this.#timer)
  }

  #refresh(): void {
    if (this.#closed) return
    if (this.#busy) {
      this.#stale = true
      return
    }
    this.#busy = true
    this.#stale = false
    void this.#load().then((loaded) => {
      if (this.#closed) return
      const pause = loaded ? gapMs : retryMs
      this.#timer = setTimeout(() => {
        this.#busy = false
        if (this.#stale || !loaded) this.#refresh()
      }, pause).unref()
    })
  }

  async #load(): Promise<boolean> {
    const { sites, log } = this.#options
    try {
      const table = tableOf(await sites.list(), log)
      this.#table = table
      this.#remembered = new Map()
      this.#first.resolve()
      return true
    } catch (err) {
      log.error(
        { err, clients: this.#table.size },
        'RADIUS clients not read; those known before stay in force',
      )
      return false
    }
  }
}

function tableOf(sites: readonly RadiusSite[], log: Log): PrefixTable<Client> {
  const table = new PrefixTable<Client>()
  for (const { organization, network, secret, resources } of sites) {
    const cidr = parseCidr(network)
    const client: Client = {
      organization,
      network,
      secret: new SharedSecret(secret.reveal()),
      resources: [...resources].sort((a, b) => (a.id < b.id ? -1 : 1)),
    }
    // One that cannot be used must not cost the others theirs.
    if (cidr === null || !table.add(cidr, client))
      log.error({ organization, network }, 'RADIUS client left out: no network, or already a client')
  }
  return table
}
