import fc from 'fast-check'
import t from 'tap'
import { compareIp, FAMILY_BITS, type Family, formatIp, type Ip, ipFromBytes, ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { formatMac, parseMac } from '../../src/addr/mac.ts'

/** Addresses that lean towards zero groups, where the text form is hard. */
const ipv6Value = fc
  .array(fc.oneof(fc.constant(0n), fc.bigInt(0n, 0xffffn)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n))
const anyIp = fc.oneof(
  fc.bigInt(0n, 0xffff_ffffn).map((value): Ip => ({ family: 'IPv4', value })),
  ipv6Value.map((value): Ip => ({ family: 'IPv6', value })),
)
const isMapped = (ip: Ip) => ip.family === 'IPv6' && ip.value >> 32n === 0xffffn

t.test('canonical text is RFC 5952', async (t) => {
  const table = [
    ['192.0.2.10', '192.0.2.10'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // 4.2.2: a lone zero group stays
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // 4.2.3: the longest run
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // 4.2.3: the first of equals
    ['2001:DB8::AAAA', '2001:db8::aaaa'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const
  for (const [text, canonical] of table) {
    const ip = parseIp(text)
    t.ok(ip.ok, text)
    if (ip.ok) t.equal(formatIp(ip.value), canonical)
  }
})

t.test('what is not an address is refused, with the text in the message', async (t) => {
  const refused = [
    '',
    ' ',
    'xxxx',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '256.1.1.1',
    '1.2.3.-4',
    '01.2.3.4',
    '1.2.3.04',
    '0x1.2.3.4',
    '1e1.2.3.4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.4\n',
    '1.2.3.4/32',
    '1.2.3.4-1.2.3.5',
    '1.2.3.4,1.2.3.5',
    '١.2.3.4',
    ':',
    ':::',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    'g::1',
    '12345::1',
    'fe80::1%eth0',
    '[::1]',
    '::1.2.3',
    '::256.1.1.1',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::ffff:192.0.2.1',
    '::ffff:c000:201',
    '0:0:0:0:0:ffff:0:0',
  ]
  for (const text of refused) {
    const ip = parseIp(text)
    t.match(ip, { ok: false, error: { code: 'BAD_ADDRESS', text } }, JSON.stringify(text))
    if (!ip.ok) t.ok(ip.error.message.startsWith(`${JSON.stringify(text)} `))
  }
  const mapped = parseIp('::ffff:192.0.2.1')
  if (!mapped.ok) t.match(mapped.error.message, 'write 192.0.2.1')
})

t.test('a text of 1 MB is refused without being read, and is cut in the message', async (t) => {
  for (const text of ['1'.repeat(1e6), ':'.repeat(1e6), '1.'.repeat(5e5), `${'0:'.repeat(5e5)}1`]) {
    const ip = parseIp(text)
    t.notOk(ip.ok)
    if (!ip.ok) t.ok(ip.error.message.length < 150)
  }
})

t.test('text and bytes give the address back', async (t) => {
  fc.assert(
    fc.property(anyIp, (ip) => {
      t.same(ipFromBytes(ipToBytes(ip)), ip)
      const parsed = parseIp(formatIp(ip))
      if (isMapped(ip)) return !parsed.ok
      return parsed.ok && parsed.value.family === ip.family && parsed.value.value === ip.value
    }),
    { numRuns: 500 },
  )
  t.throws(() => ipFromBytes(new Uint8Array(5)), RangeError)
})

t.test('any text is read or refused, never thrown', async () => {
  const pieces = fc.array(fc.constantFrom('0', '1', 'f', '255', '.', ':', '::', '-', '/', '%', ' ', '٣'), { maxLength: 20 })
  fc.assert(
    fc.property(pieces, (parts) => {
      const ip = parseIp(parts.join(''))
      if (!ip.ok) return true
      return ip.value.value >= 0n && ip.value.value < 1n << BigInt(FAMILY_BITS[ip.value.family])
    }),
    { numRuns: 2000 },
  )
})

t.test('order: IPv4 first, then by number', async (t) => {
  const of = (family: Family, value: bigint): Ip => ({ family, value })
  t.equal(compareIp(of('IPv4', 9n), of('IPv6', 1n)), -1)
  t.equal(compareIp(of('IPv6', 1n), of('IPv4', 9n)), 1)
  t.equal(compareIp(of('IPv4', 1n), of('IPv4', 2n)), -1)
  t.equal(compareIp(of('IPv6', 1n << 100n), of('IPv6', 1n)), 1)
  t.equal(compareIp(of('IPv4', 5n), of('IPv4', 5n)), 0)
})

t.test('MAC addresses', async (t) => {
  for (const text of ['02:00:5e:10:00:01', '02-00-5E-10-00-01']) {
    const mac = parseMac(text)
    t.ok(mac.ok)
    if (mac.ok) t.equal(formatMac(mac.value), '02:00:5e:10:00:01')
  }
  for (const text of [
    '',
    '02:00:5e:10:00',
    '02:00:5e:10:00:01:02',
    '02:00-5e:10:00:01',
    '2:0:5e:10:0:1',
    'zz:00:5e:10:00:01',
    ' 02:00:5e:10:00:01',
  ]) {
    t.notOk(parseMac(text).ok, text)
  }
  t.throws(() => formatMac(new Uint8Array(4)), RangeError)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const parsed = parseMac(formatMac(bytes))
      return parsed.ok && Buffer.from(parsed.value).equals(bytes)
    }),
  )
})
