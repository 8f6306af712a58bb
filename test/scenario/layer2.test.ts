/** Three speakers on three nodes, a real API server, and a host on their wire. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { SPEAKER_RIGHTS } from '../../deploy/manifest/rbac.ts'
import { formatMove, MOVE } from '../../src/api/claim-annotations.ts'
import type { Condition } from '../../src/api/core-objects.ts'
import { SPEAKER_NAME } from '../../src/api/names.ts'
import { createObject, deleteObject, patchObject } from '../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, ENDPOINT_SLICES, PODS, SERVICES } from '../../src/kube/resources.ts'
import { electionOrder } from '../../src/speaker/election.ts'
import { PAIR_DELAYS_MS } from '../../src/speaker/layer2/gratuitous.ts'
import { answering, BROADCAST } from '../speaker/support/arp-host.ts'
import { buildWorld, createSpeakerPod, OWN, serviceName, serviceObject } from '../speaker/support/layer2-world.ts'
import { startLines } from '../speaker/support/process-lines.ts'
import { type SpeakerProcess, startSpeaker } from '../speaker/support/speaker-process.ts'

/** Who answered in OpenELB 0.6.0, on nodes of these names. */
const OBSERVED = {
  '10.251.0.240': 'n1',
  '10.251.0.241': 'n3',
  '10.251.0.242': 'n3',
  '10.251.0.243': 'n2',
  '10.251.0.244': 'n1',
  '10.251.0.245': 'n2',
}
const ADDRESSES = Object.keys(OBSERVED)
const NODES = ['n1', 'n2', 'n3']
const STALLED = fileURLToPath(new URL('../speaker/support/stalled-responder.ts', import.meta.url))

t.setTimeout(300_000)
const world = await buildWorld()
const { cluster, client, macs } = world
const speakers = new Map<string, SpeakerProcess>()
t.teardown(async () => {
  for (const speaker of speakers.values()) await speaker.stop('SIGKILL')
  await world.close()
})

const macOf = (node: string): string => macs.get(node) ?? ''
const speakerOn = (node: string): SpeakerProcess => {
  const speaker = speakers.get(node)
  if (speaker === undefined) throw new Error(`no speaker on ${node}`)
  return speaker
}
const start = async (node: string) => void speakers.set(node, await startSpeaker(cluster.node(node), world.kubeconfig))
const conditionOf = (conditions: readonly Condition[] | undefined, type: string) => conditions?.find((one) => one.type === type)
const owners = async () =>
  Object.fromEntries(await Promise.all(ADDRESSES.map(async (ip) => [ip, (await world.read(ip)).status?.owner] as const)))

const answeredBy = (ip: string, node: string) => client.answeredBy(ip, macOf(node))

await t.test('three speakers read the cluster and are ready', async (t) => {
  await Promise.all(NODES.map(start))
  for (const node of NODES) t.match(await speakerOn(node).page('/readyz'), { status: 200, text: /\[\+\]layer2 ok/ }, node)
})

await t.test('nothing is said before the claim says it: with writes refused, the wire stays silent', async (t) => {
  const at = SPEAKER_RIGHTS.cluster.findIndex(({ resources }) => resources.includes('addressclaims/status'))
  const allow = (verbs: readonly string[]) =>
    cluster.kubectl([
      'patch',
      'clusterrole',
      SPEAKER_NAME,
      '--type=json',
      '-p',
      JSON.stringify([{ op: 'replace', path: `/rules/${at}/verbs`, value: verbs }]),
    ])
  await allow(['get'])
  await delay(500)
  await world.claim('10.251.0.200')
  const [first = ''] = electionOrder(NODES, '10.251.0.200')
  await delay(1500)
  t.equal((await world.read('10.251.0.200')).status?.owner, undefined)
  t.same(await client.ask('10.251.0.200'), [])
  t.same(client.gratuitous('10.251.0.200'), [])
  await allow(['patch'])
  const { status } = await world.until('somebody owns it', '10.251.0.200', ({ status }) => status?.owner !== undefined)
  t.ok(NODES.includes(status?.owner?.node ?? ''), `${status?.owner?.node}; the first of the queue is ${first}`)
  await answeredBy('10.251.0.200', status?.owner?.node ?? '')
  t.ok((client.gratuitous('10.251.0.200')[0]?.atMs ?? 0) >= Date.parse(status?.owner?.since ?? ''), 'written, then said')
})

await t.test("the owners are those of the original, and exactly one answers, with its interface's own MAC", async (t) => {
  await createObject(world.api, EIPS, {
    metadata: { name: 'pool' },
    spec: { address: '10.251.0.240-10.251.0.250', protocol: 'layer2', interface: 'eth0' },
  })
  await Promise.all(ADDRESSES.map((address) => world.claim(address)))
  for (const [ip, node] of Object.entries(OBSERVED)) {
    const { status } = await world.owned(ip, node)
    t.match(status, { owner: { node, interface: 'eth0', epoch: 1 }, history: [], conditions: [{ type: 'Announced', status: 'True' }] })
    for (const answer of await answeredBy(ip, node)) {
      t.match(answer, {
        source: macOf(node),
        senderMac: macOf(node),
        senderIp: ip,
        destination: client.mac,
        targetMac: client.mac,
        targetIp: cluster.client.ip,
      })
    }
    t.same(answering(await client.ask(ip, { to: macOf(node) })), [macOf(node)], `${ip}: a unicast request is answered`)
    const [other = ''] = NODES.filter((name) => name !== node)
    t.same(await client.ask(ip, { to: macOf(other) }), [], `${ip}: another node is silent, even when it is asked itself`)
  }
  const events = (await Promise.all(ADDRESSES.map((ip) => world.events(`svc-${ip.replaceAll('.', '-')}`)))).flat()
  t.same(
    events.sort(),
    Object.values(OBSERVED)
      .map((node) => `SetBalancer success to add nexthops [${node}]`)
      .sort(),
    'one Event each, by the owner',
  )
  t.equal(
    (await world.events('pool')).every((text) => text === 'ConfigSpeaker config openelb layer2 speaker successfully'),
    true,
  )
})

await t.test('the gratuitous pair comes first, as one request and one reply, and again at the planned times', async (t) => {
  await delay((PAIR_DELAYS_MS.at(-1) ?? 0) + 500)
  for (const [ip, node] of Object.entries(OBSERVED)) {
    const frames = client.gratuitous(ip)
    t.same(
      frames.map(({ operation }) => operation),
      PAIR_DELAYS_MS.flatMap(() => ['request', 'reply']),
      ip,
    )
    t.ok(
      frames.every(
        ({ senderMac, source, destination }) => senderMac === macOf(node) && source === macOf(node) && destination === BROADCAST,
      ),
    )
    const [first] = frames
    t.equal(
      client.frames.find(({ senderIp }) => senderIp === ip),
      first,
      'before the first answer',
    )
    t.ok((first?.atMs ?? 0) >= Date.parse((await world.read(ip)).status?.owner?.since ?? ''), 'after the claim was written')
  }
})

await t.test('metrics: per address on its owner, absent elsewhere', async (t) => {
  const { text } = await speakerOn('n1').page('/metrics')
  t.match(text, /^requests_received\{ip="10\.251\.0\.240"\} [1-9]/m)
  t.match(text, /^responses_sent\{ip="10\.251\.0\.240"\} [1-9]/m)
  t.match(text, new RegExp(`^gratuitous_sent\\{ip="10\\.251\\.0\\.240"\\} ${PAIR_DELAYS_MS.length}`, 'm'))
  t.notMatch((await speakerOn('n2').page('/metrics')).text, 'ip="10.251.0.240"')
})

await t.test('the API server goes away and comes back: the wire does not notice, nobody moves', async (t) => {
  const before = await owners()
  const told = ADDRESSES.map((ip) => client.gratuitous(ip).length)
  await cluster.component('kube-apiserver').stop('SIGKILL')
  for (const [ip, node] of Object.entries(OBSERVED)) t.same(answering(await client.ask(ip)), [macOf(node)], ip)
  await cluster.component('kube-apiserver').start()
  await cluster.apiServerReady()
  await delay(3000)
  t.same(await owners(), before)
  t.same(
    ADDRESSES.map((ip) => client.gratuitous(ip).length),
    told,
  )
})

await t.test('a cable that is out for a moment moves nothing, and the neighbours are told again', async (t) => {
  const before = (await world.read('10.251.0.243')).status?.owner
  const told = client.gratuitous('10.251.0.243').length
  await cluster.node('n2').setCable('down')
  await cluster.node('n2').setCable('up')
  await answeredBy('10.251.0.243', 'n2')
  await delay(500)
  t.ok(client.gratuitous('10.251.0.243').length >= told + 2)
  t.same((await world.read('10.251.0.243')).status?.owner, before)
})

await t.test('an owner that leaves hands over to the next in order; the others keep what they have', async (t) => {
  const before = await owners()
  await deleteObject(world.api, PODS, { namespace: OWN, name: 'openelb-speaker-n1' })
  const stopping = speakerOn('n1').stop('SIGTERM')
  for (const ip of ADDRESSES) {
    const order = electionOrder(NODES, ip)
    const want = order[0] === 'n1' ? order[1] : before[ip]?.node
    const { status } = await world.owned(ip, want ?? '')
    t.equal(status?.owner?.epoch, order[0] === 'n1' ? 2 : 1, `${ip}: ${want}`)
    await answeredBy(ip, want ?? '')
  }
  t.match((await world.read('10.251.0.240')).status?.history, [{ node: 'n1', epoch: 1, reason: /^SpeakerLeaving: / }])
  t.equal(await stopping, 0, 'inside its time')
})

await t.test('it comes back: nothing moves; nor does it when the kubelet finds an owner not Ready that the others hear', async (t) => {
  await deleteObject(world.api, PODS, { namespace: OWN, name: 'openelb-speaker-n1' })
  await cluster.kubectl(['-n', OWN, 'delete', 'pod', 'openelb-speaker-n1', '--grace-period=0', '--force'])
  await createSpeakerPod(world.api, 'n1')
  await start('n1')
  await world.setReady('n1', true)
  await world.setReady('n3', false)
  await delay(3000)
  const now = await owners()
  t.same(
    NODES.map((node) => Object.values(now).filter((owner) => owner?.node === node).length),
    [0, 2, 4],
  )
  await world.setReady('n3', true)
})

await t.test('an owner is killed: the others have its addresses at once, and the claims say why', async (t) => {
  const before = await owners()
  const told = new Map(ADDRESSES.map((ip) => [ip, client.gratuitous(ip).length]))
  await speakerOn('n3').stop('SIGKILL')
  const killedMs = Date.now()
  for (const ip of ADDRESSES) {
    const [next = ''] = electionOrder(['n1', 'n2'], ip)
    const lost = before[ip]?.node === 'n3'
    const want = lost ? next : (before[ip]?.node ?? '')
    const { status } = await world.owned(ip, want)
    await answeredBy(ip, want)
    if (!lost) {
      t.same(status?.owner, before[ip], `${ip} stays where it is`)
      continue
    }
    t.match(status?.history?.at(-1), { node: 'n3', epoch: before[ip]?.epoch, reason: /^SpeakerSilent: / })
    const [announced] = client.gratuitous(ip).slice(told.get(ip))
    t.equal(announced?.senderMac, macOf(next))
    t.ok((announced?.atMs ?? Infinity) < killedMs + 1000, `${ip}: announced ${(announced?.atMs ?? NaN) - killedMs} ms after the kill`)
    t.ok((announced?.atMs ?? 0) >= Date.parse(status?.owner?.since ?? '') - 1, 'since says when it was taken, and the frames go out then')
  }
  const { text } = await speakerOn('n1').page('/metrics')
  t.match(text, /^openelb_layer2_moves_total\{reason="speaker-silent"\} [1-9]/m)
  t.match(text, /^openelb_failover_seconds_count [1-9]/m)
  await start('n3')
})

await t.test('an administrator moves an address: the new owner announces, the old one falls silent, nothing is lost', async (t) => {
  const ip = '10.251.0.243'
  const { node = '', epoch = 0 } = (await world.read(ip)).status?.owner ?? {}
  const [to = ''] = NODES.filter((name) => name !== node)
  await delay(1000)
  await patchObject(
    world.api,
    ADDRESS_CLAIMS,
    { name: ip },
    { metadata: { annotations: { [MOVE]: formatMove({ node: to, epoch }) } } },
    { type: 'merge' },
  )
  const { status } = await world.owned(ip, to)
  await answeredBy(ip, to)
  t.match(status?.history?.at(-1), { node, epoch, reason: /^Moved: / })
  await delay(1000)
  t.match((await world.read(ip)).status?.owner, { node: to, epoch: epoch + 1 }, 'once')
})

await t.test('policy Local: the address goes where the endpoint is, follows it, and falls silent when there is none', async (t) => {
  const name = serviceName('10.251.0.247')
  const slice = (nodeName: string, ready: boolean) => ({
    metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.0.9'], nodeName, conditions: { ready, serving: ready, terminating: false } }],
    ports: [],
  })
  const [last = '', first = ''] = electionOrder(NODES, '10.251.0.247').toReversed()
  await createObject(world.api, SERVICES, serviceObject('10.251.0.247', 'Local'))
  await createObject(world.api, ENDPOINT_SLICES, slice(last, true))
  await delay(300)
  await world.claim('10.251.0.247')
  await world.owned('10.251.0.247', last)
  await answeredBy('10.251.0.247', last)
  const patch = (body: object) =>
    patchObject(world.api, ENDPOINT_SLICES, { namespace: 'default', name: `${name}-x` }, body, { type: 'merge' })
  await patch({ endpoints: slice(first, true).endpoints })
  await world.owned('10.251.0.247', first)
  await answeredBy('10.251.0.247', first)
  await patch({ endpoints: slice(first, false).endpoints })
  const { status } = await world.until('nobody owns it', '10.251.0.247', ({ status }) => status?.owner === undefined)
  t.match(conditionOf(status?.conditions, 'Announced'), { status: 'False' })
  await delay(200)
  t.same(await client.ask('10.251.0.247'), [])
  await patch({ endpoints: slice(last, true).endpoints })
  await world.owned('10.251.0.247', last)
  t.match((await world.read('10.251.0.247')).status, { history: [{ node: last }, { node: first, reason: /NoReadyEndpoint/ }] })
})

await t.test('what cannot be served says why; what is found by its route is served', async (t) => {
  await world.claim('10.251.0.248', { interface: `can_reach:${cluster.client.ip}` })
  await world.claim('10.251.0.249', { interface: 'nosuch0' })
  await world.claim('10.251.0.250', { protocol: 'vip' })
  const [first = ''] = electionOrder(NODES, '10.251.0.248')
  t.match((await world.owned('10.251.0.248', first)).status?.owner, { interface: 'eth0' })
  await answeredBy('10.251.0.248', first)
  const reason = (address: string, type: string) =>
    world.until(`${type} of ${address}`, address, ({ status }) => conditionOf(status?.conditions, type) !== undefined)
  t.match((await reason('10.251.0.250', 'ProtocolNotServed')).status?.conditions, [{ status: 'True', message: /vip/ }])
  t.match((await reason('10.251.0.249', 'Announced')).status?.conditions, [
    { status: 'False', reason: 'NobodyAnswers', message: /does not exist/ },
  ])
})

await t.test('an address that a node has itself is left to its kernel', async (t) => {
  const { node = '' } = (await world.read('10.251.0.248')).status?.owner ?? {}
  await cluster.node(node).exec(['ip', 'addr', 'add', '10.251.0.248/32', 'dev', 'lo'])
  const { status } = await world.until('it yields', '10.251.0.248', ({ status }) => status?.owner?.node !== node)
  t.match(status?.history?.at(-1), { node, reason: /^AddressIsLocal: / })
  await cluster.node(node).exec(['ip', 'addr', 'del', '10.251.0.248/32', 'dev', 'lo'])
})

await t.test('a released address falls silent at once', async (t) => {
  await deleteObject(world.api, ADDRESS_CLAIMS, { name: '10.251.0.240' })
  await delay(500)
  t.same(await client.ask('10.251.0.240'), [])
  await delay(500)
  t.ok((await world.events('svc-10-251-0-240')).includes('DelBalancer success to withdraw announcement for service'))
})

await t.test('a main thread that does not come back delays no answer', async (t) => {
  const stalled = startLines<{ stalled?: boolean }>(
    [...cluster.node('n1').enter, process.execPath, STALLED, 'eth0', '10.251.0.222'],
    'stdout',
  )
  t.teardown(() => stalled.stop('SIGKILL'))
  await stalled.next('stalled', ({ stalled }) => stalled === true)
  for (let turn = 0; turn < 10; turn++) t.same(answering(await client.ask('10.251.0.222', { windowMs: 100 })), [macOf('n1')])
})

await t.test('when all have ended nobody answers and no socket is left', async (t) => {
  const codes = await Promise.all([...speakers.values()].map((speaker) => speaker.stop('SIGTERM')))
  t.same(codes, [0, 0, 0])
  t.same(await client.ask('10.251.0.243'), [])
  for (const node of cluster.nodes) {
    const { stdout } = await node.exec(['cat', '/proc/net/packet'])
    t.equal(stdout.trim().split('\n').length, 1, `${node.name}: only the heading`)
  }
})
