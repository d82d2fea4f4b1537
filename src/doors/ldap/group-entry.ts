// The entry of a group: cn=engineering,ou=groups,… (groupOfNames and posixGroup in one).
import type { Group } from '../../core/directory/types.ts'
import { constant, type Layout, layoutOf, none, type Shown, shownField } from './layout.ts'
import { typeOf } from './schema.ts'
import { operational } from './stored-entry.ts'
import type { Tree } from './tree.ts'

/** `members`: names of active users or of devices; empty where nobody asked for them. */
export interface GroupEntry {
  readonly group: Group
  readonly members: readonly string[]
}

const groupOf = ({ group }: GroupEntry): Group => group
const field = (name: string, property: keyof Group & string, syntax?: 'integer') =>
  shownField<Group>(name, property, groupOf as (subject: never) => Group, syntax) as Shown<GroupEntry>

/** The attributes for which a group's members must be read. */
export const memberKeys: ReadonlySet<string> = new Set(['member', 'memberuid'])

export const groupLayout = (tree: Tree): Layout<GroupEntry> =>
  layoutOf<GroupEntry>([
    constant('objectClass', ['top', 'groupOfNames', 'posixGroup']),
    field('cn', 'name'),
    field('gidNumber', 'posixId', 'integer'),
    {
      type: typeOf('member'),
      source: { kind: 'member' },
      values: ({ group, members }) => members.map((name) => tree.entryDn(group.of, name)),
    },
    {
      type: typeOf('memberUid'),
      source: { kind: 'member-uid' },
      values: ({ group, members }) => (group.of === 'users' ? members : none),
    },
    ...operational<GroupEntry>(tree, 'groups', 'groupOfNames', 'name', groupOf, ({ group }) => group.name),
  ])
