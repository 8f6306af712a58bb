/** Objects as a real API server would send them to a speaker, with what controllers and clients leave in them. Pure. */
import { claimName } from '../../src/api/address-claim.ts'
import { APP_LABEL, APP_LABEL_VALUE, COMPONENT, COMPONENT_LABEL, DEFAULT_NAMESPACE } from '../../src/api/names.ts'
import { EIP_NAME, OPT_IN, OPT_IN_VALUE } from '../../src/api/service-annotations.ts'

/** One object without `resourceVersion`, which the server gives. */
export interface PaperObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

export interface PaperNode {
  readonly name: string
  readonly ip: string
}

export interface PaperCluster {
  readonly nodes: readonly PaperNode[]
  /** Services of type LoadBalancer, each with an address of its own, its claim, and an EndpointSlice with an endpoint on every node. */
  readonly services: number
  /** Every so many Services one has policy Local. */
  readonly localEvery: number
  /** The first address; the others follow. */
  readonly firstAddress: readonly [number, number, number, number]
}

/** The objects of each collection, by its plural. */
export type Collections = Readonly<Record<string, readonly PaperObject[]>>

const NAMESPACE = 'shop'
const EIP = 'pool'
const SINCE = '2026-11-21T08:00:00Z'
const uid = (kind: number, at: number): string =>
  `${kind.toString(16).padStart(8, '0')}-0000-4000-8000-${at.toString(16).padStart(12, '0')}`
const serviceName = (at: number): string => `shop-frontend-${at}`

/** Who wrote which field: about a third of what an API server sends. */
const managed = (manager: string, fields: object) => [
  { manager, operation: 'Update', apiVersion: 'v1', time: SINCE, fieldsType: 'FieldsV1', fieldsV1: fields },
]

const meta = (kind: number, at: number, name: string, namespace: string | undefined, more: object = {}): PaperObject['metadata'] => ({
  ...{ name, uid: uid(kind, at), creationTimestamp: SINCE, generation: 1 },
  ...(namespace !== undefined && { namespace }),
  ...more,
})

const addressOf = ({ firstAddress: [a, b, c, d] }: PaperCluster, at: number): string => {
  const low = (c << 8) + d + at
  return `${a}.${b}.${low >> 8}.${low & 255}`
}

function service(cluster: PaperCluster, at: number): PaperObject {
  const name = serviceName(at)
  const fields = { 'f:metadata': { 'f:annotations': { '.': {} } }, 'f:spec': { 'f:ports': { '.': {} }, 'f:selector': {}, 'f:type': {} } }
  return {
    metadata: meta(1, at, name, NAMESPACE, {
      labels: { app: name, 'app.kubernetes.io/part-of': 'shop', 'app.kubernetes.io/managed-by': 'Helm', [EIP_NAME]: EIP },
      annotations: {
        [OPT_IN]: OPT_IN_VALUE,
        [EIP_NAME]: EIP,
        'meta.helm.sh/release-name': name,
        'meta.helm.sh/release-namespace': NAMESPACE,
      },
      managedFields: managed('helm', fields),
    }),
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: at % cluster.localEvery === 0 ? 'Local' : 'Cluster',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 },
        { name: 'https', protocol: 'TCP', port: 443, targetPort: 8443 },
      ],
      selector: { app: name },
      ...{ clusterIP: `10.96.${at >> 8}.${at & 255}`, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', sessionAffinity: 'None' },
    },
    status: { loadBalancer: { ingress: [{ ip: addressOf(cluster, at), ipMode: 'VIP' }] } },
  }
}

function endpointSlice({ nodes }: PaperCluster, at: number): PaperObject {
  const name = serviceName(at)
  return {
    metadata: meta(2, at, `${name}-x7k2p`, NAMESPACE, {
      generateName: `${name}-`,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        app: name,
      },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': SINCE },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid: uid(1, at), controller: true, blockOwnerDeletion: true }],
      managedFields: managed('kube-controller-manager', { 'f:addressType': {}, 'f:endpoints': {}, 'f:ports': {} }),
    }),
    addressType: 'IPv4',
    endpoints: nodes.map(({ name: nodeName }, here) => ({
      addresses: [`10.244.${here}.${1 + (at % 250)}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName,
      targetRef: { kind: 'Pod', namespace: NAMESPACE, name: `${name}-5d4f8c7b9-${here}abcd`, uid: uid(4 + here, at) },
    })),
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'https', protocol: 'TCP', port: 8443 },
    ],
  }
}

function claim(cluster: PaperCluster, at: number): PaperObject {
  const address = addressOf(cluster, at)
  const name = serviceName(at)
  const ports = [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'https', protocol: 'TCP', port: 443 },
  ]
  return {
    metadata: meta(3, at, claimName({ family: 'IPv4', value: numberOf(address) }), undefined, {
      labels: { [EIP_NAME]: EIP },
      managedFields: managed('openelb-controller', { 'f:spec': { 'f:address': {}, 'f:eip': {}, 'f:holders': {}, 'f:protocol': {} } }),
    }),
    spec: {
      ...{ address, service: `${NAMESPACE}/${name}`, eip: EIP, protocol: 'layer2', interface: 'eth0' },
      holders: [{ namespace: NAMESPACE, name, uid: uid(1, at), ports }],
    },
  }
}

const numberOf = (address: string): bigint => address.split('.').reduce((value, part) => (value << 8n) + BigInt(part), 0n)

const READY = { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: SINCE }

const node = ({ name, ip }: PaperNode, at: number): PaperObject => ({
  metadata: meta(9, at, name, undefined, { labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } }),
  spec: {},
  status: { conditions: [READY], addresses: [{ type: 'InternalIP', address: ip }] },
})

const speakerPod = ({ name, ip }: PaperNode, at: number): PaperObject => ({
  metadata: meta(10, at, `openelb-speaker-${name}`, DEFAULT_NAMESPACE, {
    labels: { [APP_LABEL]: APP_LABEL_VALUE, [COMPONENT_LABEL]: COMPONENT.speaker },
  }),
  spec: { nodeName: name, hostNetwork: true },
  status: { phase: 'Running', conditions: [READY], podIP: ip, hostIP: ip },
})

/** Everything that a speaker reads. */
export function paperCollections(cluster: PaperCluster): Collections {
  const each = <T>(make: (cluster: PaperCluster, at: number) => T): T[] =>
    Array.from({ length: cluster.services }, (_, at) => make(cluster, at))
  const spec = {
    address: `${addressOf(cluster, 0)}-${addressOf(cluster, Math.max(0, cluster.services - 1))}`,
    protocol: 'layer2',
    interface: 'eth0',
  }
  return {
    services: each(service),
    endpointslices: each(endpointSlice),
    addressclaims: each(claim),
    nodes: cluster.nodes.map(node),
    pods: cluster.nodes.map(speakerPod),
    eips: [{ metadata: meta(11, 0, EIP, undefined), spec }],
    bgpconfs: [],
    events: [],
  }
}
