// "Did you mean …?": the known word nearest to one that is not known.

/** How many candidates are looked at: a wrong name among very many is refused without a guess rather than slowly. */
const maxCandidates = 5_000

/** The candidate with the fewest edits (at most a third of the word), regardless of case; undefined if none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  if (wanted.length > 100) return undefined
  let best: string | undefined
  let limit = Math.max(1, Math.floor(wanted.length / 3)) + 1
  let left = maxCandidates
  for (const candidate of candidates) {
    if (left-- === 0) break
    if (Math.abs(candidate.length - wanted.length) >= limit) continue
    const edits = distance(wanted, candidate.toLowerCase(), limit)
    if (edits >= limit) continue
    best = candidate
    limit = edits
  }
  return best
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; `limit` or more means "too far". */
function distance(a: string, b: string, limit: number): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, before[j - 2]! + 1)
      row.push(edits)
    }
    if (Math.min(...row) >= limit) return limit
    before = previous
    previous = row
  }
  return previous[b.length]!
}
