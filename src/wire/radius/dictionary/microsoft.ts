// Microsoft (311): MS-CHAP and the MPPE keys of RFC 2548, and the name servers that VPN gateways take from a reply.
import { credential, define, named, request } from './definition.ts'

const encryptionTypes = { 'RC4-40bit-Allowed': 1, 'RC4-128bit-Allowed': 2, 'RC4-40or128-bit-Allowed': 6 }

export const microsoft = define(311, [
  ['MS-CHAP-Response', 1, 'octets', credential],
  ['MS-CHAP-Error', 2, 'text', { author: 'own' }],
  ['MS-MPPE-Encryption-Policy', 7, 'integer', named({ 'Encryption-Allowed': 1, 'Encryption-Required': 2 })],
  ['MS-MPPE-Encryption-Types', 8, 'integer', named(encryptionTypes)],
  ['MS-RAS-Vendor', 9, 'integer', request],
  ['MS-CHAP-Domain', 10, 'text', { author: 'own' }],
  ['MS-CHAP-Challenge', 11, 'octets', credential],
  ['MS-CHAP-MPPE-Keys', 12, 'octets', credential],
  ['MS-BAP-Usage', 13, 'integer', named({ 'Not-Allowed': 0, Allowed: 1, Required: 2 })],
  ['MS-MPPE-Send-Key', 16, 'octets', { author: 'own', hidden: 'salted', secret: true }],
  ['MS-MPPE-Recv-Key', 17, 'octets', { author: 'own', hidden: 'salted', secret: true }],
  ['MS-RAS-Version', 18, 'text', request],
  ['MS-Filter', 22, 'octets'],
  ['MS-CHAP2-Response', 25, 'octets', credential],
  ['MS-CHAP2-Success', 26, 'octets', credential],
  ['MS-CHAP2-CPW', 27, 'octets', credential],
  ['MS-Primary-DNS-Server', 28, 'ipaddr'],
  ['MS-Secondary-DNS-Server', 29, 'ipaddr'],
  ['MS-Primary-NBNS-Server', 30, 'ipaddr'],
  ['MS-Secondary-NBNS-Server', 31, 'ipaddr'],
  ['MS-RAS-Client-Name', 34, 'text', request],
  ['MS-RAS-Client-Version', 35, 'text', request],
  ['MS-Network-Access-Server-Type', 47, 'integer', request],
  ['MS-Machine-Name', 50, 'text', request],
])
