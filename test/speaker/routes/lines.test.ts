import t from 'tap'
import { formatIp } from '../../../src/addr/ip.ts'
import { RACK } from '../../../src/api/service-annotations.ts'
import { OUT_OF_SERVICE_TAINT } from '../../../src/policy/eligibility.ts'
import type { BgpLine } from '../../../src/speaker/bgp/route.ts'
import { createRoutes } from '../../../src/speaker/routes/lines.ts'
import { bgpClaim, type RouteShape, routeFacts, routeNode, routeNodes } from './support.ts'

const planOf = (shape: RouteShape) => createRoutes().plan(routeFacts(shape))
const hopsOf = (line: BgpLine | undefined) => line?.nextHops.map(({ node }) => node).join() ?? 'none'
const WEB = { namespace: 'default', name: 'web', uid: 'u1', ports: [] }
const API = { namespace: 'default', name: 'api', uid: 'u2', ports: [] }
const cordoned = { ...routeNode('n2'), spec: { unschedulable: true } }
const dead = { ...routeNode('n2'), spec: { taints: [{ key: OUT_OF_SERVICE_TAINT, effect: 'NoExecute' }] } }
const deleting = { ...routeNode('n2'), metadata: { ...routeNode('n2').metadata, deletionTimestamp: 'now' } }
const withNode = (node: ReturnType<typeof routeNode>) => routeNodes(routeNode('n1'), node, routeNode('n3'))
const local = { services: { 'default/web': { local: true } } }

const rows: readonly { readonly name: string; readonly given: RouteShape; readonly want: string }[] = [
  { name: 'policy Cluster: every node, this one first', given: { self: 'n2' }, want: 'n2,n1,n3' },
  { name: 'not Ready', given: { nodes: withNode(routeNode('n2', { ready: false })) }, want: 'n1,n3' },
  {
    name: 'none is Ready: better all of them than no route',
    given: { nodes: routeNodes(routeNode('n1', { ready: false }), routeNode('n2', { ready: false }), routeNode('n3', { excluded: true })) },
    want: 'n1,n2',
  },
  { name: 'excluded by its label', given: { nodes: withNode(routeNode('n2', { excluded: true })) }, want: 'n1,n3' },
  { name: 'out of service', given: { nodes: withNode(dead) }, want: 'n1,n3' },
  { name: 'being deleted', given: { nodes: withNode(deleting) }, want: 'n1,n3' },
  { name: 'cordoned', given: { nodes: withNode(cordoned) }, want: 'n1,n2,n3' },
  { name: 'cordoned, and that counts', given: { nodes: withNode(cordoned), avoidCordoned: true }, want: 'n1,n3' },
  { name: 'cordoned, and its speaker leaves: it is drained', given: { nodes: withNode(cordoned), leaving: ['n2'] }, want: 'n1,n3' },
  { name: 'its speaker leaves and the node stays: it goes on forwarding', given: { leaving: ['n2'] }, want: 'n1,n2,n3' },
  { name: 'a node without InternalIP', given: { nodes: withNode(routeNode('n2', { addresses: [] })) }, want: 'n1,n3' },
  {
    name: 'spec.nodeSelectors of the Eip',
    given: {
      nodes: withNode(routeNode('n2', { labels: { edge: 'yes' } })),
      eips: { pool: { nodeSelectors: [{ matchLabels: { edge: 'yes' } }] } },
    },
    want: 'n2',
  },
  {
    name: 'only the own rack',
    given: { rack: 'a', nodes: routeNodes(...['a', 'b', 'a'].map((rack, at) => routeNode(`n${at + 1}`, { labels: { [RACK]: rack } }))) },
    want: 'n1,n3',
  },
  { name: 'policy Local', given: { ...local, endpoints: { 'default/web': ['n3', 'n1'] } }, want: 'n1,n3' },
  { name: 'policy Local without an endpoint', given: { ...local, endpoints: { 'default/web': [] } }, want: 'none' },
  { name: 'policy Local, endpoints not read', given: local, want: 'none' },
  { name: 'the Service is not known', given: { services: { 'default/web': undefined } }, want: 'none' },
  {
    name: 'two Services share it, both Local: where both have endpoints',
    given: {
      claims: [bgpClaim('192.0.2.1', { holders: [WEB, API] })],
      services: { 'default/web': { local: true }, 'default/api': { local: true } },
      endpoints: { 'default/web': ['n1', 'n2'], 'default/api': ['n2', 'n3'] },
    },
    want: 'n2',
  },
]

for (const { name, given, want } of rows) {
  t.test(`next hops: ${name}`, async (t) => {
    const { lines, silent, lineOf } = planOf({ claims: [bgpClaim('192.0.2.1')], ...given })
    t.equal(hopsOf(lines[0]), want)
    t.equal(silent.has('192.0.2.1'), want === 'none')
    t.equal(lineOf.get('192.0.2.1'), lines[0])
  })
}

t.test('a line: prefix, addresses of next hops, nothing more said', async (t) => {
  const [line] = planOf({ claims: [bgpClaim('2001:db8::5')] }).lines
  t.match(line, { text: '2001:db8::5/128', addresses: ['2001:db8::5'], eips: ['pool'], peers: undefined })
  t.match(line?.nextHops[0], { node: 'n1', self: true })
  t.same(
    [line?.nextHops[1]?.IPv4, line?.nextHops[1]?.IPv6].map((ip) => ip && formatIp(ip)),
    ['10.0.0.2', 'fd00::2'],
  )
})

t.test('why there is no line, and when nobody can tell yet', async (t) => {
  const claims = [bgpClaim('192.0.2.1')]
  t.equal(planOf({ claims, ...local, endpoints: { 'default/web': [] } }).silent.get('192.0.2.1'), 'no-next-hop')
  const unread = planOf({ claims, ...local })
  t.equal(unread.silent.get('192.0.2.1'), 'incomplete')
  t.equal(unread.incomplete, 1)
  t.equal(planOf({ claims: [bgpClaim('nonsense')] }).silent.get('nonsense'), 'bad-claim')
})

t.test('what was announced stays while a Service is not known', async (t) => {
  const routes = createRoutes()
  const claims = [bgpClaim('192.0.2.1')]
  const [before] = routes.plan(routeFacts({ claims })).lines
  const after = routes.plan(routeFacts({ claims, services: { 'default/web': undefined } }))
  t.equal(after.lines[0], before)
  t.equal(after.incomplete, 1)
})

t.test('claims of other protocols make no line; a claim that changes over keeps its own until somebody owns it', async (t) => {
  const announcers = [{ node: 'n1', protocol: 'bgp', since: '' } as const]
  const moving = { ...bgpClaim('192.0.2.1', { protocol: 'layer2' }), status: { announcers } }
  const owner = { node: 'n2', interface: 'eth0', epoch: 1, since: '' }
  t.equal(planOf({ claims: [bgpClaim('192.0.2.1', { protocol: 'layer2' })] }).lines.length, 0)
  t.equal(planOf({ claims: [bgpClaim('192.0.2.1', { protocol: 'vip' })] }).lines.length, 0)
  t.equal(planOf({ claims: [moving] }).lines.length, 1)
  t.equal(planOf({ self: 'n2', claims: [moving] }).lines.length, 0, 'this node did not announce it')
  t.equal(planOf({ claims: [{ ...moving, status: { announcers, owner } }] }).lines.length, 0)
})

t.test('aggregation: one line for the addresses of a prefix, of which each node is a next hop of some', async (t) => {
  const holders = [API]
  const { lines, lineOf } = planOf({
    claims: [bgpClaim('192.0.2.9', { holders }), bgpClaim('192.0.2.1'), bgpClaim('192.0.2.200'), bgpClaim('2001:db8::1')],
    eips: { pool: { bgp: { aggregationLength: 25, aggregationLengthV6: 64, med: 5 } } },
    services: { 'default/web': { local: true }, 'default/api': { local: true, annotations: { 'openelb.io/bgp-communities': '65000:9' } } },
    endpoints: { 'default/web': ['n2'], 'default/api': ['n1'] },
  })
  t.same(lines.map(({ text }) => text).sort(), ['192.0.2.0/25', '192.0.2.128/25', '2001:db8::/64'])
  const line = lines.find(({ text }) => text === '192.0.2.0/25')
  t.same(line?.addresses, ['192.0.2.1', '192.0.2.9'])
  t.equal(hopsOf(line), 'n1,n2')
  t.match(line?.attributes, { med: 5, communities: [65_000 * 65_536 + 9] })
  t.equal(lineOf.get('192.0.2.9'), line)
})

t.test('attributes: communities are united, a Service goes before its Eip, the first of two before the second', async (t) => {
  const { lines } = planOf({
    claims: [bgpClaim('192.0.2.1', { holders: [WEB, API] })],
    eips: { pool: { bgp: { communities: ['65000:1', 'no-export'], localPref: 50, med: 1, peers: ['tor'] } } },
    services: {
      'default/web': { annotations: { 'openelb.io/bgp-local-pref': '200', 'openelb.io/bgp-communities': 'large:1:2:3, rt:65000:7' } },
      'default/api': { annotations: { 'openelb.io/bgp-local-pref': '300', 'openelb.io/bgp-med': '9', 'openelb.io/bgp-peers': 'b, a' } },
    },
  })
  t.match(lines[0]?.attributes, {
    localPref: 200,
    med: 9,
    communities: [65_000 * 65_536 + 1, 0xffff_ff01],
    largeCommunities: [{ global: 1, local1: 2, local2: 3 }],
  })
  t.equal(lines[0]?.attributes.extendedCommunities.length, 1)
  t.same(lines[0]?.peers, ['tor'], 'a Service chooses among the peers of its Eip')
})

t.test('peers: a Service chooses among those of its Eip, and among all where the Eip names none', async (t) => {
  const peersOf = (eip: readonly string[] | undefined, service: string) => {
    const { lines } = planOf({
      claims: [bgpClaim('192.0.2.1')],
      eips: { pool: { bgp: eip === undefined ? {} : { peers: [...eip] } } },
      services: { 'default/web': { annotations: { 'openelb.io/bgp-peers': service } } },
    })
    return lines[0]?.peers
  }
  t.same(peersOf(undefined, 'b, a'), ['a', 'b'])
  t.same(peersOf(['a', 'c'], 'b, a'), ['a'])
  t.same(peersOf(['c'], 'b, a'), [], 'nobody')
})

t.test('what cannot be read of annotations is told with its Service, once for a claim', async (t) => {
  const services = { 'default/web': { annotations: { 'openelb.io/bgp-med': 'low' } } }
  const { complaints, lines } = planOf({
    claims: [bgpClaim('192.0.2.1', { holders: [WEB, API] })],
    services: { ...services, 'default/api': {} },
  })
  t.equal(lines.length, 1, 'it is announced all the same')
  t.same([...(complaints.get('192.0.2.1') ?? [])], [['default/web', ['openelb.io/bgp-med: "low" is no number from 0 to 4294967295']]])
})

t.test('an Eip that is deleted while its address is held still speaks for it', async (t) => {
  const routes = createRoutes()
  const claims = [bgpClaim('192.0.2.1')]
  const bgp = { communities: ['no-export'], aggregationLength: 24 }
  const [before] = routes.plan(routeFacts({ claims, eips: { pool: { bgp, nodeSelectors: [{ matchLabels: {} }] } } })).lines
  const touched = [{ ...bgpClaim('192.0.2.1'), status: {} }]
  t.equal(routes.plan(routeFacts({ claims: touched })).lines[0], before)
  t.match(before, { text: '192.0.2.0/24', attributes: { communities: [0xffff_ff01] } })
  const other = routes.plan(routeFacts({ claims: [bgpClaim('192.0.2.1', { eip: 'gone-too' })] })).lines[0]
  t.match(other, { text: '192.0.2.1/32', attributes: { communities: [] } }, 'another Eip does not')
})
