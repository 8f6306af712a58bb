/** What the routers' own words come to, in their words as they were seen. */
import t from 'tap'
import { birdConfig } from '../../lab/peers/bird-config.ts'
import { parseBirdRestarting, parseBirdRoutes, parseBirdSession } from '../../lab/peers/bird-tables.ts'
import { frrConfig } from '../../lab/peers/frr-config.ts'
import { parseFrrRoutes, parseFrrSession } from '../../lab/peers/frr-tables.ts'
import { gobgpConfig } from '../../lab/peers/gobgp-config.ts'
import { parseGobgpRoutes, parseGobgpSession } from '../../lab/peers/gobgp-tables.ts'
import { inability, PLAIN_NEIGHBOUR, type RouterSpec } from '../../lab/peers/spec.ts'

const NODE = { ...PLAIN_NEIGHBOUR, name: 'n1', remote: { address: '10.66.0.2' }, as: 65_001 }
const SPEC: RouterSpec = { as: 65_000, routerId: '10.66.0.1', port: 179, neighbours: [NODE], originates: ['198.51.100.0/24'] }
const PATH = {
  nextHops: ['192.0.2.2'],
  from: '192.0.2.2',
  asPath: [65_001],
  origin: 'igp',
  med: undefined,
  localPref: undefined,
  communities: ['65001:7'],
  largeCommunities: ['1:2:3'],
  extendedCommunities: ['rt:65001:9'],
  stale: false,
  best: true,
} as const

t.test('routes of FRR: attributes, stale ones, and the link-local address beside a global one is no next hop', async (t) => {
  const path = {
    aspath: { segments: [{ type: 'as-sequence', list: [65_001] }] },
    origin: 'IGP',
    bestpath: { overall: true },
    community: { list: ['65001:7'] },
    extendedCommunity: { string: 'RT:65001:9' },
    largeCommunity: { list: ['1:2:3'] },
    nexthops: [{ ip: '192.0.2.2', afi: 'ipv4', used: true }],
    peer: { peerId: '192.0.2.2' },
  }
  const nexthops = [
    { ip: 'fd66:0::2', scope: 'global' },
    { ip: 'fe80::2', scope: 'link-local' },
  ]
  const text = JSON.stringify({
    routes: {
      '203.0.113.0/24': [{ prefix: '203.0.113.0/24' }, path],
      'fd09::1/128': [{ prefix: 'fd09::1/128' }, { ...path, stale: true, nexthops }],
    },
  })
  t.same(parseFrrRoutes(text), [
    { prefix: '203.0.113.0/24', paths: [PATH] },
    { prefix: 'fd09::1/128', paths: [{ ...PATH, stale: true, nextHops: ['fd66::2'] }] },
  ])
  t.same(parseFrrRoutes('{\n}\n'), [])
})

t.test('a session of FRR', async (t) => {
  const text = JSON.stringify({
    '192.0.2.2': {
      bgpState: 'Active',
      messageStats: { opensRecv: 2, notificationsRecv: 1 },
      connectionsEstablished: 1,
      lastResetDueTo: 'BGP Notification received',
      lastNotificationReason: 'Cease/Administrative Shutdown',
    },
  })
  t.match(parseFrrSession(text, '192.0.2.2'), {
    established: false,
    opensReceived: 2,
    notificationsReceived: 1,
    lastError: 'BGP Notification received; Cease/Administrative Shutdown',
  })
  t.equal(parseFrrSession(text, '192.0.2.3'), undefined)
})

t.test('routes of BIRD: several paths of a prefix, a stale one, and its own', async (t) => {
  const text = `BIRD 2.0.12 ready.
Table master4:
203.0.113.0/24       unicast [node 18:53:04.273] * (100) [AS65001i]
\tvia 192.0.2.2 on eth0
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 65001
\tBGP.next_hop: 192.0.2.2
\tBGP.local_pref: 100
\tBGP.community: (65001,7)
\tBGP.ext_community: (rt, 65001, 9)
\tBGP.large_community: (1, 2, 3)
                     unicast [other 18:53:04.273] (100s) [AS65001i]
\tvia 192.0.2.3 on eth0
\tType: BGP univ
\tBGP.next_hop: 192.0.2.3 fe80::3
198.51.100.0/24      blackhole [own_ipv4 18:52:47.124] * (200)
\tType: static univ
`
  const [first, second] = parseBirdRoutes(text)
  t.same(first?.prefix, '203.0.113.0/24')
  t.same(first?.paths[0], { ...PATH, from: 'node', localPref: 100 })
  t.match(first?.paths[1], { from: 'other', nextHops: ['192.0.2.3'], stale: true, best: false })
  t.match(parseBirdRoutes(text, parseBirdRestarting('node       BGP   ---\n    Neighbor graceful restart active\n'))[0]?.paths[0], {
    stale: true,
  })
  t.match(second, { prefix: '198.51.100.0/24', paths: [{ from: undefined, best: true }] })
})

t.test('a session of BIRD: by name, and of those behind an interface the one that is up', async (t) => {
  const part = (name: string, state: string) => `${name}     BGP        ---        up     18:53:03.223  ${state}
  BGP state:          ${state}
    Neighbor capabilities
      Route refresh
    Session:          external AS4
    Hold timer:       8.071/9
    Last error:       Socket: Connection refused
`
  const text = `BIRD 2.0.12 ready.\n\n${part('node_1', 'Idle')}\n${part('node_2', 'Established')}\n${part('nodes', 'Active')}`
  const want = { established: true, holdSec: 9, capabilities: ['Route refresh'], lastError: 'Socket: Connection refused' }
  t.match(parseBirdSession(text, 'node'), want)
  t.match(parseBirdSession(text, 'nodes'), { established: false, state: 'Active' })
  t.equal(parseBirdSession(text, 'nobody'), undefined)
})

t.test('routes and sessions of GoBGP', async (t) => {
  const attrs = [
    { type: 1, value: 0 },
    { type: 2, as_paths: [{ segment_type: 2, num: 1, asns: [65_001] }] },
    { type: 3, nexthop: '192.0.2.2' },
    { type: 8, communities: [4_259_905_543] },
    { type: 16, value: [{ type: 0, subtype: 2, value: '65001:9' }] },
    { type: 32, value: [{ ASN: 1, LocalData1: 2, LocalData2: 3 }] },
  ]
  const table = { '203.0.113.0/24': [{ attrs, best: true, stale: false, 'neighbor-ip': '192.0.2.2' }] }
  t.same(parseGobgpRoutes(JSON.stringify(table)), [{ prefix: '203.0.113.0/24', paths: [PATH] }])
  const neighbour = {
    conf: { neighbor_address: '192.0.2.2' },
    state: {
      session_state: 6,
      messages: { received: { open: 1 } },
      remote_cap: [{ type_url: 'type.googleapis.com/apipb.AddPathCapability' }],
    },
    timers: { state: { negotiated_hold_time: 9 } },
  }
  const want = { established: true, state: 'ESTABLISHED', opensReceived: 1, holdSec: 9, capabilities: ['AddPathCapability'] }
  t.match(parseGobgpSession(JSON.stringify([neighbour]), '192.0.2.2'), want)
})

t.test('every option of a neighbour is in every configuration, and none is without it', async (t) => {
  const options = [
    { with: { password: 'secret' }, frr: /password secret/, bird: /password "secret"/, gobgp: /auth-password = "secret"/ },
    { with: { ttlSecurity: true }, frr: /ttl-security hops 1/, bird: /ttl security on/, gobgp: /ttl-min = 255/ },
    { with: { passive: true }, frr: / passive/, bird: /passive on/, gobgp: /passive-mode = true/ },
    { with: { addPath: true }, frr: /activate\n {2}maximum/, bird: /add paths rx/, gobgp: /receive = true/ },
    { with: { gracefulRestartSec: 77 }, frr: /restart-time 77/, bird: /restart time 77/, gobgp: /restart-time = 77/ },
    { with: { extendedNextHop: true }, frr: /extended-nexthop/, bird: /extended next hop on/, gobgp: undefined },
    { with: { bfd: { intervalMs: 100, multiplier: 3 } }, frr: /bfd profile n1/, bird: /interval 100 ms/, gobgp: undefined },
  ] as const
  for (const { with: change, frr, bird, gobgp } of options) {
    const spec = { ...SPEC, neighbours: [{ ...NODE, ...change }] }
    for (const [name, words, of] of [
      ['frr', frr, (one: RouterSpec) => frrConfig(one).bgpd],
      ['bird', bird, (one: RouterSpec) => birdConfig(one, '/log')],
      ['gobgp', gobgp, gobgpConfig],
    ] as const) {
      if (words === undefined) continue
      t.match(of(spec), words, `${name} ${JSON.stringify(change)}`)
      t.notMatch(of(SPEC), words, `${name} without ${JSON.stringify(change)}`)
    }
  }
  t.equal(inability('gobgp', { ...SPEC, neighbours: [{ ...NODE, bfd: { intervalMs: 100, multiplier: 3 } }] }), 'GoBGP 3.10 has no BFD')
  t.equal(inability('frr', SPEC), undefined)
})
