// Scenes for tests of access: who asks for what, written in a few words, as the request and the facts that `judge` takes.
import {
  type BindingId,
  type ConversationId,
  type FactorId,
  type GroupId,
  newId,
  type ResourceId,
  type ServiceAccountId,
} from '../../src/base/ids.ts'
import type { Facts, ResourceFacts, Shown, SubjectFacts } from '../../src/core/access/facts.ts'
import {
  type AccessRequest,
  type Means,
  nothingWanted,
  type Opening,
  type Wanted,
} from '../../src/core/access/request.ts'
import type {
  BindingAttributes,
  DirectoryBranch,
  FactorKind,
  OrganizationSettings,
  ResourceKind,
  UserState,
} from '../../src/core/directory/types.ts'
import { at, makeOrganization, makeUser } from './store.ts'

export { at }

export interface Scene {
  readonly organization: boolean
  readonly resource: ResourceKind | null
  readonly enabled: boolean
  readonly clearText: OrganizationSettings['clearTextPasswords']
  readonly secured: boolean
  readonly peer: string | null
  readonly who: 'user' | 'service' | 'nobody'
  readonly state: UserState
  readonly accountEnabled: boolean
  readonly reads: readonly DirectoryBranch[]
  /** Groups the user is in, with what they demand of their members. */
  readonly groups: Readonly<Record<string, readonly FactorKind[]>>
  /** Groups bound to the resource, in the administrator's order. */
  readonly bound: readonly {
    readonly group: string
    readonly factors?: readonly FactorKind[]
    readonly attributes?: BindingAttributes
  }[]
  readonly enrolled: readonly FactorKind[]
  readonly proven: readonly FactorKind[]
  readonly rejected: Shown['rejected']
  readonly counted: boolean
  readonly means: readonly Means[]
  /** How long ago everything was proven, in seconds. */
  readonly provenAgo: number
  /** Proven before a code that was refused. */
  readonly before: readonly FactorKind[]
  readonly wanted: Wanted
  readonly opening: Opening | null
}

/** Somebody in a bound group who shows the right password over TLS. */
export const plain: Scene = {
  organization: true,
  resource: 'application',
  enabled: true,
  clearText: 'never',
  secured: true,
  peer: '192.0.2.7',
  who: 'user',
  state: 'active',
  accountEnabled: true,
  reads: ['users'],
  groups: { staff: [] },
  bound: [{ group: 'staff' }],
  enrolled: ['password', 'totp'],
  proven: ['password'],
  rejected: null,
  counted: true,
  means: ['prompt'],
  provenAgo: 0,
  before: [],
  wanted: nothingWanted,
  opening: null,
}

export const theOrganization = makeOrganization('acme')
export const theUser = makeUser('alice')
export const theAccount = newId<ServiceAccountId>()
export const theResource = newId<ResourceId>()
export const fresh = newId<ConversationId>()

const ids = new Map<string, GroupId>()
export function groupId(name: string): GroupId {
  const id = ids.get(name) ?? newId<GroupId>()
  ids.set(name, id)
  return id
}

/** What is known of the factor of this kind: the version is named after it. */
const enrolledFactor = (kind: FactorKind) => ({
  id: `factor-${kind}` as FactorId,
  kind,
  version: `${kind}-1`,
  sealed: Buffer.from(kind),
})

export function subjectOf(scene: Scene): SubjectFacts | null {
  const factors = scene.enrolled.map(enrolledFactor)
  if (scene.who === 'nobody') return null
  if (scene.who === 'service') {
    const { version, createdAt, updatedAt } = theUser
    const account = { id: theAccount, name: 'reader', enabled: scene.accountEnabled, reads: scene.reads }
    return { kind: 'service', account: { ...account, version, createdAt, updatedAt }, factors }
  }
  const memberships = Object.entries(scene.groups).map(([name, demanded]) => ({
    ...{ groupId: groupId(name), name, reasons: ['rule'] as const, factors: demanded },
  }))
  return { kind: 'user', user: { ...theUser, state: scene.state }, memberships, factors, due: null }
}

export function resourceOf(scene: Scene): ResourceFacts | null {
  if (scene.resource === null) return null
  const { version, createdAt, updatedAt } = theUser
  const own = {
    id: theResource,
    name: 'wiki',
    kind: scene.resource,
    enabled: scene.enabled,
    network: null,
    application: null,
  }
  const bindings = scene.bound.map(({ group, factors = [], attributes = {} }, i) => ({
    ...{ id: `binding-${i}` as BindingId, groupId: groupId(group), factors, attributes },
  }))
  return { resource: { ...own, version, createdAt, updatedAt }, bindings }
}

export function organizationOf(scene: Scene) {
  const settings = { ...theOrganization.settings, clearTextPasswords: scene.clearText }
  return scene.organization ? { ...theOrganization, settings } : null
}

export function factsOf(scene: Scene): Facts {
  const when = new Date(at.getTime() - scene.provenAgo * 1000)
  const proofOf = (kind: FactorKind) => ({ kind, factorVersion: `${kind}-1`, at: when })
  const accepted = scene.proven.map(proofOf)
  return {
    organization: organizationOf(scene),
    resource: resourceOf(scene),
    subject: subjectOf(scene),
    shown: {
      accepted,
      rejected: scene.rejected,
      counted: scene.counted,
      ...(scene.before.length > 0 && { before: scene.before.map(proofOf) }),
    },
  }
}

export function requestOf(scene: Scene): AccessRequest {
  return {
    organization: theOrganization.id,
    subject: scene.who === 'service' ? { by: 'service', name: 'reader' } : { by: 'login', name: 'Alice' },
    evidence: [],
    resource: { kind: 'id', id: theResource },
    circumstance: { peer: scene.peer, door: 'ldap', secured: scene.secured },
    means: scene.means,
    wanted: scene.wanted,
    ...(scene.opening !== null && { opening: scene.opening }),
    at,
  }
}
