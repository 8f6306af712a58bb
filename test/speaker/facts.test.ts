import t from 'tap'
import type { EndpointSliceObject } from '../../src/api/core-objects.ts'
import { electorateOf, endpointNodesOf, reporters, serviceFacts, sliceFacts } from '../../src/speaker/facts.ts'
import type { Member } from '../../src/speaker/membership/facts.ts'
import { claimObject, clusterFacts } from './support/objects.ts'

type Endpoint = NonNullable<NonNullable<EndpointSliceObject['endpoints']>[number]>
const slice = (name: string, service: string, endpoints: readonly Endpoint[] | null): EndpointSliceObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'kubernetes.io/service-name': service },
  },
  addressType: 'IPv4',
  endpoints,
})
const endpoint = (nodeName: string | undefined, conditions?: Endpoint['conditions']): Endpoint => ({
  addresses: ['10.244.0.1'],
  ...(nodeName === undefined ? {} : { nodeName }),
  ...(conditions === undefined ? {} : { conditions }),
})

t.test('the nodes of a Service are those with a ready endpoint, over all its slices', async (t) => {
  const slices = [
    slice('a', 'web', [endpoint('n1', { ready: true }), endpoint('n2', { ready: false, serving: true, terminating: true })]),
    slice('b', 'web', [endpoint('n3'), endpoint(undefined, { ready: true })]),
    slice('c', 'other', [endpoint('n2', { ready: true })]),
    slice('d', 'empty', null),
  ].map(sliceFacts)
  const nodes = endpointNodesOf(slices)
  t.same(
    [...(nodes.get('default/web') ?? [])],
    ['n1', 'n3'],
    'absent conditions count as ready; an endpoint without a node counts for none',
  )
  t.same([...(nodes.get('default/other') ?? [])], ['n2'])
  t.same([...(nodes.get('default/empty') ?? ['missing'])], [])
})

t.test('when nothing is ready, an endpoint that still serves while it terminates keeps the address in its place', async (t) => {
  const draining = [endpoint('n2', { ready: false, serving: true, terminating: true }), endpoint('n3', { ready: false, serving: false })]
  t.same([...(endpointNodesOf([sliceFacts(slice('a', 'web', draining))]).get('default/web') ?? [])], ['n2'])
})

t.test('a Service without a traffic policy has policy Cluster', async (t) => {
  t.same(serviceFacts({ spec: {} }), { trafficPolicy: 'Cluster' })
  t.same(serviceFacts({ spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } }), { trafficPolicy: 'Local' })
  t.same(serviceFacts({ spec: { type: 'NodePort', externalTrafficPolicy: 'Local' } }), { trafficPolicy: 'Cluster' })
})

t.test('an address that is shared by Services with policy Local needs an endpoint of each', async (t) => {
  const holder = (name: string) => ({ namespace: 'default', name, uid: name, ports: [] })
  const claim = claimObject('10.0.0.1', { holders: [holder('web'), holder('mail'), holder('cluster')] })
  const nodes = ['n1', 'n2', 'n3']
  const electorate = electorateOf(claim, clusterFacts({ nodes, local: { 'default/web': ['n1', 'n2'], 'default/mail': ['n2', 'n3'] } }))
  t.equal(electorate.complete, true)
  t.same(
    nodes.map((node) => electorate.eligibility(node).eligible),
    [false, true, false],
  )
  t.equal(electorateOf(claim, clusterFacts({ nodes, local: { 'default/mail': undefined } })).complete, false)
})

t.test('reports are written by nodes whose speaker is up, eligible or not', async (t) => {
  const facts = clusterFacts({ nodes: ['n1', 'n2', 'n3', 'n4'], excluded: ['n1'], speakerNotReady: ['n2'], leaving: ['n3'] })
  t.same(reporters(facts), ['n1', 'n4'])
})

const member = (over: Partial<Member> = {}): Member => ({
  alive: true,
  serving: true,
  leaving: false,
  lastSignMs: 0,
  fault: undefined,
  ...over,
})

t.test('where speakers hear one another, that counts and not what the kubelet says', async (t) => {
  const members = new Map([
    ['n1', member()],
    ['n2', member({ alive: false, fault: 'silent' })],
    ['n3', member({ serving: false })],
    ['n4', member({ leaving: true })],
  ])
  const nodes = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']
  const facts = clusterFacts({ nodes, speakerNotReady: ['n1'], leaving: ['n6'], membership: { settled: true, members } })
  const electorate = electorateOf(claimObject('10.0.0.1'), facts)
  t.same(
    nodes.map((node) => electorate.eligibility(node)),
    [
      { eligible: true },
      { eligible: false, reason: 'speaker-silent' },
      { eligible: false, reason: 'speaker-not-serving' },
      { eligible: false, reason: 'speaker-leaving' },
      { eligible: false, reason: 'speaker-silent' },
      { eligible: false, reason: 'speaker-leaving' },
    ],
    'a speaker that membership does not know yet was not heard',
  )
  t.same(reporters(facts), ['n1'])
})

t.test('an Eip chooses nodes by their labels; one that is gone chooses none', async (t) => {
  const rack = (value: string) => ({ matchLabels: { rack: value } })
  const facts = clusterFacts({
    nodes: ['n1', 'n2', 'n3', 'n4'],
    labels: { n1: { rack: 'a' }, n2: { rack: 'b', ssd: 'yes' }, n3: { rack: 'c', ssd: 'yes' } },
    nodeChoices: {
      pool: {
        nodeSelectors: [rack('a'), rack('b')],
        preferredNodes: [
          { weight: 10, selector: rack('b') },
          { weight: 5, selector: { matchExpressions: [{ key: 'ssd', operator: 'Exists' }] } },
        ],
      },
    },
  })
  const standing = (eip: string) => {
    const { eligibility, weightOf } = electorateOf(claimObject('10.0.0.1', { eip }), facts)
    return facts.nodeNames.map((node) => [eligibility(node).eligible, weightOf(node)])
  }
  const chosen = [
    [true, 0],
    [true, 15],
    [false, 5],
    [false, 0],
  ]
  t.same(standing('pool'), chosen)
  t.same(standing('pool'), chosen, 'the same again, from memory')
  t.same(standing('gone'), Array(4).fill([true, 0]))
  t.same(electorateOf(claimObject('10.0.0.1'), facts).eligibility('n3'), { eligible: false, reason: 'node-not-selected' })
  t.equal(electorateOf(claimObject('10.0.0.1'), facts).weightOf('unknown'), 0)
})
