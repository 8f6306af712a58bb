import t from 'tap'
import { ipFromBytes } from '../../../src/addr/ip.ts'
import { parsePrefix } from '../../../src/addr/prefix.ts'
import { asPath } from '../../../src/wire/bgp/attributes/as-path.ts'
import { linkBandwidth } from '../../../src/wire/bgp/attributes/extended-communities.ts'
import { ATTRIBUTES } from '../../../src/wire/bgp/attributes/table.ts'
import { EXTENDED_MESSAGE_MAX, MESSAGE_MAX } from '../../../src/wire/bgp/header.ts'
import type { NlriEntry } from '../../../src/wire/bgp/nlri.ts'
import { parseUpdate } from '../../../src/wire/bgp/update.ts'
import { packRoutes, packWithdrawals, type RouteSet } from '../../../src/wire/bgp/update-pack.ts'
import { context, hex, prefixes, toHex, value } from './build.ts'

const hosts = (count: number): NlriEntry[] =>
  Array.from({ length: count }, (_, index) => ({
    prefix: { family: 'IPv4', base: 0xc612_0000n + BigInt(index), length: 32 },
    pathId: undefined,
  }))
const entry = (text: string, pathId?: number): NlriEntry => ({ prefix: value(parsePrefix(text)), pathId })
const hop = (text: string) => ({ address: ipFromBytes(hex(text)), linkLocal: undefined })
const set = (over: Partial<RouteSet> = {}): RouteSet => ({
  family: 'IPv4',
  attributes: { origin: 'igp', asPath: [{ kind: 'sequence', ases: [65001] }], communities: [0xfde9_0001] },
  nextHop: hop('0a000001'),
  entries: hosts(1000),
  ...over,
})

t.test('a thousand routes of one attribute set stand in two messages, and in one where it may be long', async (t) => {
  const messages = [...value(packRoutes(set(), context(), MESSAGE_MAX))]
  t.same(
    messages.map(({ length }) => length),
    [4095, 1005],
  )
  t.equal([...value(packRoutes(set(), context(), EXTENDED_MESSAGE_MAX))].length, 1)
  t.equal([...value(packRoutes(set({ entries: hosts(10_000) }), context(), MESSAGE_MAX))].length, 13)
})

t.test('withdrawals are split to the size, none is lost', async (t) => {
  const messages = [...packWithdrawals('IPv4', hosts(2000), context(), MESSAGE_MAX)]
  t.same(
    messages.map(({ length }) => length),
    [4093, 4093, 1883],
  )
  const found = messages.flatMap((message) => {
    const reading = parseUpdate(message.subarray(19), context())
    return reading.action === 'accept' ? prefixes(reading.withdrawn) : []
  })
  t.same([found.length, new Set(found).size, found[0], found.at(-1)], [2000, 2000, '198.18.0.0/32', '198.18.7.207/32'])
})

t.test('messages of IPv6 are full too', async (t) => {
  const entries = Array.from({ length: 500 }, (_, index) => entry(`2001:db8::${index.toString(16)}/128`))
  const six = { family: 'IPv6', nextHop: hop('20010db8000000000000000000000001'), entries } as const
  // 50 bytes of header, lengths and attributes less NEXT_HOP's 7; 4 and 21 of MP_REACH_NLRI; 17 for each prefix.
  const routes = [...value(packRoutes(set(six), context(), MESSAGE_MAX))]
  t.same(
    routes.map(({ length }) => length),
    [43 + 25 + 17 * 236, 43 + 25 + 17 * 236, 43 + 25 + 17 * 28],
  )
  const exact = 23 + 4 + 3 + 17 * 30
  t.same(
    [...packWithdrawals('IPv6', entries.slice(0, 60), context(), exact)].map(({ length }) => length),
    [exact, exact],
  )
  t.same(
    [...packWithdrawals('IPv4', hosts(4), context(), 23 + 21)].map(({ length }) => length),
    [43],
    'the least room',
  )
})

t.test('a message is made when it is asked for', async (t) => {
  let taken = 0
  function* endless() {
    for (;;) {
      taken++
      yield entry('192.0.2.1/32')
    }
  }
  for (const message of value(packRoutes(set({ entries: endless() }), context(), MESSAGE_MAX))) {
    t.ok(message.length <= MESSAGE_MAX)
    break
  }
  t.ok(taken < 1000, `${taken} entries taken`)
})

t.test('nothing to say is no message', async (t) => {
  t.same([...value(packRoutes(set({ entries: [] }), context(), MESSAGE_MAX))], [])
  t.same([...packWithdrawals('IPv6', [], context(), MESSAGE_MAX)], [])
})

t.test('attributes that leave no room for a prefix are told, not cut', async (t) => {
  const communities = Array.from({ length: 1100 }, (_, index) => index)
  const long = set({ attributes: { ...set().attributes, communities } })
  t.match(packRoutes(long, context(), MESSAGE_MAX), { ok: false, error: { code: 'ATTRIBUTES_TOO_LONG', longest: MESSAGE_MAX } })
  t.equal([...value(packRoutes(long, context(), EXTENDED_MESSAGE_MAX))].length, 1)
})

t.test('attributes stand in the order of their codes, MP_REACH_NLRI before them', async (t) => {
  const attributes = {
    onlyToCustomer: 65001,
    unknown: [{ flags: 0xc0, code: 30, value: hex('01') }],
    med: 5,
    asPath: [],
    origin: 'igp',
  } as const
  const six = { family: 'IPv6', nextHop: hop('20010db8000000000000000000000001'), entries: [entry('2001:db8::1/128')] } as const
  const [message] = value(packRoutes({ ...six, attributes }, context(), MESSAGE_MAX))
  const reach = '800e26 0002 01 10 20010db8000000000000000000000001 00 80 20010db8000000000000000000000001'
  const rest = '400101 00 400200 800404 00000005 c01e01 01 c02304 0000fde9'
  t.equal(toHex(message ?? new Uint8Array(0)), toHex(hex(`${'ff'.repeat(16)} 0059 02 0000 0042 ${reach} ${rest}`)))
})

t.test('a neighbour with AS numbers of two bytes gets the long ones beside the path, and only where they are needed', async (t) => {
  const old = context({ fourOctetAs: false })
  const message = (ases: readonly number[], as: number) => {
    const attributes = { origin: 'igp', asPath: [{ kind: 'sequence', ases }], aggregator: { as, routerId: 1 } } as const
    const [first] = value(packRoutes(set({ attributes, entries: hosts(1) }), old, MESSAGE_MAX))
    return toHex(first ?? new Uint8Array(0))
  }
  t.notMatch(message([65001, 65535], 65535), /c011|c012/)
  t.match(message([65001, 65535], 65535), '4002060202fde9ffff')
  t.match(message([65001], 65535), 'c00706ffff00000001')
  t.match(message([65001], 65536), 'c007065ba000000001')
  t.match(message([65001, 4200000001], 65001), '4002060202fde95ba0')
  t.match(message([65001, 4200000001], 65001), 'c0110a02020000fde9fa56ea01')
  t.notMatch(message([65001, 4200000001], 65001), /c01208/)
  t.match(message([65001], 4200000001), 'c01208fa56ea0100000001')
})

t.test('a path of more than 255 numbers is split into segments', async (t) => {
  const ases = Array.from({ length: 300 }, (_, index) => index + 1)
  const bytes = asPath.write([{ kind: 'sequence', ases }], context())
  t.same([bytes.length, bytes[1], bytes[2 + 255 * 4 + 1]], [300 * 4 + 4, 255, 45])
  t.equal(
    asPath.write([{ kind: 'sequence', ases: ases.slice(0, 255) }], context()).length,
    255 * 4 + 2,
    'no empty segment behind a full one',
  )
  t.equal(asPath.write([{ kind: 'set', ases: ases.slice(0, 255) }], context()).length, 255 * 4 + 2)
  t.throws(() => asPath.write([{ kind: 'set', ases }], context()), RangeError)
  t.throws(() => asPath.write([{ kind: 'sequence', ases: [] }], context()), RangeError)
})

t.test('a weight is a float of 32 bits', async (t) => {
  t.equal(toHex(linkBandwidth(65001, 125_000_000)), '4004fde94cee6b28')
})

t.test('what the session has no place for is a bug of the caller', async (t) => {
  const pack = (over: Partial<RouteSet>, session = context()) => [...value(packRoutes(set(over), session, MESSAGE_MAX))]
  t.throws(() => pack({ entries: [entry('192.0.2.1/32', 1)] }), RangeError, 'a path identifier that was not agreed on')
  t.throws(() => pack({}, context({ families: { IPv4: { pathIds: true, extendedNextHop: false } } })), RangeError, 'none where it was')
  t.throws(() => pack({ nextHop: hop('20010db8000000000000000000000001') }), RangeError, 'IPv6 next hop, not agreed on')
  t.throws(() => pack({ family: 'IPv6', entries: [entry('2001:db8::1/128')] }), RangeError, 'IPv4 next hop for IPv6')
  t.throws(() => pack({}, context({ families: {} })), RangeError, 'a family that was not agreed on')
  t.throws(() => pack({ attributes: { med: -1 } }), RangeError)
  t.throws(() => pack({ attributes: { extendedCommunities: [hex('00')] } }), RangeError)
  t.throws(() => ATTRIBUTES.ipv6ExtendedCommunities.write([hex('00')], context()), RangeError)
  t.throws(() => ATTRIBUTES.nextHop.write(hop('20010db8000000000000000000000001').address, context()), RangeError)
  t.throws(() => packWithdrawals('IPv6', [], context(), 30)[Symbol.iterator]().next(), RangeError)
})
