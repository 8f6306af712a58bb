/** Builders of the objects that a speaker watches, with only what a test says. */
import { parseIp } from '../../../src/addr/ip.ts'
import { type Prefix, parsePrefix } from '../../../src/addr/prefix.ts'
import type { AddressClaimObject, AddressClaimSpec, AddressClaimStatus } from '../../../src/api/address-claim.ts'
import type { NodeObject, PodObject } from '../../../src/api/core-objects.ts'
import type { NodeChoice } from '../../../src/policy/node-choice.ts'
import type { ClusterFacts } from '../../../src/speaker/facts.ts'
import type { HostFacts, NetworkInterface } from '../../../src/speaker/host.ts'
import type { MembershipFacts } from '../../../src/speaker/membership/facts.ts'

const meta = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' })
const ready = (is: boolean) => [{ type: 'Ready', status: is ? ('True' as const) : ('False' as const) }]

export function nodeObject(
  name: string,
  over: { ready?: boolean; excluded?: boolean; labels?: Readonly<Record<string, string>> } = {},
): NodeObject {
  const labels = { ...over.labels, ...(over.excluded === true && { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }) }
  return { apiVersion: 'v1', kind: 'Node', metadata: { ...meta(name), labels }, status: { conditions: ready(over.ready ?? true) } }
}

export function speakerPod(node: string, over: { ready?: boolean; leaving?: boolean } = {}): PodObject {
  const leaving = over.leaving === true ? { deletionTimestamp: '2026-01-01T00:01:00Z' } : {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(`openelb-speaker-${node}`), namespace: 'openelb-system', ...leaving },
    spec: { nodeName: node },
    status: { conditions: ready(over.ready ?? true) },
  }
}

export interface ClusterShape {
  readonly nodes: readonly string[]
  readonly notReady?: readonly string[]
  readonly excluded?: readonly string[]
  readonly leaving?: readonly string[]
  readonly speakerNotReady?: readonly string[]
  readonly noSpeaker?: readonly string[]
  /** By the name of the Eip. */
  readonly nodeChoices?: Readonly<Record<string, NodeChoice>>
  /** The labels of nodes that have some. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly membership?: MembershipFacts
  /** Services that are not known. */
  readonly unknown?: readonly string[]
  /** Services with policy Local: the nodes of their ready endpoints; undefined is "not read yet". */
  readonly local?: Readonly<Record<string, readonly string[] | undefined>>
}

export function clusterFacts(shape: ClusterShape): ClusterFacts {
  const has = (list: readonly string[] | undefined, node: string) => list?.includes(node) ?? false
  return {
    nodeNames: shape.nodes,
    nodes: new Map(
      shape.nodes.map((node) => [
        node,
        nodeObject(node, { ready: !has(shape.notReady, node), excluded: has(shape.excluded, node), labels: shape.labels?.[node] ?? {} }),
      ]),
    ),
    nodeChoices: new Map(Object.entries(shape.nodeChoices ?? {})),
    ...(shape.membership !== undefined && { membership: shape.membership }),
    speakerPods: new Map(
      shape.nodes
        .filter((node) => !has(shape.noSpeaker, node))
        .map((node) => [node, [speakerPod(node, { ready: !has(shape.speakerNotReady, node), leaving: has(shape.leaving, node) })]]),
    ),
    trafficPolicy: (service) =>
      has(shape.unknown, service) ? undefined : shape.local !== undefined && service in shape.local ? 'Local' : 'Cluster',
    endpointNodes: (service) => {
      const nodes = shape.local?.[service]
      return nodes === undefined ? undefined : new Set(nodes)
    },
  }
}

export function claimObject(address: string, spec: Partial<AddressClaimSpec> = {}, status?: AddressClaimStatus): AddressClaimObject {
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'AddressClaim',
    metadata: meta(address),
    spec: {
      address,
      eip: 'pool',
      protocol: 'layer2',
      interface: 'eth0',
      holders: [{ namespace: 'default', name: 'web', uid: 'uid-web', ports: [] }],
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  }
}

/** Reads a prefix that is well written. */
export function prefixOfText(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

/** A link with the networks that the tests use, unless a test says otherwise. */
export const ETH0: NetworkInterface & { readonly mac: Uint8Array } = {
  index: 2,
  name: 'eth0',
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  up: true,
  loopback: false,
  noArp: false,
  isPort: false,
  addresses: [],
  subnets: ['10.0.0.0/8', '192.0.2.0/24', 'fd00::/8', '2001:db8::/32'].map(prefixOfText),
}

export function hostFacts(interfaces: readonly NetworkInterface[] = [ETH0], routes: HostFacts['routes'] = new Map()): HostFacts {
  return { interfaces, routes, linkUps: new Map() }
}

export const ipOf = (text: string) => {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}
