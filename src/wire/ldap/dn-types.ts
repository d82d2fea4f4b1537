// The attribute types that name entries, under all the names and numbers they go by (RFC 4519, RFC 4524, RFC 2985).

// The name to use, then its OID and other names.
const types: readonly (readonly string[])[] = [
  ['cn', '2.5.4.3', 'commonname'],
  ['sn', '2.5.4.4', 'surname'],
  ['serialnumber', '2.5.4.5'],
  ['c', '2.5.4.6', 'countryname'],
  ['l', '2.5.4.7', 'localityname'],
  ['st', '2.5.4.8', 'stateorprovincename'],
  ['street', '2.5.4.9', 'streetaddress'],
  ['o', '2.5.4.10', 'organizationname'],
  ['ou', '2.5.4.11', 'organizationalunitname'],
  ['title', '2.5.4.12'],
  ['description', '2.5.4.13'],
  ['postalcode', '2.5.4.17'],
  ['telephonenumber', '2.5.4.20'],
  ['name', '2.5.4.41'],
  ['givenname', '2.5.4.42', 'gn'],
  ['initials', '2.5.4.43'],
  ['generationqualifier', '2.5.4.44'],
  ['x500uniqueidentifier', '2.5.4.45'],
  ['dnqualifier', '2.5.4.46'],
  ['uid', '0.9.2342.19200300.100.1.1', 'userid'],
  ['mail', '0.9.2342.19200300.100.1.3', 'rfc822mailbox'],
  ['dc', '0.9.2342.19200300.100.1.25', 'domaincomponent'],
  ['email', '1.2.840.113549.1.9.1', 'emailaddress', 'e'],
  ['employeenumber', '2.16.840.1.113730.3.1.3'],
  ['displayname', '2.16.840.1.113730.3.1.241'],
  ['uidnumber', '1.3.6.1.1.1.1.0'],
  ['gidnumber', '1.3.6.1.1.1.1.1'],
]

const canonical = new Map(
  types.flatMap(([name, ...others]) => others.map((other) => [other, name as string])),
)

/** The one name of a type: lower case, by name where its OID (with or without `OID.`) or another name was given. */
export function canonicalAttributeType(type: string): string {
  const lower = type.toLowerCase()
  const plain = lower.startsWith('oid.') ? lower.slice(4) : lower
  return canonical.get(plain) ?? plain
}
