// What the server says once it is ready: where its doors are, whose credentials work on the sample, and what to try.
import type { Running } from './app.ts'

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Lines for a terminal; no secrets but those of the sample organization, which everybody knows. */
export function banner(running: Running, version: string, dataFolder: string): string {
  const { publicUrl, hosts, ldapPort, ldapsPort, radiusPort } = running
  const at = hosts.map(bracketed).join(', ')
  const base = `${publicUrl}/o/${running.sample ? 'acme' : (running.slug ?? '<organization>')}`
  const doors = [
    `Muster ${version} is ready, listening on ${at}`,
    '',
    `  Sign-in  ${base}/portal   (what people see)`,
    `  OIDC     ${base}   (issuer)`,
    `  SAML     ${base}/saml/metadata`,
    `  API      ${base}/api/v1   (openapi.json beside it)`,
    `  LDAP     ldap://localhost:${ldapPort} (StartTLS), ldaps://localhost:${ldapsPort}`,
    `  RADIUS   udp localhost:${radiusPort}`,
    `  Health   ${publicUrl}/health/ready, ${publicUrl}/metrics`,
  ]
  if (running.empty)
    return [...doors, '', 'There is no organization yet. On this machine: npx muster init', ''].join('\n')
  if (!running.sample) return [...doors, ''].join('\n')
  const local = hosts.every((host) => host === '127.0.0.1' || host === '::1')
  const warning = local
    ? 'loopback only'
    : 'REACHABLE FROM THE NETWORK: remove it, or set MUSTER_LISTEN=127.0.0.1'
  return [
    ...doors,
    '',
    `The sample organization Acme exists (${warning}).`,
    '  users           alice bob carol dave erin frank grace heidi, password muster-<username>',
    '  service account cn=reader,ou=services,dc=acme,dc=example, password muster-reader',
    '  RADIUS secret   muster-radius-secret',
    '  OIDC clients    wiki with muster-wiki-secret, payroll with muster-payroll-secret',
    `  API token       in ${dataFolder}/admin-token`,
    '',
    'Try:',
    `  ldapsearch -x -H ldap://localhost:${ldapPort} -D cn=reader,ou=services,dc=acme,dc=example -w muster-reader \\`,
    "    -b dc=acme,dc=example '(uid=alice)' cn memberOf",
    `  echo 'User-Name=alice,User-Password=muster-alice,Message-Authenticator=0x00' | radclient -x localhost:${radiusPort} auth muster-radius-secret`,
    '  npx muster explain alice directory --from 10.0.0.7',
    '',
  ].join('\n')
}
