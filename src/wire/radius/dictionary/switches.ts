// Makers of switches and routers: HP ProCurve and ArubaOS-Switch (11), Juniper (2636), Extreme (1916), Foundry and Ruckus ICX
// (1991), Brocade (1588), Arista (30065), D-Link (171), Dell EMC (674), H3C and HPE Comware (25506), Zyxel (890).
import { define, disabledEnabled, named, request } from './definition.ts'

const hp = define(11, [
  ['HP-Privilege-Level', 1, 'integer'],
  ['HP-Command-String', 2, 'text'],
  ['HP-Command-Exception', 3, 'integer', named({ 'Permit-List': 0, 'Deny-List': 1 })],
  ['HP-Port-Client-Limit-Dot1x', 10, 'integer'],
  ['HP-Port-Client-Limit-MA', 11, 'integer'],
  ['HP-Port-Client-Limit-WA', 12, 'integer'],
  ['HP-Port-Auth-Mode-Dot1x', 13, 'integer', named({ 'Port-Based': 1, 'User-Based': 2 })],
  ['HP-Port-Bounce-Host', 23, 'integer'],
  ['HP-Captive-Portal-URL', 24, 'text'],
  ['HP-User-Role', 25, 'text'],
  ['HP-CPPM-Role', 27, 'text'],
  ['HP-CPPM-Secondary-Role', 28, 'text'],
  ['HP-Port-Priority-Regeneration-Table', 40, 'text'],
  ['HP-Bandwidth-Max-Ingress', 46, 'integer'],
  ['HP-Bandwidth-Max-Egress', 48, 'integer'],
  ['HP-Nas-Filter-Rule', 61, 'text'],
  ['HP-Nas-Rules-IPv6', 63, 'integer'],
  ['HP-Egress-VLANID', 64, 'integer'],
  ['HP-Egress-VLAN-Name', 65, 'text'],
])

const juniper = define(2636, [
  ['Juniper-Local-User-Name', 1, 'text'],
  ['Juniper-Allow-Commands', 2, 'text'],
  ['Juniper-Deny-Commands', 3, 'text'],
  ['Juniper-Allow-Configuration', 4, 'text'],
  ['Juniper-Deny-Configuration', 5, 'text'],
  ['Juniper-Interactive-Command', 8, 'text', request],
  ['Juniper-Configuration-Change', 9, 'text', request],
  ['Juniper-User-Permissions', 10, 'text'],
  ['Juniper-Primary-Dns', 31, 'ipaddr'],
  ['Juniper-Secondary-Dns', 33, 'ipaddr'],
  ['Juniper-Ip-Pool-Name', 36, 'text'],
  ['Juniper-Firewall-filter-name', 44, 'text'],
  ['Juniper-Local-Group-Name', 46, 'text'],
  ['Juniper-Switching-Filter', 48, 'text'],
  ['Juniper-VoIP-Vlan', 49, 'text'],
  ['Juniper-CWA-Redirect', 50, 'text'],
  ['Juniper-AV-Pair', 52, 'text'],
])

const extreme = define(1916, [
  ['Extreme-CLI-Authorization', 201, 'integer', disabledEnabled],
  ['Extreme-Shell-Command', 202, 'text', request],
  ['Extreme-Netlogin-Vlan', 203, 'text'],
  ['Extreme-Netlogin-Url', 204, 'text'],
  ['Extreme-Netlogin-Url-Desc', 205, 'text'],
  ['Extreme-Netlogin-Only', 206, 'integer', disabledEnabled],
  ['Extreme-User-Location', 208, 'text', request],
  ['Extreme-Netlogin-Vlan-Tag', 209, 'integer'],
  ['Extreme-Netlogin-Extended-Vlan', 211, 'text'],
  ['Extreme-Security-Profile', 212, 'text'],
])

const foundry = define(1991, [
  ['Foundry-Privilege-Level', 1, 'integer'],
  ['Foundry-Command-String', 2, 'text'],
  ['Foundry-Command-Exception-Flag', 3, 'integer'],
  ['Foundry-Access-List', 5, 'text'],
  ['Foundry-MAC-Authent-needs-802.1x', 6, 'integer'],
  ['Foundry-802.1x-Valid-Lookup', 7, 'integer'],
  ['Foundry-MAC-Based-Vlan-QoS', 8, 'integer'],
  ['Foundry-COA-Command', 10, 'text'],
  ['Foundry-Voice-Phone-Config', 11, 'text'],
])

const brocade = define(1588, [
  ['Brocade-Auth-Role', 1, 'text'],
  ['Brocade-AVPairs1', 2, 'text'],
  ['Brocade-AVPairs2', 3, 'text'],
  ['Brocade-AVPairs3', 4, 'text'],
  ['Brocade-AVPairs4', 5, 'text'],
])

const arista = define(30065, [
  ['Arista-AVPair', 1, 'text'],
  ['Arista-User-Priv-Level', 2, 'integer'],
  ['Arista-User-Role', 3, 'text'],
  ['Arista-CVP-Role', 4, 'text'],
  ['Arista-PortFlap', 9, 'integer'],
  ['Arista-Captive-Portal', 10, 'text'],
])

const dLinkLevel = { 'User-Legacy': 1, User: 3, Operator: 4, Admin: 5, 'Power-User': 6, 'Admin-Legacy': 15 }

const dLink = define(171, [
  ['Dlink-User-Level', 1, 'integer', named(dLinkLevel)],
  ['Dlink-Ingress-Bandwidth-Assignment', 2, 'integer'],
  ['Dlink-Egress-Bandwidth-Assignment', 3, 'integer'],
  ['Dlink-1p-Priority', 4, 'integer'],
  ['Dlink-VLAN-Name', 10, 'text'],
  ['Dlink-VLAN-ID', 11, 'text'],
  ['Dlink-ACL-Profile', 12, 'text'],
  ['Dlink-ACL-Rule', 13, 'text'],
])

const dell = define(674, [
  ['DellEMC-AVpair', 1, 'text'],
  ['DellEMC-Group-Name', 2, 'text'],
])

const h3c = define(25506, [
  ['H3C-Input-Peak-Rate', 1, 'integer'],
  ['H3C-Input-Average-Rate', 2, 'integer'],
  ['H3C-Output-Peak-Rate', 4, 'integer'],
  ['H3C-Output-Average-Rate', 5, 'integer'],
  ['H3C-Portal-URL', 27, 'text'],
  ['H3C-Exec-Privilege', 29, 'integer', named({ Visit: 0, Monitor: 1, System: 2, Manage: 3 })],
  ['H3C-User-Group', 140, 'text'],
  ['H3C-User-Role', 155, 'text'],
  ['H3C-Av-Pair', 210, 'text'],
])

const zyxel = define(890, [['Zyxel-Privilege-AVPair', 3, 'text']])

export const switches = [
  ...hp,
  ...juniper,
  ...extreme,
  ...foundry,
  ...brocade,
  ...arista,
  ...dLink,
  ...dell,
  ...h3c,
  ...zyxel,
]
