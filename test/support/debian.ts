// Debian packages that tests and benchmarks need: finds what is missing and installs it where it may. It never starts,
// stops or configures a service of the system.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface DebianPackage {
  readonly name: string
  /** A program, or the absolute path of a file, whose presence proves that the package is there. */
  readonly proof: string
  readonly why: string
}

/** What `npm test` needs. */
export const testPackages: readonly DebianPackage[] = [
  { name: 'postgresql', proof: 'postgres', why: 'the served database in the contract tests of the store' },
  { name: 'redis-server', proof: 'redis-server', why: 'the state that processes share' },
  { name: 'ldap-utils', proof: 'ldapsearch', why: 'real LDAP client' },
  { name: 'freeradius-utils', proof: 'radclient', why: 'real RADIUS client' },
  { name: 'chromium', proof: 'chromium', why: 'real browser' },
  {
    name: 'fonts-dejavu-core',
    proof: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
    why: 'letters for the browser, the same on every machine',
  },
  { name: 'xmlsec1', proof: 'xmlsec1', why: 'an XML signature implementation that is not JavaScript' },
]

/** What `npm run bench` needs beside them. */
export const benchPackages: readonly DebianPackage[] = [
  { name: 'postgresql', proof: 'postgres', why: 'the database of the benchmarks' },
  { name: 'slapd', proof: 'slapd', why: 'the LDAP server to compare with' },
  { name: 'slapd', proof: '/usr/lib/ldap/argon2.so', why: "slapd's Argon2 module" },
  { name: 'freeradius', proof: 'freeradius', why: 'the RADIUS server to compare with' },
  {
    name: 'freeradius-postgresql',
    proof: '/usr/lib/freeradius/rlm_sql_postgresql.so',
    why: 'the same, with a log in PostgreSQL',
  },
  { name: 'gcc', proof: 'gcc', why: 'builds the load generators' },
  { name: 'libc6-dev', proof: '/usr/include/stdio.h', why: 'builds the load generators' },
]

/** The folders to look for programs in; Debian keeps PostgreSQL's server programs out of the PATH, newest last. */
function programFolders(): string[] {
  const postgres = '/usr/lib/postgresql'
  let versions: string[] = []
  try {
    versions = readdirSync(postgres).sort((a, b) => Number(b) - Number(a))
  } catch {
    // PostgreSQL is not installed: nothing to add.
  }
  return [
    ...versions.map((version) => join(postgres, version, 'bin')),
    ...(process.env.PATH ?? '').split(':').filter(Boolean),
    '/usr/sbin',
    '/sbin',
  ]
}

/** The absolute path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const candidates = name.startsWith('/') ? [name] : programFolders().map((folder) => join(folder, name))
  return candidates.find((path) => {
    try {
      accessSync(path, name.startsWith('/') ? constants.R_OK : constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** The absolute path of a program that must be there. */
export function programPath(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed`)
  return path
}

// Packages of Debian start their service when installed. policy-rc.d with status 101 forbids that for as long as we
// install; a policy that is already there is left alone. The lists are only refreshed when the first try fails.
const installScript = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -q -y -o DPkg::Lock::Timeout=120 --no-install-recommends install "$@"; }
install "$@" || { apt-get -q update && install "$@"; }
`

/** How to become root without being asked for a password: a prefix of the command line, or undefined. */
function rootPrefix(): string[] | undefined {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
}

/** Installs the packages whose proof is missing; throws, with the command to type, where that is not allowed. */
export async function ensurePackages(packages: readonly DebianPackage[]): Promise<void> {
  const missing = packages.filter((each) => findProgram(each.proof) === undefined)
  if (missing.length === 0) return
  const names = [...new Set(missing.map((each) => each.name))]
  const advice = [
    'These Debian packages are missing:',
    ...missing.map((each) => `  ${each.name} (${each.proof}): ${each.why}`),
    'Install them with:',
    `  sudo apt-get install --no-install-recommends ${names.join(' ')}`,
  ].join('\n')

  const prefix = rootPrefix()
  if (prefix === undefined || findProgram('apt-get') === undefined) throw new Error(advice)
  console.error(`muster: installing Debian packages: ${names.join(' ')} ...`)
  const [command = 'sh', ...args] = [...prefix, 'sh', '-c', installScript, 'install', ...names]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => child.on('close', resolve))
  const stillMissing = missing.filter((each) => findProgram(each.proof) === undefined)
  if (code !== 0 || stillMissing.length > 0) throw new Error(`${output}\napt-get failed. ${advice}`)
}
