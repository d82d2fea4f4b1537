// Reads the environment and the configuration file, and is the only code that does. Lists every fault at once;
// a fault never starts the server with a default instead.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { nearest } from '../base/nearest.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { type ConfigProblem, maskUrl, problem } from './problems.ts'
import type { Config } from './schema.ts'
import {
  exclusivePorts,
  isForeignVariable,
  type Setting,
  type Settings,
  settings,
  type Values,
} from './settings.ts'
import { isPlainAndRemote } from './values.ts'
import { readYaml } from './yaml.ts'

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** As given with `--config`; it must exist. Without it MUSTER_CONFIG, and then config/muster.yaml if there is one. */
  readonly file?: string | undefined
  /** Relative paths start here. */
  readonly cwd: string
}

type Name = keyof Settings
const names = Object.keys(settings) as Name[]
const defaultFile = 'config/muster.yaml'

/** The configuration, or everything that is wrong with it. The environment wins over the file. */
export function loadConfig({ env, file, cwd }: ConfigSources): Result<Config, ConfigProblem[]> {
  const problems: ConfigProblem[] = []
  const values = Object.fromEntries(names.map((name) => [name, settings[name].fallback])) as Values
  const read = (name: Name, where: string, text: string) => {
    const setting: Setting<unknown> = settings[name]
    const parsed = text.trim() === '' ? emptyValue : setting.parse(text.trim(), cwd)
    if (parsed.ok) Object.assign(values, { [name]: parsed.value })
    else
      problems.push(problem(where, setting.secret || text.includes('@') ? maskUrl(text) : text, parsed.error))
  }

  const fromFile = readFile(env, file, cwd)
  problems.push(...fromFile.problems)
  for (const { key, where, text } of fromFile.entries) {
    const name = names.find((candidate) => settings[candidate].key === key)
    if (name !== undefined) read(name, where, text)
    else problems.push(unknownKey(where, key))
  }
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.toUpperCase().startsWith('MUSTER_') || isForeignVariable(variable))
      continue
    const name = names.find((candidate) => settings[candidate].variable === variable)
    if (name !== undefined) read(name, variable, text)
    else problems.push(unknownVariable(variable))
  }
  problems.push(...sharedPorts(values))
  return problems.length > 0 ? fail(problems) : ok(configOf(values, cwd))
}

/** An empty value is mostly a secret that was not filled in: no reason to start on a default instead. */
const emptyValue = fail({ expected: 'a value, or no such setting at all', suggestion: null })

function readFile(
  env: ConfigSources['env'],
  file: string | undefined,
  cwd: string,
): ReturnType<typeof readYaml> {
  const named = file ?? env.MUSTER_CONFIG
  const path = named ?? defaultFile
  let text: string
  try {
    text = readFileSync(resolve(cwd, path), 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    if (code === 'ENOENT' && named === undefined) return { entries: [], problems: [] }
    const where = file === undefined && named !== undefined ? 'MUSTER_CONFIG' : 'configuration file'
    const refusal = { expected: `a file that can be read (${code})`, suggestion: null }
    return { entries: [], problems: [problem(where, path, refusal)] }
  }
  return readYaml(path, text)
}

function unknownKey(where: string, key: string): ConfigProblem {
  const known = names.map((name) => settings[name].key)
  const byVariable = names.find((name) => settings[name].variable === key.toUpperCase())
  const suggestion = byVariable === undefined ? (nearest(key, known) ?? null) : settings[byVariable].key
  return problem(where, null, { expected: `one of the keys ${known.join(', ')}`, suggestion })
}

/** Its value is not shown: it may be a password under a misspelled name. */
function unknownVariable(variable: string): ConfigProblem {
  const known = [
    ...names.map((name) => settings[name].variable),
    'MUSTER_CONFIG',
    'MUSTER_URL',
    'MUSTER_TOKEN',
  ]
  const expected = 'no such variable: those that begin with MUSTER_ must be known'
  return problem(variable, null, { expected, suggestion: nearest(variable, known) ?? null })
}

function sharedPorts(values: Values): ConfigProblem[] {
  return exclusivePorts.flatMap((group) =>
    group.flatMap((name, index) => {
      const other = group
        .slice(0, index)
        .find((earlier) => values[earlier] === values[name] && values[name] !== 0)
      if (other === undefined) return []
      const expected = `a port of its own (${settings[other].variable} has the same)`
      return [problem(settings[name].variable, String(values[name]), { expected, suggestion: null })]
    }),
  )
}

function configOf(values: Values, cwd: string): Config {
  const { http, ldap, ldaps, radius, radiusAcct, radsec, ...rest } = values
  const warnings: string[] = []
  if (rest.publicUrl !== null && isPlainAndRemote(rest.publicUrl)) {
    warnings.push(
      `${settings.publicUrl.variable} is ${rest.publicUrl}: without https, passwords cross the network in clear`,
    )
  }
  return {
    ...rest,
    dataFolder: rest.dataFolder ?? resolve(cwd, 'data'),
    ports: { http, ldap, ldaps, radius, radiusAcct, radsec },
    warnings,
  }
}
