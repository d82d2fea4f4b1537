// The root DSE (RFC 4512 §5.1): what this server can do, and, once it is known who asks, where their entries are.
import { controlOids, extendedOids, featureOids } from '../../wire/ldap/oids.ts'
import { type FixedEntry, fixedEntry } from './fixed-entry.ts'
import { subschemaDn } from './stored-entry.ts'

const abilities = {
  objectClass: ['top'],
  supportedLDAPVersion: ['3'],
  supportedControl: [controlOids.pagedResults, controlOids.manageDsaIT, controlOids.domainScope],
  supportedFeatures: [featureOids.allOperationalAttributes, featureOids.absoluteTrueAndFalseFilters],
  subschemaSubentry: [subschemaDn],
}

/** `suffix`: of the organization of whoever has bound. Strangers learn of no organization, and no name of the product. */
export function rootDse(suffix: string | null, encrypted: boolean): FixedEntry {
  const extensions = encrypted ? [extendedOids.whoAmI] : [extendedOids.whoAmI, extendedOids.startTls]
  return fixedEntry('', {
    ...abilities,
    supportedExtension: extensions,
    ...(suffix === null ? {} : { namingContexts: [suffix], vendorName: ['Muster'] }),
  })
}
