// Tells the reviewers of an organization, by mail, that suggestions wait for them: at most once in a while, and once however
// many processes there are.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Organization } from '../directory/types.ts'
import type { Mailer, Organizations, ReviewNotices } from '../ports.ts'
import { Rounds } from './rounds.ts'

export interface ReviewNoticePorts {
  readonly notices: ReviewNotices
  readonly organizations: Pick<Organizations, 'list'>
  readonly mailer: Mailer
  /** A line that says where the suggestions of an organization are to be seen. */
  readonly where: (organization: Organization) => string
  readonly clock: Clock
  readonly log: Log
}

const lookEveryMs = 60_000
/** Between two mails to the same reviewers. */
const restMs = 15 * 60_000

/** Begins; returns what ends it. */
export function startReviewNotices(ports: ReviewNoticePorts, everyMs = lookEveryMs): () => Promise<void> {
  const { organizations, clock, log } = ports
  const rounds = new Rounds(
    async () => {
      try {
        for (const organization of await organizations.list()) await tell(organization, ports)
      } catch (error) {
        log.warn({ err: error }, 'reviewers could not be told of suggestions: it is tried again')
      }
      return everyMs
    },
    everyMs,
    clock,
  )
  rounds.in(everyMs)
  return () => rounds.stop()
}

async function tell(organization: Organization, { notices, mailer, where, clock }: ReviewNoticePorts) {
  const { reviewers } = organization.settings
  if (reviewers.length === 0) return
  const claim = await notices.claim(organization.id, new Date(clock.now().getTime() - restMs))
  if (claim === null) return
  try {
    await mailer.send({ to: reviewers, ...noticeOf(organization, claim.counts, where(organization)) })
  } catch (error) {
    await notices.release(organization.id, claim)
    throw error
  }
}

/** Subject and text. Names of groups are texts of administrators: one line each, whatever is in them. */
export function noticeOf(
  { name }: Pick<Organization, 'name'>,
  counts: readonly { readonly group: string; readonly joins: number; readonly leaves: number }[],
  where: string,
): { readonly subject: string; readonly text: string } {
  const line = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
  const sum = counts.reduce((all, { joins, leaves }) => all + joins + leaves, 0)
  const what = sum === 1 ? '1 suggestion waits' : `${sum} suggestions wait`
  const rows = counts.map(({ group, joins, leaves }) => {
    const parts = [joins > 0 ? `${joins} to join` : '', leaves > 0 ? `${leaves} to leave` : '']
    return `  ${line(group)}: ${parts.filter((part) => part !== '').join(', ')}`
  })
  return {
    subject: line(`${name}: ${what} for review`),
    text: [`${what} for your review in ${line(name)}:`, '', ...rows, '', where, ''].join('\n'),
  }
}
