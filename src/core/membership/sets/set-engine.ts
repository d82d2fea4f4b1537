// Questions about whole sets of subjects, which a thread of its own answers (src/membership-worker.ts): what a rule would change,
// and which cells are not what the rules say. Here: what can be asked, and the end that asks.
import type { OrganizationId } from '../../../base/ids.ts'
import { Fault, type FaultCause } from '../../../base/result.ts'
import type { Group } from '../../directory/types.ts'
import type { ValueAsked } from '../analysis/analyse.ts'
import type { CellSubject } from '../cell.ts'
import type { Preview, Previewer, SamplePage } from '../preview/preview.ts'

/** `anew`: all, and nothing that is kept in memory is relied on. */
export type GroupsAsked = readonly Group['id'][] | 'all' | 'anew'

/** Every call throws Fault when nobody answers, or nobody can: whoever asks goes through the cells then. */
export interface SetEngine extends Previewer {
  /**
   * The cells whose stored memberships, suggestions or next instant are not what the rules say, as of everything committed before
   * this call, a chunk at a time. With `groups`: at least those where these groups, or groups that read them, are concerned; the
   * memberships of other groups are taken to be right.
   */
  differing(organization: OrganizationId, groups: GroupsAsked): AsyncIterable<readonly CellSubject[]>
  /** Has any of the users (or devices) each of these values? In their order; undefined where that is not known at once. */
  seen(organization: OrganizationId, values: readonly ValueAsked[]): Promise<readonly (boolean | undefined)[]>
}

export interface DifferingPage {
  readonly subjects: readonly CellSubject[]
  /** Where to go on; null: these were the last ones. */
  readonly next: string | null
}

/** Whoever answers. */
export interface SetAnswers extends Previewer {
  differing(organization: OrganizationId, groups: GroupsAsked, after: string | null): Promise<DifferingPage>
  seen: SetEngine['seen']
}

export type SetQuestion =
  | {
      readonly ask: 'preview'
      readonly organization: OrganizationId
      readonly group: Group
      readonly page: SamplePage
    }
  | {
      readonly ask: 'differing'
      readonly organization: OrganizationId
      readonly groups: GroupsAsked
      readonly after: string | null
    }
  | {
      readonly ask: 'seen'
      readonly organization: OrganizationId
      readonly values: readonly ValueAsked[]
    }

export interface NumberedQuestion {
  readonly number: number
  readonly question: SetQuestion
}

export type NumberedAnswer =
  | { readonly number: number; readonly ok: true; readonly value: unknown }
  | { readonly number: number; readonly ok: false; readonly reason: FaultCause; readonly message: string }

/** Has the question answered, and says so in a message; never fails. */
export async function answer(
  { number, question }: NumberedQuestion,
  by: SetAnswers,
): Promise<NumberedAnswer> {
  try {
    return { number, ok: true, value: await answerTo(question, by) }
  } catch (error) {
    const reason = error instanceof Fault ? error.reason : 'internal'
    return { number, ok: false, reason, message: error instanceof Error ? error.message : String(error) }
  }
}

function answerTo(question: SetQuestion, by: SetAnswers): Promise<unknown> {
  const { organization } = question
  switch (question.ask) {
    case 'preview':
      return by.preview(organization, question.group, question.page)
    case 'differing':
      return by.differing(organization, question.groups, question.after)
    case 'seen':
      return by.seen(organization, question.values)
    default:
      return question satisfies never
  }
}

interface Waiting {
  readonly answered: (value: unknown) => void
  readonly failed: (fault: Fault) => void
}

const mostWaiting = 64

/** What has to be before a question is asked. */
export interface Following {
  /** Everything committed before is told to whoever answers. */
  settled(): Promise<void>
  /** Is whoever answers told of every change? */
  isFollowed(organization: OrganizationId): boolean
}

const always: Following = { settled: async () => {}, isFollowed: () => true }

/** The end that asks. */
export class AskedSets implements SetEngine {
  readonly #following: Following
  readonly #waiting = new Map<number, Waiting>()
  #post: ((question: NumberedQuestion) => void) | null = null
  #number = 0

  constructor(following: Following = always) {
    this.#following = following
  }

  /** Somebody answers from now on. */
  attach(post: (question: NumberedQuestion) => void): void {
    this.detach()
    this.#post = post
  }

  /** Whoever waits is told that nobody will answer. */
  detach(): void {
    this.#post = null
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { failed } of waiting) failed(away())
  }

  hear(message: NumberedAnswer): void {
    const waiting = this.#waiting.get(message.number)
    this.#waiting.delete(message.number)
    if (message.ok) waiting?.answered(message.value)
    else waiting?.failed(new Fault(message.reason, message.message))
  }

  preview(organization: OrganizationId, group: Group, page: SamplePage): Promise<Preview> {
    return this.#ask({ ask: 'preview', organization, group, page }) as Promise<Preview>
  }

  async *differing(
    organization: OrganizationId,
    groups: GroupsAsked,
  ): AsyncGenerator<readonly CellSubject[]> {
    for (let after: string | null = null; ; ) {
      const page = (await this.#ask({ ask: 'differing', organization, groups, after })) as DifferingPage
      if (page.subjects.length > 0) yield page.subjects
      if (page.next === null) return
      after = page.next
    }
  }

  seen(
    organization: OrganizationId,
    values: readonly ValueAsked[],
  ): Promise<readonly (boolean | undefined)[]> {
    return this.#ask({ ask: 'seen', organization, values }) as ReturnType<SetEngine['seen']>
  }

  async #ask(question: SetQuestion): Promise<unknown> {
    if (this.#post === null) throw away()
    if (this.#waiting.size >= mostWaiting)
      throw new Fault('busy', 'too many questions about sets of users at once')
    const number = this.#number++
    return new Promise((answered, failed) => {
      this.#waiting.set(number, { answered, failed })
      this.#following.settled().then(
        () => this.#send({ number, question }),
        () => this.#fail(number),
      )
    })
  }

  #send(asked: NumberedQuestion): void {
    const isFollowed = this.#following.isFollowed(asked.question.organization)
    if (this.#post === null || !isFollowed) this.#fail(asked.number)
    else if (this.#waiting.has(asked.number)) this.#post(asked)
  }

  #fail(number: number): void {
    this.#waiting.get(number)?.failed(away())
    this.#waiting.delete(number)
  }
}

/** Asks the one, and where it cannot answer, the other. */
export function either(first: Previewer, other: Previewer): Previewer {
  return {
    preview: (organization, group, page) =>
      first.preview(organization, group, page).catch((error: unknown) => {
        if (error instanceof Fault && error.reason === 'busy') throw error
        return other.preview(organization, group, page)
      }),
  }
}

const away = (): Fault => new Fault('unavailable', 'the thread that answers for sets of users is not there')
