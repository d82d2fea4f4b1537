// The keys that sign tokens and assertions: which there are, and new ones.
import { type Command, InvalidArgumentError } from 'commander'
import type { Item, Page } from '../api.ts'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { usage } from '../failure.ts'
import type { Column } from '../output.ts'

const columns: readonly Column<Item>[] = [
  { title: 'PURPOSE', value: ({ purpose }) => purpose },
  { title: 'ALGORITHM', value: ({ algorithm }) => algorithm },
  {
    title: 'STATE',
    value: ({ state }) => state,
    style: ({ state }) => (state === 'signing' ? 'green' : null),
  },
  { title: 'SIGNS FROM', value: ({ activeFrom }) => activeFrom },
  { title: 'WITHDRAWN', value: ({ retiredAt }) => retiredAt },
  { title: 'ID', value: ({ id }) => id, style: () => 'dim' },
]

export function addKeyCommands(program: Command, around: Surroundings): void {
  const key = program.command('key').description('signing keys: list, rotate')
  define(
    key,
    {
      name: 'list',
      summary: 'the keys that are published: signing, next, and those that go',
      examples: ['', '--json'],
    },
    around,
    async (session) => {
      const keys = await (await session.api()).request<Page>('GET', '/keys')
      session.answer(keys, () =>
        keys.items.length === 0
          ? 'no keys yet: they are made when they are first needed\n'
          : listed(session, keys),
      )
    },
  )
  define(
    key,
    {
      name: 'rotate',
      summary: 'makes new keys; the old ones stay published until nothing that they signed is valid',
      words: [['<purpose>', 'oidc or saml']],
      options: [
        option('--after <time>', 'when the new keys sign (default: 1h for oidc, 7d for saml)').argParser(
          seconds,
        ),
        option('--compromised', 'others know a private key: at once, and what the old ones signed is void'),
      ],
      examples: ['oidc', 'saml --after 14d', 'oidc --compromised'],
    },
    around,
    async (session, [purpose = '']) => {
      if (purpose !== 'oidc' && purpose !== 'saml')
        throw usage(`keys are for oidc or saml, not ${JSON.stringify(purpose)}`)
      const { after, compromised } = session.options
      const body = {
        purpose,
        ...(typeof after === 'number' && { activateAfterSeconds: after }),
        ...(compromised === true && { compromised }),
      }
      const keys = await (await session.api()).request<Page>('POST', '/keys/rotate', { body })
      session.answer(keys, () => listed(session, keys))
    },
  )
}

const listed = (session: Session, { items }: Page): string => session.table(columns, items)

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `90`, `30m`, `1h`, `7d` in seconds, for commander. */
function seconds(text: string): number {
  const found = /^([0-9]{1,8})([smhdw]?)$/.exec(text)
  if (found === null) throw new InvalidArgumentError('Expected a time such as 30m, 1h or 7d.')
  return Number(found[1]) * (units[found[2] || 's'] ?? 1)
}
