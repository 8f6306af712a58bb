import t from 'tap'
import { MOVE } from '../../src/api/claim-annotations.ts'
import { ANY_NODE } from '../../src/policy/node-choice.ts'
import { projectClaim, projectEip, projectNode, projectPod } from '../../src/speaker/projection.ts'
import { PLAIN_EIP } from '../../src/speaker/routes/wishes.ts'

const metadata = { name: 'x', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' }
const big = { managedFields: [{ manager: 'kubelet' }], finalizers: ['a'] }

t.test('a Node keeps what eligibility and the choice of interfaces read', async (t) => {
  const raw = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      ...metadata,
      ...big,
      labels: { rack: 'a' },
      annotations: { 'layer2.openelb.kubesphere.io/v1alpha1': '192.0.2.0/24', 'volumes.kubernetes.io/controller-managed': 'true' },
    },
    spec: {
      unschedulable: true,
      podCIDRs: ['10.244.0.0/24'],
      taints: [
        { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' },
        { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
      ],
    },
    status: {
      images: [{ names: ['x'] }],
      conditions: [
        { type: 'Ready', status: 'True', lastHeartbeatTime: 'now' },
        { type: 'MemoryPressure', status: 'False' },
        { type: 'NetworkUnavailable', status: 'False', reason: 'CalicoIsUp' },
      ],
    },
  }
  t.same(projectNode(raw), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadata, labels: { rack: 'a' }, annotations: { 'layer2.openelb.kubesphere.io/v1alpha1': '192.0.2.0/24' } },
    spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'NetworkUnavailable', status: 'False' },
      ],
    },
  })
  t.same(projectNode({ apiVersion: 'v1', kind: 'Node', metadata }), {
    apiVersion: 'v1',
    kind: 'Node',
    metadata,
    spec: {},
    status: { conditions: [] },
  })
})

t.test('a Pod keeps where it is and how it stands', async (t) => {
  const raw = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, namespace: 'openelb-system', deletionTimestamp: '2026-01-02T00:00:00Z', annotations: { a: 'b' } },
    spec: { nodeName: 'n1', containers: [{ name: 'speaker' }] },
    status: { phase: 'Running', podIP: '192.0.2.5', podIPs: [], conditions: [{ type: 'Ready', status: 'True' }] },
  }
  t.same(projectPod(raw), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, namespace: 'openelb-system', deletionTimestamp: '2026-01-02T00:00:00Z' },
    spec: { nodeName: 'n1' },
    status: { phase: 'Running', podIP: '192.0.2.5', conditions: [{ type: 'Ready', status: 'True' }] },
  })
  t.same(projectPod({ apiVersion: 'v1', kind: 'Pod', metadata }).status, { conditions: [] })
})

t.test('an Eip keeps its choice of nodes, and a count of its addresses changes nothing', async (t) => {
  const nodeSelectors = [{ matchLabels: { rack: 'a' } }]
  const raw = (spec: object | undefined, usage: number) => ({
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: { ...metadata, resourceVersion: String(usage) },
    ...(spec !== undefined && { spec }),
    status: { usage },
  })
  const kept = projectEip(raw({ address: '192.0.2.0/24', nodeSelectors }, 1))
  t.same(kept, { metadata: { name: 'x', uid: 'u' }, nodeChoice: { nodeSelectors, preferredNodes: [] }, routes: PLAIN_EIP })
  t.same(projectEip(raw({ address: '192.0.2.0/24', nodeSelectors }, 2)), kept)
  t.equal(projectEip(raw({ address: '192.0.2.0/24' }, 1)).nodeChoice, ANY_NODE)
  t.equal(projectEip(raw(undefined, 1)).nodeChoice, ANY_NODE, 'an Eip of OpenELB without a spec')
})

t.test('a claim keeps who holds it, the wish to move it, and its whole status', async (t) => {
  const holder = { namespace: 'default', name: 'web', uid: 'u1' }
  const status = {
    owner: { node: 'n1', interface: 'eth0', epoch: 3, since: metadata.creationTimestamp },
    history: [{ node: 'n2', epoch: 2, from: metadata.creationTimestamp, reason: 'Released' }],
    conditions: [{ type: 'Announced', status: 'True', reason: 'Announced', message: '', lastTransitionTime: metadata.creationTimestamp }],
  }
  const spec = { address: '192.0.2.1', eip: 'pool', protocol: 'layer2', interface: 'eth0', probe: true }
  const raw = {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'AddressClaim',
    metadata: {
      ...metadata,
      ...big,
      labels: { 'eip.openelb.kubesphere.io/v1alpha2': 'pool' },
      annotations: { [MOVE]: 'n2@3', other: 'x' },
    },
    spec: { ...spec, service: 'default/web', holders: [{ ...holder, ports: [{ protocol: 'TCP', port: 80 }], sharing: 'abc' }] },
    status,
  }
  t.same(projectClaim(raw), {
    apiVersion: raw.apiVersion,
    kind: 'AddressClaim',
    metadata: { ...metadata, annotations: { [MOVE]: 'n2@3' } },
    spec: { ...spec, holders: [{ ...holder, ports: [] }] },
    status,
  })
  const bare = { ...raw, metadata, spec: { address: '192.0.2.1', eip: 'pool', protocol: 'bgp', holders: [] }, status: undefined }
  t.same(projectClaim(bare), { apiVersion: raw.apiVersion, kind: 'AddressClaim', metadata, spec: bare.spec })
})
