/** Small builders of what the verbs read. */
import { parseIp } from '../../../src/addr/ip.ts'
import { type AddressClaimObject, claimName, holdersText } from '../../../src/api/address-claim.ts'
import type { Condition, ConfigMapObject, LeaseObject, NodeObject, ObjectMeta, ServiceObject } from '../../../src/api/core-objects.ts'
import type { EipObject, EipSpec } from '../../../src/api/eip.ts'
import { ADMISSION_NAME, CONTROLLER_LEASE, CONTROLLER_NAME, SPEAKER_NAME } from '../../../src/api/names.ts'
import { ALLOCATED_CONDITION, EIP_NAME, IS_DEFAULT_EIP, OPT_IN } from '../../../src/api/service-annotations.ts'
import type { DaemonSetObject, DeploymentObject, PodWithPorts } from '../../../src/cli/workload-objects.ts'
import type { SpeakerReport } from '../../../src/speaker/speaker-report.ts'

/** A minute before NOW_MS, and so old enough that nothing is half-way. */
export const THEN = '2026-11-20T00:00:00Z'
export const OWN = 'openelb-system'

export const meta = (name: string, namespace?: string): ObjectMeta => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '7',
  creationTimestamp: THEN,
  ...(namespace !== undefined && { namespace }),
})

export const condition = (type: string, status: Condition['status'], reason: string, message = `of ${reason}`): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: THEN,
})

export interface EipOptions extends Partial<EipSpec> {
  readonly isDefault?: boolean
  readonly created?: string
  readonly conditions?: readonly Condition[]
  readonly status?: EipObject['status']
}

export function eip(name: string, address: string, options: EipOptions = {}): EipObject {
  const { isDefault = false, created = THEN, conditions, status, ...spec } = options
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: { ...meta(name), creationTimestamp: created, ...(isDefault && { annotations: { [IS_DEFAULT_EIP]: 'true' } }) },
    spec: { address, protocol: 'layer2', interface: 'eth0', ...spec },
    status: { conditions: conditions ?? [condition('Ready', 'True', 'Active')], ...status },
  }
}

export interface ClaimOptions {
  readonly eip?: string
  readonly conditions?: readonly Condition[]
  readonly owner?: string
  readonly created?: string
  readonly uid?: string
}

/** A claim on `address`, held by these Services of namespace default (`uid-<name>`). */
export function claim(address: string, services: string | readonly string[], options: ClaimOptions = {}): AddressClaimObject {
  const ip = parseIp(address)
  if (!ip.ok) throw new TypeError(ip.error.message)
  const names = typeof services === 'string' ? [services] : services
  const holders = names.map((name) => ({
    namespace: 'default',
    name,
    uid: options.uid ?? `uid-${name}`,
    ports: [{ protocol: 'TCP' as const, port: 80 }],
  }))
  const { owner, conditions } = options
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'AddressClaim',
    metadata: { ...meta(claimName(ip.value)), creationTimestamp: options.created ?? THEN },
    spec: { address, service: holdersText(holders), eip: options.eip ?? 'pool', protocol: 'layer2', interface: 'eth0', holders },
    status: {
      ...(owner !== undefined && { owner: { node: owner, interface: 'eth0', epoch: 3, since: THEN } }),
      ...(conditions !== undefined && { conditions }),
    },
  }
}

export interface ServiceOptions {
  readonly shows?: readonly string[]
  readonly waits?: readonly [reason: string, message: string]
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly namespace?: string
  readonly spec?: Partial<ServiceObject['spec']>
}

/** A Service of ours; with `shows` it has these addresses, with `waits` it waits. */
export function service(name: string, options: ServiceOptions = {}): ServiceObject {
  const { shows = [], waits, annotations = { [OPT_IN]: 'openelb' }, namespace = 'default' } = options
  const said = waits === undefined ? undefined : condition(ALLOCATED_CONDITION, 'False', ...waits)
  const has = shows.length === 0 ? undefined : condition(ALLOCATED_CONDITION, 'True', 'Allocated', `${shows.join(', ')} of Eip pool`)
  const labels = options.labels ?? (shows.length === 0 ? {} : { [EIP_NAME]: 'pool' })
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...meta(name, namespace), annotations, labels },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ...options.spec },
    status: {
      loadBalancer: shows.length === 0 ? {} : { ingress: shows.map((ip) => ({ ip, ipMode: 'VIP' as const })) },
      conditions: [said, has].flatMap((each) => (each === undefined ? [] : [each])),
    },
  }
}

export const node = (name: string, address: string): NodeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: meta(name),
  status: { addresses: [{ type: 'InternalIP', address }] },
})

export const configMap = (name: string, namespace: string, data: Readonly<Record<string, string>>): ConfigMapObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: meta(name, namespace),
  data,
})

export const lease = (holder: string, renewTime: string): LeaseObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: meta(CONTROLLER_LEASE, OWN),
  spec: { holderIdentity: holder, leaseDurationSeconds: 15, acquireTime: THEN, renewTime, leaseTransitions: 1 },
})

export const deployment = (name: string, ready: number, replicas: number): DeploymentObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(name, OWN),
  spec: { replicas },
  status: { readyReplicas: ready },
})

export const daemonSet = (ready: number, wanted: number): DaemonSetObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: meta(SPEAKER_NAME, OWN),
  status: { numberReady: ready, desiredNumberScheduled: wanted },
})

/** The three workloads, all ready. */
export const workloads = [deployment(CONTROLLER_NAME, 2, 2), deployment(ADMISSION_NAME, 2, 2), daemonSet(3, 3)]

/** The speaker's Pod `speaker-NODE`. */
export const speakerPod = (
  node: string,
  options: { ready?: boolean; phase?: string; port?: number; args?: readonly string[] } = {},
): PodWithPorts => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta(`speaker-${node}`, OWN), labels: { app: 'openelb', component: 'speaker' } },
  spec: {
    nodeName: node,
    containers: [
      { args: options.args ?? [], ...(options.port !== undefined && { ports: [{ name: 'metrics', containerPort: options.port }] }) },
    ],
  },
  status: { phase: options.phase ?? 'Running', conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True' }] },
})

type Members = NonNullable<SpeakerReport['membership']>['members']

/** A member that is well, or dead by `fault`. */
export const member = (node: string, fault?: Members[number]['fault'], serving = true): Members[number] => ({
  node,
  alive: fault === undefined,
  serving: fault === undefined && serving,
  leaving: false,
  ...(fault !== undefined && { fault }),
  lastSignMsAgo: 20,
})

/** An address that a node answers for. */
export const answered = (
  address: string,
  epoch = 3,
  some: Partial<SpeakerReport['addresses'][number]> = {},
): SpeakerReport['addresses'][number] => ({
  address,
  interface: 'eth0',
  mac: '02:00:00:00:00:01',
  epoch,
  recorded: true,
  requests: 120,
  answers: 118,
  ...some,
})

/** What the speaker of a node says: it hears everybody unless told. */
export function report(node: string, all: readonly string[], some: Partial<SpeakerReport> = {}): SpeakerReport {
  const membership = {
    settled: true,
    quorum: all.length === 1 ? ('alone' as const) : ('majority' as const),
    members: all.map((each) => member(each)),
  }
  return { node, version: '0.0.0', membership, addresses: [], preflight: [], ...some }
}
