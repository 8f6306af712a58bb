/** Which BgpPeers are sessions of a node. */
import t from 'tap'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import type { BgpFacts } from '../../../src/speaker/bgp/resolve-facts.ts'
import { FACTS, peerOf, ROUTER } from './support/resolve-facts.ts'

const codes = (facts: BgpFacts): readonly string[] => resolveBgp(facts).problems.map(({ peer, code }) => `${peer ?? '-'} ${code}`)

t.test('which peers a node has', async (t) => {
  const names = (...peers: BgpFacts['peers']) =>
    resolveBgp({ ...FACTS, node: { ...FACTS.node, labels: { rack: 'a' } }, peers }).settings?.peers.map(({ name }) => name)
  const other = { conf: { neighborAddress: '10.0.0.253', peerAs: 65_000 } }
  const selected = (value: string) => ({ ...other, nodeSelector: { matchLabels: { rack: value } } })
  t.same(names(peerOf('z', { conf: ROUTER }), peerOf('y', other)), ['y', 'z'], 'by name')
  t.same(names(peerOf('y', selected('a')), peerOf('z', selected('b'))), ['y'])
  t.same(names(peerOf('z', { conf: ROUTER }, { labels: { 'openelb.kubesphere.io/cni': 'calico' } })), [])
  const late = peerOf('a', { conf: ROUTER }, { at: '2026-01-02T00:00:00Z' })
  t.same(names(late, peerOf('b', { conf: ROUTER })), ['b'], 'of two with one neighbour the older is served')
  t.same(codes({ ...FACTS, peers: [late, peerOf('b', { conf: ROUTER })] }), ['a duplicate-peer'])
  t.same(names(peerOf('b', { conf: { ...ROUTER, peerAs: 0 } }), late), ['a'], 'one that is not served holds no neighbour')
})

t.test('routers on two links may have one link-local address', async (t) => {
  const near = (neighborInterface: string) => ({ conf: { neighborAddress: 'fe80::1', neighborInterface, peerAs: 65_000 } })
  const names = (...peers: BgpFacts['peers']) => resolveBgp({ ...FACTS, peers }).settings?.peers.map(({ name }) => name)
  t.same(names(peerOf('a', near('eth0')), peerOf('b', near('eth1'))), ['a', 'b'])
  t.same(names(peerOf('a', near('eth0')), peerOf('b', near('eth0'))), ['a'])
})

t.test('a segment size that the kernel refuses is left out, and said', async (t) => {
  const of = (tcpMss: number) => ({ ...FACTS, peers: [peerOf('a', { conf: ROUTER, transport: { tcpMss } })] })
  const mss = (bytes: number) => resolveBgp(of(bytes)).settings?.peers[0]?.transport.mss
  t.same([0, 87, 88, 1400, 32_767, 32_768, 65_535].map(mss), [undefined, undefined, 88, 1400, 32_767, undefined, undefined])
  t.same(
    [0, 87, 88].map((bytes) => codes(of(bytes))),
    [[], ['a ignored'], []],
  )
})
