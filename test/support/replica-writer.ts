// A thread that writes a table again and again, for replica.test.ts. Every row it writes can be checked by itself: it has as many
// entries as its version says, each of them made of id and version. Replaces the parts often.
import { parentPort, workerData } from 'node:worker_threads'
import { MembershipTable } from '../../src/core/membership/replica/table.ts'

/** `long`: thousands of entries, which take a while to write, always in the same place. */
export const entriesOf = (user: number, version: number, isLong: boolean): number[] =>
  Array.from(
    { length: isLong ? 3997 + (version % 4) : (version * 7 + user) % 23 },
    (_, i) => ((user * 1000 + version) * 8 + (i % 8)) >>> 0,
  )

export const idOf = (user: number): string =>
  `${user.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`

if (parentPort !== null) {
  const { users, rounds, isLong } = workerData as { users: number; rounds: number; isLong: boolean }
  const port = parentPort
  const table = new MembershipTable(0, 0, (parts) => port.postMessage(parts))
  port.postMessage(table.parts)
  for (let version = 1; version <= rounds; version++) {
    for (let user = 0; user < users; user++) {
      if (!isLong && (user + version) % 11 === 0) table.remove(idOf(user))
      else table.put(idOf(user), version, entriesOf(user, version, isLong))
    }
    if (!isLong && version % 20 === 0) table.fit()
  }
  port.postMessage('done')
}
