import fc from 'fast-check'
import t from 'tap'
import { type AddressError, formatIp, parseIp } from '../../src/addr/ip.ts'
import { formatPrefix, parsePrefix, prefixContains, prefixRange } from '../../src/addr/prefix.ts'
import {
  type AddressRange,
  firstIp,
  lastIp,
  parseAddressRange,
  rangeContains,
  rangeSize,
  rangesOverlap,
  withoutRanges,
} from '../../src/addr/range.ts'

function range(text: string): AddressRange {
  const result = parseAddressRange(text)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
function ip(text: string) {
  const result = parseIp(text)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

t.test('every form that an Eip may hold', async (t) => {
  const table = [
    ['10.251.0.50', '10.251.0.50', '10.251.0.50', 1n],
    ['10.251.0.99/32', '10.251.0.99', '10.251.0.99', 1n],
    ['10.251.0.60-10.251.0.69', '10.251.0.60', '10.251.0.69', 10n],
    ['10.251.0.60-10.251.0.60', '10.251.0.60', '10.251.0.60', 1n],
    ['10.251.0.72/30', '10.251.0.72', '10.251.0.75', 4n],
    ['10.251.0.72/31', '10.251.0.72', '10.251.0.73', 2n],
    ['10.251.0.81/29', '10.251.0.80', '10.251.0.87', 8n], // host bits are masked away
    ['192.168.0.1/24', '192.168.0.0', '192.168.0.255', 256n],
    ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', 16_777_216n],
    ['0.0.0.0/1', '0.0.0.0', '127.255.255.255', 1n << 31n],
    ['9.9.9.9/0', '0.0.0.0', '255.255.255.255', 1n << 32n],
    ['fd00:251::50', 'fd00:251::50', 'fd00:251::50', 1n],
    ['fd00:251::60-fd00:251::6f', 'fd00:251::60', 'fd00:251::6f', 16n],
    ['fd00:251::100/120', 'fd00:251::100', 'fd00:251::1ff', 256n],
    ['fd00:251::5/127', 'fd00:251::4', 'fd00:251::5', 2n],
    ['fd00:251::5/128', 'fd00:251::5', 'fd00:251::5', 1n],
    ['fd00:252::/64', 'fd00:252::', 'fd00:252::ffff:ffff:ffff:ffff', 1n << 64n],
    ['fd00:254::/63', 'fd00:254::', 'fd00:254:0:1:ffff:ffff:ffff:ffff', 1n << 65n],
    ['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 1n << 128n],
  ] as const
  for (const [text, first, last, size] of table) {
    const parsed = range(text)
    t.same([formatIp(firstIp(parsed)), formatIp(lastIp(parsed)), rangeSize(parsed)], [first, last, size], text)
  }
})

t.test('what is not a range is refused with its reason', async (t) => {
  const table: readonly (readonly [string, AddressError['code']])[] = [
    ['', 'BAD_ADDRESS'],
    ['xxxx', 'BAD_ADDRESS'],
    ['256.1.1.1', 'BAD_ADDRESS'],
    ['01.2.3.4', 'BAD_ADDRESS'],
    ['10.251.0.69-10.251.0.60', 'REVERSED_RANGE'],
    ['fd00::2-fd00::1', 'REVERSED_RANGE'],
    ['10.251.0.1-10.251.0.2-10.251.0.3', 'BAD_RANGE'],
    ['1.2.3.4-', 'BAD_RANGE'],
    ['-1.2.3.4', 'BAD_RANGE'],
    ['-', 'BAD_RANGE'],
    ['10.251.0.60 - 10.251.0.69', 'BAD_ADDRESS'],
    ['10.251.0.60- 10.251.0.69', 'BAD_ADDRESS'],
    [' 10.251.0.60', 'BAD_ADDRESS'],
    ['10.251.0.60,10.251.0.61', 'BAD_ADDRESS'],
    ['10.251.0.60/24-10.251.0.70/24', 'BAD_ADDRESS'],
    ['10.251.0.0/33', 'BAD_PREFIX'],
    ['10.251.0.0/-1', 'BAD_ADDRESS'],
    ['10.251.0.0/', 'BAD_PREFIX'],
    ['10.251.0.0/08', 'BAD_PREFIX'],
    ['10.251.0.0/8/8', 'BAD_PREFIX'],
    ['10.251.0.0/255.255.255.252', 'BAD_PREFIX'],
    ['fd00::/129', 'BAD_PREFIX'],
    ['/24', 'BAD_ADDRESS'],
    ['10.251.0.120-fd00:251::200', 'MIXED_FAMILIES'],
    ['fe80::1%eth0/64', 'BAD_ADDRESS'],
    ['::ffff:10.0.0.1/120', 'BAD_ADDRESS'],
    ['1'.repeat(1e6), 'BAD_RANGE'],
    [`${'1.1.1.1-'.repeat(1e5)}`, 'BAD_RANGE'],
  ]
  for (const [text, code] of table) {
    const parsed = parseAddressRange(text)
    t.match(parsed, { ok: false, error: { code } }, text.slice(0, 40))
    if (!parsed.ok) t.ok(parsed.error.message.length < 200 && parsed.error.text.length < 70)
  }
})

t.test('prefixes: text, membership, range', async (t) => {
  const prefix = parsePrefix('10.0.0.9/29')
  t.ok(prefix.ok)
  if (!prefix.ok) return
  t.equal(formatPrefix(prefix.value), '10.0.0.8/29')
  t.same(prefixRange(prefix.value), range('10.0.0.8-10.0.0.15'))
  t.ok(prefixContains(prefix.value, ip('10.0.0.15')))
  t.notOk(prefixContains(prefix.value, ip('10.0.0.16')))
  t.notOk(prefixContains(prefix.value, ip('::a00:8')), 'another family')
  t.match(parsePrefix('10.0.0.9'), { ok: false, error: { code: 'BAD_PREFIX' } })
})

t.test('overlap and membership', async (t) => {
  t.ok(rangesOverlap(range('10.0.0.1-10.0.0.5'), range('10.0.0.5-10.0.0.9')), 'a shared end')
  t.notOk(rangesOverlap(range('10.0.0.1-10.0.0.5'), range('10.0.0.6-10.0.0.9')), 'neighbours')
  t.ok(rangesOverlap(range('0.0.0.0/0'), range('10.0.0.6')), 'inside')
  t.notOk(rangesOverlap(range('0.0.0.5'), range('::5')), 'the same number in another family')
  t.ok(rangeContains(range('10.0.0.0/30'), ip('10.0.0.3')))
  t.notOk(rangeContains(range('10.0.0.0/30'), ip('10.0.0.4')))
  t.notOk(rangeContains(range('::/0'), ip('10.0.0.4')))
})

t.test('a prefix holds exactly the addresses of its range', async () => {
  const value = fc.bigInt(0n, (1n << 128n) - 1n)
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 128 }), fc.bigInt(-3n, 3n), (base, length, offset) => {
      const text = `${formatIp({ family: 'IPv6', value: base })}/${length}`
      const prefix = parsePrefix(text)
      if (!prefix.ok) return base >> 32n === 0xffffn
      const all = prefixRange(prefix.value)
      const again = parsePrefix(formatPrefix(prefix.value))
      const edges = [all.first + offset, all.last + offset].filter((edge) => edge >= 0n && edge < 1n << 128n)
      return (
        rangeSize(all) === 1n << BigInt(128 - length) &&
        (!again.ok || again.value.base === prefix.value.base) &&
        edges.every((edge) => prefixContains(prefix.value, { family: 'IPv6', value: edge }) === (edge >= all.first && edge <= all.last))
      )
    }),
    { numRuns: 500 },
  )
})

t.test('what is left of a range without others', async (t) => {
  const show = (ranges: readonly AddressRange[]) => ranges.map((each) => `${formatIp(firstIp(each))}-${formatIp(lastIp(each))}`)
  const left = (from: string, ...holes: readonly string[]) => show(withoutRanges(range(from), holes.map(range)))
  t.same(left('10.0.0.0/29'), ['10.0.0.0-10.0.0.7'])
  t.same(left('10.0.0.0/29', '10.0.0.2', '10.0.0.4-10.0.0.5'), ['10.0.0.0-10.0.0.1', '10.0.0.3-10.0.0.3', '10.0.0.6-10.0.0.7'])
  t.same(left('10.0.0.0/29', '10.0.0.4-10.0.0.9', '9.0.0.0-10.0.0.1'), ['10.0.0.2-10.0.0.3'])
  t.same(left('10.0.0.0/29', '0.0.0.0/0'), [])
  t.same(left('10.0.0.0/29', '::/0', '10.0.1.0/24'), ['10.0.0.0-10.0.0.7'], 'what it has not is no hole')
  t.same(left('0.0.0.0/0', '255.255.255.255', '0.0.0.0'), ['0.0.0.1-255.255.255.254'])
  const part = fc
    .tuple(fc.bigInt(0n, 60n), fc.bigInt(0n, 20n))
    .map(([first, length]): AddressRange => ({ family: 'IPv4', first, last: first + length }))
  const result = fc.check(
    fc.property(part, fc.array(part, { maxLength: 8 }), (whole, holes) => {
      const rest = withoutRanges(whole, holes)
      for (let value = 0n; value < 90n; value++) {
        const at = { family: 'IPv4', value } as const
        const want = rangeContains(whole, at) && !holes.some((hole) => rangeContains(hole, at))
        if (rest.filter((each) => rangeContains(each, at)).length !== (want ? 1 : 0)) return false
      }
      // Ascending, and with a gap between any two: nothing is split without need.
      return rest.every((each, at) => each.first <= each.last && (at === 0 || (rest[at - 1]?.last ?? 0n) + 1n < each.first))
    }),
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
