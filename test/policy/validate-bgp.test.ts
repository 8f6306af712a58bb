import t from 'tap'
import type { BgpConfObject, BgpConfSpec } from '../../src/api/bgp-conf.ts'
import type { BgpPeerObject, BgpPeerSpec } from '../../src/api/bgp-peer.ts'
import { validateBgpConf } from '../../src/policy/validate-bgp-conf.ts'
import { validateBgpPeer } from '../../src/policy/validate-bgp-peer.ts'
import type { Verdict } from '../../src/policy/verdict.ts'

const metadata = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
const conf = (spec: BgpConfSpec, name = 'default'): BgpConfObject => ({ apiVersion: 'v', kind: 'BgpConf', metadata: metadata(name), spec })
const peer = (spec: BgpPeerSpec, name = 'p'): BgpPeerObject => ({ apiVersion: 'v', kind: 'BgpPeer', metadata: metadata(name), spec })
const told = (verdict: Verdict): string => (verdict.allowed ? ['allowed', ...verdict.warnings].join(' | ') : verdict.message)

t.test('BgpConf', async (t) => {
  const table: readonly [BgpConfSpec, RegExp][] = [
    [
      { as: 65001, listenPort: 17900, routerId: '10.251.0.201', listenAddresses: ['::', '0.0.0.0'], families: [65537, 131073] },
      /^allowed$/,
    ],
    [{ as: 4_200_000_001 }, /^allowed$/],
    [{ asPerRack: { r1: 65001 } }, /^allowed$/],
    [{}, /^allowed \| spec\.as is missing: /],
    [{ as: 0 }, /^spec\.as is 0, which is no AS number: use 1 to 4294967295/],
    [{ as: 23456 }, /^spec\.as is 23456/],
    [{ as: 65535 }, /^allowed \| spec\.as is 65535, the last AS number/],
    [{ as: 4_294_967_295 }, /^allowed \| spec\.as is 4294967295/],
    [{ as: 65001, asPerRack: { r1: 0 } }, /^spec\.asPerRack\.r1 is 0/],
    [{ as: 65001, routerId: '' }, /^allowed$/],
    [{ as: 65001, routerId: '0.0.0.0' }, /^spec\.routerId is not a router ID: /],
    [{ as: 65001, routerId: 'fd00::1' }, /^spec\.routerId is not a router ID: /],
    [{ as: 65001, routerId: 'r1' }, /^spec\.routerId is not a router ID: /],
    [{ as: 65001, listenAddresses: ['10.0.0.1', 'lo'] }, /^spec\.listenAddresses\[1\] is not an address: "lo"/],
    [{ as: 65001, families: [1] }, /^allowed \| spec\.families contains 1; only/],
    [{ as: 65001, gracefulRestart: { enabled: true, restartTime: 4095 } }, /^allowed$/],
    [{ as: 65001, gracefulRestart: { restartTime: 4096 } }, /^spec\.gracefulRestart\.restartTime is 4096: use 0 to 4095 seconds/],
    [{ as: 65001, policy: 'my-policy.v1' }, /^allowed$/],
    [{ as: 65001, policy: 'My Policy' }, /^spec\.policy is not the name of a ConfigMap: /],
  ]
  for (const [spec, want] of table) t.match(told(validateBgpConf(conf(spec), undefined)), want, JSON.stringify(spec))
  t.match(
    told(validateBgpConf(conf({ as: 65001 }, 'other'), undefined)),
    /^allowed \| the BgpConf other has no effect: only the one named default is read$/,
  )
  t.equal(told(validateBgpConf(conf({ as: 0 }), conf({ as: 0 }))), 'allowed', 'what is stored stays editable')
  t.match(told(validateBgpConf(conf({ as: 0 }), conf({ as: 1 }))), /^spec\.as is 0/)
})

const OK = { neighborAddress: '10.251.0.31', peerAs: 65000 }

t.test('BgpPeer', async (t) => {
  const table: readonly [BgpPeerSpec, RegExp][] = [
    [{ conf: OK }, /^allowed$/],
    [{}, /^spec\.conf is missing: write at least spec\.conf\.neighborAddress and spec\.conf\.peerAs/],
    [{ conf: { peerAs: 65000 } }, /^spec\.conf\.neighborAddress is missing: /],
    [{ conf: { ...OK, neighborAddress: 'router' } }, /^spec\.conf\.neighborAddress is not an address: "router"/],
    [{ conf: { ...OK, neighborAddress: '0.0.0.0' } }, /^spec\.conf\.neighborAddress is 0\.0\.0\.0, which no router can have: /],
    [{ conf: { ...OK, neighborAddress: '224.0.0.5' } }, /which no router can have/],
    [{ conf: { ...OK, neighborAddress: 'ff02::5' } }, /which no router can have/],
    [{ conf: { ...OK, neighborAddress: 'fe80::1' } }, /^allowed \| .* is link-local: without spec\.conf\.neighborInterface/],
    [{ conf: { ...OK, neighborAddress: 'fe80::1', neighborInterface: 'eth0' } }, /^allowed$/],
    [{ conf: { ...OK, neighborInterface: 'eth0' } }, /^allowed \| spec\.conf\.neighborInterface has no effect beside/],
    [{ conf: { neighborInterface: 'eth0', peerAs: 65000 } }, /^allowed$/],
    [{ conf: { neighborInterface: 'eth0', peerAs: 65000, authPassword: 'x' } }, /^spec\.conf has a password and neighborInterface without/],
    [
      { conf: { neighborInterface: 'eth0', peerAs: 65000, authPasswordSecretKey: 'x' } },
      /^spec\.conf has a password and neighborInterface/,
    ],
    [{ conf: { neighborAddress: '10.251.0.31', dynamicAs: 'external' } }, /^allowed$/],
    [{ conf: { ...OK, dynamicAs: 'external' } }, /^spec\.conf\.peerAs and spec\.conf\.dynamicAs are both given: /],
    [{ conf: { ...OK, authPassword: 'x', authPasswordSecretKey: 'y' } }, /^spec\.conf\.authPassword and .*Key are both given: /],
    [{ conf: { ...OK, authPasswordSecretKey: 'y' } }, /^allowed$/],
    [{ conf: { ...OK, vrf: 'red' } }, /^allowed$/],
    [{ conf: { ...OK, vrf: 'a name that is too long' } }, /^allowed \| spec\.conf\.vrf is "a name that is too long", which no interface/],
    [{ conf: OK, transport: { localAddress: '10.251.0.1', bindInterface: 'eth0.7' } }, /^allowed$/],
    [{ conf: OK, transport: { localAddress: 'eth0' } }, /^spec\.transport\.localAddress is not an address: /],
    [{ conf: OK, transport: { localAddress: 'fd00::1' } }, /^spec\.transport\.localAddress is IPv6 and the peer is IPv4: /],
    [{ conf: OK, transport: { bindInterface: 'a/b' } }, /^spec\.transport\.bindInterface is "a\/b": /],
    [{ conf: OK, ttlSecurity: { enabled: true, ttlMin: 254 } }, /^allowed$/],
    [{ conf: OK, ttlSecurity: { ttlMin: 254 } }, /^allowed \| spec\.ttlSecurity\.ttlMin has no effect/],
    [{ conf: OK, ttlSecurity: { enabled: true }, ebgpMultihop: { enabled: true } }, /^spec\.ttlSecurity and spec\.ebgpMultihop are both/],
    [
      { conf: { ...OK, localAs: 65000 }, ebgpMultihop: { enabled: true } },
      /^allowed \| spec\.ebgpMultihop has no effect: the peer is internal/,
    ],
    [{ conf: { neighborAddress: '10.251.0.31', dynamicAs: 'internal', role: 'customer' } }, /^allowed \| spec\.conf\.role has no effect/],
    [{ conf: OK, bfd: { minimumTtl: 250 }, ebgpMultihop: { enabled: true } }, /^allowed$/],
    [{ conf: OK, gracefulRestart: { longlivedEnabled: true, staleRoutesTime: 16_777_216 } }, /^allowed \| spec\.gracefulRestart\.stale/],
    [{ conf: { neighborAddress: '10.251.0.31' } }, /^spec\.conf\.peerAs is missing: /],
    [{ conf: { ...OK, peerAs: 0 } }, /^spec\.conf\.peerAs is 0, which is no AS number/],
    [{ conf: { ...OK, localAs: 0 } }, /^allowed$/],
    [{ conf: { ...OK, localAs: 23456 } }, /^spec\.conf\.localAs is 23456/],
    [{ conf: { ...OK, authPassword: 'x'.repeat(80) } }, /^allowed$/],
    [{ conf: { ...OK, authPassword: 'ü'.repeat(41) } }, /^spec\.conf\.authPassword has more than 80 bytes: /],
    [{ conf: OK, timers: { config: { holdTime: '0', keepaliveInterval: '', connectRetry: '5' } } }, /^allowed \| .*nobody notices a peer/],
    [{ conf: OK, timers: { config: { holdTime: '0' } }, bfd: {} }, /^allowed$/],
    [{ conf: OK, timers: { config: { holdTime: '3', keepaliveInterval: '1' } } }, /^allowed$/],
    [{ conf: OK, timers: { config: { holdTime: '1' } } }, /^spec\.timers\.config\.holdTime is "1": use "0" .* or at least "3"/],
    [{ conf: OK, timers: { config: { holdTime: '2' } } }, /^spec\.timers\.config\.holdTime is "2"/],
    [{ conf: OK, timers: { config: { holdTime: '90s' } } }, /^spec\.timers\.config\.holdTime is "90s": write whole seconds as text/],
    [{ conf: OK, timers: { config: { connectRetry: '65536' } } }, /^spec\.timers\.config\.connectRetry is "65536"/],
    [{ conf: OK, timers: { config: { holdTime: '9', keepaliveInterval: '9' } } }, /^allowed \| .*keepaliveInterval is not below holdTime/],
    [{ conf: OK, gracefulRestart: { restartTime: 5000 } }, /^spec\.gracefulRestart\.restartTime is 5000/],
    [{ conf: OK, afiSafis: [{ config: { family: { afi: 'AFI_IP6', safi: 'SAFI_UNICAST' } } }, {}] }, /^allowed$/],
    [
      { conf: OK, afiSafis: [{ config: { family: { afi: 'AFI_L2VPN' } } }] },
      /^allowed \| spec\.afiSafis\[0\]\.config\.family\.afi is "AFI_L2VPN"/,
    ],
    [{ conf: OK, transport: { tcpMss: 64 } }, /^allowed \| spec\.transport\.tcpMss is 64 and has no effect: /],
    [{ conf: OK, transport: { tcpMss: 1400 } }, /^allowed$/],
    [{ conf: OK, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] } }, /^allowed$/],
    [{ conf: OK, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }, /matchExpressions\[0\] has no values: /],
    [
      { conf: OK, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
      /matchExpressions\[0\] has values: /,
    ],
    [{ conf: OK, nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Equals' }] } }, /operator is "Equals": use In, NotIn/],
  ]
  for (const [spec, want] of table) t.match(told(validateBgpPeer(peer(spec), undefined, [])), want, JSON.stringify(spec).slice(0, 100))
  t.equal(told(validateBgpPeer(peer({}), peer({}), [])), 'allowed', 'what is stored stays editable')
})

t.test('one neighbour in two BgpPeers', async (t) => {
  const other = (nodeSelector?: BgpPeerSpec['nodeSelector']) => peer({ conf: OK, ...(nodeSelector && { nodeSelector }) }, 'other')
  const rack = (name: string) => ({ matchLabels: { rack: name } })
  const judge = (mine: BgpPeerSpec, ...others: readonly BgpPeerObject[]) => told(validateBgpPeer(peer(mine), undefined, others))
  const taken = /^the BgpPeer other has the neighbour 10\.251\.0\.31 already, on the same nodes: /
  t.match(judge({ conf: OK }, other()), taken)
  t.match(judge({ conf: OK, nodeSelector: rack('a') }, other()), taken)
  t.match(judge({ conf: OK, nodeSelector: rack('a') }, other(rack('a'))), taken)
  t.match(judge({ conf: OK, nodeSelector: rack('a') }, other(rack('b'))), /^allowed \| the BgpPeer other has the neighbour .* too; /)
  t.equal(judge({ conf: { ...OK, neighborAddress: '10.251.0.32' } }, other()), 'allowed')
  t.equal(judge({ conf: OK }, peer({ conf: OK })), 'allowed', 'it is not its own rival')
  const six = (neighborAddress: string) => ({ conf: { neighborAddress, peerAs: 65000 } })
  t.match(judge(six('fd00::1'), peer(six('fd00:0:0::01'), 'other')), /^the BgpPeer other has the neighbour fd00::1 already/)
  const link = { conf: { neighborInterface: 'eth0', peerAs: 65000 } }
  t.match(judge(link, peer(link, 'other')), /^the BgpPeer other has the neighbour behind eth0 already/)
  const near = (neighborInterface: string) => ({ conf: { ...OK, neighborAddress: 'fe80::1', neighborInterface } })
  t.match(judge(near('eth0'), peer(near('eth0'), 'other')), /^the BgpPeer other has the neighbour fe80::1%eth0 already/)
  t.match(judge(near('eth0'), peer(near('eth1'), 'other')), /^allowed/, 'routers on two links')
})
