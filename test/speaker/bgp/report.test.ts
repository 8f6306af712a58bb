import t from 'tap'
import { createMetrics } from '../../../src/runtime/metrics.ts'
import { attributeTexts } from '../../../src/speaker/bgp/attribute-words.ts'
import type { PeerReport, RouteVerdict } from '../../../src/speaker/bgp/peer-report.ts'
import { type BgpLine, PLAIN_ATTRIBUTES } from '../../../src/speaker/bgp/route.ts'
import { BGP_PATHS, type BgpTrouble, bgpReport, ROUTES_PER_PAGE, routesPage, whyPage } from '../../../src/speaker/bgp-report.ts'
import { registerBgpMetrics } from '../../../src/speaker/io/bgp-metrics.ts'
import { createBgpPages } from '../../../src/speaker/io/bgp-pages.ts'
import { bfdReport, bgpLine, downReport, peerReport } from './support/report-samples.ts'

const verdict = (peer: string, prefix: string, told: boolean): RouteVerdict => ({
  peer,
  prefix,
  told,
  reason: told ? 'told' : 'session-down',
  message: told ? 'it was told' : 'there is no session',
  paths: [],
})

/** An engine at rest: `up` names the peers that were told everything. */
function engineOf(peers: readonly PeerReport[], lines: readonly BgpLine[], problem?: string) {
  const covers = (asked: string) => lines.filter(({ text, addresses }) => text === asked || addresses.includes(asked))
  return {
    peers: () => peers,
    lines: () => lines,
    listening: () => ({ port: problem === undefined ? 179 : undefined, problem }),
    health: () => ({ problems: [] as readonly string[] }),
    captured: (peer?: string) =>
      [{ peer: 'frr', direction: 'sent' as const, atMs: 1, type: 'OPEN', text: 'AS 65001', bytes: 53 }].filter(
        (message) => peer === undefined || message.peer === peer,
      ),
    why: (asked: string) =>
      covers(asked).flatMap(({ text }) => peers.map(({ name, state }) => verdict(name, text, state === 'Established'))),
  }
}

t.test('the report has peers, the port, and every problem with its cure', async (t) => {
  const engine = engineOf([peerReport('frr')], [bgpLine('10.99.0.1/32')], 'port 179 is taken')
  const trouble = { peer: 'bird', code: 'no-conf', message: 'it has no spec.conf', cure: 'name the router' }
  const report = bgpReport({ ...engine, health: () => ({ problems: ['the socket is gone'] }) }, { configured: true, problems: [trouble] })
  t.equal(report.configured, true)
  t.notOk('port' in report)
  t.equal(report.routes, 1)
  t.same(
    report.problems.map(({ code, peer, cure }) => [code, peer, cure !== '']),
    [
      ['no-conf', 'bird', true],
      ['listen', undefined, true],
      ['speaker', undefined, true],
    ],
  )
})

t.test('routes come page by page, each with whom it was told', async (t) => {
  const lines = Array.from({ length: ROUTES_PER_PAGE + 5 }, (_, at) => bgpLine(`10.${99 + (at >> 8)}.0.${at & 255}/32`, ['n1', 'n2']))
  const engine = engineOf([peerReport('frr'), downReport('bird')], lines)
  const first = routesPage('n1', engine, 0)
  const second = routesPage('n1', engine, ROUTES_PER_PAGE)
  t.same([first.total, first.routes.length, second.routes.length, second.from], [lines.length, ROUTES_PER_PAGE, 5, ROUTES_PER_PAGE])
  t.same(first.routes[0], {
    prefix: '10.99.0.0/32',
    nextHops: [
      { node: 'n1', self: true, addresses: ['10.251.0.11'] },
      { node: 'n2', self: false, addresses: ['10.251.0.12'] },
    ],
    attributes: [],
    told: ['frr'],
    addresses: ['10.99.0.0'],
    eips: ['pool'],
  })
  t.same(routesPage('n1', engine, lines.length).routes, [])
})

t.test('why finds the line of a prefix and of an address, and says why there is none', async (t) => {
  const engine = engineOf([downReport('bird')], [bgpLine('10.99.0.0/28', ['n1'], { addresses: ['10.99.0.1', '10.99.0.2'] })])
  for (const asked of ['10.99.0.0/28', '10.99.0.2']) {
    const page = whyPage('n1', engine, asked, undefined)
    t.equal(page.route?.prefix, '10.99.0.0/28', asked)
    t.same(
      page.verdicts.map(({ peer, told }) => [peer, told]),
      [['bird', false]],
    )
  }
  t.same(whyPage('n1', engine, '10.99.0.3', 'no node has a ready endpoint'), {
    node: 'n1',
    verdicts: [],
    silent: 'no node has a ready endpoint',
  })
})

t.test('attributes are said as they are written in annotations', async (t) => {
  t.same(attributeTexts(PLAIN_ATTRIBUTES), [])
  t.same(
    attributeTexts({
      localPref: 200,
      med: 0,
      communities: [(65_000 << 16) >>> 0, 0xffff_0000, 0xffff_ff01],
      largeCommunities: [{ global: 4_200_000_000, local1: 2, local2: 3 }],
      extendedCommunities: [
        Uint8Array.of(0, 2, 0xfd, 0xe8, 0, 0, 0, 1),
        Uint8Array.of(1, 3, 10, 0, 0, 1, 0, 7),
        Uint8Array.of(2, 2, 0xfa, 0x56, 0xea, 0, 0, 7),
        Uint8Array.of(0x40, 4, 0xfd, 0xe8, 0, 0, 0, 1),
      ],
    }),
    ['local-pref 200', 'med 0', '65000:0', 'graceful-shutdown', 'no-export', 'large:4200000000:2:3'].concat([
      'rt:65000:1',
      'ro:10.0.0.1:7',
      'rt:4200000000:7',
      '0x4004fde800000001',
    ]),
  )
})

t.test('pages answer what is asked of them, and nothing before there is an engine', async (t) => {
  let engine: ReturnType<typeof engineOf> | undefined
  const silent = (address: string) => (address === '10.99.0.9' ? 'no peer selects this node' : undefined)
  const { report, pages } = createBgpPages({ node: 'n1', engine: () => engine, configured: () => true, problems: () => [], silent })
  const ask = (path: string, query = ''): unknown => JSON.parse(pages[path]?.(new URLSearchParams(query)) ?? 'null')
  t.same(report(), { configured: true, problems: [], peers: [], routes: 0 })
  t.same(ask(BGP_PATHS.routes), { node: 'n1', total: 0, from: 0, routes: [] })
  t.match(ask(BGP_PATHS.why, 'prefix=10.99.0.9'), { silent: 'no peer selects this node' })
  engine = engineOf([peerReport('frr')], [bgpLine('10.99.0.1/32'), bgpLine('10.99.0.2/32')])
  t.match(report(), { configured: true, port: 179, routes: 2 })
  t.match(ask(BGP_PATHS.routes, 'from=1'), { from: 1, total: 2, routes: [{ prefix: '10.99.0.2/32' }] })
  t.match(ask(BGP_PATHS.routes, 'from=-7'), { from: 0, total: 2 })
  t.match(ask(BGP_PATHS.routes, 'from=x'), { from: 0 })
  t.match(ask(BGP_PATHS.capture), { node: 'n1', messages: [{ type: 'OPEN' }] })
  t.same(ask(BGP_PATHS.capture, 'peer=bird'), { node: 'n1', messages: [] })
  t.match(ask(BGP_PATHS.why, 'prefix=10.99.0.1/32'), { route: { told: ['frr'] }, verdicts: [{ told: true }] })
  t.match(ask(BGP_PATHS.why, 'prefix=10.99.0.9'), { silent: 'no peer selects this node', verdicts: [] })
})

t.test('metrics are those of the contract and ours, and those of a peer end with it', async (t) => {
  const metrics = createMetrics({ processMetrics: false })
  t.teardown(() => metrics.close())
  let peers = [
    peerReport('frr', {
      flaps: 2,
      bfd: bfdReport(),
      holdSlackMs: 61_500,
      notifications: [{ direction: 'received', code: 6, subcode: 4, count: 3 }],
    }),
    downReport('tor', { address: undefined, interface: 'eth1', state: 'OpenConfirm' }),
  ]
  const lines = [bgpLine('10.99.0.1/32'), bgpLine('fd00::1/128')]
  let problems: readonly BgpTrouble[] = [
    { peer: 'bad', code: 'no-peer-as', message: '', cure: '' },
    { code: 'listen', message: '', cure: '' },
  ]
  registerBgpMetrics(metrics, { node: 'n1', engine: () => engineOf(peers, lines), problems: () => problems })
  const text = await metrics.registry.metrics()
  for (const line of [
    '# TYPE session_up gauge',
    'session_up{nodeName="n1",peerIP="10.251.0.31"} 5',
    'session_up{nodeName="n1",peerIP="eth1"} 4',
    'updates_total{nodeName="n1",peerIP="10.251.0.31"} 3',
    'announced_prefixes_total{nodeName="n1",peerIP="10.251.0.31"} 2',
    'pending_prefixes_total{nodeName="n1",peerIP="eth1"} 2',
    'openelb_bgp_session_state{peer="frr",state="Established"} 1',
    'openelb_bgp_session_state{peer="frr",state="Idle"} 0',
    'openelb_bgp_session_error{peer="tor",code="refused"} 1',
    '# TYPE openelb_bgp_messages_total counter',
    'openelb_bgp_messages_total{peer="frr",direction="sent",type="keepalive"} 9',
    'openelb_bgp_notifications_total{peer="frr",direction="received",code="6",subcode="4"} 3',
    'openelb_bgp_session_flaps_total{peer="frr"} 2',
    'openelb_bgp_hold_timer_slack_seconds{peer="frr"} 61.5',
    'openelb_bgp_rib_prefixes{family="IPv4"} 1',
    'openelb_bgp_rib_prefixes{family="IPv6"} 1',
    'openelb_bgp_setting_problem{peer="bad",code="no-peer-as"} 1',
    'openelb_bgp_setting_problem{peer="",code="listen"} 1',
    'openelb_bfd_session_up{peer="frr"} 1',
    'openelb_bfd_packets_total{peer="frr",outcome="discarded"} 2',
    'openelb_bfd_detection_seconds{peer="frr"} 0.9',
  ])
    t.ok(text.split('\n').includes(line), line)
  t.notOk(/openelb_bgp_session_error\{peer="frr"/.test(text), 'no error beside a session')
  t.notOk(/openelb_bfd_\w+\{peer="tor"/.test(text), 'no BFD where there is none')
  peers = [peerReport('frr')]
  t.notOk(/"tor"|eth1/.test(await metrics.registry.metrics()), 'a peer that is gone')
  peers = []
  problems = []
  t.notOk(/peer(IP)?="/.test(await metrics.registry.metrics()))
})
