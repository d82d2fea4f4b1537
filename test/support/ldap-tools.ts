// OpenLDAP's programs as clients of a running server: what to type, what came back.
import { join } from 'node:path'
import type { RunningMuster } from './muster.ts'
import { type Finished, run } from './process.ts'

export const suffix = 'dc=acme,dc=example'
export const userDn = (name: string): string => `uid=${name},ou=users,${suffix}`
export const groupDn = (name: string): string => `cn=${name},ou=groups,${suffix}`
export const readerDn = `cn=reader,ou=services,${suffix}`
export const readerPassword = 'muster-reader'

export type Attributes = Readonly<Record<string, readonly string[]>>
export type Entries = ReadonlyMap<string, Attributes>

/** `dn → attribute → values`, from LDIF without wrapping. */
export function parseLdif(ldif: string): Entries {
  const entries = new Map<string, Record<string, string[]>>()
  let entry: Record<string, string[]> = {}
  for (const line of ldif.split('\n')) {
    const [, name = '', encoded, value = ''] = /^([\w.;-]+):(:?) ?(.*)$/.exec(line) ?? []
    const text = encoded === ':' ? Buffer.from(value, 'base64').toString() : value
    if (name === 'dn') {
      entry = {}
      entries.set(text, entry)
    } else if (name !== '') {
      entry[name] ??= []
      entry[name].push(text)
    }
  }
  return entries
}

export interface LdapOptions {
  /** Who binds: a username, a DN, or null for nobody; the service account `reader` by default. */
  readonly as?: string | null
  /** By default that of the sample organization. */
  readonly password?: string
  readonly transport?: 'clear' | 'starttls' | 'ldaps'
  /** Whose certificates are trusted; the server's own authority by default. */
  readonly trust?: string
}

/** Runs `ldapsearch`, `ldapwhoami`, … ; its exit code is the LDAP result code. */
export function ldapTool(
  muster: RunningMuster,
  program: string,
  args: readonly string[],
  options: LdapOptions = {},
  input?: string,
): Promise<Finished> {
  const { as = readerDn, transport = 'clear' } = options
  const { ldap, ldaps } = muster.ports
  const url = transport === 'ldaps' ? `ldaps://localhost:${ldaps}` : `ldap://localhost:${ldap}`
  const dn = as === null || as.includes('=') ? as : userDn(as)
  const password = options.password ?? (as === readerDn ? readerPassword : `muster-${as}`)
  const credentials = dn === null ? [] : ['-D', dn, '-w', password]
  const all = ['-x', '-H', url, ...(transport === 'starttls' ? ['-ZZ'] : []), ...credentials, ...args]
  const env = {
    LDAPNOINIT: undefined,
    LDAPCONF: '/dev/null',
    LDAPTLS_CACERT: options.trust ?? join(muster.data, 'certificates/ca.pem'),
  }
  return run(program, all, { env, ...(input === undefined ? {} : { input }) })
}

export interface Found {
  readonly code: number | null
  readonly said: string
  readonly entries: Entries
  /** The only entry, where there is one. */
  readonly entry: Attributes
}

/** `ldapsearch` below the suffix, unless `args` begin with another base (`-b …`). */
export async function ldapSearch(
  muster: RunningMuster,
  args: readonly string[],
  options: LdapOptions = {},
): Promise<Found> {
  const base = args[0] === '-b' ? [] : ['-b', suffix]
  const all = ['-LLL', '-o', 'ldif-wrap=no', ...base, ...args]
  const { code, stdout, stderr } = await ldapTool(muster, 'ldapsearch', all, options)
  const entries = parseLdif(stdout)
  const [entry = {}] = entries.values()
  return { code, said: stdout + stderr, entries, entry }
}

/** Does this password let the user in? The LDAP result code. */
export async function ldapBind(
  muster: RunningMuster,
  as: string,
  password = `muster-${as}`,
  options: LdapOptions = {},
): Promise<number | null> {
  return (await ldapTool(muster, 'ldapwhoami', [], { ...options, as, password })).code
}
