import t from 'tap'
import { announcedReport, announcerPatch, announcersOf, writerNameOf } from '../../../src/speaker/routes/announcement.ts'
import { createDepartures } from '../../../src/speaker/routes/departures.ts'
import { createRoutes } from '../../../src/speaker/routes/lines.ts'
import { createMeans, rackOf } from '../../../src/speaker/routes/resolver.ts'
import { silenceText } from '../../../src/speaker/routes/silence-text.ts'
import { bgpClaim, routeFacts, routeNode, routeNodes } from './support.ts'

const MEANS = { configured: true, peers: new Set(['tor']), selectedNodes: 3 }
const NONE: ReadonlySet<string> = new Set()
const announcers = [
  { node: 'n1', protocol: 'bgp', since: '' },
  { node: 'n2', protocol: 'layer2', since: '' },
] as const
const owner = { node: 'n1', interface: 'eth0', epoch: 1, since: '' }

t.test('what a claim says of itself, first of all what an administrator has to do first', async (t) => {
  const claim = bgpClaim('192.0.2.1')
  const reason = (...args: Parameters<typeof announcedReport>) => announcedReport(...args)?.reason
  t.equal(reason(claim, { configured: false, peers: NONE, selectedNodes: 0 }, { noNextHop: 'x' }), 'NoBgpConf')
  t.equal(reason(claim, { ...MEANS, peers: NONE, selectedNodes: 0 }, { noNextHop: 'x' }), 'NoBgpPeer')
  t.equal(reason(claim, { ...MEANS, selectedNodes: 0 }, { noNextHop: 'x' }), 'NoBgpPeer')
  t.match(announcedReport(claim, MEANS, { noNextHop: 'no node' }), { status: 'False', reason: 'NoNextHop', message: 'no node' })
  t.equal(reason(claim, MEANS, {}), 'NoSession')
  t.equal(reason(claim, MEANS, { toPeers: ['other', 'tor'] }), 'NoSession')
  t.match(announcedReport(claim, MEANS, { toPeers: ['other'] }), { reason: 'NoBgpPeer', message: /names no BgpPeer that there is: other$/ })
  t.match(announcedReport(claim, MEANS, { toPeers: [] }), { reason: 'NoBgpPeer', message: /choose among those$/ })
  t.match(announcedReport({ ...claim, status: { announcers } }, MEANS, {}), { status: 'True', reason: 'Announced' })
})

t.test('another protocol, or an owner that still answers, has the word', async (t) => {
  t.equal(announcedReport(bgpClaim('192.0.2.1', { protocol: 'layer2' }), MEANS, {}), undefined)
  t.equal(announcedReport({ ...bgpClaim('192.0.2.1'), status: { owner } }, MEANS, {}), undefined)
})

t.test('an entry of a node, and whose it is', async (t) => {
  t.same([...announcersOf({ status: { announcers } })], ['n1'])
  t.equal(announcersOf({}).size, 0)
  t.same(announcerPatch('n1', 'now'), { status: { announcers: [{ node: 'n1', protocol: 'bgp', since: 'now' }] } })
  t.same(announcerPatch('n1', undefined), { status: {} })
  const [long, longer] = [writerNameOf('n'.repeat(253)), writerNameOf(`${'n'.repeat(252)}m`)]
  t.ok(long.length <= 128)
  t.not(long, longer)
  t.equal(writerNameOf('n1'), 'openelb-speaker-n1')
})

t.test('why there is no next hop, node by node, and not endlessly', async (t) => {
  const nodes = routeNodes(
    ...Array.from({ length: 7 }, (_, at) => routeNode(`n${at + 1}`, { excluded: true })),
    routeNode('n8', { addresses: [] }),
  )
  const facts = routeFacts({ claims: [bgpClaim('192.0.2.1')], nodes })
  const routes = createRoutes()
  routes.plan(facts)
  const text = silenceText('no-next-hop', bgpClaim('192.0.2.1'), facts, routes.hops)
  t.match(text, /^no node may be the next hop: n1: the node carries the label .*, n5: the node carries the label [^,]*, and 3 more nodes$/)
  t.equal(routes.hops.obstacle('n8', {}, []), 'node-without-address')
  t.equal(routes.hops.obstacle('n9', {}, []), 'node-unknown')
})

t.test('a node is gone when it left the cluster, or its speaker has been away for a minute', async (t) => {
  const departures = createDepartures()
  t.notOk(departures.isGone('n1', 0), 'nothing is known yet')
  departures.follow(['n1'], ['n1', 'n2'], 1000)
  t.ok(departures.isGone('n3', 1000))
  t.notOk(departures.isGone('n2', 60_999))
  t.ok(departures.isGone('n2', 61_000))
  departures.follow(['n1', 'n2'], ['n1', 'n2'], 61_000)
  t.notOk(departures.isGone('n2', 200_000))
})

t.test('that nodes are gone is news once', async (t) => {
  const departures = createDepartures()
  const all = ['n1', 'n2', 'n3']
  const news = (up: readonly string[], nodes: readonly string[], nowMs: number) => departures.follow(up, nodes, nowMs)
  t.same([news(all, all, 0), news(['n1', 'n3'], all, 1000), news(['n1', 'n3'], all, 60_000)], [false, false, false])
  t.same([news(['n1', 'n3'], all, 61_000), news(['n1', 'n3'], all, 62_000)], [true, false], 'a speaker that was away for a minute')
  t.same([news(['n1'], ['n1', 'n2'], 63_000), news(['n1'], ['n1', 'n2'], 64_000)], [true, false], 'a node that left')
  t.same([news(['n1', 'n2'], ['n1', 'n2'], 65_000), news(['n1', 'n2', 'n4'], ['n1', 'n2', 'n4'], 66_000)], [false, false], 'nobody went')
})

t.test('racks count with an AS per rack alone', async (t) => {
  const node = routeNode('n1', { labels: { 'openelb.kubesphere.io/rack': 'a' } })
  t.equal(rackOf(node, { a: 65_001 }), 'a')
  t.equal(rackOf(node, {}), undefined)
  t.equal(rackOf(node, undefined), undefined)
  t.equal(rackOf(routeNode('n2'), { a: 65_001 }), undefined)
})

t.test('which nodes the BgpPeers select is counted anew only when something changed', async (t) => {
  const nodes = routeNodes(routeNode('n1', { labels: { edge: 'yes' } }), routeNode('n2'))
  const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
  const object = { apiVersion: 'x', kind: 'BgpPeer', metadata }
  let peers = [{ ...object, spec: { nodeSelector: { matchLabels: { edge: 'yes' } } } }]
  const means = createMeans({ conf: () => undefined, peers: () => peers }, () => nodes)
  const first = means()
  t.same(first, { configured: false, peers: new Set([object.metadata.name]), selectedNodes: 1 })
  t.equal(means(), first)
  peers = [{ ...object, spec: { nodeSelector: { matchLabels: { edge: 'no' } } } }]
  t.equal(means().selectedNodes, 0)
})
