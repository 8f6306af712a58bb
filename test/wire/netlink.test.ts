import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { formatIp, ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { formatPrefix } from '../../src/addr/prefix.ts'
import { parseNetlink, serializeNetlinkRequest } from '../../src/wire/netlink.ts'

/** Builds what the kernel would send: a header, a fixed part and attributes, each padded to four bytes. */
function message(type: number, fixed: readonly number[], attributes: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const parts: number[] = [...fixed]
  for (const [kind, value] of attributes) {
    const length = 4 + value.length
    parts.push(length & 0xff, length >> 8, kind & 0xff, kind >> 8, ...value)
    while (parts.length % 4 !== 0) parts.push(0)
  }
  const length = 16 + parts.length
  return Uint8Array.of(length & 0xff, (length >> 8) & 0xff, 0, 0, type, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, ...parts)
}

const le32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)]
const name = (text: string) => new Uint8Array([...Buffer.from(text), 0])
const ip = (text: string) => {
  const parsed = parseIp(text)
  assert(parsed.ok)
  return ipToBytes(parsed.value)
}
/** RTA_OIF. */
const OUT = [4, new Uint8Array(Uint32Array.of(3).buffer)] as const
const MAC = Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1)
const link = (flags: number, attributes: readonly (readonly [number, Uint8Array])[], type = 16) =>
  message(type, [0, 0, 1, 0, ...le32(3), ...le32(flags), ...le32(0)], attributes)

t.test('reads links, addresses and routes', async (t) => {
  const UP_AND_RUNNING = 0x1 | 0x2 | 0x40 | 0x10000
  const datagram = new Uint8Array([
    ...link(UP_AND_RUNNING, [
      [3, name('eth0')],
      [1, MAC],
      [0x8000 | 18, new Uint8Array(7)],
    ]),
    ...link(
      0x1 | 0x8,
      [
        [3, name('lo')],
        [1, new Uint8Array(20)],
      ],
      17,
    ),
    ...message(
      20,
      [2, 24, 0, 0, ...le32(3)],
      [
        [1, ip('10.251.0.99')],
        [2, ip('10.251.0.11')],
      ],
    ),
    ...message(21, [10, 64, 0, 0, ...le32(3)], [[1, ip('fd00::1')]]),
    ...message(20, [28, 64, 0, 0, ...le32(3)], [[1, ip('fd00::1')]]),
    ...message(24, [2, 32, 0, 0, 254, 0, 0, 1, ...le32(0)], [OUT]),
    ...message(3, [0, 0, 0, 0], []),
  ])
  const parsed = parseNetlink(datagram)
  if (!parsed.ok) return void t.fail(JSON.stringify(parsed.error))
  const [eth0, lo, v4, v6, other, route, done] = parsed.value
  t.same(eth0, {
    kind: 'link',
    removed: false,
    index: 3,
    name: 'eth0',
    mac: MAC,
    up: true,
    carrier: true,
    loopback: false,
    noArp: false,
    portOf: undefined,
  })
  t.match(lo, { kind: 'link', removed: true, name: 'lo', mac: undefined, up: true, carrier: false, loopback: true })
  t.match(v4, { kind: 'address', removed: false, interfaceIndex: 3, prefixLength: 24 })
  t.equal(v4?.kind === 'address' && formatIp(v4.ip), '10.251.0.11', 'our end of a point-to-point link')
  t.equal(v6?.kind === 'address' && v6.removed && formatIp(v6.ip), 'fd00::1')
  t.same(other, { kind: 'other', type: 20 }, 'a family that is not ours')
  t.same(route, { kind: 'route', type: 1, protocol: 0, interfaceIndex: 3, onLink: true, destination: undefined }, 'a broken length')
  t.same(done, { kind: 'done' })
})

t.test('the kind of the link that a link is a port of is nested', async (t) => {
  const info = (...attributes: readonly (readonly [number, string])[]) =>
    new Uint8Array(
      attributes.flatMap(([kind, text]) => {
        const value = name(text)
        return [4 + value.length, 0, kind, 0, ...value, ...Array<number>(-value.length & 3).fill(0)]
      }),
    )
  const portOf = (...nested: readonly (readonly [number, Uint8Array])[]) => {
    const parsed = parseNetlink(link(1, [[3, name('eth0')], ...nested]))
    const [one] = parsed.ok ? parsed.value : []
    return one?.kind === 'link' ? (one.portOf ?? 'no port') : parsed
  }
  t.equal(portOf([0x8000 | 18, info([1, 'veth'], [4, 'bridge'])]), 'bridge')
  t.equal(portOf([18, info([4, 'bond'])]), 'bond')
  t.equal(portOf([18, info([1, 'vlan'])]), 'no port')
  t.equal(portOf(), 'no port')
  t.equal(portOf([18, Uint8Array.of(200, 0, 4, 0)]), 'no port', 'what is nested may be broken: the link is still there')
})

t.test('routes: who set them, where to, and whether a gateway stands before it', async (t) => {
  const route = (family: number, length: number, protocol: number, ...attributes: readonly (readonly [number, Uint8Array])[]) => {
    const parsed = parseNetlink(message(24, [family, length, 0, 0, 254, protocol, 253, 1, ...le32(0)], attributes))
    const [one] = parsed.ok ? parsed.value : []
    if (one?.kind !== 'route') return 'no route'
    return `${one.destination === undefined ? '?' : formatPrefix(one.destination)} by ${one.protocol} ${one.onLink ? 'on link' : 'beyond'}`
  }
  t.equal(route(2, 24, 2, [1, ip('192.0.2.0')], OUT), '192.0.2.0/24 by 2 on link')
  t.equal(route(10, 64, 9, [1, ip('2001:db8::')], OUT), '2001:db8::/64 by 9 on link')
  t.equal(route(2, 0, 4, OUT), '0.0.0.0/0 by 4 on link')
  t.equal(route(2, 0, 4, [5, ip('192.0.2.1')], OUT), '0.0.0.0/0 by 4 beyond', 'a gateway')
  t.equal(route(2, 24, 4, [1, ip('198.51.100.0')], [18, Uint8Array.of(10, 0, ...ip('fe80::1'))], OUT), '198.51.100.0/24 by 4 beyond', 'via')
  t.equal(route(2, 24, 4, [1, ip('198.51.100.0')], [9, new Uint8Array(8)]), '198.51.100.0/24 by 4 beyond', 'several next hops')
  t.equal(route(28, 0, 4, OUT), '? by 4 on link', 'a family that is not ours')
  t.equal(route(2, 24, 4, [1, ip('2001:db8::')], OUT), '? by 4 on link', 'an address of the other family')
  t.equal(route(2, 33, 4, [1, ip('192.0.2.0')], OUT), '? by 4 on link', 'a length that is none')
})

t.test('the kernel refuses with an errno', async (t) => {
  const answer = message(2, [...new Uint8Array(Int32Array.of(-101).buffer), ...Array<number>(16).fill(0)], [])
  t.same(parseNetlink(answer), { ok: true, value: [{ kind: 'error', errno: 101 }] })
})

t.test('requests name the family and the prefix of the destination', async (t) => {
  const to = parseIp('10.251.0.1')
  if (!to.ok) return void t.fail('address')
  const bytes = serializeNetlinkRequest({ kind: 'get-route', to: to.value }, 9)
  t.equal(bytes.length, 36)
  t.equal(new DataView(bytes.buffer).getUint32(0, true), 36, 'length')
  t.same([...bytes.subarray(4, 12)], [26, 0, 1, 0, 9, 0, 0, 0], 'type, flags, sequence')
  t.same([...bytes.subarray(16, 18)], [2, 32])
  t.same([...bytes.subarray(28)], [8, 0, 1, 0, 10, 251, 0, 1])
  const routes = serializeNetlinkRequest({ kind: 'get-routes', family: 'IPv6', protocol: 4 }, 1)
  t.same([...routes], [28, 0, 0, 0, 26, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 254, 4, 0, 0, 0, 0, 0, 0])
  t.same([...serializeNetlinkRequest({ kind: 'get-links' }, 1).subarray(0, 8)], [32, 0, 0, 0, 18, 0, 1, 3])
  t.same([...serializeNetlinkRequest({ kind: 'get-addresses' }, 1).subarray(0, 8)], [24, 0, 0, 0, 22, 0, 1, 3])
})

t.test('no bytes make it throw, hang or read what is not there', async (t) => {
  const good = link(1, [
    [3, name('eth0')],
    [1, MAC],
  ])
  const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, byte, length]) => {
    const bytes = good.slice()
    bytes[at] = byte
    return bytes.slice(0, length)
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 128 }), mutated), (bytes) => {
      const around = new Uint8Array(bytes.length + 64).fill(0xaa)
      around.set(bytes, 32)
      assert.deepEqual(parseNetlink(around.subarray(32, 32 + bytes.length)), parseNetlink(bytes))
    }),
    { numRuns: 1000 },
  )
  t.match(parseNetlink(good.slice(0, 10)), { ok: false, error: { code: 'TRUNCATED', at: 0, need: 16, have: 10 } })
  t.match(parseNetlink(good.slice(0, 30)), { ok: false, error: { code: 'TRUNCATED', need: good.length } })
  t.match(
    parseNetlink(new Uint8Array(16)),
    { ok: false, error: { code: 'BAD_FIELD', field: 'length', got: 0 } },
    'a length of 0 must not loop',
  )
})
