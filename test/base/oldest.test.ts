// The oldest entry is the one that a walk from the start would find, whatever came and went in between.
import fc from 'fast-check'
import t from 'tap'
import { Oldest } from '../../src/base/oldest.ts'

interface Entry {
  readonly key: number
}

const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key: fc.nat(20) }),
  fc.record({ do: fc.constant('delete' as const), key: fc.nat(20) }),
  fc.record({ do: fc.constant('delete oldest' as const) }),
)

t.test('in a map whose replaced entries move to the end', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const entries = new Map<number, Entry>()
      const oldest = new Oldest<Entry>(entries, (one) => entries.get(one.key) === one)
      for (const one of steps) {
        if (one.do === 'add') {
          entries.delete(one.key)
          entries.set(one.key, { key: one.key })
        } else if (one.do === 'delete') entries.delete(one.key)
        else {
          const found = oldest.peek()
          const [first] = entries.values()
          if (found !== first || oldest.peek() !== first) return false
          if (found !== undefined) entries.delete(found.key)
        }
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.pass('in 500 histories')
})

t.test('passed over, an entry is met again after the others', async (t) => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }]
  const entries = new Set([a, b])
  const oldest = new Oldest(entries, (one) => entries.has(one))
  const next = () => {
    const found = oldest.peek()
    oldest.pass()
    return found
  }
  t.equal(next(), a)
  entries.delete(a)
  entries.add(a)
  t.equal(next(), b)
  t.equal(next(), a)
  t.equal(next(), b, 'and from the start when all were passed over')
  entries.clear()
  t.equal(next(), undefined)
})
