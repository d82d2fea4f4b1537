// Chance that repeats itself: the same seed gives the same population, the same rules and the same changes.

export type Random = () => number

/** Numbers from 0 to below 1. */
export function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    // The lowest bits of such a generator hardly change.
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32
  }
}

/** From 0 to below `count`, each as likely. */
export const below = (random: Random, count: number): number => Math.floor(random() * count)

export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T

/** From 0 to below `count`; how likely a number is falls with its rank (Zipf's law). */
export const zipf = (random: Random, count: number): number => Math.floor((count + 1) ** random()) - 1
