// Makers of wireless and of hotspots: Aruba (14823), Ruckus (25053), Cambium (17713), Aerohive (26928), MikroTik (14988),
// and the WISPr attributes (14122) that many access points and captive portals share.
import { define, named, request, salted } from './definition.ts'

const aruba = define(14823, [
  ['Aruba-User-Role', 1, 'text'],
  ['Aruba-User-Vlan', 2, 'integer'],
  ['Aruba-Priv-Admin-User', 3, 'integer'],
  ['Aruba-Admin-Role', 4, 'text'],
  ['Aruba-Essid-Name', 5, 'text', request],
  ['Aruba-Location-Id', 6, 'text', request],
  ['Aruba-Port-Identifier', 7, 'text', request],
  ['Aruba-Named-User-Vlan', 9, 'text'],
  ['Aruba-AP-Group', 10, 'text', request],
  ['Aruba-Device-Type', 12, 'text', request],
  ['Aruba-CPPM-Role', 23, 'text'],
  ['Aruba-AP-IP-Address', 34, 'ipaddr', request],
  ['Aruba-User-Group', 36, 'text'],
  ['Aruba-Port-Bounce-Host', 40, 'integer'],
  ['Aruba-Admin-Path', 42, 'text'],
  ['Aruba-Captive-Portal-URL', 43, 'text'],
  ['Aruba-MPSK-Passphrase', 44, 'octets', salted],
  ['Aruba-Command-String', 46, 'text'],
  ['Aruba-PoE-Priority', 49, 'integer', named({ Critical: 0, High: 1, Low: 2 })],
  [
    'Aruba-Port-Auth-Mode',
    50,
    'integer',
    named({ 'Infrastructure-Mode': 1, 'Client-Mode': 2, 'Multi-Domain-Mode': 3 }),
  ],
  ['Aruba-NAS-Filter-Rule', 51, 'text'],
  ['Aruba-QoS-Trust-Mode', 52, 'integer', named({ DSCP: 0, QoS: 1, None: 2 })],
  ['Aruba-UBT-Gateway-Role', 53, 'text'],
  ['Aruba-Gateway-Zone', 54, 'text'],
])

const ruckus = define(25053, [
  ['Ruckus-User-Groups', 1, 'text'],
  ['Ruckus-Sta-RSSI', 2, 'integer', request],
  ['Ruckus-SSID', 3, 'text', request],
  ['Ruckus-Wlan-Id', 4, 'integer', request],
  ['Ruckus-Location', 5, 'text', request],
  ['Ruckus-Grace-Period', 6, 'integer'],
  ['Ruckus-VLAN-ID', 9, 'integer'],
  ['Ruckus-FlexAuth-AVP', 20, 'text'],
])

const cambium = define(17713, [
  ['Cambium-Auth-Role', 1, 'integer', named({ 'Read-Only': 1, 'System-Admin': 2, 'Security-Officer': 3 })],
  ['Cambium-ePMP-Data-VLAN-Id', 21, 'integer'],
  ['Cambium-ePMP-Management-VLAN-Id', 22, 'integer'],
  ['Cambium-ePMP-UserLevel', 50, 'integer', named({ Install: 2, Admin: 3, User: 4, 'Read-Only': 5 })],
  ['Cambium-VLAN-Pool-Id', 157, 'text'],
])

const aerohive = define(26928, [
  ['Extreme-User-Vlan', 1, 'integer'],
  ['Extreme-User-Profile-Attribute', 6, 'integer'],
  ['Extreme-AVPair', 8, 'text'],
])

const mikrotik = define(14988, [
  ['Mikrotik-Recv-Limit', 1, 'integer'],
  ['Mikrotik-Xmit-Limit', 2, 'integer'],
  ['Mikrotik-Group', 3, 'text'],
  ['Mikrotik-Wireless-Forward', 4, 'integer'],
  ['Mikrotik-Wireless-Skip-Dot1x', 5, 'integer'],
  ['Mikrotik-Rate-Limit', 8, 'text'],
  ['Mikrotik-Realm', 9, 'text', request],
  ['Mikrotik-Host-IP', 10, 'ipaddr', request],
  ['Mikrotik-Mark-Id', 11, 'text'],
  ['Mikrotik-Advertise-URL', 12, 'text'],
  ['Mikrotik-Advertise-Interval', 13, 'integer'],
  ['Mikrotik-Recv-Limit-Gigawords', 14, 'integer'],
  ['Mikrotik-Xmit-Limit-Gigawords', 15, 'integer'],
  ['Mikrotik-Wireless-PSK', 16, 'text', { secret: true }],
  ['Mikrotik-Total-Limit', 17, 'integer'],
  ['Mikrotik-Total-Limit-Gigawords', 18, 'integer'],
  ['Mikrotik-Address-List', 19, 'text'],
  ['Mikrotik-Wireless-Comment', 21, 'text'],
  ['Mikrotik-Delegated-IPv6-Pool', 22, 'text'],
  ['Mikrotik-DHCP-Option-Set', 23, 'text'],
  ['Mikrotik-Wireless-VLANID', 26, 'integer'],
  ['Mikrotik-Wireless-VLANID-Type', 27, 'integer', named({ '802.1q': 0, '802.1ad': 1 })],
  ['Mikrotik-Wireless-Minsignal', 28, 'text'],
  ['Mikrotik-Wireless-Maxsignal', 29, 'text'],
  ['Mikrotik-Switching-Filter', 30, 'text'],
])

const wispr = define(14122, [
  ['WISPr-Location-ID', 1, 'text', request],
  ['WISPr-Location-Name', 2, 'text', request],
  ['WISPr-Logoff-URL', 3, 'text', request],
  ['WISPr-Redirection-URL', 4, 'text'],
  ['WISPr-Bandwidth-Min-Up', 5, 'integer'],
  ['WISPr-Bandwidth-Min-Down', 6, 'integer'],
  ['WISPr-Bandwidth-Max-Up', 7, 'integer'],
  ['WISPr-Bandwidth-Max-Down', 8, 'integer'],
  ['WISPr-Session-Terminate-Time', 9, 'text'],
  ['WISPr-Session-Terminate-End-Of-Day', 10, 'text'],
  ['WISPr-Billing-Class-Of-Service', 11, 'text'],
])

export const wireless = [...aruba, ...ruckus, ...cambium, ...aerohive, ...mikrotik, ...wispr]
