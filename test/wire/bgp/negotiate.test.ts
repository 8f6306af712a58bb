import t from 'tap'
import type { AddPathMode, Capability } from '../../../src/wire/bgp/capabilities.ts'
import { negotiate } from '../../../src/wire/bgp/negotiate.ts'
import type { Open } from '../../../src/wire/bgp/open.ts'

const open = (as: number, capabilities: readonly Capability[] = [], holdSeconds = 90): Open => ({
  as,
  holdSeconds,
  routerId: as,
  capabilities,
})
const multiprotocol = (afi: number, safi = 1): Capability => ({ kind: 'multiprotocol', afi, safi })
const addPath = (afi: number, mode: AddPathMode): Capability => ({ kind: 'add-path', families: [{ afi, safi: 1, mode }] })
const nextHop6: Capability = { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }
const plain = { pathIds: false, extendedNextHop: false }

t.test('two sides without capabilities speak IPv4 with AS numbers of two bytes', async (t) => {
  const session = { peering: 'external', fourOctetAs: false, families: { IPv4: plain } }
  t.same(negotiate(open(65001), open(65002)), {
    holdSeconds: 90,
    receive: session,
    send: session,
    longestReceived: 4096,
    longestSent: 4096,
    routeRefresh: false,
    enhancedRouteRefresh: false,
  })
  t.equal(negotiate(open(65001), open(65001)).receive.peering, 'internal')
})

t.test('the shorter hold time counts, and 0 is the shortest', async (t) => {
  t.equal(negotiate(open(1, [], 90), open(2, [], 30)).holdSeconds, 30)
  t.equal(negotiate(open(1, [], 9), open(2, [], 30)).holdSeconds, 9)
  t.equal(negotiate(open(1, [], 0), open(2, [], 30)).holdSeconds, 0)
})

const families: readonly (readonly [name: string, local: readonly Capability[], remote: readonly Capability[], want: readonly string[]])[] =
  [
    ['both', [multiprotocol(1), multiprotocol(2)], [multiprotocol(2), multiprotocol(1)], ['IPv4', 'IPv6']],
    ['the neighbour says nothing', [multiprotocol(1), multiprotocol(2)], [], ['IPv4']],
    ['we say IPv6 alone, the neighbour nothing', [multiprotocol(2)], [], []],
    ['IPv6 alone, on both sides', [multiprotocol(2)], [multiprotocol(2)], ['IPv6']],
    ['one each', [multiprotocol(1)], [multiprotocol(2)], []],
    ['multicast is no unicast', [multiprotocol(1)], [multiprotocol(1, 2)], []],
  ]
for (const [name, local, remote, want] of families) {
  t.test(`families: ${name}`, async (t) => {
    const { receive, send } = negotiate(open(1, local), open(2, remote))
    t.same([Object.keys(receive.families), Object.keys(send.families)], [want, want])
  })
}

const modes: readonly (readonly [local: AddPathMode, remote: AddPathMode, receive: boolean, send: boolean])[] = [
  ['send', 'receive', false, true],
  ['receive', 'send', true, false],
  ['both', 'both', true, true],
  ['both', 'send', true, false],
  ['both', 'receive', false, true],
  ['send', 'send', false, false],
  ['receive', 'receive', false, false],
]
for (const [local, remote, receive, send] of modes) {
  t.test(`path identifiers: ${local} here, ${remote} there`, async (t) => {
    const agreement = negotiate(open(1, [addPath(1, local)]), open(2, [addPath(1, remote)]))
    t.same([agreement.receive.families.IPv4?.pathIds, agreement.send.families.IPv4?.pathIds], [receive, send])
  })
}

t.test('path identifiers: of the other family, or of one side only, they mean nothing', async (t) => {
  t.equal(negotiate(open(1, [addPath(1, 'both')]), open(2)).send.families.IPv4?.pathIds, false)
  t.equal(negotiate(open(1, [addPath(1, 'both')]), open(2, [addPath(2, 'both')])).send.families.IPv4?.pathIds, false)
})

t.test('IPv4 behind IPv6 next hops takes both sides, and is of IPv4', async (t) => {
  const two = [multiprotocol(1), multiprotocol(2), nextHop6]
  t.same(negotiate(open(1, two), open(2, two)).send.families, { IPv4: { ...plain, extendedNextHop: true }, IPv6: plain })
  t.same(negotiate(open(1, two), open(2, two.slice(0, 2))).send.families.IPv4, plain)
  t.same(negotiate(open(1, two.slice(0, 2)), open(2, two)).receive.families.IPv4, plain)
  const others: Capability = { kind: 'extended-next-hop', families: [{ afi: 1, safi: 128, nextHopAfi: 2 }] }
  t.same(negotiate(open(1, two), open(2, [multiprotocol(1), others])).send.families.IPv4, plain)
})

t.test('long messages go to who said that it takes them', async (t) => {
  const extended: Capability = { kind: 'extended-message' }
  t.match(negotiate(open(1, [extended]), open(2)), { longestReceived: 65_535, longestSent: 4096 })
  t.match(negotiate(open(1), open(2, [extended])), { longestReceived: 4096, longestSent: 65_535 })
})

t.test('what takes both sides, and what takes the neighbour alone', async (t) => {
  const four = (as: number): Capability => ({ kind: 'four-octet-as', as })
  const enhanced: Capability = { kind: 'enhanced-route-refresh' }
  const refresh: Capability = { kind: 'route-refresh' }
  t.equal(negotiate(open(1, [four(1)]), open(2, [four(2)])).send.fourOctetAs, true)
  t.equal(negotiate(open(1, [four(1)]), open(2)).receive.fourOctetAs, false)
  t.equal(negotiate(open(1), open(2, [four(2)])).receive.fourOctetAs, false)
  t.match(negotiate(open(1, [enhanced]), open(2, [enhanced, refresh])), { enhancedRouteRefresh: true, routeRefresh: true })
  t.match(negotiate(open(1, [enhanced, refresh]), open(2)), { enhancedRouteRefresh: false, routeRefresh: false })
  t.match(negotiate(open(1), open(2, [enhanced])), { enhancedRouteRefresh: false, routeRefresh: false })
})
