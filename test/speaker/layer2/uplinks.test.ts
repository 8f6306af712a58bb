/** Every kind of interface that carries addresses: it is asked, answers with its own MAC, and sees who else claims its address. */
import t, { type Test } from 'tap'
import { parseMac } from '../../../src/addr/mac.ts'
import { addressKey } from '../../../src/speaker/layer2/address-key.ts'
import { announcementFrames } from '../../../src/speaker/layer2/gratuitous.ts'
import { until } from '../../support/until.ts'
import { answering, startArpHost } from '../support/arp-host.ts'
import { said, startNdHost } from '../support/nd-host.ts'
import { ipOf } from '../support/objects.ts'
import { startResponder } from '../support/responder-host.ts'
import { noWire, startWire, type WireHost } from '../support/wire.ts'

/** How each kind is made on the owner, and what the asker needs for it: lines of `ip`. */
const KINDS: readonly {
  readonly kind: string
  readonly name: string
  readonly owner: readonly string[]
  readonly asker?: readonly string[]
}[] = [
  { kind: 'bridge', name: 'br0', owner: ['link add br0 type bridge mcast_snooping 1', 'link set eth0 master br0', 'link set br0 up'] },
  { kind: 'macvlan', name: 'mv0', owner: ['link add link eth0 name mv0 type macvlan mode bridge', 'link set mv0 up'] },
  {
    kind: 'VLAN',
    name: 'eth0.10',
    owner: ['link add link eth0 name eth0.10 type vlan id 10', 'link set eth0.10 up'],
    asker: ['link add link eth0 name eth0.10 type vlan id 10', 'link set eth0.10 up'],
  },
  {
    kind: 'bond',
    name: 'bond0',
    owner: ['link add bond0 type bond mode active-backup', 'link set eth0 down', 'link set eth0 master bond0', 'link set bond0 up'],
  },
]

const refused = noWire()
if (refused !== undefined) t.plan(0, refused)
else {
  t.setTimeout(120_000)
  await t.test('uplinks', { timeout: 120_000 }, async (t) => {
    for (const kind of KINDS) await one(t, kind)
  })
}

/** Why the kernel does not make it; undefined when it does. */
function make(host: WireHost, lines: readonly string[]): string | undefined {
  for (const line of lines) {
    try {
      host.configure(...line.split(' '))
    } catch (error) {
      return `ip ${line}: ${String((error as { stderr?: unknown }).stderr ?? error).trim()}`
    }
  }
  return undefined
}

async function one(t: Test, { kind, name, owner: ownerLines, asker: askerLines = [] }: (typeof KINDS)[number]): Promise<void> {
  const wire = await startWire(2)
  t.teardown(() => wire.close())
  const [asker, owner] = wire.hosts
  if (asker === undefined || owner === undefined) throw new Error('a wire has two ends')
  const lacking = make(owner, ownerLines) ?? make(asker, askerLines)
  await t.test(`on a ${kind}`, { skip: lacking ?? false }, async (t) => {
    const askerName = askerLines.length > 0 ? name : 'eth0'
    const mac = /link\/ether (\S+)/.exec(owner.configure('-o', 'link', 'show', name))?.[1] ?? ''
    const [arp, nd] = await Promise.all([startArpHost(asker, askerName), startNdHost(asker, 'fd00:9::1', askerName)])
    const responder = await startResponder(owner, { interfaceName: name })
    t.teardown(() => Promise.all([arp.close(), nd.close(), responder.close()]))
    await responder.tell({ announce: [{ ip: '10.9.0.100' }, { ip: 'fd00:9::100' }] }, 'announced')
    t.same(await healthOnceOpen(responder), { healthy: true, problems: [], broken: [] })
    t.same(answering(await arp.ask('10.9.0.100')), [mac])
    t.equal(arp.gratuitous('10.9.0.100').length, 2)
    t.equal(nd.unsolicited('fd00:9::100').length, 1)
    t.same(answering(await arp.ask('10.9.0.100', { to: mac })), [mac], 'and by unicast')
    t.same(said(await nd.ask('fd00:9::100')), [mac])
    t.same(said(await nd.ask('fd00:9::100', { to: mac })), [mac], 'and by unicast')
    t.equal((await responder.counts('10.9.0.100'))['foreign-claim'], 0, 'its own frames are nobody else s')
    const claimant = parseMac(arp.mac)
    if (!claimant.ok) throw new Error(arp.mac)
    for (const ip of ['10.9.0.100', 'fd00:9::100']) {
      const told = responder.next('foreign')
      for (const frame of announcementFrames(claimant.value, addressKey(ipOf(ip)))) await arp.send(frame)
      t.match(await told, { foreign: ip, mac: arp.mac })
    }
    if (kind === 'VLAN') t.same(await (await untagged(t, asker)).ask('10.9.0.100'), [], 'what comes without the tag is another network')
  })
}

/** What is announced is answered for when the thread has opened its sockets, a moment later. */
async function healthOnceOpen(responder: Awaited<ReturnType<typeof startResponder>>): Promise<Record<string, unknown>> {
  let health: Record<string, unknown> = {}
  await until('an open socket', async () => {
    health = await responder.tell({ health: true }, 'healthy')
    return health['healthy'] === true
  })
  return health
}

async function untagged(t: Test, asker: WireHost) {
  const host = await startArpHost(asker)
  t.teardown(() => host.close())
  return host
}
