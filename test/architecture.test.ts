// The order of the house: who may import whom, how long a file may be, and that documents name what exists.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import {
  importsOf,
  linksIn,
  pathsNamedIn,
  readSource,
  repositoryFiles,
  resolveImport,
  root,
  upwardPathsIn,
} from './support/source.ts'

const files = repositoryFiles()
const sources = files.filter((file) => /^src\/.*\.ts$/.test(file))

/** Room → the rooms it may import from; `config types` means by `import type` only. Its own room is always allowed. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  config: ['base'],
  wire: ['base'],
  net: ['base'],
  core: ['base'],
  doors: ['core', 'wire', 'net', 'web', 'base', 'config types'],
  store: ['core', 'base', 'config types'],
  notify: ['core', 'base', 'config types'],
  cli: ['base', 'config'],
  web: ['base'],
}

/** Rooms that do no input or output, and the packages and modules they therefore do not touch. */
const pureRooms = ['base', 'wire', 'core', 'web']
const inputOutput =
  /^(?:node:(?:fs|net|tls|dgram|http|https|http2|dns|child_process|cluster)\b|pg$|ioredis$|fastify$|@electric-sql\/)/

const roomOf = (file: string): string => file.split('/')[1] ?? ''
/** doors/ldap: a door, or a room without parts. */
const partOf = (file: string): string => file.split('/').slice(1, 3).join('/')

/** What of node:net only looks at texts and numbers. */
const pureOfNet = /^\s*\{(?:\s*(?:isIP|isIPv4|isIPv6|BlockList|SocketAddress)\s*,?)+\}\s*$/

/** Why an import breaks the table, or undefined. */
function objection(from: string, to: string, typeOnly: boolean): string | undefined {
  const [room, target] = [roomOf(from), roomOf(to)]
  // Files of src itself join the parts: they reach everything of the repository, and no room reaches them.
  if (room.endsWith('.ts')) return to.startsWith('..') ? 'leaves the repository' : undefined
  if (!to.startsWith('src/')) return 'leaves src'
  const rooms = allowed[room]
  if (rooms === undefined) return `src/${room} is not a room of the house`
  if (room === target) {
    return room === 'doors' && partOf(from) !== partOf(to) ? 'a door imports another door' : undefined
  }
  if (rooms.includes(target)) return undefined
  if (!rooms.includes(`${target} types`)) return `${room} may not import ${target}`
  return typeOnly ? undefined : `${room} may import only types of ${target}`
}

t.test('the import reader sees every form of import', async (t) => {
  const text = [
    `import { a,\n  b } from './one.ts'`,
    `import type { T } from '../two.ts'`,
    `export * from './three.ts'`,
    `const x = await import('./four.ts')`,
    `type U = import('./five.ts').U`,
    `import './six.ts'`,
    `new Worker(new URL('./seven.ts', import.meta.url))`,
    `// import './comment.ts'`,
    `export const text = 'not from elsewhere'`,
    `export type { V } from './eight.ts'`,
  ].join('\n')
  const seen = importsOf(text).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' type' : ''}`)
  t.same(seen.sort(), [
    '../two.ts type',
    './eight.ts type',
    './five.ts',
    './four.ts',
    './one.ts',
    './seven.ts',
    './six.ts',
    './three.ts',
  ])
})

t.test('the import table refuses what the design forbids', async (t) => {
  t.ok(objection('src/doors/ldap/ask.ts', 'src/doors/radius/ask.ts', true), 'door to door, even types')
  t.ok(objection('src/doors/ldap/ask.ts', 'src/store/users.ts', false), 'door to store')
  t.ok(objection('src/doors/ldap/ask.ts', 'src/config/load.ts', false), 'door to config, values')
  t.notOk(objection('src/doors/ldap/ask.ts', 'src/config/schema.ts', true), 'door to config, types')
  t.ok(objection('src/core/access/judge.ts', 'src/wire/ldap/decode.ts', true), 'core to wire')
  t.ok(objection('src/cli/main.ts', 'src/core/ports.ts', true), 'cli to core')
  t.notOk(objection('src/doors/signin/page.ts', 'src/web/page.ts', false), 'door to the frame of pages')
  t.ok(objection('src/web/page.ts', 'src/doors/signin/page.ts', true), 'the frame of pages to a door')
  t.ok(objection('src/web/page.ts', 'src/core/ports.ts', true), 'the frame of pages to core')
  t.ok(objection('src/attic/a.ts', 'src/base/bytes.ts', false), 'an unknown room')
  t.ok(objection('src/core/access/decide.ts', 'src/app.ts', true), 'a room to what joins the rooms')
  t.ok(objection('src/app.ts', '../elsewhere.ts', false), 'out of the repository')
  t.notOk(objection('src/app.ts', 'src/store/open.ts', false))
})

t.test('every import obeys the table and names a file that exists, with its ending', async (t) => {
  const faults: string[] = []
  for (const file of sources) {
    for (const { specifier, typeOnly, clause } of importsOf(readSource(file))) {
      const relative = specifier.startsWith('.')
      const target = resolveImport(file, specifier)
      const fault = relative
        ? (objection(file, target, typeOnly) ??
          (existsSync(join(root, target)) ? undefined : 'does not exist'))
        : pureRooms.includes(roomOf(file)) &&
            !typeOnly &&
            inputOutput.test(specifier) &&
            !pureOfNet.test(clause)
          ? 'does input or output in a room that does none'
          : undefined
      if (fault !== undefined) faults.push(`${file}: ${specifier}: ${fault}`)
    }
  }
  t.same(faults, [])
})

t.test('codecs, rules and the judge read no clock and no dice', async (t) => {
  const timeless =
    /^src\/(?:wire\/|core\/membership\/|core\/access\/(?:judge|standing|demands|attributes|policies))/
  // Writes cells, and waits a random while before it tries again.
  const shell = ['src/core/membership/change.ts']
  const reads =
    /\bDate\.now\(|\bnew Date\(\s*\)|\bperformance\.now\(|\bMath\.random\(|\brandom(?:Bytes|UUID|Int)\(/
  const found = sources.filter(
    (file) => timeless.test(file) && !shell.includes(file) && reads.test(readSource(file)),
  )
  t.same(found, [])
})

t.test(
  'no file of src is longer than 400 lines, none is an index.ts, each says at its head what it is for',
  async (t) => {
    const lengthOf = (file: string) => readSource(file).trimEnd().split('\n').length
    t.same(
      sources.filter((file) => lengthOf(file) > 400),
      [],
    )
    t.same(
      sources.filter((file) => file.endsWith('/index.ts')),
      [],
    )
    t.same(
      sources.filter((file) => !/^(?:#!.*\n)?(?:\/\/|\/\*)/.test(readSource(file))),
      [],
    )
  },
)

const documents = files.filter((file) =>
  /^(?:[A-Z]+\.md|docs\/.*\.md|(?:config|docker|certs|bench|test|src)\/.*\.md)$/.test(file),
)

t.test('documents name only folders, files and links that exist', async (t) => {
  const faults: string[] = []
  for (const file of documents.filter((file) => file !== 'CHANGELOG.md')) {
    const text = readSource(file)
    // What a build leaves behind need not be there.
    const named = pathsNamedIn(text).filter((path) => !path.includes('/.'))
    const links = linksIn(text).map((target) => join(dirname(file), decodeURIComponent(target)))
    for (const path of [...named, ...links]) {
      if (!existsSync(join(root, path))) faults.push(`${file}: ${path}`)
    }
  }
  t.same(faults, [])
})

t.test('nothing refers to files outside the repository', async (t) => {
  const faults: string[] = []
  for (const file of files.filter((file) =>
    /^(?:src|docs|config|docker|bin|bench|certs|\.ci|[^/]+$)/.test(file),
  )) {
    if (/package-lock\.json$|LICENSE$/.test(file)) continue
    for (const path of upwardPathsIn(readSource(file))) {
      if (resolveImport(file, path).startsWith('..')) faults.push(`${file}: ${path}`)
    }
  }
  t.same(faults, [])
})
