import t from 'tap'
import type { EndpointSliceObject } from '../../src/api/core-objects.ts'
import { electorateOf, endpointNodesOf, reporters, serviceFacts, sliceFacts } from '../../src/speaker/facts.ts'
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
