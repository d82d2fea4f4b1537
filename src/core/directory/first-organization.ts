// What a new organization begins with, beside its owner: the groups, resources and bindings that let the owner into the
// console and everybody into directory and portal. It is an organization file, which importNewOrganization makes real.

import { ok, type Result } from '../../base/result.ts'
import { inside, type Problem, Problems } from './problem.ts'
import { describe, isPlainObject, own, refuseUnknown } from './spec.ts'
import { operatingSystems } from './types.ts'
import { invalid, type Refusal } from './writing.ts'

export interface FirstOrganization {
  readonly file: Readonly<Record<string, unknown>>
  readonly owner: string
}

const spellings = {
  ...{ macos: 'macOS', windows: 'Windows', linux: 'Linux', ios: 'iOS', android: 'Android' },
} satisfies Record<(typeof operatingSystems)[number], string>

/** Groups that most organizations want sooner or later: bound to nothing, and to be changed like any other. */
const defaultGroups = [
  { name: 'All users', of: 'users', mode: 'dynamic', rule: 'username pr' },
  { name: 'Active users', of: 'users', mode: 'dynamic', rule: 'state eq "active"' },
  { name: 'All devices', of: 'devices', mode: 'dynamic', rule: 'name pr' },
  ...operatingSystems.map((os) => ({
    ...{ name: `${spellings[os]} devices`, of: 'devices', mode: 'dynamic', rule: `os eq "${os}"` },
  })),
  {
    ...{ name: 'Devices out of contact', of: 'devices', mode: 'dynamic' },
    rule: 'lastContact lt now-30d or not (lastContact pr)',
  },
  { name: 'Unencrypted devices', of: 'devices', mode: 'dynamic', rule: 'diskEncrypted ne true' },
]

/** Reads `{ organization: { slug, name, domain }, owner: { username, password?, … } }`; values are checked by the import. */
export function firstOrganization(body: unknown): Result<FirstOrganization, Refusal> {
  const problems = new Problems()
  if (!isPlainObject(body)) {
    problems.add('', 'wrong-type', `an object is expected here, not ${describe(body)}`)
    return invalid(problems.list)
  }
  refuseUnknown(body, {}, '', problems, ['organization', 'owner'])
  const owner = own(body, 'owner')
  const username = isPlainObject(owner) ? own(owner, 'username') : undefined
  if (typeof username !== 'string') {
    problems.add(inside('owner', 'username'), 'required', 'the username of the first owner is required')
  }
  if (!problems.none || typeof username !== 'string') return invalid(problems.list)
  const users = { of: 'users', mode: 'dynamic' } as const
  return ok({
    owner: username,
    file: {
      organization: own(body, 'organization'),
      users: [owner],
      groups: [
        { name: 'everyone', ...users, rule: 'state eq "active"' },
        { name: 'administrators', of: 'users', mode: 'static', members: [username] },
        ...defaultGroups,
      ],
      resources: ['directory', 'portal', 'console'].map((kind) => ({ name: kind, kind })),
      bindings: [
        { group: 'everyone', resource: 'directory' },
        { group: 'everyone', resource: 'portal' },
        { group: 'administrators', resource: 'console', attributes: { role: 'owner' } },
      ],
      tokens: [{ name: 'first owner', role: 'owner' }],
    },
  })
}

/** The faults of that file in the words of what was sent: `users[0].email` was `owner.email`. */
export function inWordsOfSetup(problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) => ({ ...problem, field: problem.field.replace(/^users\[0\]/, 'owner') }))
}
