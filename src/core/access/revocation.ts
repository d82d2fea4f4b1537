// Ends what is open in browsers and at applications once it would not be permitted any more. Every use asks anyway; this is for
// what nobody uses at the moment, and so that applications are told.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, ResourceId, UserId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Actor } from '../audit/record.ts'
import type {
  AccessFacts,
  ApplicationSession,
  ApplicationSessions,
  Change,
  ChangeFeed,
  Sessions,
} from '../ports.ts'
import type { Access } from './decide.ts'
import { firstFactors } from './demands.ts'
import { denyReasons } from './reasons.ts'
import type { AccessRequest, Proof } from './request.ts'
import type { WebSessions } from './web-sessions.ts'

interface Ports {
  readonly access: Pick<Access, 'holds'>
  readonly facts: AccessFacts
  readonly sessions: Pick<Sessions, 'list'>
  readonly webSessions: Pick<WebSessions, 'end' | 'endApplication'>
  readonly applicationSessions: ApplicationSessions
  readonly feed: Pick<ChangeFeed, 'subscribe'>
  readonly clock: Clock
  readonly log: Log
}

/** What has changed since it was last looked at. */
interface Due {
  readonly organization: OrganizationId
  readonly users: Set<UserId>
  readonly resources: Set<ResourceId>
  tries: number
}

const actor: Actor = { kind: 'system', name: 'revocation' }
const usersAtOnce = 500
const perPage = 100
const retryMs = 500
const mostTries = 20
/** Of a user's sessions all are looked at, also those that stand idle. */
const noIdleLimit = 10 * 365 * 24 * 3600

/** Follows the feed until the returned function is called. */
export function startRevocation(ports: Ports): () => void {
  const due = new Map<OrganizationId, Due>()
  let isRunning = false
  let isStopped = false

  const dueIn = (organization: OrganizationId): Due => {
    const known = due.get(organization)
    if (known !== undefined) return known
    const made: Due = { organization, users: new Set(), resources: new Set(), tries: 0 }
    due.set(organization, made)
    return made
  }

  const heard = (changes: readonly Change[]): void => {
    for (const { organization, kind, id } of changes) {
      if (kind === 'user') dueIn(organization).users.add(id as UserId)
      if (kind === 'resource') dueIn(organization).resources.add(id as ResourceId)
    }
    if (!isRunning && due.size > 0) void work()
  }

  /** One organization after the other; what comes meanwhile is looked at afterwards. */
  const work = async (): Promise<void> => {
    isRunning = true
    for (;;) {
      const next: Due | undefined = due.values().next().value
      if (next === undefined || isStopped) break
      due.delete(next.organization)
      await review(ports, next).catch((error: unknown) => again(next, error))
    }
    isRunning = false
  }

  const again = (failed: Due, error: unknown): void => {
    const isLast = failed.tries + 1 >= mostTries
    ports.log[isLast ? 'error' : 'warn']({ err: error }, 'sessions could not be reviewed')
    if (isLast) return
    setTimeout(() => {
      const now = dueIn(failed.organization)
      for (const user of failed.users) now.users.add(user)
      for (const resource of failed.resources) now.resources.add(resource)
      now.tries = failed.tries + 1
      if (!isRunning && !isStopped) void work()
    }, retryMs).unref()
  }

  const unsubscribe = ports.feed.subscribe(heard)
  return () => {
    isStopped = true
    due.clear()
    unsubscribe()
  }
}

async function review(ports: Ports, { organization, users, resources }: Due): Promise<void> {
  const all = [...users]
  for (let from = 0; from < all.length; from += usersAtOnce) {
    const some = all.slice(from, from + usersAtOnce)
    // Most users that change have nothing open.
    for (const user of await ports.applicationSessions.usersWithSessions(organization, some)) {
      await reviewWebSessions(ports, organization, user)
      await reviewApplications(ports, organization, { user })
    }
  }
  for (const resource of resources) await reviewApplications(ports, organization, { resource })
}

async function reviewApplications(
  ports: Ports,
  organization: OrganizationId,
  of: { readonly user: UserId } | { readonly resource: ResourceId },
): Promise<void> {
  const at = ports.clock.now()
  for (let after: string | undefined; ; ) {
    const page = await ports.applicationSessions.list(organization, of, at, {
      limit: perPage,
      ...(after !== undefined && { after }),
    })
    for (const one of page) await reviewApplicationSession(ports, organization, one)
    if (page.length < perPage) return
    after = page.at(-1)?.id
  }
}

/** A web session rests on an active user and a first factor that is still the same. */
async function reviewWebSessions(ports: Ports, organization: OrganizationId, user: UserId): Promise<void> {
  const sessions = await ports.sessions.list(organization, user, ports.clock.now(), noIdleLimit)
  if (sessions.length === 0) return
  const subject = await ports.facts.findSubject(organization, { by: 'user-id', id: user })
  const isActive = subject?.kind === 'user' && subject.user.state === 'active'
  const stands = ({ kind, factorVersion }: Proof): boolean =>
    firstFactors.includes(kind) &&
    (subject?.factors.some((factor) => factor.kind === kind && factor.version === factorVersion) ?? false)
  const username = subject?.kind === 'user' ? subject.user.username : user
  for (const { id, proof } of sessions) {
    if (isActive && proof.some(stands)) continue
    const reason = isActive ? 'the factor it rests on was changed or removed' : 'the user is not active'
    await ports.webSessions.end(organization, id, { id: user, username }, actor, reason)
  }
}

async function reviewApplicationSession(
  ports: Ports,
  organization: OrganizationId,
  one: ApplicationSession,
): Promise<void> {
  const at = ports.clock.now()
  const decision = await ports.access.holds(standingRequest(organization, one, at))
  if (decision.outcome === 'permit') return
  if (decision.outcome === 'indeterminate') throw new Error(`undecided: ${decision.cause}`)
  const reason = decision.outcome === 'deny' ? denyReasons[decision.reason] : 'more has to be proven'
  const user = { id: one.userId, username: decision.trace.subject.name ?? one.userId }
  // Of several processes that find out, one ends it and tells.
  await ports.webSessions.endApplication(organization, one, user, actor, reason)
}

/** Asks whether what was permitted when this was opened still is. */
export function standingRequest(
  organization: OrganizationId,
  { userId, resourceId, door, proof }: ApplicationSession,
  at: Date,
): AccessRequest {
  return {
    organization,
    subject: { by: 'user-id', id: userId },
    evidence: [{ kind: 'standing', proof }],
    resource: { kind: 'id', id: resourceId },
    circumstance: { peer: null, door, secured: true },
    means: [],
    at,
  }
}
