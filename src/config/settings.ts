// What can be set, in one table: variable, key in the file, default, parser. Reads nothing itself; load.ts does.
import type { Cidr } from '../base/ip.ts'
import type { Result } from '../base/result.ts'
import type { Secret } from '../base/secrets.ts'
import type { LogLevel, Ports, Refusal } from './schema.ts'
import {
  parseFolder,
  parseListen,
  parseLogLevel,
  parseMailAddress,
  parseNetworks,
  parsePort,
  parsePublicUrl,
  parseSample,
  parseSecretUrl,
} from './values.ts'

export interface Setting<T> {
  readonly variable: string
  /** In the file; the variable's name in camel case. */
  readonly key: string
  readonly fallback: T
  /** The value may hold a password, and is masked wherever it is shown. */
  readonly secret: boolean
  readonly parse: (text: string, cwd: string) => Result<T, Refusal>
}

function setting<T>(
  variable: string,
  fallback: T,
  parse: Setting<T>['parse'],
  { secret = false } = {},
): Setting<T> {
  const key = variable
    .slice('MUSTER_'.length)
    .toLowerCase()
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return { variable, key, fallback, secret, parse }
}

export const settings = {
  dataFolder: setting<string | null>('MUSTER_DATA', null, parseFolder),
  databaseUrl: setting<Secret | null>('MUSTER_DATABASE_URL', null, parseSecretUrl('postgres', 'postgresql'), {
    secret: true,
  }),
  redisUrl: setting<Secret | null>('MUSTER_REDIS_URL', null, parseSecretUrl('redis', 'rediss'), {
    secret: true,
  }),
  listen: setting<readonly string[] | null>('MUSTER_LISTEN', null, parseListen),
  http: setting('MUSTER_HTTP_PORT', 8080, parsePort),
  ldap: setting('MUSTER_LDAP_PORT', 1389, parsePort),
  ldaps: setting('MUSTER_LDAPS_PORT', 1636, parsePort),
  radius: setting('MUSTER_RADIUS_PORT', 1812, parsePort),
  radiusAcct: setting('MUSTER_RADIUS_ACCT_PORT', 1813, parsePort),
  radsec: setting('MUSTER_RADSEC_PORT', 2083, parsePort),
  publicUrl: setting<string | null>('MUSTER_PUBLIC_URL', null, parsePublicUrl),
  trustedProxies: setting<readonly Cidr[]>('MUSTER_TRUSTED_PROXIES', [], parseNetworks),
  fetchNetworks: setting<readonly Cidr[]>('MUSTER_FETCH_NETWORKS', [], parseNetworks),
  smtpUrl: setting<Secret | null>('MUSTER_SMTP_URL', null, parseSecretUrl('smtps', 'smtp'), { secret: true }),
  mailFrom: setting<string | null>('MUSTER_MAIL_FROM', null, parseMailAddress),
  sample: setting<boolean | 'auto'>('MUSTER_SAMPLE', 'auto', parseSample),
  logLevel: setting<LogLevel>('MUSTER_LOG', 'info', parseLogLevel),
} as const

export type Settings = typeof settings
export type Values = { -readonly [K in keyof Settings]: Settings[K]['fallback'] }

/** Ports that cannot be shared, by transport. */
export const exclusivePorts = [
  ['http', 'ldap', 'ldaps', 'radsec'],
  ['radius', 'radiusAcct'],
] as const satisfies readonly (readonly (keyof Ports)[])[]

/** Variables that begin with MUSTER_ and are not the server's settings: the command line's, and this file's own. */
export function isForeignVariable(name: string): boolean {
  return ['MUSTER_URL', 'MUSTER_TOKEN', 'MUSTER_CONFIG'].includes(name) || name.startsWith('MUSTER_TEST_')
}
