// The one check between an authorization request and its answer: with Muster's session, and nothing else, the decision is asked. Yes
// opens the application; where the person has to prove more they are sent to sign in, and the same is asked again afterwards.
import { errors, type Interaction, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { type ConversationId, newId } from '../../base/ids.ts'
import type { Challenge, Permit, Step } from '../../core/access/decision.ts'
import { newReference } from '../../core/access/reference.ts'
import type { Session } from '../../core/ports.ts'
import { answering, refusal } from './answer.ts'
import { askForSession } from './ask.ts'
import { authenticationOf } from './authentication.ts'
import type { Grants } from './grants.ts'
import { refuseUnregistered } from './registered.ts'
import type { OidcServices } from './services.ts'
import { lifetimes } from './terms.ts'
import { resourceOf, visitOf } from './visit.ts'
import { type Wish, wishOf } from './wanted.ts'

type Ports = Pick<OidcServices, 'access' | 'conversations' | 'clock'> & { readonly grants: Grants }

/** Why somebody has to sign in, kept from the check until the address to send them to is asked for. */
interface Missing {
  readonly wish: Wish
  readonly login: string | null
  readonly challenge: ConversationId | null
}

/** Kept with the interaction. */
interface Details {
  /** Milliseconds; null where the age of proofs does not matter. */
  readonly freshSince: number | null
  /** Another browser cannot go on with what this one began. */
  readonly browser: string
}

const longestHint = 256

export function createPrompt({ access, conversations, clock, grants }: Ports) {
  const missing = new WeakMap<KoaContextWithOIDC, Missing>()

  /** True where the person has to be asked. Throws what the application is to be told. */
  const check = async (ctx: KoaContextWithOIDC): Promise<boolean> => {
    const { oidc } = ctx
    const { organization, visitor, session: findSession } = visitOf(ctx)
    // The library keeps a session of its own where it is not told that it is over.
    if (oidc.session !== undefined) Object.assign(oidc.session, { destroyed: true })
    const before = oidc.entities.Interaction?.prompt.details as Details | undefined
    if (before !== undefined && before.browser !== visitor.browser)
      throw notToBeSentOn(new errors.InvalidRequest('the sign-in was begun in another browser'))
    if (before !== undefined) refuseUnregistered(oidc)
    const now = clock.now()
    const wish = { ...wishOf(ctx, now), ...(before !== undefined && { freshSince: instant(before) }) }
    const session = await findSession()
    const isBack = before !== undefined
    const isSomebodyElse = session !== null && wish.subject !== null && wish.subject !== session.userId
    if (isBack && isSomebodyElse) throw new errors.LoginRequired('somebody else is signed in')

    if (session === null) return ask(ctx, { wish, login: hintOf(ctx), challenge: null })
    if (isSomebodyElse || (wish.asksAgain && !isBack)) {
      const since = wish.freshSince ?? now
      return ask(ctx, { wish: { ...wish, freshSince: since }, login: hintOf(ctx), challenge: null })
    }
    const { secondFactor, freshSince } = wish
    const wanted = { secondFactor, freshSince }
    const reference = newReference()
    const decision = await access.decide(
      askForSession(organization, visitor, session, resourceOf(ctx), wanted, reference, now),
    )
    if (decision.outcome === 'deny' || decision.outcome === 'indeterminate')
      throw refusal(decision, reference)
    return answer(ctx, decision, session, wish)
  }

  const answer = async (
    ctx: KoaContextWithOIDC,
    decision: Permit | Challenge,
    session: Session,
    wish: Wish,
  ): Promise<boolean> => {
    switch (decision.outcome) {
      case 'permit': {
        const authentication = authenticationOf(decision.proof, wish.levels)
        if (wish.isEssential && !wish.levels.includes(authentication.acr))
          throw new errors.UnmetAuthenticationRequirements('none of the requested acr values was reached')
        await grants.open(ctx, decision, session, authentication, wish)
        return false
      }
      case 'challenge':
        return ask(ctx, {
          wish,
          login: decision.trace.subject.name,
          challenge: conversationOf(decision.step),
        })
      default:
        return decision satisfies never
    }
  }

  const ask = (ctx: KoaContextWithOIDC, why: Missing): true => {
    // OIDC Core §3.1.2.1: nothing is shown where the application said so.
    if (ctx.oidc.prompts.has('none')) throw new errors.LoginRequired('the person has to sign in')
    missing.set(ctx, why)
    return true
  }

  const details = (ctx: KoaContextWithOIDC): Details => ({
    freshSince: missing.get(ctx)?.wish.freshSince?.getTime() ?? null,
    browser: visitOf(ctx).visitor.browser,
  })

  /** Parks the request, and gives the address of sign-in. */
  const url = (ctx: KoaContextWithOIDC, interaction: Interaction): Promise<string> =>
    answering(async () => {
      const why = missing.get(ctx)
      if (why === undefined) throw new TypeError('nobody has to sign in')
      const { organization, visitor } = visitOf(ctx)
      const { secondFactor, freshSince } = why.wish
      const id = newId<ConversationId>()
      const pending = {
        kind: 'sign-in',
        organization: organization.id,
        browser: visitor.browser,
        resource: resourceOf(ctx),
        wanted: { secondFactor, freshSince },
        returnTo: new URL(interaction.returnTo).pathname,
        login: why.login,
        challenge: why.challenge,
      } as const
      await conversations.park(id, pending, lifetimes.interaction)
      return `/o/${organization.slug}/signin?to=${id}`
    })

  const policy = interactionPolicy.base()
  policy.clear()
  const login = new interactionPolicy.Prompt(
    { name: 'login', requestable: true },
    new interactionPolicy.Check('decision', 'the person has to sign in', 'login_required', (ctx) =>
      answering(() => check(ctx)),
    ),
  )
  login.details = async (ctx: KoaContextWithOIDC) => ({ ...details(ctx) })
  // Requests may name these; what they want is part of the one check.
  const named = ['consent', 'select_account'].map(
    (name) => new interactionPolicy.Prompt({ name, requestable: true }),
  )
  for (const prompt of [login, ...named]) {
    prompt.checks.remove(`${prompt.name}_prompt`)
    policy.add(prompt)
  }
  return { policy, url }
}

const conversationOf = (step: Step): ConversationId | null =>
  step.kind === 'code' ? step.conversation : null

const instant = ({ freshSince }: Details): Date | null => (freshSince === null ? null : new Date(freshSince))

function hintOf({ oidc }: KoaContextWithOIDC): string | null {
  const hint = oidc.params?.login_hint
  return typeof hint === 'string' && hint !== '' ? hint.slice(0, longestHint) : null
}

/** Whoever began it is not to get an answer through this browser. */
function notToBeSentOn(error: errors.OIDCProviderError): errors.OIDCProviderError {
  return Object.assign(error, { allow_redirect: false })
}
