// Commands about one user, who is looked up before anything else happens.
import type { Command } from 'commander'
import type { Api } from '../api.ts'
import { type CommandSpec, define, type Session, type Surroundings } from '../command.ts'
import { kinds } from '../kinds.ts'
import { resolve } from '../names.ts'

export const userWords = [['<username>', 'username, e-mail address or id']] as const

export interface OneUser {
  readonly api: Api
  readonly id: string
  /** As it was typed. */
  readonly username: string
}

export function defineForUser(
  user: Command,
  spec: Omit<CommandSpec, 'words'>,
  around: Surroundings,
  handler: (session: Session, one: OneUser) => Promise<unknown>,
): void {
  define(user, { ...spec, words: userWords }, around, async (session, [username = '']) => {
    const api = await session.api()
    const { id } = await resolve(api, kinds.user, username)
    return handler(session, { api, id, username })
  })
}
