/** What explain and status tell of the wire, the members and the nodes. */
import t from 'tap'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { formatMove, MOVE } from '../../src/api/claim-annotations.ts'
import type { EndpointSliceObject, KubernetesObject, NodeObject } from '../../src/api/core-objects.ts'
import { explain } from '../../src/cli/verbs/explain.ts'
import { status } from '../../src/cli/verbs/status.ts'
import type { SpeakerReport } from '../../src/speaker/speaker-report.ts'
import { type FakeOptions, fakeCluster, runVerb } from './support/fake-cluster.ts'
import { answered, claim, eip, member, meta, node, report, service, speakerPod, THEN, workloads } from './support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const ready = (name: string, status: 'True' | 'False' = 'True'): NodeObject => ({
  ...node(name, '192.168.0.1'),
  status: { conditions: [{ type: 'Ready', status }] },
})
const pages = (...reports: SpeakerReport[]) => Object.fromEntries(reports.map((one) => [`speaker-${one.node}`, one]))
const history = (...owners: string[]) =>
  owners.map((owner, at) => ({ node: owner, epoch: at, from: THEN, until: THEN, reason: `Moved: ${at}` }))
const owned = claim('10.0.0.2', 'web', { owner: 'n1' })
const world = (...more: KubernetesObject[]): readonly KubernetesObject[] => [
  ...NODES.map((name) => ready(name)),
  ...NODES.map((name) => speakerPod(name)),
  eip('pool', '10.0.0.0/29', { isDefault: true }),
  service('web', { shows: ['10.0.0.2'] }),
  ...more,
]
const tell = async (words: string, objects: readonly KubernetesObject[], options: FakeOptions = {}) =>
  (await runVerb(explain, words.split(' '), fakeCluster({ objects, ...options }))).out
const seen = answered('10.0.0.2', 3, {
  lastAnswer: { to: '02:00:00:00:00:07', at: '2026-11-21T00:00:57Z' },
  lastAnnouncement: '2026-11-20T23:51:00Z',
  foreignClaims: { count: 4, mac: '02:00:00:00:00:99', at: '2026-11-21T00:00:30Z' },
})

t.test('an address: who answers with what, who is next, who hears whom, who did before', async (t) => {
  const told = { ...owned, status: { ...owned.status, history: history('n2', 'n3') } }
  const objects = [...world(told).filter(({ kind, metadata }) => kind !== 'Node' || metadata.name !== 'n3'), ready('n3', 'False')]
  const members = [member('n1'), member('n2', undefined, false), { ...member('n3', 'silent'), lastSignMsAgo: 40_000 }]
  const spoken = [
    report('n1', NODES, { addresses: [seen], membership: { settled: true, quorum: 'majority', members } }),
    report('n2', NODES, { membership: { settled: false, quorum: 'minority', members } }),
  ]
  t.match(
    await tell('address 10.0.0.2', objects, { pages: pages(...spoken) }),
    `Announced:   10.0.0.2 (layer2) by n1 on eth0, for 24h, epoch 3
             before by n3, until ${THEN}: Moved: 1
             before by n2, until ${THEN}: Moved: 0
On the wire: n1 answers with 02:00:00:00:00:01 on eth0, announced 10m ago
             the last answer went to 02:00:00:00:00:07 3s ago; 118 of 120 questions answered
             02:00:00:00:00:99 said that it has the address, 4 times, last 30s ago; seen by n1
Nodes:       + n1 owns it
             - n2: the speaker on the node says that it cannot announce now
             - n3: the node is not Ready
             no other node may own it
Members:     n1 hears 2 of 3 speakers, itself included: a majority
             n3 is not heard (silent, for 40s)
             n2 is heard, and says that it cannot answer now
`,
  )
})

t.test('a Service: the same for each of its addresses, and fewer former owners', async (t) => {
  const told = { ...owned, status: { ...owned.status, history: history('n1', 'n2', 'n3', 'n2') } }
  const out = await tell('default/web', world(told), {
    pages: pages(...NODES.map((name) => report(name, NODES, name === 'n1' ? { addresses: [answered('10.0.0.2')] } : {}))),
  })
  t.equal(out.match(/before by/g)?.length, 2)
  t.match(out, /^On the wire: n1 answers with .* on eth0\n +nobody has asked yet; 118 of 120/m)
  t.match(out, /^Nodes: +\+ n1 owns it\n +\+ n\d is the next in the queue, then n\d$/m)
  t.match(out, /^Members: +n1 hears 3 of 3 speakers, itself included: a majority$/m)
})

t.test('what cannot be known is said, or left out', async (t) => {
  const objects = world(owned)
  const forbidden = await tell('address 10.0.0.2', objects, { forbidden: ['pods'] })
  t.match(forbidden, /^Unknown: +the speakers: you may not read it$/m)
  t.notMatch(forbidden, /^(Nodes|Members|On the wire):/m)
  t.match(await tell('address 10.0.0.2', objects, { forbidden: ['pods/proxy'] }), /^On the wire: n1: you may not get pods\/proxy/m)
  t.match(
    await tell('address 10.0.0.2', objects),
    /^On the wire: n1: its speaker cannot be asked through the API server: error trying to reach/m,
  )
  const silent = await tell('address 10.0.0.2', objects, { pages: pages(...NODES.map((name) => report(name, NODES))) })
  t.match(silent, /^On the wire: none of the 3 speakers that could be asked answers for it$/m)
  const off = await tell('address 10.0.0.2', objects, {
    pages: pages(report('n1', NODES, { membership: undefined, addresses: [answered('10.0.0.2', 3, { recorded: false })] })),
  })
  t.match(off, /^Members: +the speakers have no key/m)
  t.match(off, /on eth0, not recorded yet$/m)
  const bgp = { ...owned, spec: { ...owned.spec, protocol: 'bgp' as const } }
  t.notMatch(await tell('address 10.0.0.2', world(bgp)), /On the wire|Nodes:/)
  t.notMatch(await tell('address 10.0.0.5', objects), /On the wire|Nodes:|Members:/)
})

t.test('policy Local, an Eip’s choice of nodes, and a move that is asked for', async (t) => {
  const local = service('web', { shows: ['10.0.0.2'], spec: { externalTrafficPolicy: 'Local' } })
  const slice: EndpointSliceObject = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...meta('web-1', 'default'), labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.9.0.1'], nodeName: 'n2', conditions: { ready: true } }],
  }
  const wished: AddressClaimObject = {
    ...owned,
    metadata: { ...owned.metadata, annotations: { [MOVE]: formatMove({ node: 'n2', epoch: 3 }) } },
  }
  const objects = world(wished, slice, local).filter((each) => each.kind !== 'Service' || each === local)
  const all = pages(...NODES.map((name) => report(name, NODES)))
  const out = await tell('address 10.0.0.2', objects, { pages: all })
  t.match(out, /^ +it shall move to n2 \(annotation openelb\.io\/move\)$/m)
  t.match(out, /- n1 owns it, and should not: externalTrafficPolicy is Local/)
  t.match(out, /\+ n2 is the next in the queue\n +- n3: externalTrafficPolicy is Local/)
  const blind = await tell('address 10.0.0.2', objects, { pages: all, forbidden: ['endpointslices.discovery.k8s.io'] })
  t.match(blind, /^Unknown: +EndpointSlices: you may not read it$/m)
  t.notMatch(blind, /^Nodes:/m)
  const choosy = [
    ...NODES.map((name) => ({ ...ready(name), metadata: { ...meta(name), labels: { rack: name } } })),
    ...world(owned).filter(({ kind }) => kind !== 'Node' && kind !== 'Eip'),
    eip('pool', '10.0.0.0/29', { nodeSelectors: [{ matchLabels: { rack: 'n1' } }, { matchLabels: { rack: 'n3' } }] }),
  ]
  t.match(
    await tell('address 10.0.0.2', choosy, { pages: all }),
    /\+ n3 is the next in the queue\n +- n2: the labels of the node fit none of spec\.nodeSelectors/,
  )
})

t.test('a cordoned node, where the speakers avoid those', async (t) => {
  const cordoned: NodeObject = { ...ready('n2'), spec: { unschedulable: true } }
  const all = pages(...NODES.map((name) => report(name, NODES)))
  const objects = (args: readonly string[]) => [
    ...world(owned).filter(({ kind, metadata }) => kind !== 'Pod' && !(kind === 'Node' && metadata.name === 'n2')),
    cordoned,
    ...NODES.map((name) => speakerPod(name, { args })),
  ]
  t.match(await tell('address 10.0.0.2', objects(['--avoid-cordoned']), { pages: all }), /- n2: the node is cordoned/)
  t.notMatch(await tell('address 10.0.0.2', objects(['--avoid-cordoned=false']), { pages: all }), /cordoned/)
})

t.test('status: a line for each node', async (t) => {
  const show = async (objects: readonly KubernetesObject[], options: FakeOptions = {}) => {
    const { out } = await runVerb(status, [], fakeCluster({ objects, ...options }))
    return (/Layer 2\n([\s\S]*?)(\n\n|$)/.exec(out)?.[1] ?? '').trimEnd()
  }
  const problem = { check: 'proxy-arp', severity: 'error', message: 'the kernel answers too', cure: 'c' } as const
  const members = [member('n1'), member('n2'), member('n3', 'ended')]
  const side = { settled: true, quorum: 'majority' as const, members }
  const spoken = pages(
    report('n1', NODES, { addresses: [answered('10.0.0.2')], membership: side, preflight: [problem] }),
    report('n2', NODES, { membership: side }),
  )
  const lines = (await show([...workloads, ...world(owned, claim('10.0.0.3', 'web', { owner: 'n3' }))], { pages: spoken })).split('\n')
  t.match(lines, [
    /^NODE +OWNS +ANSWERS +HEARD BY +QUORUM +PROBLEMS +SAYS$/,
    /^n1 +1 +1 +1\/1 +majority +1 +the kernel answers too$/,
    /^n2 +0 +0 +1\/1 +majority +0$/,
    /^n3 +1 +<none> +0\/2 +unknown +0 +its speaker cannot be asked/,
  ])
  t.equal(await show(workloads), 'there is no speaker Pod')
  t.equal(
    await show(world(owned), { forbidden: ['pods'] }).then((text) => text.split('\n')[1]),
    'n1     1      <none>    <none>     unknown   0          its speaker is unknown: you may not read it',
  )
  const { out } = await runVerb(status, ['-o', 'json'], fakeCluster({ objects: world(owned), pages: spoken }))
  t.match(JSON.parse(out), {
    nodes: [{ node: 'n1', owned: 1, answered: 1, heardBy: '1/1', quorum: 'majority', problems: 1 }, { node: 'n2' }, { node: 'n3' }],
  })
})
