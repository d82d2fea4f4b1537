// The attribute types and object classes that entries are made of, under the names and numbers that standards gave them.
// What an entry has of them is in the *-entry.ts files; what organizations declare themselves is added in layout.ts.

/** `exact`: text in which case matters. `number`: a decimal, which LDAP has no syntax for. */
export type Syntax =
  | 'text'
  | 'exact'
  | 'ia5'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'time'
  | 'dn'
  | 'uuid'
  | 'class'

export interface AttributeType {
  /** As it is spelled in answers. */
  readonly name: string
  /** The name in lower case, by which it is found. */
  readonly key: string
  readonly oid: string
  readonly aliases: readonly string[]
  readonly syntax: Syntax
  readonly single: boolean
  /** Sent only when asked for by name or with `+` (RFC 4512 §3.4). */
  readonly operational: boolean
}

/** Numbers of our own: below a UUID, which needs no registration (ITU-T X.667). */
export const ownArc = '2.25.209517700466212332872314138840624200989'

type Row = readonly [names: string, oid: string, syntax?: Syntax, flags?: string]

// Names (the first is the one to use), OID, syntax, and: s single-valued, o operational.
const rows: readonly Row[] = [
  ['objectClass', '2.5.4.0', 'class'],
  ['uid userid', '0.9.2342.19200300.100.1.1'],
  ['cn commonName', '2.5.4.3'],
  ['sn surname', '2.5.4.4'],
  ['givenName gn', '2.5.4.42'],
  ['displayName', '2.16.840.1.113730.3.1.241', 'text', 's'],
  ['mail rfc822Mailbox', '0.9.2342.19200300.100.1.3', 'ia5'],
  ['title', '2.5.4.12'],
  ['department', '1.2.840.113556.1.2.141', 'text', 's'],
  ['departmentNumber', '2.16.840.1.113730.3.1.2'],
  ['employeeType', '2.16.840.1.113730.3.1.4'],
  ['l localityName', '2.5.4.7'],
  ['o organizationName', '2.5.4.10'],
  ['ou organizationalUnitName', '2.5.4.11'],
  ['dc domainComponent', '0.9.2342.19200300.100.1.25', 'ia5', 's'],
  ['description', '2.5.4.13'],
  ['manager', '0.9.2342.19200300.100.1.10', 'dn'],
  ['uidNumber', '1.3.6.1.1.1.1.0', 'integer', 's'],
  ['gidNumber', '1.3.6.1.1.1.1.1', 'integer', 's'],
  ['homeDirectory', '1.3.6.1.1.1.1.3', 'ia5', 's'],
  ['loginShell', '1.3.6.1.1.1.1.4', 'ia5', 's'],
  ['memberUid', '1.3.6.1.1.1.1.12', 'ia5'],
  ['macAddress', '1.3.6.1.1.1.1.22', 'ia5'],
  ['member', '2.5.4.31', 'dn'],
  ['owner', '2.5.4.32', 'dn'],
  ['memberOf', '1.2.840.113556.1.2.102', 'dn'],
  ['serialNumber', '2.5.4.5'],
  ['sshPublicKey', '1.3.6.1.4.1.24552.500.1.1.1.13', 'exact'],
  ['costCenter', `${ownArc}.1.1`, 'text', 's'],
  ['os', `${ownArc}.1.2`, 'text', 's'],
  ['osVersion', `${ownArc}.1.3`, 'text', 's'],
  ['diskEncrypted', `${ownArc}.1.4`, 'boolean', 's'],
  ['managed', `${ownArc}.1.5`, 'boolean', 's'],
  ['lastContact', `${ownArc}.1.6`, 'time', 's'],
  ['entryUUID', '1.3.6.1.1.16.4', 'uuid', 'so'],
  ['entryDN', '1.3.6.1.1.20', 'dn', 'so'],
  ['createTimestamp', '2.5.18.1', 'time', 'so'],
  ['modifyTimestamp', '2.5.18.2', 'time', 'so'],
  ['structuralObjectClass', '2.5.21.9', 'class', 'so'],
  ['subschemaSubentry', '2.5.18.10', 'dn', 'so'],
  ['hasSubordinates', '2.5.18.9', 'boolean', 'so'],
  ['namingContexts', '1.3.6.1.4.1.1466.101.120.5', 'dn', 'o'],
  ['supportedControl', '1.3.6.1.4.1.1466.101.120.13', 'class', 'o'],
  ['supportedExtension', '1.3.6.1.4.1.1466.101.120.7', 'class', 'o'],
  ['supportedFeatures', '1.3.6.1.4.1.4203.1.3.5', 'class', 'o'],
  ['supportedLDAPVersion', '1.3.6.1.4.1.1466.101.120.15', 'integer', 'o'],
  ['vendorName', '1.3.6.1.1.4', 'exact', 'so'],
  ['attributeTypes', '2.5.21.5', 'text', 'o'],
  ['objectClasses', '2.5.21.6', 'text', 'o'],
]

export const attributeTypes: readonly AttributeType[] = rows.map(
  ([names, oid, syntax = 'text', flags = '']) => {
    const [name = '', ...aliases] = names.split(' ')
    const [single, operational] = [flags.includes('s'), flags.includes('o')]
    return { name, key: name.toLowerCase(), oid, aliases, syntax, single, operational }
  },
)

const byAnyName = new Map(
  attributeTypes.flatMap((type) =>
    [type.key, type.oid, ...type.aliases.map((alias) => alias.toLowerCase())].map(
      (name) => [name, type] as const,
    ),
  ),
)

/** A standard type by any of its names in lower case, or its OID. Secrets are no attributes: nothing finds them. */
export const findType = (name: string): AttributeType | undefined => byAnyName.get(name)

/** A standard type that is known to be there. */
export function typeOf(name: string): AttributeType {
  const type = byAnyName.get(name.toLowerCase())
  if (type === undefined) throw new TypeError(`no attribute type ${name}`)
  return type
}

export interface ObjectClass {
  readonly name: string
  readonly oid: string
  readonly kind: 'ABSTRACT' | 'STRUCTURAL' | 'AUXILIARY'
  readonly sup: string | null
  readonly must: readonly string[]
  readonly may: readonly string[]
}

const objectClass = (
  name: string,
  oid: string,
  kind: ObjectClass['kind'],
  sup: string | null,
  must: string,
  may: string,
): ObjectClass => ({
  name,
  oid,
  kind,
  sup,
  must: must.split(' ').filter(Boolean),
  may: may.split(' ').filter(Boolean),
})

// Of what the standards allow beside, only what entries here can have.
export const objectClasses: readonly ObjectClass[] = [
  objectClass('top', '2.5.6.0', 'ABSTRACT', null, 'objectClass', ''),
  objectClass('person', '2.5.6.6', 'STRUCTURAL', 'top', 'sn cn', 'description'),
  objectClass('organizationalPerson', '2.5.6.7', 'STRUCTURAL', 'person', '', 'title ou l'),
  objectClass(
    'inetOrgPerson',
    '2.16.840.1.113730.3.2.2',
    'STRUCTURAL',
    'organizationalPerson',
    '',
    'uid mail givenName displayName departmentNumber employeeType manager o',
  ),
  objectClass(
    'posixAccount',
    '1.3.6.1.1.1.2.0',
    'AUXILIARY',
    'top',
    'cn uid uidNumber gidNumber homeDirectory',
    'loginShell description',
  ),
  objectClass('ldapPublicKey', '1.3.6.1.4.1.24552.500.1.1.2.0', 'AUXILIARY', 'top', '', 'sshPublicKey uid'),
  objectClass('musterUser', `${ownArc}.2.1`, 'AUXILIARY', 'top', '', 'department costCenter memberOf'),
  // Auxiliary as in RFC 2307bis, so that a group can be of both kinds; and a group may be empty.
  objectClass('groupOfNames', '2.5.6.9', 'STRUCTURAL', 'top', 'cn', 'member description o ou owner'),
  objectClass('posixGroup', '1.3.6.1.1.1.2.2', 'AUXILIARY', 'top', 'gidNumber', 'memberUid description'),
  objectClass('device', '2.5.6.14', 'STRUCTURAL', 'top', 'cn', 'serialNumber owner description o ou l'),
  objectClass('ieee802Device', '1.3.6.1.1.1.2.11', 'AUXILIARY', 'top', '', 'macAddress'),
  objectClass(
    'musterDevice',
    `${ownArc}.2.2`,
    'AUXILIARY',
    'top',
    '',
    'os osVersion diskEncrypted managed lastContact memberOf',
  ),
  objectClass('applicationProcess', '2.5.6.11', 'STRUCTURAL', 'top', 'cn', 'description l ou'),
  objectClass('organization', '2.5.6.4', 'STRUCTURAL', 'top', 'o', 'description l'),
  objectClass('dcObject', '1.3.6.1.4.1.1466.344', 'AUXILIARY', 'top', 'dc', ''),
  objectClass('organizationalUnit', '2.5.6.5', 'STRUCTURAL', 'top', 'ou', 'description l'),
  objectClass('subschema', '2.5.20.1', 'AUXILIARY', 'top', '', 'attributeTypes objectClasses'),
]

const classNames = new Map(objectClasses.map(({ name, oid }) => [oid, name.toLowerCase()]))

/** An object class, or another thing that has an OID, by the one spelling under which two names of it are equal. */
export const canonicalClass = (text: string): string => {
  const lower = text.trim().toLowerCase()
  return classNames.get(lower) ?? lower
}
