// What the configuration is once it has been read and checked. The table of settings is in settings.ts.
import type { Cidr } from '../base/ip.ts'
import type { Secret } from '../base/secrets.ts'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** 0 means: any free port. */
export interface Ports {
  readonly http: number
  readonly ldap: number
  readonly ldaps: number
  readonly radius: number
  readonly radiusAcct: number
  readonly radsec: number
}

export interface Config {
  /** Absolute. */
  readonly dataFolder: string
  /** null: the embedded database. */
  readonly databaseUrl: Secret | null
  /** null: kept in the process. */
  readonly redisUrl: Secret | null
  /** Canonical addresses; null: loopback while the sample organization exists, everything otherwise. */
  readonly listen: readonly string[] | null
  readonly ports: Ports
  /** An origin without a trailing slash; null: see `publicUrlOf`. */
  readonly publicUrl: string | null
  readonly trustedProxies: readonly Cidr[]
  /** Networks beside the public internet from which metadata is fetched, and where applications are told of a logout. */
  readonly fetchNetworks: readonly Cidr[]
  /** null: no mail is sent. */
  readonly smtpUrl: Secret | null
  /** The sender of mail; null: `muster@` and the host of the public URL. */
  readonly mailFrom: string | null
  readonly sample: boolean | 'auto'
  readonly logLevel: LogLevel
  /** Accepted, but to be said aloud at the start. */
  readonly warnings: readonly string[]
}

/** The issuer and the base of all links, once the HTTP port in use is known. */
export function publicUrlOf(config: Config, httpPort: number): string {
  return config.publicUrl ?? `http://localhost:${httpPort}`
}

/** Why a value is refused: what was expected, and what was probably meant. */
export interface Refusal {
  readonly expected: string
  readonly suggestion: string | null
}
