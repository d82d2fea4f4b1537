// "Did you mean": the candidate that needs the fewest edits, if it needs few.

/** The nearest of `candidates` by edit distance, or null where none is near enough to be what was meant. */
export function nearest(text: string, candidates: readonly string[]): string | null {
  if (text.length > 64) return null
  const wanted = text.toLowerCase()
  let best: { name: string | null; distance: number } = { name: null, distance: Number.POSITIVE_INFINITY }
  for (const name of candidates) {
    const distance = editDistance(wanted, name.toLowerCase())
    const limit = Math.ceil(name.length / 3)
    if (distance <= limit && distance < best.distance) best = { name, distance }
  }
  return best.name
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
