// The set engine gives for every row what the closure that decides memberships gives: at least 30 million comparisons, over
// generated rules and awkward values, while subjects come, change, go and are given to others.
import t from 'tap'
import { evaluateSet } from '../../../../src/core/membership/columns/evaluate.ts'
import { compileRule } from '../../../../src/core/membership/language/compile.ts'
import { anyRule, now, type RuleOfWorld, World } from './world.ts'

const leastComparisons = 30_000_000
/** As many as masks are long: nobody is left over at their end. */
const rows = 1_536
const rulesAtOnce = 500
/** Every form of texts: all as bytes or ids, codes until they are many, codes only. */
const limits = [0, 40, 10_000]

const seed = Number(process.env.COLUMNS_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** The number of comparisons; throws at the first that differs. */
function compare(
  world: World,
  of: 'users' | 'devices',
  { text, rule }: RuleOfWorld,
  subjects: Subjects,
): number {
  const { population, view: members, computed } = world
  const mask = evaluateSet(rule, of, population, { now, members, computed })
  const isRight = compileRule(rule)
  let comparisons = 0
  for (const [row, subject] of subjects[of].entries()) {
    if (subject === undefined) {
      if (mask[row] === 1) throw new Error(`seed ${seed}: ${text}: holds for row ${row}, where nobody is`)
      continue
    }
    comparisons++
    if (isRight(subject, now) === (mask[row] === 1)) continue
    const shown = JSON.stringify(subject, (_key, value) => (value instanceof Set ? [...value] : value))
    throw new Error(
      `seed ${seed}: ${text}: columns say ${mask[row]} for row ${row} of ${of}: ${shown.slice(0, 5_000)}`,
    )
  }
  return comparisons
}

type Subjects = ReturnType<World['subjects']>

t.test('columns and closures say the same of everybody', async (t) => {
  let comparisons = 0
  let rules = 0
  for (let round = 0; comparisons < leastComparisons; round++) {
    const world = new World(seed + round, rows, limits[round % limits.length] as number)
    world.fillUp(round % 2 === 1)
    for (let turn = 0; turn < 4; turn++) {
      if (turn > 0) world.change([50, 1_000, 3_000][turn - 1] as number)
      if (turn === 2) world.population.fit()
      const subjects = world.subjects()
      for (let i = 0; i < rulesAtOnce; i++) {
        const of = i % 2 === 0 ? 'users' : 'devices'
        comparisons += compare(world, of, anyRule(world.dice, of), subjects)
        rules++
      }
    }
  }
  t.comment(`${comparisons} comparisons, ${rules} rules, 0 mismatches (COLUMNS_SEED=${seed})`)
  t.ok(comparisons >= leastComparisons)
})
