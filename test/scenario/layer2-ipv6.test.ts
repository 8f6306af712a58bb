/** Three speakers on three nodes, a real API server, and hosts on their wire that ask by neighbour discovery: probes, and real kernels. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ipToBytes } from '../../src/addr/ip.ts'
import { parseMac } from '../../src/addr/mac.ts'
import { claimName } from '../../src/api/address-claim.ts'
import { deleteObject, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, NODES as NODES_OF_CLUSTER } from '../../src/kube/resources.ts'
import { EXCLUDE_LABEL } from '../../src/policy/eligibility.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { ADVERTISEMENT_DELAYS_MS } from '../../src/speaker/layer2/gratuitous.ts'
import { ETHER_TYPE, serializeEthernet } from '../../src/wire/ethernet.ts'
import { serializeNeighborMessage, solicitedNodeGroup } from '../../src/wire/icmpv6-nd.ts'
import { multicastMac } from '../../src/wire/ipv6.ts'
import { answering } from '../speaker/support/arp-host.ts'
import { buildWorld, joinNetworks } from '../speaker/support/layer2-world.ts'
import { ALL_NODES_MAC, said, startNdHost } from '../speaker/support/nd-host.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { startLines } from '../speaker/support/process-lines.ts'
import { type SpeakerProcess, startSpeaker } from '../speaker/support/speaker-process.ts'

const NODES = ['n1', 'n2', 'n3']
const STALLED = fileURLToPath(new URL('../speaker/support/stalled-responder.ts', import.meta.url))
const CLIENT_IP = 'fd00:251::30'
const vip = (host: number): string => `fd00:251::${host}`
const ownerOf = (address: string, nodes = NODES): string => electionOrder(nodes, address)[0] ?? ''
const VIPS = [240, 241, 242, 243, 244, 245].map(vip)
const VIP = vip(240)

t.setTimeout(300_000)
const world = await buildWorld()
const { cluster, macs } = world
const speakers = new Map<string, SpeakerProcess>()
/** The probe asks for itself, the kernel of the same namespace for the programs there. */
await cluster.client.exec(['ip', 'addr', 'add', `${CLIENT_IP}/64`, 'dev', 'eth0', 'nodad'])
const client = await startNdHost(cluster.client, CLIENT_IP)
t.teardown(async () => {
  await client.close()
  for (const speaker of speakers.values()) await speaker.stop('SIGKILL')
  await world.close()
})

const macOf = (node: string): string => macs.get(node) ?? ''
const answeredBy = (ip: string, node: string, timeoutMs?: number) => client.answeredBy(ip, macOf(node), timeoutMs)
const groupsOf = async (node: string) => (await cluster.node(node).exec(['ip', '-6', 'maddr', 'show', 'dev', 'eth0'])).stdout

/** What the client's kernel believes: the MAC of the address and the state of the entry. */
async function neighbour(ip: string): Promise<{ mac: string; state: string }> {
  const { stdout } = await cluster.client.exec(['ip', '-6', 'neigh', 'show', ip, 'dev', 'eth0'])
  return { mac: /lladdr (\S+)/.exec(stdout)?.[1] ?? '', state: stdout.trim().split(' ').at(-1) ?? '' }
}

/** Waits until the client's kernel believes it. `act` is done before each look. */
async function believes(ip: string, node: string, state: RegExp, act: () => Promise<unknown> = async () => undefined): Promise<void> {
  let seen = { mac: '', state: '' }
  for (const endMs = performance.now() + 10_000; performance.now() < endMs; await delay(100)) {
    await act()
    seen = await neighbour(ip)
    if (seen.mac === macOf(node) && state.test(seen.state)) return
  }
  throw new Error(`the client believes ${seen.mac || 'nothing'} ${seen.state} of ${ip}, not ${macOf(node)} ${state.source}`)
}

/** The answers to one question, without the advertisements that nobody asked for. */
const solicited = async (ip: string, how: { to?: string } = {}) => (await client.ask(ip, how)).filter(({ flags }) => flags.includes('S'))

/** Takes the claim away, and gives the watch a moment. */
async function release(ip: string): Promise<void> {
  await deleteObject(world.api, ADDRESS_CLAIMS, { name: claimName(ipOf(ip)) })
  await delay(500)
}

/** A datagram for which the kernel has to find the MAC. */
const talkTo = (ip: string) => cluster.client.exec(['bash', '-c', `echo x > /dev/udp/${ip}/9`])

await t.test(
  'three speakers share the addresses of IPv6 by the same order, and exactly one answers, with Solicited and Override',
  async (t) => {
    await Promise.all(NODES.map(async (node) => void speakers.set(node, await startSpeaker(cluster.node(node), world.kubeconfig))))
    await Promise.all(VIPS.map((address) => world.claim(address)))
    for (const ip of VIPS) {
      const node = ownerOf(ip)
      const { status } = await world.owned(ip, node)
      t.match(status, { owner: { node, interface: 'eth0', epoch: 1 }, conditions: [{ type: 'Announced', status: 'True' }] })
      for (const answer of await answeredBy(ip, node)) {
        const mac = macOf(node)
        t.match(answer, { flags: 'SO', toMac: client.mac, fromMac: mac, mac, source: ip, destination: CLIENT_IP, target: ip })
      }
      t.same(said(await client.ask(ip, { to: macOf(node) })), [macOf(node)], `${ip}: a unicast solicitation is answered`)
      const [other = ''] = NODES.filter((name) => name !== node)
      t.same(await solicited(ip, { to: macOf(other) }), [], `${ip}: another node is silent, even when it is asked itself`)
    }
    t.equal(new Set(VIPS.map((ip) => ownerOf(ip))).size, 3, 'every node owns some')
    t.same(await client.ask(vip(9)), [], 'what nobody claimed is not answered')
  },
)

await t.test('at the take-over every node on the link is told, three times and no more, before the first answer', async (t) => {
  await delay((ADVERTISEMENT_DELAYS_MS.at(-1) ?? 0) + 1000)
  for (const ip of VIPS) {
    const mac = macOf(ownerOf(ip))
    const told = client.unsolicited(ip)
    t.equal(told.length, ADVERTISEMENT_DELAYS_MS.length, ip)
    for (const one of told) {
      t.match(one, { flags: 'O', toMac: ALL_NODES_MAC, fromMac: mac, mac, source: ip, destination: 'ff02::1' })
    }
    t.equal(
      client.messages.find(({ target, kind }) => target === ip && kind === 'advertisement'),
      told[0],
    )
    t.ok((told[0]?.atMs ?? 0) >= Date.parse((await world.read(ip)).status?.owner?.since ?? ''), 'written, then said')
  }
})

await t.test('the owner listens to the group of the address, the others do not', async (t) => {
  for (const node of NODES) {
    const groups = await groupsOf(node)
    for (const ip of VIPS) {
      const last = ip.slice(ip.lastIndexOf(':') + 1)
      t.equal(groups.includes(`ff02::1:ff00:${last}`), ownerOf(ip) === node, `${node} and ${ip}`)
    }
  }
})

await t.test('D18: a solicitation without the option of its MAC is answered, and every answer overrides', async (t) => {
  const answers = await client.ask(VIP, { plain: true })
  t.same(
    answers.map(({ flags, toMac, mac }) => ({ flags, toMac, mac })),
    [{ flags: 'SO', toMac: client.mac, mac: macOf(ownerOf(VIP)) }],
  )
})

await t.test('a real kernel finds the address, and its unicast probes are answered when the entry is old', async (t) => {
  const node = ownerOf(VIP)
  await cluster.client.exec(['ip', '-6', 'neigh', 'flush', 'dev', 'eth0'])
  await believes(VIP, node, /REACHABLE/, () => talkTo(VIP))
  const before = client.messages.length
  await cluster.client.exec(['ip', '-6', 'neigh', 'change', VIP, 'lladdr', macOf(node), 'dev', 'eth0', 'nud', 'probe'])
  await believes(VIP, node, /REACHABLE/)
  const answers = client.messages.slice(before).filter(({ target, kind }) => target === VIP && kind === 'advertisement')
  t.match(answers[0], { flags: 'SO', mac: macOf(node) })
})

await t.test(
  'duplicate address detection of another host is answered to everybody, and its kernel does not take the address',
  async (t) => {
    const node = ownerOf(VIP)
    t.match(await client.ask(VIP, { probe: true }), [{ flags: 'O', toMac: ALL_NODES_MAC, mac: macOf(node), destination: 'ff02::1' }])
    const stranger = cluster.router
    await stranger.exec(['ip', 'addr', 'add', `${VIP}/64`, 'dev', 'eth0'])
    let seen = ''
    for (const endMs = performance.now() + 10_000; performance.now() < endMs && !seen.includes('dadfailed'); await delay(100)) {
      seen = (await stranger.exec(['ip', '-6', 'addr', 'show', 'dev', 'eth0'])).stdout
    }
    t.match(seen, new RegExp(`${VIP}/64 .*dadfailed`))
    await stranger.exec(['ip', 'addr', 'del', `${VIP}/64`, 'dev', 'eth0'])
    t.match((await world.read(VIP)).status?.owner, { node, epoch: 1 })
  },
)

await t.test('IPv4 and IPv6 on one interface: both are answered, and counted under their own address', async (t) => {
  await world.claim('10.251.0.240')
  const node = ownerOf('10.251.0.240')
  await world.owned('10.251.0.240', node)
  await world.client.answeredBy('10.251.0.240', macOf(node))
  const [same = ''] = VIPS.filter((ip) => ownerOf(ip) === node)
  const [arp, nd] = await Promise.all([world.client.ask('10.251.0.240'), client.ask(same)])
  t.same([answering(arp), said(nd)], [[macOf(node)], [macOf(node)]])
  const { text } = (await speakers.get(node)?.page('/metrics')) ?? { text: '' }
  for (const ip of ['10.251.0.240', same]) {
    t.match(text, new RegExp(`^requests_received\\{ip="${ip}"\\} [1-9]`, 'm'))
    t.match(text, new RegExp(`^responses_sent\\{ip="${ip}"\\} [1-9]`, 'm'))
  }
  t.match(text, new RegExp(`^gratuitous_sent\\{ip="${same}"\\} ${ADVERTISEMENT_DELAYS_MS.length}`, 'm'))
})

await t.test('what a router may have passed on, what is damaged and what is tagged is not answered', async (t) => {
  const target = ipToBytes(ipOf(VIP))
  const ownMac = parseMac(client.mac)
  if (!ownMac.ok) throw new Error(ownMac.error.message)
  const source = ipToBytes(ipOf(CLIENT_IP))
  const group = solicitedNodeGroup(target)
  const packet = serializeNeighborMessage({ kind: 'solicitation', source, destination: group, target, sourceMac: ownMac.value })
  const frame = (change: Readonly<Record<number, number>>, etherType: number = ETHER_TYPE.ipv6) => {
    const payload = packet.slice()
    for (const [at, byte] of Object.entries(change)) payload[Number(at)] = byte
    return serializeEthernet({ destination: multicastMac(group), source: ownMac.value, etherType, payload })
  }
  t.equal((await client.send(frame({}))).length, 1, 'the frame itself is good')
  for (const hopLimit of [1, 64, 254]) t.same(await client.send(frame({ 7: hopLimit })), [], `hop limit ${hopLimit}`)
  t.same(await client.send(frame({ 44: 1 })), [], 'a wrong checksum')
  t.same(await client.send(frame({}, 0x86de)), [], 'another type')
  const tagged = new Uint8Array([...frame({}).subarray(0, 12), 0x81, 0, 0, 10, ...frame({}).subarray(12)])
  t.same(await client.send(tagged), [], 'a VLAN that the interface does not carry')
})

await t.test('the API server goes away: the wire does not notice', async (t) => {
  await cluster.component('kube-apiserver').stop('SIGKILL')
  for (const ip of VIPS) t.same(said(await client.ask(ip)), [macOf(ownerOf(ip))], ip)
  await cluster.component('kube-apiserver').start()
  await cluster.apiServerReady()
  // A watch that failed is tried again after 3 s at the most; until then the speakers do not all see the same.
  await delay(4000)
})

await t.test("another node takes over: a client's kernel changes its entry without a question", async (t) => {
  const node = ownerOf(VIP)
  const next = ownerOf(
    VIP,
    NODES.filter((name) => name !== node),
  )
  await believes(VIP, node, /REACHABLE|STALE|DELAY|PROBE/, () => talkTo(VIP))
  const exclude = (value: '' | null) =>
    patchObject(world.api, NODES_OF_CLUSTER, { name: node }, { metadata: { labels: { [EXCLUDE_LABEL]: value } } }, { type: 'merge' })
  await exclude('')
  const { status } = await world.owned(VIP, next)
  await believes(VIP, next, /./)
  t.match(status, { owner: { node: next, epoch: 2 }, history: [{ node, epoch: 1, reason: /^NodeExcluded: / }] })
  await answeredBy(VIP, next)
  const last = VIP.slice(VIP.lastIndexOf(':') + 1)
  t.ok((await groupsOf(next)).includes(`ff02::1:ff00:${last}`), 'the new owner listens to the group')
  t.notOk((await groupsOf(node)).includes(`ff02::1:ff00:${last}`), 'and the old one does not')
  await exclude(null)
  await delay(2500)
  t.match((await world.read(VIP)).status?.owner, { node: next, epoch: 2 }, 'its return moves nothing')
})

await t.test(
  'the card of the owner goes down and up, and loses its IPv6 addresses: one node answers, and the neighbours are told',
  async (t) => {
    const { node = '' } = (await world.read(VIP)).status?.owner ?? {}
    const told = client.unsolicited(VIP).length
    await cluster.node(node).exec(['sh', '-c', 'ip link set eth0 down; ip link set eth0 up'])
    // Its kernel has forgotten every neighbour and asks once a second: the others may well have taken over before they hear it again.
    await delay(2500)
    const { node: owner = '' } = (await world.read(VIP)).status?.owner ?? {}
    await answeredBy(VIP, owner)
    t.ok(client.unsolicited(VIP).length > told)
    for (const name of NODES)
      t.equal((await groupsOf(name)).includes('ff02::1:ff00:240'), name === owner, `${name}: the owner alone is in the group`)
    await joinNetworks(cluster.node(node))
  },
)

await t.test('an address that a node has itself is left to its kernel', async (t) => {
  const { node = '' } = (await world.read(VIP)).status?.owner ?? {}
  await cluster.node(node).exec(['ip', 'addr', 'add', `${VIP}/128`, 'dev', 'lo'])
  const { status } = await world.until('it yields', VIP, ({ status }) => status?.owner?.node !== node)
  t.match(status?.history?.at(-1), { node, reason: /^AddressIsLocal: / })
  await cluster.node(node).exec(['ip', 'addr', 'del', `${VIP}/128`, 'dev', 'lo'])
})

await t.test('a node whose interface has IPv6 switched off gives its IPv6 addresses up, and says why', async (t) => {
  const [ip = ''] = VIPS.slice(1)
  const { node = '' } = (await world.read(ip)).status?.owner ?? {}
  const ipv6 = (on: boolean) => cluster.node(node).exec(['sh', '-c', `echo ${on ? 0 : 1} > /proc/sys/net/ipv6/conf/eth0/disable_ipv6`])
  await ipv6(false)
  const { status } = await world.until('another owner', ip, ({ status }) => status?.owner !== undefined && status.owner.node !== node)
  t.match(status?.history?.at(-1), { node, reason: /^InterfaceWithoutIpv6: / })
  await answeredBy(ip, status?.owner?.node ?? '')
  await ipv6(true)
  await joinNetworks(cluster.node(node))
})

await t.test(
  'D18: two addresses share a group: one goes, the other is heard; and a claim that comes again is answered again',
  async (t) => {
    const first = 'fd00:251::abcd'
    const others = Array.from({ length: 20 }, (_, net) => `fd00:251:0:${(net + 1).toString(16)}::abcd`)
    const second = others.find((ip) => ownerOf(ip) === ownerOf(first)) ?? ''
    await world.claim(first)
    await world.claim(second)
    const { node = '' } = (await world.until('an owner', first, ({ status }) => status?.owner !== undefined)).status?.owner ?? {}
    const { node: other = '' } = (await world.until('an owner', second, ({ status }) => status?.owner !== undefined)).status?.owner ?? {}
    t.equal(node, other, 'one node has both')
    await answeredBy(first, node)
    await answeredBy(second, node)
    await release(first)
    t.same(await client.ask(first), [], 'a released address falls silent at once')
    t.ok((await groupsOf(node)).includes('ff02::1:ff00:abcd'), 'the other one needs the group')
    await answeredBy(second, node)
    await world.claim(first)
    const { status } = await world.until('an owner', first, ({ status }) => status?.owner !== undefined)
    await answeredBy(first, status?.owner?.node ?? '')
    await release(first)
    await release(second)
    t.notOk((await groupsOf(node)).includes('ff02::1:ff00:abcd'), 'the last one leaves it')
  },
)

await t.test('10,000 addresses, and a main thread that does not come back: every question is answered', async (t) => {
  const stalled = startLines<{ stalled?: boolean }>(
    [...cluster.node('n1').enter, process.execPath, STALLED, 'eth0', 'fd00:251::1:0', '10000'],
    'stdout',
  )
  t.teardown(() => stalled.stop('SIGKILL'))
  await stalled.next('stalled', ({ stalled }) => stalled === true)
  for (const host of ['1:0', '1:1', '1:1000', '1:270e', '1:270f']) await answeredBy(`fd00:251::${host}`, 'n1', 30_000)
  t.same(await client.ask('fd00:251::1:2710'), [], 'the one behind the last is not ours')
  let joined = 0
  for (const endMs = performance.now() + 60_000; performance.now() < endMs && joined < 10_000; await delay(250)) {
    const { stdout } = await cluster.node('n1').exec(['sh', '-c', 'grep -c ff0200000000000000000001ff01 /proc/net/igmp6 || true'])
    joined = Number(stdout)
  }
  t.equal(joined, 10_000, 'a group for each')
  await stalled.stop('SIGKILL')
})

await t.test('when all have ended nobody answers, and neither socket nor group is left', async (t) => {
  const codes = await Promise.all([...speakers.values()].map((speaker) => speaker.stop('SIGTERM')))
  t.same(codes, [0, 0, 0])
  t.same(await client.ask(VIP), [])
  for (const node of cluster.nodes) {
    const { stdout } = await node.exec(['cat', '/proc/net/packet'])
    t.equal(stdout.trim().split('\n').length, 1, `${node.name}: only the heading`)
    t.notMatch(await groupsOf(node.name), /ff02::1:ff00:24\d/)
  }
})
