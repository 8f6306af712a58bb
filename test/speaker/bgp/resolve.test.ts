import t from 'tap'
import type { BgpConfSpec } from '../../../src/api/bgp-conf.ts'
import type { BgpPeerSpec } from '../../../src/api/bgp-peer.ts'
import { resolveBgp } from '../../../src/speaker/bgp/resolve.ts'
import type { BgpFacts } from '../../../src/speaker/bgp/resolve-facts.ts'
import type { BgpSettings, PeerSettings } from '../../../src/speaker/bgp/settings.ts'
import { confOf, FACTS, ip, peerOf, ROUTER } from './support/resolve-facts.ts'

const codes = (facts: BgpFacts): readonly string[] => resolveBgp(facts).problems.map(({ peer, code }) => `${peer ?? '-'} ${code}`)
const settingsOf = (facts: BgpFacts): BgpSettings | undefined => resolveBgp(facts).settings
const ofConf = (spec: BgpConfSpec, node: Partial<BgpFacts['node']> = {}): BgpFacts => ({
  ...FACTS,
  conf: confOf({ as: 65_001, ...spec }),
  node: { ...FACTS.node, ...node },
})
const ofPeer = (spec: BgpPeerSpec, conf: BgpConfSpec = {}): BgpFacts => ({
  ...ofConf(conf),
  peers: [peerOf('tor', { conf: ROUTER, ...spec })],
})
const RACK = { 'openelb.kubesphere.io/rack': 'r1' }

t.test('without BgpConf, an AS, or the right to it, a node speaks no BGP', async (t) => {
  const table: readonly [BgpFacts, readonly string[]][] = [
    [{ ...FACTS, conf: undefined }, []],
    [{ ...FACTS, conf: confOf({}) }, ['- no-as']],
    [{ ...FACTS, conf: confOf({ as: 0 }) }, ['- no-as']],
    [{ ...FACTS, conf: confOf({ as: 23_456 }) }, ['- no-as']],
    [{ ...FACTS, conf: confOf({ as: 'x' }) }, ['- unreadable']],
    [{ ...FACTS, conf: confOf({ as: 65_001 }, { 'openelb.kubesphere.io/cni': 'calico' }) }, ['- foreign-cni']],
    [{ ...FACTS, conf: { ...confOf({ as: 1 }), metadata: { ...confOf({}).metadata, deletionTimestamp: 'now' } } }, []],
  ]
  for (const [facts, want] of table) {
    t.equal(settingsOf(facts), undefined)
    t.same(codes(facts), want)
  }
})

t.test('AS, router id and listener of a node', async (t) => {
  const peer = (facts: BgpFacts) => settingsOf(facts)?.peers[0]
  const table: readonly [BgpFacts, readonly [as: number, routerId: string], readonly string[]][] = [
    [ofConf({}), [65_001, '10.0.0.1'], []],
    [ofConf({ routerId: '8.8.8.8' }), [65_001, '8.8.8.8'], []],
    [ofConf({ routerId: '' }), [65_001, '10.0.0.1'], []],
    [ofConf({ routerId: 'fd00::1' }), [65_001, '10.0.0.1'], ['- bad-setting']],
    [ofConf({ asPerRack: { r1: 65_011 } }, { labels: RACK }), [65_011, '10.0.0.1'], []],
    [ofConf({ asPerRack: { r1: 65_011 }, routerId: '8.8.8.8' }, { labels: RACK }), [65_011, '10.0.0.1'], []],
    [ofConf({ asPerRack: { r2: 65_012 } }, { labels: RACK }), [65_001, '10.0.0.1'], []],
    [ofConf({ asPerRack: { r1: 65_011 }, routerId: '8.8.8.8' }), [65_001, '8.8.8.8'], []],
  ]
  for (const [facts, [as, routerId], want] of table) {
    const identity = { as, routerId: Number(ip(routerId).value) }
    t.match(peer(facts), { localAs: as, routerId: identity.routerId })
    t.same(resolveBgp({ ...facts, peers: [] }).identity, identity, 'without peers too')
    t.same(codes(facts), want)
  }
  const sixOnly = ofConf({}, { addresses: { IPv4: undefined, IPv6: ip('fd00::1') } })
  const other = ofConf({}, { addresses: { IPv4: undefined, IPv6: ip('fd00::1') }, name: 'n2' })
  t.same(codes(sixOnly), ['- no-router-id'])
  t.equal(peer(sixOnly)?.routerId, peer(sixOnly)?.routerId)
  t.not(peer(sixOnly)?.routerId, peer(other)?.routerId, 'another name, another number')
  const listen = (spec: BgpConfSpec) => settingsOf(ofConf(spec))?.listen
  t.same(listen({}), { port: 'default', addresses: [] })
  t.same(listen({ listenPort: 0 }), { port: 'default', addresses: [] })
  t.same(listen({ listenPort: -1 }), { port: 'none', addresses: [] })
  t.same(listen({ listenPort: 17_900, listenAddresses: ['10.0.0.1'] }), { port: 17_900, addresses: [ip('10.0.0.1')] })
  t.same(listen({ listenAddresses: ['lo'] }), { port: 'none', addresses: [] }, 'no address that can be read opens nothing, not everything')
})

t.test('every field of a BgpPeer', async (t) => {
  const bfd = { transmitMs: 300, receiveMs: 300, detectMultiplier: 3, passive: false, leastTtl: 254, authentication: undefined }
  const both = ['IPv4', 'IPv6'].map((family) => ({ family, addPathSend: 0, restarts: true }))
  const restart = { restartSec: 120, notification: false, longLivedSec: undefined }
  const timers = (config: NonNullable<BgpPeerSpec['timers']>['config'] & object): BgpPeerSpec => ({ timers: { config } })
  const family = (afi: string, more: object = {}) => ({ config: { family: { afi, safi: 'SAFI_UNICAST' }, enabled: true }, ...more })
  const table: readonly [name: string, facts: BgpFacts, want: object, problems?: readonly string[]][] = [
    [
      'defaults',
      ofPeer({}),
      {
        expectedAs: 65_000,
        adminDown: false,
        nextHop: 'auto',
        bfd: undefined,
        role: undefined,
        gracefulRestart: undefined,
        families: both,
      },
    ],
    ['default times', ofPeer({}), { times: { holdMs: 90_000, keepaliveMs: undefined, connectRetryMs: 5000, advertisementMs: 0 } }],
    ['an external neighbour', ofPeer({}), { transport: { ttl: 1, leastTtl: undefined, password: undefined, passive: false } }],
    ['an internal one', ofPeer({ conf: { ...ROUTER, peerAs: 65_001 } }), { transport: { ttl: 255, leastTtl: undefined } }],
    ['one behind another', ofPeer({ ebgpMultihop: { enabled: true, multihopTtl: 7 } }), { transport: { ttl: 7 } }],
    ['the default of multihop', ofPeer({ ebgpMultihop: { enabled: true } }), { transport: { ttl: 255 } }],
    ['multihop that is off', ofPeer({ ebgpMultihop: { multihopTtl: 7 } }), { transport: { ttl: 1 } }],
    ['GTSM', ofPeer({ ttlSecurity: { enabled: true } }), { transport: { ttl: 255, leastTtl: 255 } }],
    ['GTSM of a hop more', ofPeer({ ttlSecurity: { enabled: true, ttlMin: 254 } }), { transport: { ttl: 255, leastTtl: 254 } }],
    [
      'GTSM and multihop',
      ofPeer({ ttlSecurity: { enabled: true }, ebgpMultihop: { enabled: true } }),
      { transport: { leastTtl: 255 } },
      ['tor ignored'],
    ],
    [
      'any other AS',
      ofPeer({ conf: { neighborAddress: '10.0.0.254', dynamicAs: 'external' } }),
      { expectedAs: 'external', transport: { ttl: 1 } },
    ],
    [
      'our AS',
      ofPeer({ conf: { neighborAddress: '10.0.0.254', dynamicAs: 'internal' } }),
      { expectedAs: 'internal', transport: { ttl: 255 } },
    ],
    ['another AS for this peer', ofPeer({ conf: { ...ROUTER, localAs: 65_099 } }), { localAs: 65_099 }],
    [
      'OpenELB writes 0 for none',
      ofPeer({ conf: { ...ROUTER, localAs: 0 }, transport: { remotePort: 0, tcpMss: 0 } }),
      { localAs: 65_001, remote: { port: 179 }, transport: { mss: undefined } },
    ],
    [
      'port and segment size',
      ofPeer({ transport: { remotePort: 17_900, tcpMss: 1400, passiveMode: true } }),
      { remote: { port: 17_900 }, transport: { mss: 1400, passive: true } },
    ],
    ['a password', ofPeer({ conf: { ...ROUTER, authPassword: 'x' } }), { transport: { password: 'x' } }],
    ['one of the Secret', ofPeer({ conf: { ...ROUTER, authPasswordSecretKey: 'tor' } }), { transport: { password: 'secret' } }],
    [
      'our address',
      ofPeer({ transport: { localAddress: '10.0.0.1', bindInterface: 'eth1' } }),
      { transport: { localAddress: ip('10.0.0.1'), device: 'eth1' } },
    ],
    ['a VRF', ofPeer({ conf: { ...ROUTER, vrf: 'red' } }), { transport: { device: 'red' } }],
    [
      'an interface of a VRF',
      ofPeer({ conf: { ...ROUTER, vrf: 'red' }, transport: { bindInterface: 'eth1' } }),
      { transport: { device: 'eth1' } },
    ],
    [
      'an unnumbered peer',
      ofPeer({ conf: { neighborInterface: 'eth1', peerAs: 65_000 } }),
      { remote: { kind: 'interface', name: 'eth1', port: 179 } },
    ],
    [
      'a link-local one',
      ofPeer({ conf: { neighborAddress: 'fe80::1', neighborInterface: 'eth1', peerAs: 65_000 } }),
      { remote: { kind: 'address' }, transport: { device: 'eth1' } },
    ],
    ['a void interface', ofPeer({ conf: { ...ROUTER, neighborInterface: 'eth1' } }), { transport: { device: undefined } }, ['tor ignored']],
    ['a role', ofPeer({ conf: { ...ROUTER, role: 'customer' } }), { role: 'customer' }],
    ['a role without meaning', ofPeer({ conf: { ...ROUTER, peerAs: 65_001, role: 'customer' } }), { role: undefined }, ['tor ignored']],
    [
      'times',
      ofPeer(timers({ holdTime: '9', keepaliveInterval: '2', connectRetry: '30', minimumAdvertisementInterval: '5' })),
      { times: { holdMs: 9000, keepaliveMs: 2000, connectRetryMs: 30_000, advertisementMs: 5000 } },
    ],
    ['no hold time', ofPeer(timers({ holdTime: '0' })), { times: { holdMs: 0 } }],
    [
      'empty texts and 0',
      ofPeer(timers({ holdTime: '', keepaliveInterval: '0', connectRetry: '0' })),
      { times: { holdMs: 90_000, keepaliveMs: undefined, connectRetryMs: 5000 } },
    ],
    ['a hold time that is none', ofPeer(timers({ holdTime: '2' })), { times: { holdMs: 90_000 } }, ['tor bad-setting']],
    ['too many seconds', ofPeer(timers({ holdTime: '99999' })), { times: { holdMs: 90_000 } }, ['tor bad-setting']],
    [
      'keepalives too rare',
      ofPeer(timers({ holdTime: '9', keepaliveInterval: '9' })),
      { times: { keepaliveMs: undefined } },
      ['tor ignored'],
    ],
    [
      'one family',
      ofPeer({ afiSafis: [family('AFI_IP6', { addPaths: { config: { sendMax: 10 } } })] }),
      { families: [{ family: 'IPv6', addPathSend: 10, restarts: true }] },
    ],
    [
      'the family of the address',
      ofPeer({ afiSafis: [{ addPaths: { config: { sendMax: 4 } } }] }),
      { families: [{ family: 'IPv4', addPathSend: 4 }] },
    ],
    [
      'a family that is off',
      ofPeer({ afiSafis: [family('AFI_IP'), { config: { family: { afi: 'AFI_IP6' }, enabled: false } }] }),
      { families: [{ family: 'IPv4' }] },
    ],
    [
      'one that does not restart',
      ofPeer({ afiSafis: [family('AFI_IP', { mpGracefulRestart: { config: { enabled: false } } })] }),
      { families: [{ family: 'IPv4', restarts: false }] },
    ],
    [
      'one of GoBGP',
      ofPeer({ afiSafis: [family('AFI_L2VPN'), family('AFI_IP'), family('AFI_IP')] }),
      { families: [{ family: 'IPv4' }] },
      ['tor ignored', 'tor ignored'],
    ],
    ['families of BgpConf', ofPeer({}, { families: [131_073, 7] }), { families: [{ family: 'IPv6' }] }],
    ['graceful restart of BgpConf', ofPeer({}, { gracefulRestart: { enabled: true } }), { gracefulRestart: restart }],
    [
      'that of the peer over it',
      ofPeer({ gracefulRestart: { enabled: false } }, { gracefulRestart: { enabled: true } }),
      { gracefulRestart: undefined },
    ],
    [
      'field by field',
      ofPeer({ gracefulRestart: { restartTime: 60 } }, { gracefulRestart: { enabled: true, notificationEnabled: true } }),
      { gracefulRestart: { restartSec: 60, notification: true } },
    ],
    [
      'more than OPEN can say',
      ofPeer({ gracefulRestart: { enabled: true, restartTime: 5000 } }),
      { gracefulRestart: { restartSec: 4095 } },
      ['tor bad-setting'],
    ],
    [
      'helper',
      ofPeer({ gracefulRestart: { enabled: true, helperOnly: true, longlivedEnabled: true } }),
      { gracefulRestart: { restartSec: 0, longLivedSec: undefined } },
    ],
    [
      'long-lived',
      ofPeer({ gracefulRestart: { enabled: true, longlivedEnabled: true } }),
      { gracefulRestart: { restartSec: 120, longLivedSec: 3600 } },
    ],
    ['BFD', ofPeer({ bfd: {} }), { bfd }],
    ['BFD that is off', ofPeer({ bfd: { enabled: false } }), { bfd: undefined }],
    [
      'fast BFD',
      ofPeer({ bfd: { transmitInterval: 50, receiveInterval: 60, detectMultiplier: 5, passiveMode: true } }),
      { bfd: { transmitMs: 50, receiveMs: 60, detectMultiplier: 5, passive: true } },
    ],
    [
      'signed BFD',
      ofPeer({ bfd: { authentication: { type: 'keyed-sha1', keyId: 7, secretKey: 'bfd' } } }),
      { bfd: { authentication: { type: 'keyed-sha1', keyId: 7, key: 'key' } } },
    ],
    [
      'BFD without its key',
      ofPeer({ bfd: { authentication: { type: 'keyed-sha1', keyId: 7, secretKey: 'none' } } }),
      { bfd: undefined },
      ['tor no-secret-key'],
    ],
    ['a TTL of BFD without use', ofPeer({ bfd: { minimumTtl: 250 } }), { bfd: { leastTtl: 250 } }, ['tor ignored']],
    ['next hops', ofPeer({ nextHop: 'nodes', conf: { ...ROUTER, adminDown: true } }), { nextHop: 'nodes', adminDown: true }],
  ]
  for (const [name, facts, want, problems = []] of table) {
    t.match(settingsOf(facts)?.peers[0] satisfies PeerSettings | undefined, { name: 'tor', ...want }, name)
    t.same(codes(facts), problems, name)
  }
})

t.test('a peer that cannot be as it was asked for is left out, and said', async (t) => {
  const table: readonly [BgpPeerSpec, string][] = [
    [{ conf: { peerAs: 65_000 } }, 'no-peer-address'],
    [{ conf: { neighborAddress: 'router', peerAs: 65_000 } }, 'no-peer-address'],
    [{ conf: { neighborAddress: '224.0.0.5', peerAs: 65_000 } }, 'no-peer-address'],
    [{ conf: { neighborAddress: 'fe80::1', peerAs: 65_000 } }, 'no-peer-address'],
    [{ conf: { neighborInterface: 'a/b', peerAs: 65_000 } }, 'bad-setting'],
    [{ conf: { neighborAddress: '10.0.0.254' } }, 'no-peer-as'],
    [{ conf: { neighborAddress: '10.0.0.254', peerAs: 0 } }, 'no-peer-as'],
    [{ conf: { neighborAddress: '10.0.0.254', peerAs: 23_456 } }, 'no-peer-as'],
    [{ conf: { ...ROUTER, dynamicAs: 'external' } }, 'bad-setting'],
    [{ conf: { ...ROUTER, localAs: 23_456 } }, 'bad-setting'],
    [{ conf: { ...ROUTER, authPasswordSecretKey: 'none' } }, 'no-secret-key'],
    [{ conf: { ...ROUTER, authPasswordSecretKey: 'long' } }, 'bad-setting'],
    [{ conf: { ...ROUTER, authPasswordSecretKey: 'tor', authPassword: 'x' } }, 'bad-setting'],
    [{ conf: { neighborInterface: 'eth1', peerAs: 65_000, authPassword: 'x' } }, 'bad-setting'],
    [{ transport: { localAddress: 'eth0' } }, 'bad-setting'],
    [{ transport: { localAddress: 'fd00::1' } }, 'bad-setting'],
    [{ transport: { bindInterface: 'a b' } }, 'bad-setting'],
    [{ afiSafis: [{ config: { enabled: false } }] }, 'bad-setting'],
    [{ nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Equals' }] } }, 'bad-setting'],
    [{ conf: { ...ROUTER, peerAs: 'x' } as unknown as { peerAs: number } }, 'unreadable'],
  ]
  for (const [spec, code] of table) {
    t.same(settingsOf(ofPeer(spec))?.peers, [], JSON.stringify(spec))
    t.same(codes(ofPeer(spec)), [`tor ${code}`], JSON.stringify(spec))
  }
  t.same(codes({ ...FACTS, secret: undefined, peers: [peerOf('tor', { conf: { ...ROUTER, authPasswordSecretKey: 'tor' } })] }), [
    'tor no-secret-key',
  ])
})

t.test('D22: a BgpPeer without conf costs no other peer its session', async (t) => {
  const facts = { ...FACTS, peers: [peerOf('a', {}), peerOf('b', undefined), peerOf('c', null), ...FACTS.peers] }
  t.same(
    settingsOf(facts)?.peers.map(({ name }) => name),
    ['tor'],
  )
  t.same(codes(facts), ['a no-peer-address', 'b no-peer-address', 'c no-peer-address'])
})
