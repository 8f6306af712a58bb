import t from 'tap'
import { abilityFor, routesNeeded } from '../../src/speaker/ability.ts'
import { createLinkHistory, type HostFacts, interfacesOf, type Route } from '../../src/speaker/host.ts'
import { parseInterfaceSpec } from '../../src/speaker/layer2/interface-spec.ts'
import { claimObject, ETH0, hostFacts, ipOf } from './support/objects.ts'

const LO = { ...ETH0, index: 1, name: 'lo', mac: new Uint8Array(6), loopback: true }
const TUN0 = { ...ETH0, index: 7, name: 'tun0', mac: undefined, noArp: true }
const ETH1 = { ...ETH0, index: 3, name: 'eth1', up: false }
const WITH_IPV6 = { ...ETH0, addresses: [ipOf('fe80::1')] }
const host = (routes: Readonly<Record<string, Route>> = {}): HostFacts => hostFacts([LO, ETH0, ETH1, TUN0], new Map(Object.entries(routes)))

const table: readonly {
  readonly name: string
  readonly claim?: Parameters<typeof claimObject>[1]
  readonly address?: string
  readonly host?: HostFacts
  readonly layer2?: boolean
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
  { name: 'bgp', claim: { protocol: 'bgp' }, want: 'protocol-not-served' },
  { name: 'vip', claim: { protocol: 'vip' }, want: 'protocol-not-served' },
  { name: 'layer 2 off', layer2: false, want: 'layer2-off' },
  { name: 'no address', address: 'x', want: 'bad-claim' },
]
for (const row of table) {
  t.test(row.name, async (t) => {
    const { spec } = claimObject(row.address ?? '10.251.0.240', row.claim)
    const ability = abilityFor(spec, row.host ?? host(), row.layer2 ?? true)
    t.equal(ability.ok ? ability.value.interface.name : ability.error, row.want)
  })
}

t.test('a claim without an interface cannot be served', async (t) => {
  t.same(parseInterfaceSpec(undefined), { ok: false, error: 'bad-interface' })
})

t.test('the routes that must be read are those of can_reach, once each', async (t) => {
  const specs = ['eth0', 'can_reach:10.0.0.1', 'can_reach: 10.0.0.1', 'can_reach:x', 'can_reach:fd00::1'].map((text) => ({
    interface: text,
  }))
  t.same([...routesNeeded(specs).keys()], ['10.0.0.1', 'fd00::1'])
  t.same([...routesNeeded([{}]).keys()], [])
})

t.test('interfaces from netlink: addresses find their link, and a link without carrier is not up', async (t) => {
  const link = { kind: 'link', removed: false, mac: ETH0.mac, loopback: false, noArp: false } as const
  const interfaces = interfacesOf([
    { ...link, index: 2, name: 'eth0', up: true, carrier: true },
    { ...link, index: 3, name: 'eth1', up: true, carrier: false },
    { ...link, index: 4, name: 'gone', up: true, carrier: true, removed: true },
    { kind: 'address', removed: false, interfaceIndex: 2, ip: ipOf('10.0.0.5'), prefixLength: 24 },
    { kind: 'address', removed: true, interfaceIndex: 2, ip: ipOf('10.0.0.6'), prefixLength: 24 },
    { kind: 'address', removed: false, interfaceIndex: 3, ip: ipOf('fd00::5'), prefixLength: 64 },
    { kind: 'done' },
  ])
  t.same(
    interfaces.map(({ name, up, addresses }) => ({ name, up, addresses })),
    [
      { name: 'eth0', up: true, addresses: [ipOf('10.0.0.5')] },
      { name: 'eth1', up: false, addresses: [ipOf('fd00::5')] },
    ],
  )
})

t.test('a link counts as having come up only after it was seen down', async (t) => {
  const history = createLinkHistory()
  for (const up of [true, true, false, false, true, true, false, true]) history.observe(2, up)
  history.observe(3, false)
  t.same([...history.ups], [[2, 2]])
})
