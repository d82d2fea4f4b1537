// Makes the first organization and its owner on an empty server, with the one-time token that waits in its data folder.
import { join } from 'node:path'
import type { Command } from 'commander'
import { call } from '../api.ts'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { localConfig, readToken, serverUrl, warnOfPlain } from '../connection.ts'
import { exitCodes, Failure, usage } from '../failure.ts'
import { formatValue, printable } from '../output.ts'
import { portalAddress } from '../portal.ts'
import { readPassword } from '../terminal.ts'

interface Report {
  readonly organization: { readonly slug: string; readonly name: string; readonly domain: string }
  readonly owner: { readonly username: string }
  readonly token: string
}

export function addInit(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'init',
      summary: 'makes the first organization and its owner on an empty server (MUSTER_SAMPLE=off)',
      options: [
        option('--name <name>', 'name of the organization'),
        option('--domain <domain>', 'its DNS domain, from which the LDAP suffix follows'),
        option('--slug <slug>', 'its short name in paths (default: the first part of the domain)'),
        option('--owner <username>', 'username of the first owner'),
        option('--email <email>', "the owner's e-mail address"),
        option('--password-stdin', "read the owner's password from standard input"),
      ],
      examples: [
        '',
        '--name "Example Ltd" --domain example.com --owner alice --email alice@example.com --password-stdin < password.txt',
      ],
      local: true,
    },
    around,
    async (session) => {
      const { terminal } = session
      const url = serverUrl(terminal)
      const token = setupToken(session)
      warnOfPlain(url, terminal)
      const name = await answer(session, 'name', 'Name of the organization')
      const domain = await answer(session, 'domain', 'Its DNS domain, such as example.com')
      const slug =
        typeof session.options.slug === 'string' ? session.options.slug : (domain.split('.')[0] ?? '')
      const username = await answer(session, 'owner', 'Username of its first owner')
      const { email } = session.options
      const piped = session.options.passwordStdin === true
      const password =
        piped || terminal.interactive
          ? await readPassword(
              piped ? { ...terminal, interactive: false } : terminal,
              `Password of ${username}`,
            )
          : ''
      if (piped && password === '') {
        throw usage(
          'the password is empty: nothing was made',
          'Without --password-stdin the owner is made without a password',
        )
      }
      const owner = {
        username,
        ...(typeof email === 'string' && { email }),
        ...(password !== '' && { password }),
      }
      const body = { organization: { slug, name, domain }, owner }
      const sent = call(url, '/api/v1/setup', { method: 'POST', token, body })
      const report = (await sent.catch((error: unknown) => {
        const closed = error instanceof Failure && error.problem?.status === 404
        throw closed
          ? new Failure(exitCodes.refused, 'there is an organization already', { cause: error })
          : error
      })) as Report
      const portal = session.json ? '' : await portalAddress(url, report.organization.slug)
      session.answer(report, () => describe(report, password !== '', portal))
    },
  )
}

/** The token of MUSTER_TOKEN, or the one that the server on this machine wrote. */
function setupToken({ terminal }: Session): string {
  const given = terminal.env.MUSTER_TOKEN?.trim()
  if (given !== undefined && given !== '') return given
  const { dataFolder } = localConfig(terminal)
  const found = readToken(join(dataFolder, 'setup-token'), terminal)
  if (found !== null) return found
  if (readToken(join(dataFolder, 'admin-token'), terminal) !== null) {
    throw new Failure(exitCodes.refused, 'there is an organization already', {
      advice: `Its first token is in ${join(dataFolder, 'admin-token')}: see muster user list`,
    })
  }
  throw usage(
    `there is no setup token: ${join(dataFolder, 'setup-token')} does not exist`,
    'Start the server with MUSTER_SAMPLE=off first; on another machine set MUSTER_URL, and MUSTER_TOKEN to its setup token',
  )
}

async function answer(session: Session, name: string, question: string): Promise<string> {
  const given = session.options[name]
  if (typeof given === 'string') return given
  if (!session.terminal.interactive) throw usage(`--${name} is missing`, 'See: muster init --help')
  const text = (await session.terminal.ask(`${question}: `)).trim()
  return text === '' ? answer(session, name, question) : text
}

function describe({ organization, owner, token }: Report, hasPassword: boolean, portal: string): string {
  const { name, slug, domain } = organization
  const who = printable(owner.username)
  return (
    `The organization ${printable(name)} (${printable(slug)}, ${printable(domain)}) is made; ` +
    `${who} is its owner.\n` +
    `The owner's API token, shown now and never again (the server keeps it in its data folder as admin-token):\n` +
    `  ${formatValue(token)}\n` +
    (hasPassword
      ? ''
      : `${who} has no password yet, and cannot sign in. To set one: npx muster user password ${who}\n`) +
    `Next: npx muster user create <username>, npx muster import <file>, npx muster doctor\n` +
    `People sign in at:\n  ${printable(portal)}\n`
  )
}
