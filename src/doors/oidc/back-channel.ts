// Tells applications that a session ended, whoever ended it (OIDC Back-Channel Logout 1.0). Nobody waits for it: what the application
// was given counts for nothing from the moment core ended it. One organization's notices do not keep another's waiting.
import { setTimeout as pause } from 'node:timers/promises'
import type { OrganizationId } from '../../base/ids.ts'
import { Fault } from '../../base/result.ts'
import type { ApplicationSession } from '../../core/ports.ts'
import { Gate } from '../../net/limits.ts'
import { FetchRefused } from '../../net/web/fetch.ts'
import type { Grants } from './grants.ts'
import type { Issuers } from './issuers.ts'
import type { OidcServices } from './services.ts'

export interface BackChannel {
  /** Resolves once everybody who is being told has been, or did not answer in time. */
  settled(): Promise<void>
  /** The same, without second tries; what has not been begun after a few seconds is left. */
  close(): Promise<void>
}

/** Of each organization. */
const atOnce = 8
const mostWaiting = 500
const pauseMs = 500
const closingMs = 5_000

/** What the library's types leave out. */
interface TellsOfLogout {
  backchannelLogout(subject: string, sid: string): Promise<void>
}

export function startBackChannel(
  { webSessions, facts, log }: Pick<OidcServices, 'webSessions' | 'facts' | 'log'>,
  issuers: Issuers,
  grants: Pick<Grants, 'forget'>,
): BackChannel {
  const underWay = new Set<Promise<void>>()
  const gates = new Map<OrganizationId, Gate>()
  let isClosing = false
  let isOver = false

  const tell = async (organization: OrganizationId, ended: readonly ApplicationSession[]): Promise<void> => {
    await grants.forget(
      organization,
      ended.map(({ id }) => id),
    )
    const slug = (await facts.findOrganization(organization))?.slug
    if (slug === undefined) return
    const gate = gates.get(organization) ?? new Gate(atOnce, mostWaiting)
    gates.set(organization, gate)
    const due = [...distinct(ended).values()]
    const told = await Promise.all(due.map((one) => gate.run(() => tellOne(slug, one)).catch(unlessBusy)))
    if (gate.running === 0) gates.delete(organization)
    const count = told.filter((isTold) => !isTold).length
    if (count > 0)
      log.warn({ organization: slug, count }, 'too many applications were to be told that a session ended')
  }

  /** False where it was not begun. */
  const tellOne = async (slug: string, { userId, details }: ApplicationSession): Promise<boolean> => {
    if (isOver) return false
    const { clientId, sid } = details
    try {
      const provider = (await issuers.find(slug))?.provider
      const client = await provider?.Client.find(String(clientId))
      if (!client?.backchannelLogoutUri) return true
      const notify = () => (client as unknown as TellsOfLogout).backchannelLogout(userId, String(sid))
      await notify().catch(async (error: unknown) => {
        if (isClosing || !mayPass(error)) throw error
        await pause(pauseMs)
        await notify()
      })
    } catch (error) {
      log.warn({ err: error, client: clientId }, 'an application could not be told that a session ended')
    }
    return true
  }

  webSessions.onEnded((organization, ended) => {
    const own = ended.filter(({ door }) => door === 'oidc')
    if (own.length === 0) return
    const telling = tell(organization, own)
      .catch((error: unknown) =>
        log.warn({ err: error }, 'applications could not be told that a session ended'),
      )
      .finally(() => underWay.delete(telling))
    underWay.add(telling)
  })

  const settled = async (): Promise<void> => void (await Promise.allSettled(underWay))
  return {
    settled,
    async close() {
      isClosing = true
      const timer = setTimeout(() => (isOver = true), closingMs)
      await settled()
      clearTimeout(timer)
    },
  }
}

function unlessBusy(error: unknown): false {
  if (error instanceof Fault && error.reason === 'busy') return false
  throw error
}

/** Did the notice not arrive, for a reason that may be over in a moment? Where nobody answered in time, TCP has tried again already. */
function mayPass(error: unknown): boolean {
  const { cause } = error as Error
  if (!(cause instanceof FetchRefused)) return cause instanceof Fault && cause.reason === 'busy'
  // The library's own patience is shorter than that of our fetch.
  const isLate = cause.cause instanceof Error && ['AbortError', 'TimeoutError'].includes(cause.cause.name)
  return cause.reason === 'name' || (cause.reason === 'connection' && !isLate)
}

/** Somebody may have opened the same application many times in one session; it is told once. */
function distinct(ended: readonly ApplicationSession[]): ReadonlyMap<string, ApplicationSession> {
  return new Map(
    ended.map((one) => [JSON.stringify([one.details.clientId, one.details.sid, one.userId]), one]),
  )
}
