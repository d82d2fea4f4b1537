// Debian's slapd, as its administrators run it for this job: mdb, uid indexed, Argon2 passwords, an access rule that lets
// a service account read. Temporary folder, loopback, free port.
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { programPath } from '../../test/support/debian.ts'
import { accepts, freePort } from '../../test/support/ports.ts'
import { run, runOrThrow, startProcess, untilReady } from '../../test/support/process.ts'
import { organization, type Population, reader } from '../population.ts'
import type { Peer } from './peer.ts'

const suffix = organization.suffix

const configuration = (folder: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
# memberOf as plain data: what the memberof overlay would maintain, without its cost when reading.
attributetype ( 1.2.840.113556.1.2.102 NAME 'memberOf' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
objectclass ( 1.3.6.1.4.1.4203.666.11.999.1 NAME 'groupAware' SUP top AUXILIARY MAY memberOf )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload argon2
pidfile ${folder}/slapd.pid
loglevel none
sizelimit unlimited
database mdb
suffix "${suffix}"
directory ${folder}/data
maxsize 4294967296
index objectClass eq
index uid eq
index cn eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read
`

function* entries(population: Population): Generator<string> {
  yield `dn: ${suffix}\nobjectClass: dcObject\nobjectClass: organization\ndc: acme\no: Acme\n\n`
  for (const unit of ['users', 'groups', 'services']) {
    yield `dn: ou=${unit},${suffix}\nobjectClass: organizationalUnit\nou: ${unit}\n\n`
  }
  yield `dn: ${reader.dn}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: reader\n`
  yield `userPassword: ${reader.password}\n\n`
  const names = ['everyone', 'engineering']
  // Without members: slapd would read and write the list whenever it touches the entry, and Muster does not.
  for (const [index, name] of names.entries()) {
    yield `dn: cn=${name},ou=groups,${suffix}\nobjectClass: posixGroup\ncn: ${name}\ngidNumber: ${5000 + index}\n\n`
  }
  const groups = names.map((name) => `memberOf: cn=${name},ou=groups,${suffix}\n`).join('')
  for (const user of population.users()) {
    yield `dn: uid=${user.username},ou=users,${suffix}\nobjectClass: inetOrgPerson\nobjectClass: groupAware\n` +
      `uid: ${user.username}\ncn: ${user.displayName}\nsn: ${user.familyName}\ngivenName: ${user.givenName}\n` +
      `mail: ${user.email}\ndepartmentNumber: ${user.department}\n${groups}` +
      `userPassword: {ARGON2}${user.passwordHash}\n\n`
  }
}

/** Loads the population with slapadd and starts slapd as the current user. */
export async function startSlapd(population: Population): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-slapd-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const slapd = programPath('slapd')
    const config = join(folder, 'slapd.conf')
    const ldif = join(folder, 'users.ldif')
    await mkdir(join(folder, 'data'))
    await writeFile(config, configuration(folder), { mode: 0o600 })
    await pipeline(Readable.from(entries(population)), createWriteStream(ldif))
    await runOrThrow(programPath('slapadd'), ['-q', '-f', config, '-l', ldif], { timeoutMs: 600_000 })
    await rm(ldif)

    const port = await freePort()
    const version = /slapd (\d+\.\d+\.\d+)/.exec((await run(slapd, ['-VV'])).stderr)?.[1] ?? ''
    // -d 0: stay in the foreground, say nothing.
    const server = startProcess(slapd, ['-d', '0', '-f', config, '-h', `ldap://127.0.0.1:${port}`])
    await untilReady('slapd', server, () => accepts(port))
    const stop = async () => {
      await server.stop()
      await remove()
    }
    return { name: `slapd ${version}`, pid: server.pid, port, stop }
  } catch (error) {
    await remove()
    throw error
  }
}
