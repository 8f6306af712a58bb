/** Addresses that somebody else on the wire has or says to have, before and after a Service has them; and what happens without a key. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { ipToBytes } from '../../src/addr/ip.ts'
import { parseMac } from '../../src/addr/mac.ts'
import { ADDRESS_CONFLICT } from '../../src/api/condition.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { gratuitousFrames } from '../../src/speaker/layer2/gratuitous.ts'
import { answering } from '../speaker/support/arp-host.ts'
import { buildWorld } from '../speaker/support/layer2-world.ts'
import { ipOf } from '../speaker/support/objects.ts'
import { type SpeakerProcess, startSpeaker } from '../speaker/support/speaker-process.ts'

const NODES = ['n1', 'n2', 'n3']
const FREE = '10.251.0.200'
const TAKEN = '10.251.0.201'
const OWNED = '10.251.0.202'

t.setTimeout(300_000)
const world = await buildWorld()
const { cluster, client, macs } = world
const speakers = new Map<string, SpeakerProcess>()
t.teardown(async () => {
  for (const speaker of speakers.values()) await speaker.stop('SIGKILL')
  await world.close()
})
const macOf = (node: string): string => macs.get(node) ?? ''
const ownerOf = (address: string): string => electionOrder(NODES, address)[0] ?? ''
const conflictOn = (address: string, status: 'True' | 'False', timeoutMs?: number) =>
  world.until(
    `${ADDRESS_CONFLICT}=${status}`,
    address,
    (claim) => claim.status?.conditions?.some((one) => one.type === ADDRESS_CONFLICT && one.status === status) ?? false,
    timeoutMs,
  )
const conditionOf = async (address: string) => (await world.read(address)).status?.conditions?.find(({ type }) => type === ADDRESS_CONFLICT)
/** Frames that ask whether anybody has the address, of a host that has none (RFC 5227). */
const probesFor = (address: string) => client.frames.filter(({ senderIp, targetIp }) => senderIp === '0.0.0.0' && targetIp === address)
const start = async (node: string, env?: Readonly<Record<string, string>>) =>
  void speakers.set(node, await startSpeaker(cluster.node(node), world.kubeconfig, ['--enable-layer2'], env))

await t.test('an address that is probed and free: asked three times, then owned, then announced', async (t) => {
  await Promise.all(NODES.map((node) => start(node)))
  await world.claim(FREE, { probe: true })
  const { status } = await world.owned(FREE, ownerOf(FREE))
  t.match(status, { phase: 'Active', owner: { epoch: 1 } })
  await client.answeredBy(FREE, macOf(ownerOf(FREE)))
  const probes = probesFor(FREE)
  t.equal(probes.length, 3)
  t.ok(
    probes.every(({ senderMac }) => senderMac === macOf(ownerOf(FREE))),
    'by the first in the queue alone',
  )
  t.ok((probes.at(-1)?.atMs ?? Infinity) < (client.gratuitous(FREE)[0]?.atMs ?? 0), 'before it is announced')
  t.equal(await conditionOf(FREE), undefined)
})

await t.test('an address that a host has is given to nobody, and the claim names the MAC', async (t) => {
  await cluster.client.exec(['ip', 'addr', 'add', `${TAKEN}/24`, 'dev', 'eth0'])
  await world.claim(TAKEN, { probe: true })
  const { status } = await conflictOn(TAKEN, 'True')
  t.match(status, { phase: 'Probing', owner: undefined })
  t.match(await conditionOf(TAKEN), { reason: 'AddressInUse', message: new RegExp(client.mac) })
  await delay(4000)
  t.equal((await world.read(TAKEN)).status?.owner, undefined, 'nor do the others take it')
  t.same(client.gratuitous(TAKEN), [])
  t.ok(
    probesFor(TAKEN).every(({ senderMac }) => senderMac === macOf(ownerOf(TAKEN))),
    'nor do they ask',
  )
  await cluster.client.exec(['ip', 'addr', 'del', `${TAKEN}/24`, 'dev', 'eth0'])
})

await t.test('another host claims an owned address again and again: defended, said on the claim, and owned as before', async (t) => {
  await world.claim(OWNED)
  const node = ownerOf(OWNED)
  const before = (await world.owned(OWNED, node)).status?.owner
  await client.answeredBy(OWNED, macOf(node))
  await delay(4500)
  const foreign = parseMac('02:00:00:00:00:99')
  if (!foreign.ok) throw new Error(foreign.error.message)
  const frames = gratuitousFrames(foreign.value, ipToBytes(ipOf(OWNED)))
  const defences = () => client.gratuitous(OWNED).filter(({ senderMac }) => senderMac === macOf(node)).length
  const told = defences()
  await client.send(frames[1])
  await delay(800)
  t.equal(await conditionOf(OWNED), undefined, 'one frame is no conflict')
  t.equal(defences(), told + 2, 'but it is answered: one pair')
  for (let turn = 0; turn < 4; turn++) {
    await client.send(frames[1])
    await delay(600)
  }
  t.match((await conflictOn(OWNED, 'True')).status?.owner, before)
  t.match(await conditionOf(OWNED), { reason: 'ForeignClaim', message: /02:00:00:00:00:99/ })
  t.same(answering(await client.ask(OWNED)), [macOf(node)])
  t.ok(defences() <= told + 4, 'no war: one pair in ten seconds')
  const { text } = (await speakers.get(node)?.page('/metrics')) ?? { text: '' }
  t.match(text, /^openelb_layer2_address_conflicts 1$/m)
})

await t.test('without a key the readiness of the Pods decides, the claim is written first, and metrics and log say so', async (t) => {
  for (const speaker of speakers.values()) await speaker.stop('SIGTERM')
  const { node: former = '', epoch = 0 } = (await world.read(OWNED)).status?.owner ?? {}
  await Promise.all(NODES.map((node) => start(node, { MEMBER_LIST_SECRET: '' })))
  await client.answeredBy(OWNED, macOf(former))
  const [next = ''] = electionOrder(
    NODES.filter((node) => node !== former),
    OWNED,
  )
  const told = client.gratuitous(OWNED).length
  await world.setReady(former, false)
  const { status } = await world.owned(OWNED, next)
  await client.answeredBy(OWNED, macOf(next))
  t.match(status, { owner: { node: next, epoch: epoch + 1 } })
  t.match(status?.history?.at(-1), { node: former, reason: /^SpeakerNotReady: / })
  const [announced] = client.gratuitous(OWNED).slice(told)
  t.ok((announced?.atMs ?? 0) >= Date.parse(status?.owner?.since ?? ''), 'written, then said')
  await speakers
    .get(next)
    ?.said('membership is off: nothing says where its key is (--membership-secret), so a dead speaker is noticed by Kubernetes alone')
})
