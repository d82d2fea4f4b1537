import fc from 'fast-check'
import t from 'tap'
import {
  type Cidr,
  canonicalAddress,
  contains,
  isLoopback,
  PrefixTable,
  parseAddress,
  parseCidr,
} from '../../src/base/ip.ts'

const addr = (text: string) => {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(`not an address: ${text}`)
  return parsed
}
const net = (text: string): Cidr => {
  const parsed = parseCidr(text)
  if (parsed === null) throw new Error(`not a network: ${text}`)
  return parsed
}

t.test('an address has one spelling', async (t) => {
  const spellings: readonly (readonly [string, string])[] = [
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
    ['0000:0000:0000:0000:0000:ffff:255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ]
  for (const [text, canonical] of spellings) t.equal(canonicalAddress(text), canonical, text)
})

t.test('W06: what is not exactly an address is null', async (t) => {
  const garbage = [
    'a', '', ' ', ' 1.2.3.4', '1.2.3.4 ', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '0x7f.1', '2130706433',
    '1.2.3.4:80', '[::1]', '[::1]:80', 'fe80::1%eth0', '::ffff:1.2.3.4%1', '::1%', '1.2.3.4/32', ':::', '1::2::3',
    '12345::', 'localhost', '1.2.3.4\0', '１.2.3.4', `${'0'.repeat(10_000)}::1`, 'unknown', '_hidden', '::ffff:1.2.3',
  ] // biome-ignore format: a table
  for (const text of garbage) t.equal(parseAddress(text), null, JSON.stringify(text.slice(0, 40)))
})

t.test('any text is an address or null, and a canonical spelling stays as it is', async () => {
  const anyAddress = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ maxLength: 50 }),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%/') }),
  )
  fc.assert(
    fc.property(anyAddress, (text) => {
      const first = canonicalAddress(text)
      parseCidr(text)
      return first === null || canonicalAddress(first) === first
    }),
    { numRuns: 5000 },
  )
  fc.assert(fc.property(fc.ipV4(), (text) => canonicalAddress(`::ffff:${text}`) === text))
  fc.assert(fc.property(fc.ipV6(), (text) => parseAddress(text) !== null))
})

t.test('networks', async (t) => {
  t.equal(net('10.0.0.0/8').text, '10.0.0.0/8')
  t.equal(net('127.0.0.1').text, '127.0.0.1/32')
  t.equal(net('::1').text, '::1/128')
  t.equal(net('::ffff:10.0.0.0/104').text, '10.0.0.0/8', 'R12: a mapped network is the IPv4 network')
  t.equal(net('2001:DB8::/32').text, '2001:db8::/32')
  const refused = [
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:10.0.0.0/95',
    '/8',
    'a/8',
    '10.0.0.0/8 ',
    '10.0.0.0/1e1',
  ]
  for (const text of refused) t.equal(parseCidr(text), null, text)
  t.ok(contains(net('10.0.0.0/8'), addr('::ffff:10.255.0.1')))
  t.notOk(contains(net('10.0.0.0/8'), addr('11.0.0.0')))
  t.ok(contains(net('0.0.0.0/0'), addr('255.255.255.255')))
  t.notOk(contains(net('::/0'), addr('1.2.3.4')), 'families never mix')
  t.ok(contains(net('2001:db8::/33'), addr('2001:db8:7fff::1')))
  t.notOk(contains(net('2001:db8::/33'), addr('2001:db8:8000::1')))
  t.ok(isLoopback(addr('::ffff:127.9.9.9')))
  t.ok(isLoopback(addr('::1')))
  t.notOk(isLoopback(addr('128.0.0.1')))
})

t.test('R12: the longest prefix wins', async (t) => {
  const table = new PrefixTable<string>()
  t.ok(table.add(net('10.0.0.0/8'), 'wide'))
  t.ok(table.add(net('10.1.0.0/16'), 'narrow'))
  t.ok(table.add(net('10.1.2.3'), 'one'))
  t.ok(table.add(net('::/0'), 'six'))
  t.notOk(table.add(net('::ffff:10.1.0.0/112'), 'again'), 'the same network in another spelling is refused')
  t.equal(table.size, 4)
  t.equal(table.find(addr('10.1.2.3')), 'one')
  t.equal(table.find(addr('::ffff:10.1.2.4')), 'narrow', 'a mapped address equals the IPv4 address')
  t.equal(table.find(addr('10.2.0.0')), 'wide')
  t.equal(table.find(addr('11.0.0.0')), undefined)
  t.equal(table.find(addr('2001:db8::1')), 'six')
})

t.test('the table finds what a scan finds', async () => {
  const someCidr = fc
    .tuple(fc.nat({ max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
    .map(([bits, prefix]) => {
      const masked = prefix === 0 ? 0 : (bits >>> (32 - prefix)) * 2 ** (32 - prefix)
      return net(`${[24, 16, 8, 0].map((shift) => (masked / 2 ** shift) & 255).join('.')}/${prefix}`)
    })
  fc.assert(
    fc.property(fc.array(someCidr, { maxLength: 30 }), fc.ipV4(), (cidrs, text) => {
      const table = new PrefixTable<string>()
      for (const cidr of cidrs) table.add(cidr, cidr.text)
      const holding = cidrs.filter((cidr) => contains(cidr, addr(text))).sort((a, b) => b.prefix - a.prefix)
      return table.find(addr(text)) === holding[0]?.text
    }),
  )
})
