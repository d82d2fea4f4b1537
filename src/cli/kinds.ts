// The kinds of objects that have commands of their own, in one table: how they are called, what can be set on them by
// flags and key=value, and what a list shows. The server decides what is accepted; this only spells it.
import type { Item } from './api.ts'
import type { Column } from './output.ts'

export type KindName = 'user' | 'device' | 'group' | 'resource' | 'binding'

export type FieldType =
  | 'text'
  | 'boolean'
  | 'number'
  | 'date'
  | 'list'
  | 'clients'
  | 'services'
  | 'replies'
  | 'user'
  | 'group'
  | 'resource'

export interface Field {
  /** As in key=value and, in kebab-case, as a flag. */
  readonly name: string
  /** Where it stands in the object, where that is another place. */
  readonly path?: string
  readonly type: FieldType
  readonly about: string
}

/** Names by id, of the objects that a page refers to. */
export type Names = ReadonlyMap<string, string>

export interface Kind {
  readonly name: KindName
  readonly path: string
  /** The field by which people call it; null: an id, or group and resource. */
  readonly called: string | null
  readonly fields: readonly Field[]
  /** Fields that refer to others, with the kind they refer to. */
  readonly refers: Readonly<Record<string, KindName>>
  readonly columns: (names: Names) => readonly Column<Item>[]
  readonly examples: Readonly<Record<'list' | 'show' | 'create' | 'update' | 'delete', readonly string[]>>
}

const field = (name: string, type: FieldType, about: string, path?: string): Field => ({
  name,
  type,
  about,
  ...(path !== undefined && { path }),
})
const text = (name: string, about: string): Field => field(name, 'text', about)
const plain = (title: string, name: string): Column<Item> => ({ title, value: (item) => item[name] })

const factorsField = field(
  'factors',
  'list',
  'any one is demanded: totp, password, recovery-code (push, webauthn and certificate: nobody can have one yet)',
)

const user: Kind = {
  name: 'user',
  path: 'users',
  called: 'username',
  refers: { managerId: 'user' },
  fields: [
    text('username', 'what the person types'),
    text('email', 'e-mail address'),
    text('givenName', 'first name'),
    text('familyName', 'last name'),
    text('displayName', 'name as shown'),
    text('state', 'staged, active or suspended'),
    text('department', ''),
    text('title', ''),
    text('employeeType', 'such as Employee or Contractor'),
    text('location', ''),
    text('company', ''),
    text('costCenter', ''),
    field('manager', 'user', 'username of the manager', 'managerId'),
  ],
  columns: () => [
    plain('USERNAME', 'username'),
    {
      title: 'NAME',
      value: (item) =>
        item.displayName ?? [item.givenName, item.familyName].filter((part) => part !== null).join(' '),
    },
    plain('EMAIL', 'email'),
    plain('DEPARTMENT', 'department'),
    plain('TITLE', 'title'),
    {
      title: 'STATE',
      value: (item) => item.state,
      style: ({ state }) => (state === 'suspended' ? 'red' : state === 'staged' ? 'yellow' : null),
    },
  ],
  examples: {
    list: [
      '',
      `--filter 'department eq "Sales" and state eq "active"'`,
      `--filter 'memberOf eq "engineering"' --json`,
    ],
    show: ['alice', 'alice@acme.example --json'],
    create: [
      'alice --email alice@acme.example --department Engineering',
      'alice --set attributes.badge=4711 --password-stdin < password.txt',
    ],
    update: ['alice department=Sales title=', 'alice attributes.badge=4711 manager=bob'],
    delete: ['alice'],
  },
}

const device: Kind = {
  name: 'device',
  path: 'devices',
  called: 'name',
  refers: { ownerId: 'user' },
  fields: [
    text('name', ''),
    text('os', 'macos, windows, linux, ios or android'),
    text('osVersion', ''),
    text('serialNumber', ''),
    field('owner', 'user', 'username of the owner', 'ownerId'),
    field('managed', 'boolean', 'true or false'),
    field('diskEncrypted', 'boolean', 'true or false'),
    field('lastContact', 'date', 'such as 2026-01-31T09:30:00Z, now or now-2d'),
    field('mac', 'list', 'MAC addresses, separated by commas'),
  ],
  columns: (names) => [
    plain('NAME', 'name'),
    plain('OS', 'os'),
    plain('VERSION', 'osVersion'),
    { title: 'OWNER', value: (item) => names.get(String(item.ownerId)) ?? item.ownerId },
    plain('MANAGED', 'managed'),
    plain('ENCRYPTED', 'diskEncrypted'),
    plain('LAST CONTACT', 'lastContact'),
  ],
  examples: {
    list: ['', `--filter 'os eq "macos" and diskEncrypted ne true'`],
    show: ['mac-alice'],
    create: ['mac-alice --os macos --owner alice --disk-encrypted true'],
    update: ['mac-alice owner=bob lastContact=now'],
    delete: ['mac-alice'],
  },
}

const group: Kind = {
  name: 'group',
  path: 'groups',
  called: 'name',
  refers: {},
  fields: [
    text('name', ''),
    text('of', 'users (the default) or devices'),
    text('mode', 'static, dynamic (the default with a rule) or review'),
    text('rule', 'such as: department eq "Sales"'),
    factorsField,
  ],
  columns: () => [
    plain('NAME', 'name'),
    plain('OF', 'of'),
    plain('MODE', 'mode'),
    plain('FACTORS', 'factors'),
    {
      title: 'STATUS',
      value: ({ status }) => (status === 'active' ? null : status),
      style: () => 'yellow',
    },
    plain('RULE', 'rule'),
  ],
  examples: {
    list: ['', `--filter 'of eq "devices"'`],
    show: ['engineering'],
    create: [
      `sales --rule 'department eq "Sales"'`,
      'it-admins',
      `trusted-macs --of devices --rule 'os eq "macos"'`,
    ],
    update: [`engineering rule='department eq "Engineering"'`, 'it-admins factors=totp,webauthn'],
    delete: ['sales'],
  },
}

const inApplication = (name: string, type: FieldType, about: string, last = name): Field =>
  field(name, type, about, `application.${last}`)

const ofApplication: readonly Field[] = [
  inApplication('clientId', 'text', 'OIDC: the client id (default: one is made)'),
  inApplication('redirectUris', 'list', 'OIDC: where people come back to, separated by commas'),
  inApplication('postLogoutRedirectUris', 'list', 'OIDC: the same after sign-out'),
  inApplication(
    'tokenEndpointAuthMethod',
    'text',
    'OIDC: client_secret_basic (the default), client_secret_post, private_key_jwt or none',
  ),
  inApplication('grantTypes', 'list', 'OIDC: authorization_code, refresh_token, client_credentials'),
  inApplication('pkce', 'boolean', 'OIDC: is PKCE demanded (default: true)'),
  inApplication('backchannelLogoutUri', 'text', 'OIDC: told when a session ends'),
  inApplication('entityId', 'text', 'SAML: the entity ID of the service provider'),
  inApplication(
    'acs',
    'services',
    'SAML: where assertions go; the first is the default',
    'assertionConsumerServices',
  ),
  inApplication('nameIdFormat', 'text', 'SAML: persistent (the default), email or unspecified'),
  inApplication('wantsSignedRequests', 'boolean', 'SAML: are requests without signature refused'),
  inApplication('allowIdpInitiated', 'boolean', 'SAML: may the portal open it unasked (default: false)'),
  inApplication('launchUrl', 'text', 'where the portal leads to'),
]

const resource: Kind = {
  name: 'resource',
  path: 'resources',
  called: 'name',
  refers: {},
  fields: [
    text('name', ''),
    text('kind', 'directory, network, application, portal or console'),
    field('enabled', 'boolean', 'true or false'),
    field(
      'clients',
      'clients',
      'addresses or networks of RADIUS clients, separated by commas',
      'network.clients',
    ),
    field('nasIdentifier', 'text', 'chosen by this NAS-Identifier', 'network.nasIdentifier'),
    field('ssid', 'text', 'chosen by this SSID', 'network.ssid'),
    ...ofApplication,
  ],
  columns: () => [
    plain('NAME', 'name'),
    plain('KIND', 'kind'),
    {
      title: 'ENABLED',
      value: (item) => item.enabled,
      style: ({ enabled }) => (enabled === false ? 'red' : null),
    },
    { title: 'CLIENTS', value: ({ network }) => clientsOf(network) },
    {
      title: 'NAS-IDENTIFIER',
      value: ({ network }) => (network as { nasIdentifier?: string } | null)?.nasIdentifier,
    },
    { title: 'SSID', value: ({ network }) => (network as { ssid?: string } | null)?.ssid },
    { title: 'APPLICATION', value: ({ application }) => nameOf(application) },
  ],
  examples: {
    list: ['', `--filter 'kind eq "network"'`],
    show: ['office-wifi'],
    create: [
      'office-wifi --kind network --clients 10.20.0.0/16 --ssid Office',
      'directory --kind directory',
      'wiki --kind application --redirect-uris https://wiki.acme.example/callback',
      'crm --kind application --metadata-file sp.xml',
    ],
    update: [
      'vpn nasIdentifier=vpn-2',
      'office-wifi enabled=false',
      'vpn clients=10.1.1.1 --secret-stdin < secret.txt',
      'wiki launchUrl=https://wiki.acme.example/ application.release.team=department',
    ],
    delete: ['vpn'],
  },
}

const binding: Kind = {
  name: 'binding',
  path: 'bindings',
  called: null,
  refers: { groupId: 'group', resourceId: 'resource' },
  fields: [
    field('group', 'group', 'name of the group that gets access', 'groupId'),
    field('resource', 'resource', 'name of the resource', 'resourceId'),
    factorsField,
    field('order', 'number', 'lower goes first where two bindings give the same attribute'),
    field('vlan', 'number', 'VLAN that a network resource receives', 'attributes.radius.vlan'),
    field(
      'reply',
      'replies',
      'RADIUS reply attributes: Name=Value, separated by commas',
      'attributes.radius.reply',
    ),
    field('role', 'text', 'role in the console: owner, administrator, auditor, helpdesk', 'attributes.role'),
    field('loginShell', 'text', 'for a directory resource', 'attributes.ldap.loginShell'),
    field('homeDirectory', 'text', 'for a directory resource', 'attributes.ldap.homeDirectory'),
    field('gidNumber', 'number', 'for a directory resource', 'attributes.ldap.gidNumber'),
  ],
  columns: (names) => [
    { title: 'GROUP', value: (item) => names.get(String(item.groupId)) ?? item.groupId },
    { title: 'RESOURCE', value: (item) => names.get(String(item.resourceId)) ?? item.resourceId },
    plain('FACTORS', 'factors'),
    { title: 'GIVES', value: ({ attributes }) => given(attributes, '') },
    plain('ORDER', 'order'),
    { title: 'ID', value: (item) => item.id, style: () => 'dim' },
  ],
  examples: {
    list: ['', '--json'],
    show: ['engineering office-wifi'],
    create: ['engineering office-wifi --vlan 20', 'everyone vpn --factors totp,webauthn'],
    update: ['engineering office-wifi vlan=21', `sales crm attributes.claims.tier=gold`],
    delete: ['engineering office-wifi'],
  },
}

export const kinds: Readonly<Record<KindName, Kind>> = { user, device, group, resource, binding }

function clientsOf(network: unknown): string[] {
  const clients = (network as { clients?: { address?: string }[] } | null)?.clients ?? []
  return clients.flatMap(({ address }) => address ?? [])
}

/** By which its protocol knows an application. */
function nameOf(application: unknown): string | undefined {
  const { clientId, entityId } = (application ?? {}) as { clientId?: string; entityId?: string }
  return clientId ?? entityId
}

/** What a binding gives, in a few words: `radius.vlan 20`. */
function given(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${path} ${String(value)}`]
  if (Array.isArray(value)) {
    return value.map((each) => {
      const { name, value: sent } = (each ?? {}) as { name?: unknown; value?: unknown }
      return name === undefined ? `${path} ${String(each)}` : `${String(name)}=${String(sent)}`
    })
  }
  return Object.entries(value).flatMap(([name, each]) => given(each, path === '' ? name : `${path}.${name}`))
}
