// What a new organization begins with, beside its owner: the groups, resources and bindings that let the owner into the
// console and everybody into directory and portal; or else a file of an organization that was elsewhere. It is an
// organization file, which importNewOrganization makes real.
import { ok, type Result } from '../../base/result.ts'
import { nameKey } from './names.ts'
import { inside, type Problem, Problems } from './problem.ts'
import { describe, isPlainObject, own, readObject, refuseUnknown, required, type Shape } from './spec.ts'
import { operatingSystems } from './types.ts'
import { password } from './users.ts'
import { text } from './values.ts'
import { invalid, type Refusal } from './writing.ts'

export interface FirstOrganization {
  readonly file: Readonly<Record<string, unknown>>
  /** Null where a file was sent and nobody named. */
  readonly owner: string | null
  /** Problems with it in the words of what was sent. */
  readonly told: (problems: readonly Problem[]) => readonly Problem[]
}

const firstToken = { name: 'first owner', role: 'owner' }

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

/**
 * Reads `{ organization: { slug, name, domain }, owner: { username, password?, … } }`, or `{ file, owner?: { username,
 * password } }` with an organization file. Values are checked by the import. The first token is the owner's.
 */
export function firstOrganization(body: unknown): Result<FirstOrganization, Refusal> {
  const problems = new Problems()
  if (!isPlainObject(body)) {
    problems.add('', 'wrong-type', `an object is expected here, not ${describe(body)}`)
    return invalid(problems.list)
  }
  if (own(body, 'file') !== undefined) return fromFile(body)
  refuseUnknown(body, {}, '', problems, ['organization', 'owner', 'file'])
  const owner = own(body, 'owner')
  const username = isPlainObject(owner) ? own(owner, 'username') : undefined
  if (typeof username !== 'string') {
    problems.add(inside('owner', 'username'), 'required', 'the username of the first owner is required')
  }
  if (!problems.none || typeof username !== 'string') return invalid(problems.list)
  const users = { of: 'users', mode: 'dynamic' } as const
  return ok({
    owner: username,
    told: inWordsOfSetup,
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
      tokens: [firstToken],
    },
  })
}

/** The organization that a file describes. Its user `owner` gets this password, so that somebody can sign in. */
function fromFile(body: Readonly<Record<string, unknown>>): Result<FirstOrganization, Refusal> {
  const problems = new Problems()
  refuseUnknown(body, {}, '', problems, ['file', 'owner'])
  const file = own(body, 'file')
  if (!isPlainObject(file)) {
    problems.add('file', 'wrong-type', `an organization file is an object, not ${describe(file)}`)
    return invalid(problems.list)
  }
  const [users, tokens] = [listIn(file, 'users'), listIn(file, 'tokens')]
  const sent = own(body, 'owner') ?? null
  const owner = sent === null ? null : readObject(ownerShape, sent, 'owner', problems)
  const isOwner = (user: unknown) => {
    const username = isPlainObject(user) ? own(user, 'username') : undefined
    return owner && typeof username === 'string' && nameKey(username) === nameKey(owner.username)
  }
  if (owner && !users.some(isOwner)) {
    const message = `there is no user ${JSON.stringify(owner.username)} in the file`
    problems.add('owner.username', 'missing', message)
  }
  if (!problems.none || owner === undefined) return invalid(problems.list)
  const named = users.map((user) =>
    owner !== null && isPlainObject(user) && isOwner(user)
      ? { ...user, passwordHash: undefined, password: owner.password }
      : user,
  )
  return ok({
    owner: owner?.username ?? null,
    told: (list) => list,
    file: {
      ...file,
      // What is no list is told of by the import.
      ...(users.length > 0 && { users: named }),
      ...(Array.isArray(own(file, 'tokens') ?? []) && { tokens: [firstToken, ...tokens] }),
    },
  })
}

const ownerShape = { username: text({ most: 64 }), password: required(password) } satisfies Shape

function listIn(file: object, name: string): readonly unknown[] {
  const value = own(file, name)
  return Array.isArray(value) ? value : []
}

/** The faults of that file in the words of what was sent: `users[0].email` was `owner.email`. */
export function inWordsOfSetup(problems: readonly Problem[]): readonly Problem[] {
  return problems.map((problem) => ({ ...problem, field: problem.field.replace(/^users\[0\]/, 'owner') }))
}
