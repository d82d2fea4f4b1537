// Cisco: IOS and wireless (9), ASA and AnyConnect (3076), the former Airespace controllers (14179), Meraki (29671).
import { define, disabledEnabled, named, request } from './definition.ts'

const ios = define(9, [
  ['Cisco-AVPair', 1, 'text'],
  ['Cisco-NAS-Port', 2, 'text', request],
  ['Cisco-Policy-Up', 37, 'text'],
  ['Cisco-Policy-Down', 38, 'text'],
  ['Cisco-Service-Name', 51, 'text'],
  ['Cisco-Parent-Session-Id', 52, 'text', request],
  ['Cisco-Sub-QoS-Pol-In', 55, 'text'],
  ['Cisco-Sub-QoS-Pol-Out', 56, 'text'],
  ['Cisco-In-ACL', 57, 'text'],
  ['Cisco-Out-ACL', 58, 'text'],
  ['Cisco-IPv6-In-ACL', 61, 'text'],
  ['Cisco-IPv6-Out-ACL', 62, 'text'],
  ['Cisco-Maximum-Time', 194, 'integer'],
  ['Cisco-Idle-Limit', 244, 'integer'],
  ['Cisco-Account-Info', 250, 'text'],
  ['Cisco-Service-Info', 251, 'text'],
  ['Cisco-Command-Code', 252, 'text'],
  ['Cisco-Control-Info', 253, 'text'],
])

const splitTunneling = { 'No-Split-Tunneling': 0, 'Split-Tunneling': 1, 'Local-LAN-Permitted': 2 }

const asa = define(3076, [
  ['ASA-Simultaneous-Logins', 2, 'integer'],
  ['ASA-Primary-DNS', 5, 'ipaddr'],
  ['ASA-Secondary-DNS', 6, 'ipaddr'],
  ['ASA-Primary-WINS', 7, 'ipaddr'],
  ['ASA-Secondary-WINS', 8, 'ipaddr'],
  ['ASA-Tunneling-Protocols', 11, 'integer'],
  ['ASA-Banner1', 15, 'text'],
  ['ASA-Group-Policy', 25, 'text'],
  ['ASA-IPsec-Split-Tunnel-List', 27, 'text'],
  ['ASA-IPsec-Default-Domain', 28, 'text'],
  ['ASA-IPsec-Split-DNS-Names', 29, 'text'],
  ['ASA-Banner2', 36, 'text'],
  ['ASA-Authenticated-User-Idle-Timeout', 50, 'integer'],
  ['ASA-IPsec-Split-Tunneling-Policy', 55, 'integer', named(splitTunneling)],
  ['ASA-Tunnel-Group-Lock', 85, 'text'],
  ['ASA-Access-List-Inbound', 86, 'text'],
  ['ASA-Access-List-Outbound', 87, 'text'],
  ['ASA-WebVPN-URL-Entry-Enable', 93, 'integer', disabledEnabled],
  ['ASA-VLAN', 140, 'integer'],
  ['ASA-Member-Of', 145, 'text'],
  ['ASA-TunnelGroupName', 146, 'text', request],
  ['ASA-ClientType', 150, 'integer', request],
  ['ASA-SessionType', 151, 'integer', request],
  ['ASA-SessionSubtype', 152, 'integer', request],
  ['ASA-Address-Pools', 217, 'text'],
  ['ASA-IPv6-Address-Pools', 218, 'text'],
  ['ASA-IPv6-VPN-Filter', 219, 'text'],
  ['ASA-Privilege-Level', 220, 'integer'],
])

const airespace = define(14179, [
  ['Airespace-Wlan-Id', 1, 'integer'],
  ['Airespace-QOS-Level', 2, 'integer', named({ Silver: 0, Gold: 1, Platinum: 2, Bronze: 3 })],
  ['Airespace-DSCP', 3, 'integer'],
  ['Airespace-8021p-Tag', 4, 'integer'],
  ['Airespace-Interface-Name', 5, 'text'],
  ['Airespace-ACL-Name', 6, 'text'],
  ['Airespace-Data-Bandwidth-Average-Contract', 7, 'integer'],
  ['Airespace-Real-Time-Bandwidth-Average-Contract', 8, 'integer'],
  ['Airespace-Data-Bandwidth-Burst-Contract', 9, 'integer'],
  ['Airespace-Real-Time-Bandwidth-Burst-Contract', 10, 'integer'],
  ['Airespace-Guest-Role-Name', 11, 'text'],
])

/** Meraki names itself in requests; in replies it takes Filter-Id, Airespace-ACL-Name or Cisco-AVPair. */
const meraki = define(29671, [
  ['Meraki-Device-Name', 1, 'text', request],
  ['Meraki-Network-Name', 2, 'text', request],
  ['Meraki-Ap-Name', 3, 'text', request],
  ['Meraki-Ap-Tags', 4, 'text', request],
])

export const cisco = [...ios, ...asa, ...airespace, ...meraki]
