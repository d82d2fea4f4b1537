// The entry of a device: cn=mac-alice,ou=devices,….
import type { AttributeDefinition, Device } from '../../core/directory/types.ts'
import type { DeviceEntry } from '../../core/ports.ts'
import {
  constant,
  type FieldSyntax,
  type Layout,
  layoutOf,
  none,
  type Shown,
  shownCustom,
  shownField,
  standard,
} from './layout.ts'
import { typeOf } from './schema.ts'
import { operational } from './stored-entry.ts'
import type { Tree } from './tree.ts'
import { memberOf } from './user-entry.ts'

const deviceOf = ({ device }: DeviceEntry): Device => device
const field = (name: string, property: keyof Device & string, syntax?: FieldSyntax) =>
  shownField<Device>(name, property, deviceOf as (subject: never) => Device, syntax) as Shown<DeviceEntry>

export const deviceLayout = (definitions: readonly AttributeDefinition[], tree: Tree): Layout<DeviceEntry> =>
  layoutOf<DeviceEntry>([
    constant('objectClass', ['top', 'device', 'ieee802Device', 'musterDevice']),
    field('cn', 'name'),
    field('serialNumber', 'serialNumber'),
    {
      type: typeOf('owner'),
      source: { kind: 'user-dn', field: standard('ownerId') },
      values({ device }, { tree, usernames }) {
        const name = device.ownerId === null ? undefined : usernames.get(device.ownerId)
        return name === undefined ? none : [tree.entryDn('users', name)]
      },
    },
    field('os', 'os'),
    field('osVersion', 'osVersion'),
    field('diskEncrypted', 'diskEncrypted', 'boolean'),
    field('managed', 'managed', 'boolean'),
    field('lastContact', 'lastContact', 'time'),
    field('macAddress', 'mac'),
    memberOf<DeviceEntry>(),
    ...definitions
      .filter((each) => each.of === 'devices')
      .map((definition) => shownCustom<DeviceEntry>(definition, ({ device }) => device.attributes)),
    ...operational<DeviceEntry>(tree, 'devices', 'device', 'name', deviceOf, ({ device }) => device.name),
  ])
