// Values that do not fit the form in which a column keeps its values: few, kept as they are, and asked of the closure.
import type { AttributeValue } from '../../directory/types.ts'
import type { TermTest } from './column.ts'

/** `narrow` may do with the rows of these values what it likes. */
export function narrowWithOdd(
  odd: ReadonlyMap<number, AttributeValue>,
  test: TermTest,
  mask: Uint8Array,
  narrow: () => void,
): void {
  const right: number[] = []
  for (const [row, value] of odd) if (mask[row] === 1 && test.holds(value)) right.push(row)
  narrow()
  for (const row of odd.keys()) mask[row] = 0
  for (const row of right) mask[row] = 1
}
