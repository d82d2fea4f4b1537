// Operators as other languages spell them, for better messages. The parser accepts none of these.

const spellings: Readonly<Record<string, readonly string[]>> = {
  eq: ['=', '==', '===', 'is', 'equals'],
  ne: ['!=', '<>', '!==', 'neq'],
  gt: ['>'],
  ge: ['>=', 'gte'],
  lt: ['<'],
  le: ['<=', 'lte'],
  co: ['contains', 'like'],
  sw: ['startswith'],
  ew: ['endswith'],
  pr: ['exists', 'present'],
  matches: ['~', '=~', 'match', 'regex'],
  and: ['&', '&&'],
  or: ['|', '||'],
  not: ['!'],
}

/** By foreign spelling, in lower case: what it is called here. */
export const otherSpellings: ReadonlyMap<string, string> = new Map(
  Object.entries(spellings).flatMap(([ours, theirs]) => theirs.map((their) => [their, ours] as const)),
)
