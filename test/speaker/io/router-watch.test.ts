/** The router behind an interface, found by its advertisements: FRR, BIRD, and frames of every wrong kind. Needs root on Linux. */
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { must } from '../../../lab/command.ts'
import { missingRouters } from '../../../lab/peers/packages.ts'
import { PLAIN_NEIGHBOUR, type RouterSpec } from '../../../lab/peers/spec.ts'
import { startRouter } from '../../../lab/peers/start.ts'
import { createWire, type Wire, type WirePlace } from '../../../lab/peers/wire.ts'
import { ipToBytes } from '../../../src/addr/ip.ts'
import { internetChecksum, pseudoHeaderSum } from '../../../src/wire/checksum.ts'
import { ETHER_TYPE, serializeEthernet } from '../../../src/wire/ethernet.ts'
import { ALL_ROUTERS, type RouterMessage, serializeRouterMessage } from '../../../src/wire/icmpv6-ra.ts'
import { ALL_NODES, multicastMac, serializeIpv6 } from '../../../src/wire/ipv6.ts'
import { until } from '../../support/until.ts'
import { startBgpNode } from '../support/bgp-node.ts'
import { startNdHost } from '../support/nd-host.ts'
import { ipOf } from '../support/objects.ts'
import { type LineProcess, startLines } from '../support/process-lines.ts'

t.setTimeout(300_000)
const ROOT = process.getuid?.() === 0 ? undefined : 'needs root for network namespaces'
const missing = new Set(missingRouters())
const CHILD = fileURLToPath(new URL('../support/router-watch-child.ts', import.meta.url))

interface Line {
  readonly ready?: boolean
  readonly router?: string
  readonly scope?: number
  readonly answer?: string
  readonly problem?: string
}

async function makeWire(test: Test, names: readonly string[]): Promise<Wire> {
  const wire = await createWire(names)
  test.teardown(() => wire.close())
  return wire
}

async function startWatch(test: Test, { enter }: WirePlace, name = 'eth0'): Promise<LineProcess<Line>> {
  const watch = startLines<Line>([...enter, process.execPath, CHILD, name], 'stdout')
  test.teardown(() => watch.stop())
  await watch.next('the watch', ({ ready }) => ready === true)
  return watch
}

let asked = 0
async function problemOf(watch: LineProcess<Line>): Promise<string> {
  const question = `question ${++asked}`
  watch.child.stdin?.write(`${question}\n`)
  return (await watch.next('a problem', ({ answer }) => answer === question)).problem ?? ''
}
const routersOf = ({ lines }: LineProcess<Line>): readonly string[] => lines.flatMap(({ router }) => router ?? [])

const ADVERTISEMENT: RouterMessage = {
  kind: 'router-advertisement',
  hopLimit: 64,
  flags: 0,
  lifetimeSec: 0,
  reachableMs: 0,
  retransmitMs: 0,
  sourceMac: undefined,
}
const SOLICITATION: RouterMessage = { kind: 'router-solicitation', sourceMac: undefined }

/** A frame from 02:00:00:00:00:99, by default with everything right. */
function frameOf(
  message: RouterMessage,
  source: string,
  wrong: { hopLimit?: number; checksum?: number; at?: readonly [number, number] } = {},
): Uint8Array {
  const [from, destination] = [ipToBytes(ipOf(source)), message.kind === 'router-advertisement' ? ALL_NODES : ALL_ROUTERS]
  const payload = serializeRouterMessage(message)
  if (wrong.at !== undefined) payload[wrong.at[0]] = wrong.at[1]
  const checksum = internetChecksum(payload, pseudoHeaderSum(from, destination, payload.length, 58)) ^ (wrong.checksum ?? 0)
  payload.set([checksum >>> 8, checksum & 0xff], 2)
  return serializeEthernet({
    destination: multicastMac(destination),
    source: Uint8Array.of(2, 0, 0, 0, 0, 0x99),
    etherType: ETHER_TYPE.ipv6,
    payload: serializeIpv6({ nextHeader: 58, hopLimit: wrong.hopLimit ?? 255, source: from, destination, payload }),
  })
}

t.test(
  'what is not an advertisement of a neighbour counts for nothing; ours makes nobody a host of ours',
  { skip: ROOT ?? false },
  async (t) => {
    const wire = await makeWire(t, ['node', 'host'])
    const [node, host] = [wire.place('node'), wire.place('host')]
    await must('test', [
      ...host.enter,
      'sh',
      '-ec',
      'echo 0 > /proc/sys/net/ipv6/conf/all/forwarding; echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_ra',
    ])
    const received = async (): Promise<number> =>
      Number(/Icmp6InRouterAdvertisements\s+(\d+)/.exec(await must('test', [...host.enter, 'cat', '/proc/self/net/snmp6']))?.[1])
    const wireHost = await startNdHost(host, host.ipv6)
    t.teardown(() => wireHost.close())
    const watch = await startWatch(t, node)
    await until('our first advertisement', async () => (await received()) >= 1)
    t.equal(await problemOf(watch), 'none')
    for (const frame of [
      frameOf(ADVERTISEMENT, 'fe80::99', { hopLimit: 254 }),
      frameOf(ADVERTISEMENT, 'fe80::99', { checksum: 0x0101 }),
      frameOf(ADVERTISEMENT, 'fe80::99', { at: [1, 1] }),
      frameOf(ADVERTISEMENT, 'fe80::99', { at: [0, 136] }),
      frameOf(ADVERTISEMENT, '2001:db8::99'),
      frameOf(ADVERTISEMENT, '::'),
      frameOf({ ...ADVERTISEMENT, sourceMac: new Uint8Array(6) }, 'fe80::99', { at: [17, 0] }),
      frameOf(SOLICITATION, 'fe80::99'),
    ]) {
      await wireHost.send(frame)
    }
    t.same(routersOf(watch), [], 'hop limit, checksum, code, type, sources, an option of no length, a solicitation')
    await wireHost.send(frameOf(ADVERTISEMENT, 'fe80::99'))
    await watch.next('the router', ({ router }) => router === 'fe80::99')
    const before = await received()
    await wireHost.send(frameOf(SOLICITATION, 'fe80::99'))
    await until('an answer to a solicitation', async () => (await received()) > before, 10_000)
    for (let sent = 0; sent < 50; sent++) void wireHost.send(frameOf(SOLICITATION, 'fe80::99'))
    await wireHost.send(frameOf(SOLICITATION, 'fe80::99'))
    t.ok((await received()) - before <= 3, 'a flood of solicitations has few answers')
    const routes = await must('test', ['ip', '-n', host.namespace, '-6', 'route', 'show', 'default'])
    t.equal(routes, '', 'a host that believes advertisements has no default route from ours')
    t.notMatch(await must('test', ['ip', '-n', host.namespace, '-6', 'addr']), /dynamic/, 'nor an address')
  },
)

t.test('an interface that is not there, comes, goes down, and goes', { skip: ROOT ?? false }, async (t) => {
  const wire = await makeWire(t, ['node', 'host'])
  const [node, host] = [wire.place('node'), wire.place('host')]
  const link = (...args: string[]) => must('test', ['ip', '-n', node.namespace, 'link', ...args])
  const watch = await startWatch(t, node, 'up0')
  await until('a problem', async () => (await problemOf(watch)) === 'there is no interface up0')
  await link('set', 'eth0', 'down')
  await link('set', 'eth0', 'name', 'up0')
  await until('another problem', async () => (await problemOf(watch)) === 'interface up0 is down')
  const wireHost = await startNdHost(host, host.ipv6)
  t.teardown(() => wireHost.close())
  await link('set', 'up0', 'up')
  await until('a third one', async () => (await problemOf(watch)) === 'send: EADDRNOTAVAIL')
  // With the link the kernel took its link-local address away.
  await must('test', ['ip', '-n', node.namespace, 'addr', 'add', `${node.linkLocal}/64`, 'dev', 'up0', 'scope', 'link', 'nodad'])
  await until('no problem', async () => (await problemOf(watch)) === 'none')
  await wireHost.send(frameOf(ADVERTISEMENT, 'fe80::99'))
  const { scope } = await watch.next('the router', ({ router }) => router === 'fe80::99')
  t.match(await must('test', ['ip', '-n', node.namespace, '-o', 'link', 'show', 'up0']), new RegExp(`^${scope}: up0`))
  await link('del', 'up0')
  await watch.next('its end', ({ router }) => router === 'none')
  t.same(routersOf(watch), ['fe80::99', 'none'])
})

for (const kind of ['frr', 'bird'] as const) {
  const skip = ROOT ?? (missing.has(kind) ? `${kind} is not installed` : false)
  t.test(`${kind}: it is found, takes us for its neighbour, and a session comes up, with either end first`, { skip }, async (t) => {
    const wire = await makeWire(t, ['node', 'router'])
    const [node, place] = [wire.place('node'), wire.place('router')]
    const neighbour = { ...PLAIN_NEIGHBOUR, name: 'node', remote: { interface: 'eth0' }, as: 65_001, families: ['IPv4', 'IPv6'] as const }
    const spec: RouterSpec = {
      as: 65_000,
      routerId: '10.255.0.9',
      port: 179,
      originates: [],
      neighbours: [{ ...neighbour, extendedNextHop: true }],
    }
    const router = await startRouter(kind, { namespace: place.namespace, folder: place.folder, spec })
    t.teardown(() => router.stop())
    for (const order of ['the router first', 'we first']) {
      const engine = await startBgpNode(node.enter)
      t.teardown(() => engine.stop())
      if (order === 'we first') await router.kill()
      await engine.configure({ peers: [{ remote: 'interface:eth0' }] })
      if (order === 'we first') await router.start()
      t.match(await engine.established(undefined, 60_000), { address: `${place.linkLocal}%eth0`, peerAs: 65_000 }, order)
      await engine.stop()
    }
  })
}
