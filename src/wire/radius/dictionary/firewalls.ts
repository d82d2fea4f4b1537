// Makers of firewalls and VPN gateways: Fortinet (12356), Palo Alto (25461), Check Point (2620), SonicWall (8741), NetScreen
// (3224), F5 (3375), Citrix (66), pfSense (13644). Others, like Sophos and OPNsense, take Class or Filter-Id.
import { define, disabledEnabled, named, request } from './definition.ts'

const fortinet = define(12356, [
  ['Fortinet-Group-Name', 1, 'text'],
  ['Fortinet-Client-IP-Address', 2, 'ipaddr', request],
  ['Fortinet-Vdom-Name', 3, 'text'],
  ['Fortinet-Interface-Name', 5, 'text'],
  ['Fortinet-Access-Profile', 6, 'text'],
  ['Fortinet-SSID', 7, 'text', request],
  ['Fortinet-AP-Name', 8, 'text', request],
  ['Fortinet-FDD-Access-Profile', 30, 'text'],
  ['Fortinet-FDD-Trusted-Hosts', 31, 'text'],
  ['Fortinet-Tenant-Identification', 41, 'text'],
  ['Fortinet-Host-Port-AVPair', 42, 'text'],
])

const paloAlto = define(25461, [
  ['PaloAlto-Admin-Role', 1, 'text'],
  ['PaloAlto-Admin-Access-Domain', 2, 'text'],
  ['PaloAlto-Panorama-Admin-Role', 3, 'text'],
  ['PaloAlto-Panorama-Admin-Access-Domain', 4, 'text'],
  ['PaloAlto-User-Group', 5, 'text'],
  ['PaloAlto-User-Domain', 6, 'text'],
  ['PaloAlto-Client-Source-IP', 7, 'text', request],
  ['PaloAlto-Client-OS', 8, 'text', request],
  ['PaloAlto-Client-Hostname', 9, 'text', request],
  ['PaloAlto-GlobalProtect-Client-Version', 10, 'text', request],
])

const checkPoint = define(2620, [
  ['CP-Gaia-User-Role', 229, 'text'],
  ['CP-Gaia-SuperUser-Access', 230, 'integer'],
])

const sonicWallPrivilege = {
  'Remote-Access': 1,
  'Bypass-Filters': 2,
  'VPN-Client-Access': 3,
  'Access-To-VPN': 4,
  'Limited-Management': 5,
  'L2TP-Client-Access': 6,
  'Wireless-Guest': 7,
  'Wireless-Add-ACL': 8,
  'Internet-Access': 9,
}

const sonicWall = define(8741, [
  ['SonicWall-User-Privilege', 1, 'integer', named(sonicWallPrivilege)],
  ['SonicWall-User-Group', 3, 'text'],
])

const netscreenPrivilege = {
  'Root-Admin': 1,
  'All-VSYS-Root-Admin': 2,
  'VSYS-Admin': 3,
  'Read-Only-Admin': 4,
  'Read-Only-VSYS-Admin': 5,
}

const netscreen = define(3224, [
  ['NS-Admin-Privilege', 1, 'integer', named(netscreenPrivilege)],
  ['NS-VSYS-Name', 2, 'text'],
  ['NS-User-Group', 3, 'text'],
  ['NS-Primary-DNS', 4, 'ipaddr'],
  ['NS-Secondary-DNS', 5, 'ipaddr'],
])

const f5Role = {
  Administrator: 0,
  'Resource-Admin': 20,
  'User-Manager': 40,
  Auditor: 80,
  Manager: 100,
  'App-Editor': 300,
  'Advanced-Operator': 350,
  Operator: 400,
  'Firewall-Manager': 450,
  'Certificate-Manager': 500,
  Guest: 700,
  'No-Access': 900,
}

const f5 = define(3375, [
  ['F5-LTM-User-Role', 1, 'integer', named(f5Role)],
  ['F5-LTM-User-Role-Universal', 2, 'integer', disabledEnabled],
  ['F5-LTM-User-Partition', 3, 'text'],
  ['F5-LTM-User-Console', 4, 'integer', disabledEnabled],
  ['F5-LTM-User-Shell', 5, 'text'],
  ['F5-LTM-User-Info-1', 12, 'text'],
  ['F5-LTM-User-Info-2', 13, 'text'],
])

const citrix = define(66, [['Citrix-User-Groups', 16, 'text']])

const pfSense = define(13644, [
  ['pfSense-Bandwidth-Max-Up', 1, 'integer'],
  ['pfSense-Bandwidth-Max-Down', 2, 'integer'],
  ['pfSense-Max-Total-Octets', 3, 'integer'],
])

export const firewalls = [
  ...fortinet,
  ...paloAlto,
  ...checkPoint,
  ...sonicWall,
  ...netscreen,
  ...f5,
  ...citrix,
  ...pfSense,
]
