// Going through all cells of an organization, a chunk at a time.
import type { OrganizationId } from '../../base/ids.ts'
import type { Cells } from '../ports.ts'
import type { Cell } from './cell.ts'

/** All cells in id order; those that come or go meanwhile may be among them or not. */
export async function* everyCell(
  cells: Pick<Cells, 'scan'>,
  organization: OrganizationId,
  perChunk: number,
): AsyncGenerator<readonly Cell[]> {
  for (let after: string | null = null; ; ) {
    const chunk: readonly Cell[] = await cells.scan(organization, after, perChunk)
    const last = chunk.at(-1)
    if (last === undefined) return
    after = last.subject.id
    yield chunk
  }
}

/** The same, but the next one is already being got while one is worked on. */
export async function* oneAhead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next()
  try {
    for (;;) {
      const current = await next
      if (current.done) return
      next = source.next()
      // Whoever takes it is told; until then it is nobody's.
      next.catch(() => {})
      yield current.value
    }
  } finally {
    await source.return(undefined).catch(() => {})
  }
}
