/** An API server with CRDs and the speaker's rights, three bare nodes on a bridge, and the objects that a kubelet would keep. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { rbacObjects, SPEAKER_RIGHTS } from '../../../deploy/manifest/rbac.ts'
import { type Cluster, type LabNode, startControlPlane } from '../../../lab/cluster.ts'
import { type AddressClaimObject, type AddressClaimSpec, claimName } from '../../../src/api/address-claim.ts'
import { SPEAKER_NAME } from '../../../src/api/names.ts'
import { type ApiClient, createApiClient } from '../../../src/kube/client.ts'
import { createObject, findObject, getObject, listObjects, patchObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EVENTS, NODES, PODS, SERVICES } from '../../../src/kube/resources.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { kindsServed } from '../../support/kinds-served.ts'
import { type ArpHost, startArpHost } from './arp-host.ts'
import { ipOf } from './objects.ts'

export const OWN = 'openelb-system'
const INSTALLATION = { namespace: OWN, image: 'none', version: '0.0.0' }

/** The cluster of a test of speakers, without anybody who looks at the wire. */
export interface SpeakerWorld {
  readonly cluster: Cluster
  readonly api: ApiClient
  /** Of the speaker's ServiceAccount. */
  readonly kubeconfig: string
  /** MAC address of each node's eth0. */
  readonly macs: ReadonlyMap<string, string>
  claim(address: string, spec?: Partial<AddressClaimSpec>): Promise<void>
  read(address: string): Promise<AddressClaimObject>
  /** Waits until that node owns the address. */
  owned(address: string, node: string, timeoutMs?: number): Promise<AddressClaimObject>
  /** Waits until a claim satisfies `check`. */
  until(what: string, address: string, check: (claim: AddressClaimObject) => boolean, timeoutMs?: number): Promise<AddressClaimObject>
  setReady(node: string, ready: boolean): Promise<void>
  /** `reason message` of every Event about an object of this name. */
  events(name: string): Promise<readonly string[]>
  close(): Promise<void>
}

export interface Layer2World extends SpeakerWorld {
  readonly client: ArpHost
}

export async function buildWorld(options: { readonly dualStack?: boolean } = {}): Promise<Layer2World> {
  const world = await buildSpeakerWorld(options)
  const client = await startArpHost(world.cluster.client)
  return {
    ...world,
    client,
    async close() {
      await client.close()
      await world.close()
    },
  }
}

export async function buildSpeakerWorld({ dualStack = false }: { readonly dualStack?: boolean } = {}): Promise<SpeakerWorld> {
  const cluster = await startControlPlane({ nodes: 3, dualStack })
  try {
    return await install(cluster)
  } catch (error) {
    await cluster.down()
    throw error
  }
}

/**
 * The tests' addresses do not depend on the network that the lab happens to get, so each node has theirs by routes without a gateway. The
 * metric keeps the routes of the node's own addresses before them.
 */
export async function joinNetworks({ exec }: Pick<LabNode, 'exec'>): Promise<void> {
  await exec(['ip', 'route', 'replace', '10.251.0.0/24', 'dev', 'eth0', 'metric', '4096'])
  await exec(['ip', '-6', 'route', 'replace', 'fd00:251::/48', 'dev', 'eth0', 'metric', '4096'])
}

async function install(cluster: Cluster): Promise<SpeakerWorld> {
  for (const node of cluster.nodes) await joinNetworks(node)
  await cluster.kubectl(['apply', '--server-side', '-f', fileURLToPath(new URL('../../../deploy/crds', import.meta.url))])
  await kindsServed(cluster)
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: SPEAKER_NAME, namespace: OWN } }
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: OWN } }, account, ...rbacObjects(INSTALLATION, SPEAKER_RIGHTS)]
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
  const setReady = (node: string, ready: boolean) => markPod(api, cluster.node(node), ready)
  for (const { name } of cluster.nodes) {
    await createNode(api, name)
    await createSpeakerPod(api, name)
    await setReady(name, true)
  }
  const macs = new Map(await Promise.all(cluster.nodes.map(async (node) => [node.name, await macOf(node)] as const)))
  const until = waitFor(api)
  return {
    cluster,
    api,
    kubeconfig: await cluster.serviceAccountKubeconfig(OWN, SPEAKER_NAME),
    macs,
    setReady,
    until,
    claim: (address, spec) => createClaim(api, address, spec),
    read: (address) => getObject<AddressClaimObject>(api, ADDRESS_CLAIMS, { name: nameOf(address) }),
    owned: (address, node, timeoutMs) => until(`${node} owns ${address}`, address, ({ status }) => status?.owner?.node === node, timeoutMs),
    async events(name) {
      const all = await listObjects<{ involvedObject: { name: string }; reason: string; message: string }>(api, EVENTS)
      return all.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason} ${message}`)
    },
    async close() {
      api.close()
      await cluster.down()
    },
  }
}

const nameOf = (address: string): string => claimName(ipOf(address))

function waitFor(api: ApiClient): Layer2World['until'] {
  return async (what, address, check, timeoutMs = 30_000) => {
    const endMs = performance.now() + timeoutMs
    for (;;) {
      const claim = await getObject<AddressClaimObject>(api, ADDRESS_CLAIMS, { name: nameOf(address) })
      if (check(claim)) return claim
      if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}; it is ${JSON.stringify(claim.status)}`)
      await delay(20)
    }
  }
}

/** The Service that holds the address of a test. */
export const serviceName = (address: string): string => `svc-${address.replaceAll(/[.:]/g, '-')}`

export const serviceObject = (address: string, externalTrafficPolicy: 'Cluster' | 'Local') => ({
  metadata: { name: serviceName(address), namespace: 'default' },
  spec: { type: 'LoadBalancer', externalTrafficPolicy, ports: [{ port: 80 }] },
})

async function createClaim(api: ApiClient, address: string, spec: Partial<AddressClaimSpec> = {}): Promise<void> {
  const holder = { namespace: 'default', name: serviceName(address), uid: `uid-${address}`, ports: [] }
  if ((await findObject(api, SERVICES, holder)) === undefined) await createObject(api, SERVICES, serviceObject(address, 'Cluster'))
  await createObject(api, ADDRESS_CLAIMS, {
    metadata: { name: nameOf(address) },
    spec: { address, eip: 'pool', protocol: 'layer2', interface: 'eth0', holders: [holder], ...spec },
  })
}

const readyCondition = (ready: boolean) => ({
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', reason: 'Test', lastTransitionTime: new Date().toISOString() }],
  },
})

export async function createNode(api: ApiClient, name: string): Promise<void> {
  await createObject(api, NODES, { metadata: { name } })
  await patchObject(api, NODES, { name }, readyCondition(true), { type: 'merge', subresource: 'status' })
}

export async function createSpeakerPod(api: ApiClient, node: string): Promise<void> {
  await createObject(api, PODS, {
    metadata: { name: `openelb-speaker-${node}`, namespace: OWN, labels: { app: 'openelb', component: 'speaker' } },
    spec: {
      nodeName: node,
      hostNetwork: true,
      serviceAccountName: SPEAKER_NAME,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 600,
      containers: [{ name: 'speaker', image: 'none' }],
    },
  })
}

/** What a kubelet says of a Pod with hostNetwork whose container runs, and is ready or not. */
async function markPod(api: ApiClient, { name, ip }: LabNode, ready: boolean): Promise<void> {
  const ref = { name: `openelb-speaker-${name}`, namespace: OWN }
  const addresses = { hostIP: ip, podIP: ip, hostIPs: [{ ip }], podIPs: [{ ip }] }
  const body = { status: { ...readyCondition(ready).status, phase: 'Running', ...addresses } }
  await patchObject(api, PODS, ref, body, { type: 'merge', subresource: 'status' })
}

async function macOf(node: LabNode): Promise<string> {
  const { stdout } = await node.exec(['ip', '-o', 'link', 'show', 'eth0'])
  const mac = /link\/ether ([0-9a-f:]{17})/.exec(stdout)?.[1]
  if (mac === undefined) throw new Error(`no MAC in ${stdout}`)
  return mac
}
