import fc from 'fast-check'
import t from 'tap'
import { type Community, communitiesOf, formatCommunity, parseCommunity, WELL_KNOWN_COMMUNITIES } from '../../src/api/bgp-community.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const read = (text: string): Community | string => {
  const result = parseCommunity(text)
  return result.ok ? result.value : result.error
}

t.test('the forms of a community', async (t) => {
  const table: readonly [string, Community, string?][] = [
    ['65000:1', { kind: 'standard', value: 0xfde8_0001 }],
    ['0:0', { kind: 'standard', value: 0 }],
    ['65535:65281', { kind: 'standard', value: 0xffff_ff01 }, 'no-export'],
    ['NO_EXPORT', { kind: 'standard', value: 0xffff_ff01 }, 'no-export'],
    ['no-peer', { kind: 'standard', value: 0xffff_ff04 }, 'nopeer'],
    ['blackhole', { kind: 'standard', value: 0xffff_029a }],
    ['graceful-shutdown', { kind: 'standard', value: 0xffff_0000 }],
    ['large:4200000001:0:4294967295', { kind: 'large', value: { global: 4_200_000_001, local1: 0, local2: 4_294_967_295 } }],
    // RFC 4360 sections 3.1, 3.2; RFC 5668 section 2.
    ['rt:65000:100000', { kind: 'extended', value: hex('00 02 fde8 000186a0') }],
    ['ro:65536:7', { kind: 'extended', value: hex('02 03 00010000 0007') }],
    ['soo:192.0.2.1:7', { kind: 'extended', value: hex('01 03 c0000201 0007') }, 'ro:192.0.2.1:7'],
  ]
  for (const [text, want, canonical = text] of table) {
    t.same(read(text), want, text)
    t.equal(formatCommunity(want), canonical)
  }
  for (const [name, value] of Object.entries(WELL_KNOWN_COMMUNITIES)) t.same(read(name), { kind: 'standard', value }, name)
  t.equal(formatCommunity({ kind: 'extended', value: hex('4004fde800000000') }), '0x4004fde800000000')
})

t.test('what is no community', async (t) => {
  const bad = [
    '',
    '65000',
    '65536:1',
    '1:65536',
    '01:1',
    '1:1:1',
    'large:1:2',
    'large:1:2:4294967296',
    'rt:1',
    'rt:65536:65536',
    'rt:::1',
    'rt:::1:1',
  ]
  for (const text of [...bad, 'constructor', 'rt:fd00::1:1', 'x'.repeat(65), ' 1:1', '1:-1'])
    t.match(read(text), /is no community \(write 65000:1, /, text)
})

t.test('a text that can be read is canonical after one turn, and lists are sorted without repetition', async () => {
  const number = (max: number) => fc.integer({ min: 0, max })
  const text = fc.oneof(
    fc.tuple(number(65_535), number(65_535)).map((parts) => parts.join(':')),
    fc.tuple(number(2 ** 32 - 1), number(2 ** 32 - 1), number(2 ** 32 - 1)).map((parts) => `large:${parts.join(':')}`),
    fc.tuple(fc.constantFrom('rt', 'ro'), number(65_535), number(2 ** 32 - 1)).map((parts) => parts.join(':')),
    fc.tuple(fc.constantFrom('rt', 'ro'), fc.integer({ min: 65_536, max: 2 ** 32 - 1 }), number(65_535)).map((parts) => parts.join(':')),
    fc.tuple(fc.constantFrom('rt', 'ro'), fc.ipV4(), number(65_535)).map((parts) => parts.join(':')),
  )
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (texts) => {
      const list = texts.map((one) => read(one) as Community)
      const again = list.map((one) => read(formatCommunity(one)) as Community)
      t.same(again, list)
      t.same(communitiesOf([...list, ...again].reverse()), communitiesOf(list))
    }),
  )
  fc.assert(fc.property(fc.string({ maxLength: 80 }), (any) => typeof parseCommunity(any).ok === 'boolean'))
})
