import fc from 'fast-check'
import t from 'tap'
import { type Family, formatIp, type Ip, parseIp } from '../../src/addr/ip.ts'
import { parseAddressRange, rangeContains } from '../../src/addr/range.ts'
import {
  isBuggy,
  poolContains,
  poolFamilies,
  poolGives,
  poolServes,
  poolSize,
  rangeText,
  readPoolRanges,
} from '../../src/policy/pool-ranges.ts'
import { pool } from '../support/policy-objects.ts'

const ip = (text: string): Ip => {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

t.test('what a pool has, and what it gives', async (t) => {
  const dual = pool('p', {
    address: '10.0.0.0/24',
    addresses: ['fd00::/126', '10.0.1.7'],
    exclude: ['10.0.0.0/25', 'fd00::1'],
    avoidBuggyIPs: true,
  })
  const at = (text: string) => [poolContains(dual, ip(text)), poolGives(dual, ip(text))]
  t.same(at('10.0.0.128'), [true, true])
  t.same(at('10.0.0.127'), [true, false], 'excluded')
  t.same(at('10.0.0.255'), [true, false], 'an edge')
  t.same(at('10.0.1.7'), [true, true])
  t.same(at('10.0.1.8'), [false, false])
  t.same(at('fd00::'), [true, true], 'edges are a matter of IPv4')
  t.same(at('fd00::1'), [true, false])
  t.same([poolSize(dual), poolSize(dual, 'IPv4'), poolSize(dual, 'IPv6')], [127n + 1n + 3n, 128n, 3n])
  t.same(poolFamilies(dual), ['IPv4', 'IPv6'])
  t.ok(poolServes(dual, 'IPv6'))
  const none = pool('none', { address: '10.0.0.1', exclude: ['0.0.0.0/0'] })
  t.same([poolSize(none), poolFamilies(none), poolServes(none, 'IPv4')], [0n, [], false])
  t.equal(poolSize(pool('all', { address: '::/0', addresses: ['0.0.0.0/0'] })), (1n << 128n) + (1n << 32n))
  t.same(
    ['10.0.0.0', '10.0.0.255', '10.0.0.1', '10.0.255.254', 'fd00::', 'fd00::ff'].map((text) => isBuggy(ip(text))),
    [true, true, false, false, false, false],
  )
})

t.test('what is kept for nobody: one range beside a thousand reservations', async (t) => {
  const kept = (address: string) => ({ address, namespace: 'n', name: 's' })
  const reservations = Array.from({ length: 1000 }, (_, at) => kept(`10.0.${at >> 8}.${at & 255}`))
  const { unreserved } = pool('p', { address: '10.0.0.0/22', addresses: ['fd00::/127'], reservations: [...reservations, kept('FD00::0')] })
  t.same(unreserved.map(rangeText), ['10.0.3.232-10.0.3.255', 'fd00::1'])
  const plain = pool('q', { address: '10.0.0.0/22', reservations: [kept('192.0.2.1')] })
  t.same(plain.unreserved, plain.usable)
})

t.test('errors name the field, the text and what is wrong', async (t) => {
  const first = parseAddressRange('10.0.0.1')
  if (!first.ok) throw new Error(first.error.message)
  t.match(readPoolRanges(first.value, { address: '10.0.0.1', exclude: ['10.0.0.1', 'nonsense'] }), {
    ok: false,
    error: { field: 'spec.exclude[1]', text: 'nonsense', message: /"nonsense" is not an IP address/ },
  })
})

/** Around 10.0.0.240 to 10.0.2.15, so that edges and several blocks of 256 are met, and a small IPv6 range. */
const anyRange = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 270 })).map(([six, from, length]) => {
  const base: Ip = six ? ip('fd00::f0') : ip('10.0.0.240')
  const text = (offset: number) => formatIp({ ...base, value: base.value + BigInt(offset) })
  return `${text(from)}-${text(from + length)}`
})

t.test('sizes and membership agree with counting one by one', async (t) => {
  const result = fc.check(
    fc.property(
      fc.array(anyRange, { minLength: 1, maxLength: 4 }),
      fc.array(anyRange, { maxLength: 4 }),
      fc.boolean(),
      (ranges, exclude, avoid) => {
        const [address = '', ...addresses] = ranges
        const subject = pool('p', { address, addresses, exclude, avoidBuggyIPs: avoid })
        const out = exclude.flatMap((text) => {
          const range = parseAddressRange(text)
          return range.ok ? [range.value] : []
        })
        const count = { IPv4: 0n, IPv6: 0n }
        for (const [family, from, to] of [
          ['IPv4', ip('10.0.0.200').value, ip('10.0.3.60').value],
          ['IPv6', ip('fd00::').value, ip('fd00::400').value],
        ] as const satisfies readonly (readonly [Family, bigint, bigint])[]) {
          for (let value = from; value <= to; value++) {
            const at: Ip = { family, value }
            const has = subject.ranges.some((range) => rangeContains(range, at))
            const gives = has && !out.some((range) => rangeContains(range, at)) && !(avoid && /^10\..*\.(0|255)$/.test(formatIp(at)))
            if (poolContains(subject, at) !== has || poolGives(subject, at) !== gives) return false
            if (gives) count[family]++
          }
        }
        return (
          poolSize(subject, 'IPv4') === count.IPv4 &&
          poolSize(subject, 'IPv6') === count.IPv6 &&
          poolSize(subject) === count.IPv4 + count.IPv6
        )
      },
    ),
    { numRuns: 60 },
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
