// Object identifiers of the controls, extended operations and features that Muster knows by name. Known is not
// supported: what is supported, the root DSE says.

export const controlOids = {
  /** RFC 2696 */
  pagedResults: '1.2.840.113556.1.4.319',
  /** RFC 3296 */
  manageDsaIT: '2.16.840.1.113730.3.4.2',
  /** RFC 2891 */
  serverSideSortRequest: '1.2.840.113556.1.4.473',
  serverSideSortResponse: '1.2.840.113556.1.4.474',
  /** draft-behera-ldap-password-policy-11; the same OID in requests and responses */
  passwordPolicy: '1.3.6.1.4.1.42.2.27.8.5.1',
  /** RFC 4370 */
  proxiedAuthorization: '2.16.840.1.113730.3.4.18',
  /** RFC 4528 */
  assertion: '1.3.6.1.1.12',
  /** RFC 3672 */
  subentries: '1.3.6.1.4.1.4203.1.10.1',
  /** RFC 4533 */
  syncRequest: '1.3.6.1.4.1.4203.1.9.1.1',
  /** draft-ietf-ldapext-ldapv3-vlv-09 */
  virtualListView: '2.16.840.1.113730.3.4.9',
  /** Active Directory: Windows and .NET clients attach it to searches */
  domainScope: '1.2.840.113556.1.4.1339',
} as const

export const extendedOids = {
  /** RFC 4511 §4.14 */
  startTls: '1.3.6.1.4.1.1466.20037',
  /** RFC 4511 §4.4.1: only ever a responseName, with messageID 0 */
  noticeOfDisconnection: '1.3.6.1.4.1.1466.20036',
  /** RFC 4532 */
  whoAmI: '1.3.6.1.4.1.4203.1.11.3',
  /** RFC 3062 */
  passwordModify: '1.3.6.1.4.1.4203.1.11.1',
  /** RFC 3909 */
  cancel: '1.3.6.1.1.8',
} as const

export const featureOids = {
  /** RFC 3673: `+` asks for all operational attributes */
  allOperationalAttributes: '1.3.6.1.4.1.4203.1.5.1',
  /** RFC 4526: `(&)` is true and `(|)` is false */
  absoluteTrueAndFalseFilters: '1.3.6.1.4.1.4203.1.5.3',
} as const
