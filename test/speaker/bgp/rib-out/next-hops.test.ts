import t from 'tap'
import { type Family, formatIp } from '../../../../src/addr/ip.ts'
import { type HopChoice, hopsOf } from '../../../../src/speaker/bgp/rib-out/next-hops.ts'
import { fnv1a32, pathIds } from '../../../../src/speaker/bgp/rib-out/path-id.ts'
import type { NextHopNode } from '../../../../src/speaker/bgp/route.ts'
import { node, SECOND, SELF, type TermsOptions, THIRD, terms } from './support/samples.ts'

const plain = { pathIds: false, extendedNextHop: false }
const extended = { pathIds: false, extendedNextHop: true }
const several = { pathIds: true, extendedNextHop: false }

function hops(nodes: readonly NextHopNode[], family: Family, options: TermsOptions, over: Partial<HopChoice> = {}): string[] {
  return hopsOf(nodes, { family, mode: 'auto', most: 8, terms: terms(options), ...over }).map(
    ({ nextHop: { address, linkLocal } }) => `${formatIp(address)}${linkLocal ? ` ${formatIp(linkLocal)}` : ''}`,
  )
}

t.test('our own next hop, by the family of the route and of the session', async (t) => {
  const bare = node('n1', undefined, undefined, true)
  const six = { local: '2001:db8:ffff::1', remote: '2001:db8:ffff::2' }
  const link = { local: 'fe80::1', remote: 'fe80::2' }
  const global = { ...link, interfaceAddress: '2001:db8:aaaa::1' }
  const cases: readonly (readonly [string, Family, TermsOptions, NextHopNode, readonly string[]])[] = [
    ['IPv4 over IPv4: the address of the session', 'IPv4', { local: '10.9.9.9' }, SELF, ['10.9.9.9']],
    ['IPv6 over IPv6: the same', 'IPv6', six, SELF, ['2001:db8:ffff::1']],
    ['IPv6 over IPv4: the address of the interface', 'IPv6', { interfaceAddress: '2001:db8:aaaa::1' }, SELF, ['2001:db8:aaaa::1']],
    ['IPv6 over IPv4 without one: that of the node', 'IPv6', {}, SELF, ['2001:db8::1']],
    ['IPv6 over IPv4 where there is none at all', 'IPv6', {}, bare, []],
    ['IPv4 over IPv6: the address of the node', 'IPv4', six, SELF, ['192.0.2.1']],
    ['IPv4 over IPv6 without one', 'IPv4', six, bare, []],
    [
      'IPv4 over IPv6 with RFC 8950: the address of the session',
      'IPv4',
      { ...six, families: { IPv4: extended } },
      SELF,
      ['2001:db8:ffff::1'],
    ],
    ['IPv4 over IPv4 with RFC 8950: as ever', 'IPv4', { families: { IPv4: extended } }, SELF, ['192.0.2.1']],
    ['IPv6 on a link: both addresses', 'IPv6', global, SELF, ['2001:db8:aaaa::1 fe80::1']],
    ['IPv6 on a link, the global one of the node', 'IPv6', link, SELF, ['2001:db8::1 fe80::1']],
    ['IPv6 on a link without a global one', 'IPv6', link, bare, ['fe80::1']],
    ['IPv4 on a link with RFC 8950', 'IPv4', { ...global, families: { IPv4: extended } }, SELF, ['2001:db8:aaaa::1 fe80::1']],
    ['IPv4 on a link with RFC 8950, without a global one', 'IPv4', { ...link, families: { IPv4: extended } }, bare, ['fe80::1']],
    ['IPv4 on a link without it', 'IPv4', global, SELF, ['192.0.2.1']],
    ['the address of the peer is never a next hop', 'IPv6', { remote: '2001:db8::1' }, SELF, []],
  ]
  for (const [name, family, options, own, expected] of cases) t.same(hops([own], family, options), expected, name)
})

t.test('next hops of other nodes', async (t) => {
  const FOURTH = node('n4', undefined, '2001:db8::4')
  const all = [SELF, SECOND, THIRD, FOURTH]
  const sorted = (family: Family, options: TermsOptions) => hops(all, family, options).toSorted()
  t.same(sorted('IPv4', { families: { IPv4: several } }), ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
  t.same(sorted('IPv6', { families: { IPv6: several } }), ['2001:db8::1', '2001:db8::2', '2001:db8::4'])
  const both = { IPv4: { pathIds: true, extendedNextHop: true } }
  t.same(sorted('IPv4', { families: both }), ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::4'], 'IPv6 where a node has nothing else')
  const six = { local: '2001:db8::1', remote: '2001:db8::ffff', families: both }
  t.same(sorted('IPv4', six), ['192.0.2.3', '2001:db8::1', '2001:db8::2', '2001:db8::4'], 'IPv6 first on a session over IPv6')
  t.same(sorted('IPv4', { families: both, remote: '192.0.2.3' }), ['192.0.2.1', '192.0.2.2', '2001:db8::4'], 'a peer that is a node')
})

t.test('which paths are told: the mode, and what the peer takes', async (t) => {
  const nodes = [SECOND, THIRD, SELF]
  const taken = { families: { IPv4: several } }
  const one = { families: { IPv4: plain } }
  t.same(hops(nodes, 'IPv4', one), ['192.0.2.1'], 'auto without ADD-PATH is self')
  t.same(hops([SECOND, THIRD], 'IPv4', one), [], 'and nothing where this node takes no traffic')
  t.equal(hops(nodes, 'IPv4', taken).length, 3, 'auto with ADD-PATH is nodes')
  t.same(hops(nodes, 'IPv4', taken, { mode: 'self' }), ['192.0.2.1'])
  t.same(hops(nodes, 'IPv4', one, { mode: 'nodes' }), ['192.0.2.1'], 'nodes without ADD-PATH: this one if it can')
  t.equal(hops([SECOND, THIRD], 'IPv4', one, { mode: 'nodes' }).length, 1, 'nodes without ADD-PATH: the first by hash')
  t.same(
    hops([SECOND, THIRD], 'IPv4', one, { mode: 'nodes' }),
    hops([THIRD, SECOND], 'IPv4', one, { mode: 'nodes' }),
    'whatever order they come in',
  )
})

t.test('of more nodes than the peer takes this one stays, and all speakers leave out the same others', async (t) => {
  const cluster = Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`)
  const seenBy = (own: string) =>
    hops(
      cluster.map((address) => node(address, address, undefined, address === own)),
      'IPv4',
      { local: own, families: { IPv4: several } },
      { most: 5 },
    )
  const views = cluster.map((own) => {
    const seen = seenBy(own)
    t.equal(seen[0], own)
    return seen.slice(1)
  })
  const most = new Set(views.flat())
  t.equal(most.size, 5, 'four besides this node, of the five that come first by hash')
})

t.test('path identifiers are FNV-1a of the next hop, and differ where two hashes do not', async (t) => {
  // Vectors of draft-eastlake-fnv, appendix C.
  t.same([fnv1a32(''), fnv1a32('a'), fnv1a32('foobar')], [0x811c9dc5, 0xe40c292c, 0xbf9cf968])
  t.same([...pathIds(['192.0.2.2', '192.0.2.1'])].toSorted(), [...pathIds(['192.0.2.1', '192.0.2.2'])].toSorted())
  // A pair with one hash, found by search.
  const pair = ['costarring', 'liquid']
  t.equal(fnv1a32('costarring'), fnv1a32('liquid'))
  const ids = pathIds(pair)
  t.equal(ids.get('costarring'), fnv1a32('costarring'))
  t.equal(ids.get('liquid'), fnv1a32('liquid') + 1)
  const [hop] = hopsOf([SECOND], { family: 'IPv4', mode: 'auto', most: 1, terms: terms({ families: { IPv4: several } }) })
  t.equal(hop?.pathId, fnv1a32('192.0.2.2'))
})
