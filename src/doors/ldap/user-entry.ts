// The entry of a user: uid=alice,ou=users,… (inetOrgPerson, posixAccount). No secret is in it, by construction.
import type { Condition } from '../../core/directory/condition.ts'
import type { AttributeDefinition, User } from '../../core/directory/types.ts'
import type { PosixGrant, UserEntry } from '../../core/ports.ts'
import { shownByGroup } from './by-group.ts'
import {
  constant,
  type Layout,
  layoutOf,
  none,
  type Shown,
  shownCustom,
  shownField,
  some,
  standard,
} from './layout.ts'
import { typeOf } from './schema.ts'
import { operational } from './stored-entry.ts'
import type { Tree } from './tree.ts'

const classes = [
  'top',
  'person',
  'organizationalPerson',
  'inetOrgPerson',
  'posixAccount',
  'musterUser',
] as const
const publicKey = 'sshPublicKey'

const present = (name: string): Condition => ({ op: 'present', field: standard(name) })
const absent = (name: string): Condition => ({ op: 'not', of: present(name) })
const always: Condition = { op: 'true' }

const userOf = ({ user }: UserEntry): User => user
const field = (name: string, property: keyof User & string, syntax?: 'integer') =>
  shownField<User>(name, property, userOf as (subject: never) => User, syntax) as Shown<UserEntry>

// cn and sn must be there (RFC 4519 §3.12), so they fall back to what every user has.
const commonName: Shown<UserEntry> = {
  type: typeOf('cn'),
  source: {
    kind: 'cases',
    cases: [
      { when: always, fields: [standard('displayName')] },
      {
        when: { op: 'and', of: [absent('displayName'), present('givenName'), present('familyName')] },
        fields: [standard('givenName'), standard('familyName')],
      },
      {
        when: {
          op: 'and',
          of: [absent('displayName'), { op: 'or', of: [absent('givenName'), absent('familyName')] }],
        },
        fields: [standard('username')],
      },
    ],
  },
  values: ({ user }) => [
    user.displayName ??
      (user.givenName !== null && user.familyName !== null
        ? `${user.givenName} ${user.familyName}`
        : user.username),
  ],
}
const surname: Shown<UserEntry> = {
  type: typeOf('sn'),
  source: {
    kind: 'cases',
    cases: [
      { when: always, fields: [standard('familyName')] },
      { when: absent('familyName'), fields: [standard('username')] },
    ],
  },
  values: ({ user }) => [user.familyName ?? user.username],
}

function objectClass(key: AttributeDefinition | undefined): Shown<UserEntry> {
  const type = typeOf('objectClass')
  const plain: Shown<UserEntry> = {
    type,
    source: { kind: 'constant', syntax: 'class', values: classes },
    values: () => classes,
  }
  if (key === undefined) return plain
  const keys = shownCustom<UserEntry>(key, ({ user }) => user.attributes)
  const when: Condition = {
    op: 'present',
    field: { custom: key.name, type: key.type, caseExact: key.caseExact },
  }
  const withKey = [...classes, 'ldapPublicKey']
  return {
    type,
    source: { kind: 'constant', syntax: 'class', values: classes, also: { value: 'ldapPublicKey', when } },
    values: (entry, spelling) => (keys.values(entry, spelling).length > 0 ? withKey : classes),
  }
}

export function userLayout(
  definitions: readonly AttributeDefinition[],
  posix: readonly PosixGrant[],
  tree: Tree,
  loginShell: string,
): Layout<UserEntry> {
  const own = definitions.filter((each) => each.of === 'users')
  return layoutOf<UserEntry>([
    objectClass(own.find(({ name }) => name.toLowerCase() === publicKey.toLowerCase())),
    field('uid', 'username'),
    commonName,
    surname,
    field('givenName', 'givenName'),
    field('displayName', 'displayName'),
    field('mail', 'email'),
    field('title', 'title'),
    field('department', 'department'),
    field('departmentNumber', 'department'),
    field('employeeType', 'employeeType'),
    field('l', 'location'),
    field('o', 'company'),
    field('costCenter', 'costCenter'),
    {
      type: typeOf('manager'),
      source: { kind: 'user-dn', field: standard('managerId') },
      values({ user }, { tree, usernames }) {
        const name = user.managerId === null ? undefined : usernames.get(user.managerId)
        return name === undefined ? none : [tree.entryDn('users', name)]
      },
    },
    field('uidNumber', 'posixId', 'integer'),
    shownByGroup(posix, 'gidNumber', field('gidNumber', 'posixId', 'integer')),
    shownByGroup(posix, 'homeDirectory', {
      type: typeOf('homeDirectory'),
      source: { kind: 'prefixed', prefix: '/home/', field: standard('username') },
      values: ({ user }) => some(`/home/${user.username}`),
    }),
    shownByGroup(posix, 'loginShell', constant('loginShell', [loginShell])),
    memberOf<UserEntry>(),
    ...own.map((definition) => shownCustom<UserEntry>(definition, ({ user }) => user.attributes)),
    ...operational<UserEntry>(
      tree,
      'users',
      'inetOrgPerson',
      'username',
      userOf,
      ({ user }) => user.username,
    ),
  ])
}

/** Sent with `*` although OpenLDAP keeps it operational: many clients never ask for it by name. */
export function memberOf<T extends Pick<UserEntry, 'groups'>>(): Shown<T> {
  return {
    type: typeOf('memberOf'),
    source: { kind: 'member-of' },
    values: ({ groups }, spelling) =>
      groups.flatMap((group) => {
        const found = spelling.groups.get(group)
        return found === undefined ? none : [found.dn]
      }),
  }
}
