// Names that come twice in JSON.
import fc from 'fast-check'
import t from 'tap'
import { repeatsName } from '../../src/base/json.ts'

t.test('O10 finds names that come twice, however they are written, and no others', async (t) => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"b":{"a":1,"c":2,"a":3}}',
    '[{"x":[]},{"a":"\\"","a":1}]',
    '{ "alg" : "none" , "kid":"{", "alg":"ES256" }',
    '{"a":{},"a":{}}',
    '{"a\\\\":1,"a\\\\":2}',
  ])
    t.equal(repeatsName(text), true, text)
  for (const text of [
    '{}',
    '1',
    '"a"',
    '{"a":"a","b":"a"}',
    '[{"a":1},{"a":2}]',
    '{"a":{"a":{"a":1}}}',
    '{"a":["a","a"],"b":"\\"a\\":1,\\"a\\":2"}',
    '{"a,":1,"a":2,"{\\"a\\"":3}',
  ])
    t.equal(repeatsName(text), false, text)
})

t.test('what JSON.stringify writes names nothing twice', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      if (repeatsName(text)) throw new Error(text)
      if (!repeatsName(`{"x":${text},"x":${text}}`)) throw new Error(`twice: ${text}`)
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
