// Makes the first organization and its owner on an empty server, with the one-time token that waits in its data folder.
import { join } from 'node:path'
import type { Command } from 'commander'
import { call } from '../api.ts'
import { define, option, type Session, type Surroundings } from '../command.ts'
import { localConfig, readToken, serverUrl, warnOfPlain } from '../connection.ts'
import { exitCodes, Failure, usage } from '../failure.ts'
import { readOrganizationFile } from '../organization-file.ts'
import { formatValue, printable } from '../output.ts'
import { portalAddress } from '../portal.ts'
import { readPassword } from '../terminal.ts'
import { describeImport, type ImportReport, importTimeoutMs, readText, withLines } from './import.ts'

interface Report {
  readonly organization: { readonly slug: string; readonly name: string; readonly domain: string }
  readonly token: string
  readonly imported: ImportReport
}

export function addInit(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'init',
      summary: 'makes the first organization and its owner on an empty server (MUSTER_SAMPLE=off)',
      options: [
        option(
          '--from <file>',
          'make it from an organization file (.yaml or .json), as export writes it',
        ).conflicts(['name', 'domain', 'slug', 'email']),
        option('--name <name>', 'name of the organization'),
        option('--domain <domain>', 'its DNS domain, from which the LDAP suffix follows'),
        option('--slug <slug>', 'its short name in paths (default: the first part of the domain)'),
        option(
          '--owner <username>',
          'username of the first owner; with --from, who of the file gets a password',
        ),
        option('--email <email>', "the owner's e-mail address"),
        option('--password-stdin', "read the owner's password from standard input"),
      ],
      examples: [
        '',
        '--name "Example Ltd" --domain example.com --owner alice --email alice@example.com --password-stdin < password.txt',
        '--from organization.yaml --owner alice --password-stdin < password.txt',
      ],
      local: true,
    },
    around,
    async (session) => {
      const { terminal } = session
      const url = serverUrl(terminal)
      const token = setupToken(session)
      warnOfPlain(url, terminal)
      if (typeof session.options.from === 'string') return fromFile(session, url, token, session.options.from)
      const name = await answer(session, 'name', 'Name of the organization')
      const domain = await answer(session, 'domain', 'Its DNS domain, such as example.com')
      const slug =
        typeof session.options.slug === 'string' ? session.options.slug : (domain.split('.')[0] ?? '')
      const username = await answer(session, 'owner', 'Username of its first owner')
      const { email } = session.options
      const password = await ownerPassword(session, username)
      const owner = {
        username,
        ...(typeof email === 'string' && { email }),
        ...(password !== '' && { password }),
      }
      const body = { organization: { slug, name, domain }, owner }
      const report = await setUp(url, token, body)
      const portal = session.json ? '' : await portalAddress(url, report.organization.slug)
      session.answer(report, () => describe(report, username, password !== '', portal))
      return 0
    },
  )
}

async function setUp(url: string, token: string, body: unknown, timeoutMs?: number): Promise<Report> {
  const more = timeoutMs === undefined ? {} : { timeoutMs }
  const sent = call(url, '/api/v1/setup', { method: 'POST', token, body, ...more })
  return (await sent.catch((error: unknown) => {
    const closed = error instanceof Failure && error.problem?.status === 404
    throw closed
      ? new Failure(exitCodes.refused, 'there is an organization already', { cause: error })
      : error
  })) as Report
}

/** Empty where there is nobody to ask. */
async function ownerPassword({ terminal, options }: Session, username: string): Promise<string> {
  const piped = options.passwordStdin === true
  if (!piped && !terminal.interactive) return ''
  const from = piped ? { ...terminal, interactive: false } : terminal
  const password = await readPassword(from, `Password of ${username}`)
  if (piped && password === '') {
    throw usage(
      'the password is empty: nothing was made',
      'Without --password-stdin the owner is made without a password',
    )
  }
  return password
}

/** The organization of a file that export wrote, or somebody by hand. */
async function fromFile(session: Session, url: string, token: string, path: string): Promise<number> {
  const file = readOrganizationFile(path, readText(path, session.terminal.cwd), {
    of: 'users',
    types: new Map(),
  })
  const { owner } = session.options
  if (session.options.passwordStdin === true && typeof owner !== 'string')
    throw usage('whose password is it?', 'Name somebody of the file: --owner <username>')
  const password = typeof owner === 'string' ? await ownerPassword(session, owner) : ''
  const body = { file: file.value, ...(password !== '' && { owner: { username: owner, password } }) }
  const report = await setUp(url, token, body, importTimeoutMs).catch((error: unknown) => {
    throw error instanceof Failure ? withLines(error, path, file) : error
  })
  const portal = session.json ? '' : await portalAddress(url, report.organization.slug)
  session.answer(
    report,
    () =>
      `${made(report)}.\n${describeImport(report.imported)}${tokenLines(report)}` +
      `No passwords or authenticators are in a file that export wrote: npx muster user password <username>\n` +
      `People sign in at:\n  ${printable(portal)}\n`,
  )
  return 0
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

const made = ({ organization: { name, slug, domain } }: Report): string =>
  `The organization ${printable(name)} (${printable(slug)}, ${printable(domain)}) is made`

const tokenLines = ({ token }: Report): string =>
  `The owner's API token, shown now and never again (the server keeps it in its data folder as admin-token):\n` +
  `  ${formatValue(token)}\n`

function describe(report: Report, owner: string, hasPassword: boolean, portal: string): string {
  const who = printable(owner)
  return (
    `${made(report)}; ${who} is its owner.\n${tokenLines(report)}` +
    (hasPassword
      ? ''
      : `${who} has no password yet, and cannot sign in. To set one: npx muster user password ${who}\n`) +
    `Next: npx muster user create <username>, npx muster import <file>, npx muster doctor\n` +
    `People sign in at:\n  ${printable(portal)}\n`
  )
}
