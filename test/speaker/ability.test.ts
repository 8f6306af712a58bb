import t from 'tap'
import { formatPrefix } from '../../src/addr/prefix.ts'
import { abilityFor, type InterfaceRules, nodeAddressOf, routesNeeded } from '../../src/speaker/ability.ts'
import {
  createLinkHistory,
  createSubnetMemory,
  type HostFacts,
  interfacesOf,
  type NetworkInterface,
  type Route,
} from '../../src/speaker/host.ts'
import { parseNodeAddress } from '../../src/speaker/layer2/interface-spec.ts'
import { claimObject, ETH0, hostFacts, ipOf, nodeObject, prefixOfText } from './support/objects.ts'

const LO = { ...ETH0, index: 1, name: 'lo', mac: new Uint8Array(6), loopback: true }
const TUN0 = { ...ETH0, index: 7, name: 'tun0', mac: undefined, noArp: true }
const ETH1 = { ...ETH0, index: 3, name: 'eth1', up: false }
const WITH_IPV6 = { ...ETH0, addresses: [ipOf('fe80::1')] }
const link = (index: number, name: string, subnets: readonly string[], addresses: readonly string[] = [], over: object = {}) => ({
  ...ETH0,
  index,
  name,
  subnets: subnets.map(prefixOfText),
  addresses: addresses.map(ipOf),
  ...over,
})
/** A node with two networks, a bond and its member, a bridge and its port. */
const TWO_NETWORKS = hostFacts([
  LO,
  link(2, 'eth0', ['198.51.100.0/24', '2001:db8:1::/64'], ['198.51.100.5', 'fe80::2']),
  link(3, 'eth1', ['10.251.0.0/24'], ['10.251.0.5']),
  link(4, 'eth2', [], [], { isPort: true }),
  link(5, 'bond0', ['203.0.113.0/24', '10.251.0.0/24'], ['203.0.113.5', 'fe80::5']),
  link(6, 'eth3', ['10.251.0.0/24'], [], { up: false }),
])
const host = (routes: Readonly<Record<string, Route>> = {}): HostFacts => hostFacts([LO, ETH0, ETH1, TUN0], new Map(Object.entries(routes)))

const table: readonly {
  readonly name: string
  readonly claim?: Parameters<typeof claimObject>[1]
  readonly address?: string
  readonly host?: HostFacts
  readonly layer2?: boolean
  readonly rules?: InterfaceRules
  /** The interface, or why not. */
  readonly want: string
}[] = [
  { name: 'by name', want: 'eth0' },
  {
    name: 'the interface that leads to an address',
    claim: { interface: 'can_reach:10.0.0.1' },
    host: host({ '10.0.0.1': { kind: 'interface', index: 2 } }),
    want: 'eth0',
  },
  {
    name: 'by IPv6 too',
    claim: { interface: 'can_reach:2001:DB8::1' },
    host: host({ '2001:db8::1': { kind: 'interface', index: 2 } }),
    want: 'eth0',
  },
  {
    name: 'an address of this node leads nowhere',
    claim: { interface: 'can_reach:10.0.0.1' },
    host: host({ '10.0.0.1': { kind: 'local' } }),
    want: 'no-route',
  },
  {
    name: 'no route',
    claim: { interface: 'can_reach:10.0.0.1' },
    host: host({ '10.0.0.1': { kind: 'none', why: 'ENETUNREACH' } }),
    want: 'no-route',
  },
  { name: 'a route not read yet', claim: { interface: 'can_reach:10.0.0.1' }, want: 'no-route' },
  {
    name: 'the route leads to lo',
    claim: { interface: 'can_reach:10.0.0.1' },
    host: host({ '10.0.0.1': { kind: 'interface', index: 1 } }),
    want: 'interface-loopback',
  },
  {
    name: 'the route leads to an interface that is gone',
    claim: { interface: 'can_reach:10.0.0.1' },
    host: host({ '10.0.0.1': { kind: 'interface', index: 99 } }),
    want: 'interface-missing',
  },
  { name: 'can_reach of nothing', claim: { interface: 'can_reach:' }, want: 'bad-interface' },
  { name: 'can_reach of a name', claim: { interface: 'can_reach:gateway' }, want: 'bad-interface' },
  { name: 'a name too long for Linux', claim: { interface: 'a'.repeat(16) }, want: 'bad-interface' },
  { name: 'no such interface', claim: { interface: 'nosuch0' }, want: 'interface-missing' },
  { name: 'loopback', claim: { interface: 'lo' }, want: 'interface-loopback' },
  { name: 'a tunnel has no MAC', claim: { interface: 'tun0' }, want: 'interface-without-arp' },
  { name: 'a link that is down', claim: { interface: 'eth1' }, want: 'interface-down' },
  { name: 'IPv6 on an interface that has a link-local address', address: 'fd00::1', host: hostFacts([LO, WITH_IPV6]), want: 'eth0' },
  { name: 'IPv6 on an interface that has IPv4 alone', address: 'fd00::1', want: 'interface-without-ipv6' },
  { name: 'IPv4 on an interface that has IPv6 alone', host: hostFacts([LO, WITH_IPV6]), want: 'eth0' },
  {
    name: 'an IPv6 address of this node',
    address: 'fd00::1',
    host: hostFacts([{ ...LO, addresses: [ipOf('fd00::1')] }, WITH_IPV6]),
    want: 'address-is-local',
  },
  { name: 'the first of a list that exists', claim: { interface: 'nosuch0,eth0,eth1' }, want: 'eth0' },
  { name: 'the first of a list that is up', claim: { interface: 'eth1,eth0' }, want: 'eth0' },
  { name: 'the one with the subnet', claim: { interface: 'eth0,eth1' }, host: TWO_NETWORKS, want: 'eth1' },
  { name: 'of two with the subnet the first', claim: { interface: 'eth0,bond0,eth1' }, host: TWO_NETWORKS, want: 'bond0' },
  { name: 'a pattern goes by index', claim: { interface: '*' }, host: TWO_NETWORKS, want: 'eth1' },
  { name: 'a pattern after a name', claim: { interface: 'bond0,eth*' }, host: TWO_NETWORKS, want: 'bond0' },
  { name: 'a pattern that fits nothing', claim: { interface: 'wl*' }, host: TWO_NETWORKS, want: 'interface-missing' },
  {
    name: 'the one that carries IPv6',
    claim: { interface: 'eth1,bond0' },
    address: 'fd00::9',
    host: TWO_NETWORKS,
    rules: { subnetCheck: false },
    want: 'bond0',
  },
  { name: 'the subnet of IPv6', claim: { interface: 'eth?' }, address: '2001:db8:1::9', host: TWO_NETWORKS, want: 'eth0' },
  { name: 'no subnet of IPv6', claim: { interface: 'bond0' }, address: '2001:db8:1::9', host: TWO_NETWORKS, want: 'subnet-missing' },
  { name: 'no subnet', claim: { interface: 'eth0' }, host: TWO_NETWORKS, want: 'subnet-missing' },
  { name: 'no subnet, unchecked', claim: { interface: 'eth0' }, host: TWO_NETWORKS, rules: { subnetCheck: false }, want: 'eth0' },
  {
    name: 'unchecked, the one with the subnet is still preferred',
    claim: { interface: 'eth0,eth1' },
    host: TWO_NETWORKS,
    rules: { subnetCheck: false },
    want: 'eth1',
  },
  { name: 'a port', claim: { interface: 'eth2' }, host: TWO_NETWORKS, want: 'interface-is-port' },
  { name: 'the reason nearest to a cure', claim: { interface: 'nosuch0,lo,eth3,eth2' }, host: TWO_NETWORKS, want: 'interface-down' },
  { name: 'one bad item spoils the list', claim: { interface: 'eth1,can_reach:x' }, host: TWO_NETWORKS, want: 'bad-interface' },
  {
    name: 'the node names its address',
    claim: { interface: 'nosuch0' },
    host: TWO_NETWORKS,
    rules: { nodeAddress: '10.251.0.5' },
    want: 'eth1',
  },
  {
    name: 'the node names a prefix',
    claim: { interface: 'eth0' },
    host: TWO_NETWORKS,
    rules: { nodeAddress: '203.0.113.0/24' },
    want: 'bond0',
  },
  {
    name: 'the Eip goes before the node',
    claim: { interface: 'eth1' },
    host: TWO_NETWORKS,
    rules: { nodeAddress: '203.0.113.0/24' },
    want: 'eth1',
  },
  {
    name: 'the node names an address of another node',
    claim: { interface: 'nosuch0' },
    host: TWO_NETWORKS,
    rules: { nodeAddress: '10.251.0.6' },
    want: 'interface-missing',
  },
  {
    name: 'what the node says cannot be read',
    claim: { interface: 'nosuch0' },
    host: TWO_NETWORKS,
    rules: { nodeAddress: 'eth1' },
    want: 'interface-missing',
  },
  {
    name: 'kube-proxy in IPVS mode binds every address',
    host: hostFacts([ETH0, link(9, 'kube-ipvs0', [], ['10.251.0.240'], { noArp: true })]),
    want: 'eth0',
  },
  { name: 'bgp', claim: { protocol: 'bgp' }, want: 'other-protocol' },
  { name: 'vip', claim: { protocol: 'vip' }, want: 'protocol-not-served' },
  { name: 'layer 2 off', layer2: false, want: 'layer2-off' },
  { name: 'no address', address: 'x', want: 'bad-claim' },
]
for (const row of table) {
  t.test(row.name, async (t) => {
    const { spec } = claimObject(row.address ?? '10.251.0.240', row.claim)
    const ability = abilityFor(spec, row.host ?? host(), row.layer2 ?? true, row.rules)
    t.equal(ability.ok ? ability.value.interface.name : ability.error, row.want)
  })
}

t.test('a claim without an interface cannot be served', async (t) => {
  const { interface: _, ...spec } = claimObject('10.251.0.240').spec
  t.same(abilityFor(spec, host(), true), { ok: false, error: 'bad-interface' })
})

t.test('the annotation of a node', async (t) => {
  const read = (text: string) => {
    const prefix = parseNodeAddress(text)
    return prefix.ok ? formatPrefix(prefix.value) : prefix.error
  }
  t.equal(read('192.0.2.7'), '192.0.2.7/32')
  t.equal(read('192.0.2.7/24'), '192.0.2.0/24')
  t.equal(read('2001:db8::/64'), '2001:db8::/64')
  t.match(read('eth0'), /; write an address of the node, or a prefix that contains one$/)
  const annotations = { 'layer2.openelb.kubesphere.io/v1alpha1': '192.0.2.7' }
  const node = nodeObject('n1')
  t.equal(nodeAddressOf({ ...node, metadata: { ...node.metadata, annotations } }), '192.0.2.7')
  t.equal(nodeAddressOf(node), undefined)
  t.equal(nodeAddressOf(undefined), undefined)
})

t.test('the routes that must be read are those of can_reach, once each', async (t) => {
  const specs = ['eth0', 'can_reach:10.0.0.1', 'can_reach: 10.0.0.1', 'can_reach:x', 'eth0,can_reach:fd00::1'].map((text) => ({
    interface: text,
  }))
  t.same([...routesNeeded(specs).keys()], ['10.0.0.1', 'fd00::1'])
  t.same([...routesNeeded([{}]).keys()], [])
})

t.test('interfaces from netlink: addresses and routes find their link, and a link without carrier is not up', async (t) => {
  const link = { kind: 'link', removed: false, mac: ETH0.mac, loopback: false, noArp: false, portOf: undefined } as const
  const address = { kind: 'address', removed: false, interfaceIndex: 2 } as const
  const route = { kind: 'route', type: 1, protocol: 4, interfaceIndex: 2, onLink: true } as const
  const interfaces = interfacesOf([
    { ...link, index: 2, name: 'eth0', up: true, carrier: true, portOf: 'vrf' },
    { ...link, index: 3, name: 'eth1', up: true, carrier: false, portOf: 'bond' },
    { ...link, index: 4, name: 'gone', up: true, carrier: true, removed: true },
    { ...address, ip: ipOf('10.0.0.5'), prefixLength: 24 },
    { ...address, removed: true, ip: ipOf('10.0.1.6'), prefixLength: 24 },
    { ...address, ip: ipOf('10.0.2.7'), prefixLength: 32 },
    { ...address, ip: ipOf('fe80::1'), prefixLength: 64 },
    { ...address, ip: ipOf('169.254.1.1'), prefixLength: 16 },
    { ...address, interfaceIndex: 3, ip: ipOf('fd00::5'), prefixLength: 64 },
    { ...route, destination: prefixOfText('10.0.0.0/24') },
    { ...route, destination: prefixOfText('198.51.100.0/28') },
    { ...route, destination: prefixOfText('203.0.113.0/24'), onLink: false },
    { ...route, destination: prefixOfText('203.0.114.0/24'), type: 7 },
    { ...route, destination: prefixOfText('fe80::/64') },
    { ...route, destination: undefined },
    { kind: 'done' },
  ])
  t.same(
    interfaces.map(({ name, up, isPort, addresses, subnets }) => ({ name, up, isPort, addresses, subnets: subnets.map(formatPrefix) })),
    [
      {
        name: 'eth0',
        up: true,
        isPort: false,
        addresses: ['10.0.0.5', '10.0.2.7', 'fe80::1', '169.254.1.1'].map(ipOf),
        subnets: ['10.0.0.0/24', '198.51.100.0/28'],
      },
      { name: 'eth1', up: false, isPort: true, addresses: [ipOf('fd00::5')], subnets: ['fd00::/64'] },
    ],
  )
})

t.test('a link counts as having come up only after it was seen down', async (t) => {
  const history = createLinkHistory()
  for (const up of [true, true, false, false, true, true, false, true]) history.observe(2, up)
  history.observe(3, false)
  t.same([...history.ups], [[2, 2]])
})

t.test('the networks of a link outlast a loss of the link, and nothing else', async (t) => {
  const memory = createSubnetMemory()
  const [V4, V6] = ['10.0.0.0/24', 'fd00::/64']
  const subnetsOf = (links: readonly NetworkInterface[], ups: number, nowMs: number) =>
    memory.complete(links, new Map([[2, ups]]), nowMs).map(({ subnets }) => subnets.map(formatPrefix))
  const eth0 = (subnets: readonly string[], up = true, name = 'eth0') => [link(2, name, subnets, [], { up })]
  t.same(subnetsOf(eth0([V4, V6]), 0, 0), [[V4, V6]])
  t.same(subnetsOf(eth0([V4]), 0, 1), [[V4]], 'lost while the link is up')
  t.same(subnetsOf(eth0([V4, V6]), 0, 2), [[V4, V6]])
  t.same(subnetsOf(eth0([V4], false), 0, 1000), [[V4, V6]], 'down')
  t.same(subnetsOf(eth0([V4], false), 0, 900_000), [[V4, V6]], 'still down')
  t.same(subnetsOf(eth0([V4]), 1, 900_100), [[V4, V6]], 'up again')
  t.same(subnetsOf(eth0([V4]), 1, 930_099), [[V4, V6]])
  t.same(subnetsOf(eth0([V4]), 1, 930_100), [[V4]], 'nobody gave it back')
  t.same(subnetsOf(eth0([V4, V6]), 1, 930_200), [[V4, V6]])
  t.same(subnetsOf(eth0([V4]), 2, 930_300), [[V4, V6]], 'down and up between two reads')
  t.same(subnetsOf(eth0([V4], true, 'eth9'), 2, 930_400), [[V4]], 'another link has the index')
  t.same(subnetsOf([], 2, 930_500), [])
  t.same(subnetsOf(eth0([V4, V6], false), 2, 930_510), [[V4, V6]], 'a new link, not up yet')
  t.same(subnetsOf(eth0([V4, V6]), 3, 930_520), [[V4, V6]])
  t.same(subnetsOf(eth0([V4]), 3, 930_530), [[V4]], 'lost while the link is up, soon after it came up')
  t.same(subnetsOf([], 3, 930_540), [])
  t.same(subnetsOf(eth0([V4]), 2, 930_600), [[V4]], 'a link that was gone comes back without a past')
})
