// Brings a file of users, devices, groups and so on into the organization. The server checks it as a whole first.
import { readFileSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { type Command, Option } from 'commander'
import type { Api } from '../api.ts'
import { define, option, type Surroundings } from '../command.ts'
import { exitCodes, Failure } from '../failure.ts'
import { type CustomTypes, type OrganizationFile, readOrganizationFile } from '../organization-file.ts'
import { printable } from '../output.ts'

export interface ImportReport {
  readonly counts: Readonly<Record<string, number>>
  readonly tokens: readonly { readonly name: string; readonly token: string }[]
  readonly clientSecrets: readonly { readonly address: string; readonly secret: string }[]
  readonly applicationSecrets?: readonly { readonly clientId: string; readonly secret: string }[]
}

/** Passwords are hashed one by one: a file of thousands takes its time. */
export const importTimeoutMs = 60 * 60 * 1000

export function addImport(program: Command, around: Surroundings): void {
  define(
    program,
    {
      name: 'import',
      summary: 'adds what a file holds: all of it, or nothing where anything in it is faulty',
      words: [['<file>', '.yaml or .json (an organization file, as export writes it), or .csv']],
      options: [
        new Option('--kind <kind>', 'what the lines of a .csv file are')
          .choices(['users', 'devices'])
          .default('users'),
        option('--check', 'only read the file here, and send nothing'),
        option('--confirm', 'do it although it opens much'),
      ],
      examples: ['organization.yaml', 'people.csv', 'laptops.csv --kind devices'],
    },
    around,
    async (session, [path = '']) => {
      const of = session.options.kind === 'devices' ? 'devices' : 'users'
      const text = readText(path, session.terminal.cwd)
      const isCsv = /\.[ct]sv$/i.test(path)
      const types =
        isCsv && text.includes('attributes.') ? await customTypes(await session.api(), of) : new Map()
      const file = readOrganizationFile(path, text, { of, types })
      if (session.options.check === true) {
        session.answer(
          file.value,
          () =>
            `${printable(path)} can be read; what it holds is checked by the server, when it is imported\n`,
        )
        return
      }
      const api = await session.api()
      const query = session.options.confirm === true ? { confirm: 'true' } : {}
      const request = { body: file.value, query, timeoutMs: importTimeoutMs }
      const report = await api.request<ImportReport>('POST', '/import', request).catch((error: unknown) => {
        throw error instanceof Failure ? withLines(error, path, file) : error
      })
      session.answer(report, () => describeImport(report))
    },
  )
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
  // A spreadsheet's own encoding would otherwise put replacement characters into people's names, without a word.
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8: save it as "CSV UTF-8", or convert it with iconv',
}

export function readText(path: string, cwd: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(resolvePath(cwd, path)))
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    throw new Failure(exitCodes.usage, `${path} cannot be read: ${unreadable[code] ?? code}`, {
      cause: error,
    })
  }
}

async function customTypes(api: Api, of: 'users' | 'devices'): Promise<CustomTypes> {
  const types = new Map<string, string>()
  for await (const { name, type } of api.each('/attributes', { filter: `of eq "${of}"` }))
    types.set(String(name), String(type))
  return types
}

/** The server's objections, each with the line of the file that it is about. */
export function withLines(failure: Failure, path: string, file: OrganizationFile): Failure {
  const { problem } = failure
  if (problem?.errors === undefined) return failure
  const errors = problem.errors.map((error) => {
    const line = file.lineOf(error.field)
    return line === null ? error : { ...error, field: `${path}:${line}: ${error.field}` }
  })
  return new Failure(failure.exitCode, failure.message, {
    problem: { ...problem, errors },
    advice: 'Nothing was imported: mend these and import the file again',
  })
}

export function describeImport({
  counts,
  tokens,
  clientSecrets,
  applicationSecrets = [],
}: ImportReport): string {
  const done = Object.entries(counts).filter(([, count]) => count > 0)
  const lines = [`imported ${done.map(([name, count]) => counted(name, count)).join(', ') || 'nothing'}\n`]
  if (tokens.length > 0) lines.push('API tokens, shown now and never again:\n')
  for (const { name, token } of tokens) lines.push(`  ${printable(name)}  ${printable(token)}\n`)
  if (clientSecrets.length > 0) lines.push('RADIUS secrets, shown now and never again:\n')
  for (const { address, secret } of clientSecrets)
    lines.push(`  ${printable(address)}  ${printable(secret)}\n`)
  if (applicationSecrets.length > 0) lines.push('Client secrets, shown now and never again:\n')
  for (const { clientId, secret } of applicationSecrets)
    lines.push(`  ${printable(clientId)}  ${printable(secret)}\n`)
  return lines.join('')
}

const words: Readonly<Record<string, string>> = {
  ...{ serviceAccounts: 'service accounts', manual: 'members', rejected: 'rejected suggestions' },
  stateChanges: 'scheduled states',
}

function counted(name: string, count: number): string {
  const word = words[name] ?? name
  return `${count} ${count === 1 ? word.replace(/s$/, '') : word}`
}
