// What JSON.parse does not say of a text: whether an object in it names something twice. Of two readers the one takes the first
// value and the other the last, so what one of them checked is not what the other used (RFC 8725 §2.4).

/** Does any object of this JSON text have a name twice? `text` must be JSON; nesting is bounded by its length. */
export function repeatsName(text: string): boolean {
  /** The names of each object that is open, and null for each list. */
  const open: (Set<string> | null)[] = []
  let isName = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set())
        isName = true
        break
      case '[':
        open.push(null)
        isName = false
        break
      case '}':
      case ']':
        open.pop()
        isName = false
        break
      case ',':
        isName = open.at(-1) instanceof Set
        break
      case ':':
        isName = false
        break
      case '"': {
        const end = endOfText(text, at)
        const names = open.at(-1)
        if (isName && names instanceof Set) {
          const name = JSON.parse(text.slice(at, end + 1)) as string
          if (names.has(name)) return true
          names.add(name)
        }
        at = end
      }
    }
  }
  return false
}

/** Where the text that begins at `start` ends: its closing quotation mark. */
function endOfText(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
