// How many rows a list shows: the options that say so, and the note that there are more.
import { InvalidArgumentError, type Option } from 'commander'
import { option, type Session } from './command.ts'

const usual = 50

/** A number of rows, for commander. */
export function rowCount(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number from 1.')
}

export const limitOption = (): Option =>
  option('-n, --limit <number>', `at most so many (default: ${usual})`).argParser(rowCount)

export const rowOptions = (): readonly Option[] => [limitOption(), option('--all', 'all of them')]

/** As many as `rowOptions` say. */
export function mostRows({ options: { all, limit } }: Session): number {
  if (all === true) return Number.MAX_SAFE_INTEGER
  return typeof limit === 'number' ? limit : usual
}

/** Where not all were asked for, the terminal is told how to see the others. */
export function noteMore({ json, terminal }: Session, shown: number, more: boolean): void {
  if (more && !json) terminal.err(`the first ${shown} are shown: --all or --limit shows more\n`)
}
