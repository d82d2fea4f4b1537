// From a V8 processor profile to the share of each part of the house. A function of V8 or Node itself counts for whoever
// called it, as far as that is known.

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[]
}

/** Part of the house → what its files are called; the first that matches counts. */
const parts: readonly (readonly [string, RegExp])[] = [
  [
    'crypto',
    /^node:(?:internal\/)?crypto|@node-rs\/argon2|src\/wire\/radius\/(?:authenticator|password)\.ts/,
  ],
  ['wire', /src\/wire\//],
  ['door', /src\/doors\//],
  ['core: audit', /src\/core\/audit\//],
  ['core', /src\/core\//],
  ['store', /src\/store\//],
  ['database driver', /node_modules\/(?:pg|postgres|xtend|split2)[\w-]*\//],
  ['metrics', /node_modules\/prom-client|node_modules\/tdigest|node_modules\/bintrees|src\/metrics\.ts/],
  ['sockets', /^node:(?:internal\/)?(?:dgram|net|stream|tls|_tls|js_stream)|src\/net\//],
  // Measuring is no part of what is measured.
  ['idle', /^node:inspector|bench\/inside\.ts/],
]
/** Frames that are no functions. */
const ofV8 = new Map([
  ['(garbage collector)', 'garbage collection'],
  ['(idle)', 'idle'],
  ['(program)', 'V8 and Node, outside JavaScript'],
])
/** Timers, promises, events: Node's own functions that nobody of ours has called. */
const nobodys = 'event loop'

function ownPart({ functionName, url }: ProfileNode['callFrame']): string | undefined {
  return ofV8.get(functionName) ?? parts.find(([, pattern]) => pattern.test(url))?.[0]
}

/** Shares of the time that was not idle, largest first, and the share of one processor that was used. */
export interface Shares {
  readonly busy: number
  readonly parts: readonly (readonly [string, number])[]
}

export function sharesOf(profile: CpuProfile): Shares {
  const partOf = new Map<number, string>()
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const visit = (node: ProfileNode, caller: string): void => {
    const own = ownPart(node.callFrame)
    // What the driver writes to its socket is the price of the driver; what a door writes, that of sockets.
    const part = own === undefined || (own === 'sockets' && caller === 'database driver') ? caller : own
    partOf.set(node.id, part)
    for (const id of node.children ?? []) visit(nodes.get(id)!, part)
  }
  visit(profile.nodes[0]!, nobodys)

  const time = new Map<string, number>()
  let total = 0
  profile.samples.forEach((id, index) => {
    const us = Math.max(0, profile.timeDeltas[index] ?? 0)
    const part = partOf.get(id) ?? nobodys
    total += us
    time.set(part, (time.get(part) ?? 0) + us)
  })
  const busyUs = total - (time.get('idle') ?? 0)
  time.delete('idle')
  return {
    busy: busyUs / total,
    parts: [...time].map(([part, us]) => [part, us / busyUs] as const).sort((a, b) => b[1] - a[1]),
  }
}

export function formatShares({ busy, parts: shares }: Shares): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  const list = shares
    .filter(([, share]) => share >= 0.001)
    .map(([part, share]) => `${part} ${percent(share)}`)
  return `Event loop busy ${percent(busy)}, of which: ${list.join(', ')}.`
}
