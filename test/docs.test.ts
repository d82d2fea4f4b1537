// Documents tell the truth where a machine can check it: paths exist, settings, packages and commands are all there, and
// the rules and error messages of docs/rules.md are what the language says.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { enableLinearRegex } from '../src/base/linear-regex.ts'
import { type Setting, settings } from '../src/config/settings.ts'
import { defaultSettings } from '../src/core/directory/organizations.ts'
import { analyse } from '../src/core/membership/analysis/analyse.ts'
import { findingCodes } from '../src/core/membership/analysis/finding.ts'
import { readRule } from '../src/core/membership/language/check.ts'
import { toJson } from '../src/core/membership/language/json.ts'
import { parseRule } from '../src/core/membership/language/parse.ts'
import { subjectSchemas } from '../src/core/membership/language/schema.ts'

const root = new URL('..', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const inFolder = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...inFolder('docs'),
  ...inFolder('certs'),
]
const packages = JSON.parse(read('package.json')) as Record<
  'scripts' | 'dependencies' | 'optionalDependencies' | 'devDependencies',
  Record<string, string>
>

/** Packages in the first cell of a table's rows. */
const inTables = (markdown: string): string[] =>
  markdown
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

t.test('documents name only what exists', async (t) => {
  t.ok(documents.length > 10)
  const places = /\b(?:src|docs|test|config|docker|certs|bin|bench)\/[\w./-]*\w/g
  for (const document of documents) {
    const missing = [...read(document).matchAll(places)]
      .filter(({ index, input }) => !/[\w/.-]/.test(input[index - 1] ?? ' '))
      .map(([path]) => path)
      // These two are made by whoever runs Muster.
      .filter((path) => path !== 'config/muster.yaml' && path !== 'docker/.env')
      .filter((path) => !existsSync(join(root, path)))
    t.same(missing, [], document)
  }
})

t.test('commands in documents exist in package.json and in the command line', async (t) => {
  const source = readdirSync(join(root, 'src/cli'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join('src/cli', name)))
    .join('\n')
  for (const document of documents) {
    const text = read(document)
    for (const [, script = ''] of text.matchAll(/\bnpm (?:run )?(start|test|bench|check|format)\b/g)) {
      t.ok(script in packages.scripts, `${document}: npm ${script}`)
    }
    for (const [, script = ''] of text.matchAll(/\bnpm run ([\w-]+)/g)) t.ok(script in packages.scripts)
    for (const [, command = ''] of text.matchAll(/\bnpx muster ([a-z][a-z-]*)/g)) {
      t.ok(new RegExp(`['"\`]${command}\\b`).test(source), `${document}: npx muster ${command}`)
    }
  }
})

t.test('every package has its line, and no line is left over', async (t) => {
  const [, runtime = '', development = ''] = read('docs/dependencies.md').split(/^## .*$/m)
  t.same(
    inTables(runtime).sort(),
    Object.keys({ ...packages.dependencies, ...packages.optionalDependencies }).sort(),
  )
  t.same(inTables(development).sort(), Object.keys(packages.devDependencies).sort())
})

t.test('every setting is documented with its default', async (t) => {
  const document = read('docs/configuration.md')
  const example = read('config/muster.example.yaml')
  for (const { variable, key, fallback } of Object.values(settings) as Setting<unknown>[]) {
    const row = document.split('\n').find((line) => line.startsWith(`| \`${variable}\` | \`${key}\` |`))
    t.ok(row, `${variable} in docs/configuration.md`)
    t.match(example, new RegExp(`^# ${key}: `, 'm'), `${key} in config/muster.example.yaml`)
    t.ok(example.includes(variable), `${variable} in config/muster.example.yaml`)
    if (typeof fallback === 'number' || typeof fallback === 'string') {
      t.ok(row?.includes(`| \`${fallback}\` |`), `default of ${variable}`)
    }
  }
  const flat = Object.entries(defaultSettings).flatMap(([name, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([key, each]) => [`${name}.${key}`, each] as const)
      : [[name, value] as const],
  )
  t.ok(flat.length > 6)
  for (const [name, value] of flat) {
    t.ok(document.includes(`| \`settings.${name}\` | \`${value}\` |`), `settings.${name}`)
  }
})

t.test('docs/rules.md: examples are rules, and faults and findings are told in these words', async (t) => {
  enableLinearRegex()
  const schemas = subjectSchemas([])
  const groups = {
    find: (name: string) => (name === 'engineering' ? ({ id: 'e', of: 'users' } as never) : undefined),
    names: () => ['engineering'],
  }
  const document = read('docs/rules.md')
  const indented = (text: string) => text.split('\n').filter((line) => line.startsWith('    '))
  /** The lines that stand below a rule. */
  const below = (title: string): readonly (readonly [string, string | undefined])[] => {
    const [, section = ''] = document.split(new RegExp(`^## ${title}$`, 'm'))
    const lines = indented(section.split(/^## /m)[0] ?? '').map((line) => line.trim())
    return lines.flatMap((line, index) => (index % 2 === 0 ? [[line, lines[index + 1]] as const] : []))
  }

  const rules = indented(document.split(/^## /m)[0] ?? '')
  t.ok(rules.length >= 6)
  for (const rule of rules) {
    const outcomes = [schemas.users, schemas.devices].map((schema) => readRule(rule, schema, groups))
    t.ok(
      outcomes.some(({ ok }) => ok),
      rule,
    )
  }

  const faults = below('When a rule is refused')
  t.ok(faults.length >= 5)
  for (const [rule, message] of faults) {
    const outcome = readRule(rule, schemas.users, groups)
    t.same(outcome.ok ? null : outcome.error.map((one) => one.message), [message], rule)
  }

  const odd = below('What is odd about a rule')
  for (const [rule, told] of odd) {
    const [expr, checked] = [parseRule(rule), readRule(rule, schemas.users, groups)]
    if (!expr.ok || !checked.ok) throw new Error(rule)
    const found = analyse(checked.value, expr.value, {
      ...{ of: 'users', seen: (_of, _attribute, value) => value !== 'sails' },
      selfEditable: (_of, attribute) => attribute === 'location',
    })
    const lines = found.map(({ code, at, message }) => `${code} at character ${at.start + 1}: ${message}`)
    t.same(lines, [told], rule)
  }
  t.same(
    odd.map(([, told]) => told?.split(' ')[0]),
    findingCodes,
    'every finding has its example',
  )

  const [, form = '', text = ''] =
    /```json\n([^`]+)```\n\nsays the same as\n\n {4}(.+)\n/.exec(document) ?? []
  const expr = parseRule(text)
  t.same(expr.ok && toJson(expr.value), JSON.parse(form))
  t.ok(readRule(text, schemas.users, groups).ok)
})

t.test(
  'W18 packages: exact, from the registry, with their hashes, and nothing of theirs runs at install',
  async (t) => {
    interface Locked {
      readonly resolved?: string
      readonly integrity?: string
      readonly hasInstallScript?: boolean
      readonly link?: boolean
      readonly dev?: boolean
      readonly optional?: boolean
    }
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
    const { '': _root, ...packages } = lock.packages
    const registry = 'https://registry.npmjs.org/'
    t.ok(Object.keys(packages).length > 100)
    for (const [name, locked] of Object.entries(packages)) {
      const { resolved = registry, integrity = '', hasInstallScript, link } = locked
      // npm leaves the hash out for tools of other platforms than the one the lockfile was made on.
      const isForeignTool = locked.dev === true && locked.optional === true
      const isSealed = /^sha512-/.test(integrity) || isForeignTool
      if (!isSealed || hasInstallScript || link || !resolved.startsWith(registry)) t.fail(name)
    }
    const own = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
    for (const group of ['dependencies', 'devDependencies', 'optionalDependencies'])
      for (const [name, version] of Object.entries(own[group] ?? {}))
        t.match(version, /^\d+\.\d+\.\d+$/, name)
    t.match(read('bin/with-packages'), /npm ci --ignore-scripts/)
    t.notMatch(Object.keys(own.scripts ?? {}).join(), /install|prepare/)
  },
)

t.test('container files', async (t) => {
  const dockerfile = read('Dockerfile')
  t.match(dockerfile, /npm ci --omit=dev --ignore-scripts/)
  t.notOk(/omit=optional/.test(dockerfile), 'the Argon2 binaries are optional packages')
  t.match(dockerfile, /^USER node$/m)
  t.match(dockerfile, /^ARG NODE_IMAGE=node:(?:24\.(?:2[3-9]|22\.[2-9])|26\.(?:1[3-9]|[2-9]\d))/m)
  t.match(
    dockerfile,
    /MUSTER_SAMPLE=off/,
    'W18 no default credential in an image that listens on all addresses',
  )
  const ignored = read('.dockerignore')
  for (const [, path = ''] of dockerfile.matchAll(/^COPY (?!--)([^\n]+) \S+$/gm)) {
    for (const one of path.split(' '))
      t.match(ignored, new RegExp(`^!${one}$`, 'm'), `${one} is in the context`)
  }
  const compose = parse(read('docker/compose.yaml')) as {
    services: Record<string, { environment: Record<string, string>; ports?: string[] }>
  }
  t.same(Object.keys(compose.services), ['muster', 'postgres', 'redis'])
  const known = new Set<string>(Object.values(settings).map(({ variable }) => variable))
  for (const variable of Object.keys(compose.services.muster?.environment ?? {}))
    t.ok(known.has(variable), variable)
  const wanted = [...read('docker/compose.yaml').matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name)
  for (const name of new Set(wanted)) t.match(read('docker/env.example'), new RegExp(`^${name}=`, 'm'), name)
  t.ok(
    compose.services.muster?.ports?.some((port) => port.startsWith('127.0.0.1:8080:')),
    'clear HTTP stays on the machine',
  )
})

t.test('SECURITY.md cites only what a test has in its title', async (t) => {
  const titles = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && name !== 'docs.test.ts')
    .flatMap((name) => read(join('test', name)).split('\n'))
    .filter((line) => !/^\s*(?:\/\/|\*)/.test(line) && /['"`]/.test(line))
    .join('\n')
  const cited = new Set(read('SECURITY.md').match(/\b[LRMAWXOS]\d{2}\b/g))
  t.ok(cited.size > 15)
  for (const id of cited) t.ok(new RegExp(`\\b${id}\\b`).test(titles), id)
})
