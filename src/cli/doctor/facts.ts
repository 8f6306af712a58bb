/** Everything that the doctor looks at, read once. What may not be read is said so, and ends nothing. */
import type { ConfigMapObject, LeaseObject, NodeObject } from '../../api/core-objects.ts'
import { Eip } from '../../api/eip.ts'
import { KINDS } from '../../api/kinds.ts'
import {
  ADMISSION_NAME,
  CERTIFICATE_SECRET,
  CONTROLLER_LEASE,
  CONTROLLER_NAME,
  SETTINGS_CONFIG_MAP,
  SPEAKER_NAME,
} from '../../api/names.ts'
import {
  ADDRESS_CLAIMS,
  BGP_PEERS,
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  EIPS,
  ENDPOINT_SLICES,
  LEASES,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  NODES,
  PODS,
  type Resource,
  SECRETS,
  SERVICES,
  VALIDATING_WEBHOOKS,
} from '../../kube/resources.ts'
import { type BgpObjects, readBgpObjects } from '../bgp/facts.ts'
import { type AccessQuestion, attempt, type ClusterReader, type Reading } from '../cluster-reader.ts'
import { type Components, readComponents } from '../components.ts'
import type { CliValues } from '../flags.ts'
import { type LedgerState, readLedgerState } from '../ledger-state.ts'
import { readSpeakers, type Speakers } from '../speakers/speakers.ts'
import { type CustomResourceDefinitionObject, DAEMON_SETS, DEPLOYMENTS, type WebhookConfigurationObject } from '../workload-objects.ts'

export interface Right {
  readonly question: AccessQuestion
  /** What is told with it. */
  readonly purpose: string
  readonly allowed: Reading<boolean | undefined>
}

export interface DoctorFacts {
  readonly namespace: string
  readonly version: Reading<string>
  /** By the name of the definition. */
  readonly definitions: ReadonlyMap<string, Reading<CustomResourceDefinitionObject | undefined>>
  readonly rights: readonly Right[]
  readonly components: Components
  /** The allocator's Lease some seconds later, where it looked stale at first. */
  readonly leaseAgain?: Reading<LeaseObject | undefined>
  readonly configurations: Reading<readonly (WebhookConfigurationObject | undefined)[]>
  readonly state: Reading<LedgerState>
  readonly nodes: Reading<readonly NodeObject[]>
  readonly speakers: Speakers
  readonly bgp: BgpObjects
  readonly settings: Reading<ConfigMapObject | undefined>
  readonly kubeProxy: Reading<ConfigMapObject | undefined>
  readonly nowMs: number
}

const KUBE_PROXY = { namespace: 'kube-system', name: 'kube-proxy' } as const

const ofOurs = (resource: Resource, namespace: string, name: string, purpose: string): Omit<Right, 'allowed'> => ({
  question: { verb: 'get', resource, namespace, name },
  purpose,
})

const questions = (namespace: string): readonly Omit<Right, 'allowed'>[] => [
  { question: { verb: 'list', resource: EIPS }, purpose: 'everything' },
  { question: { verb: 'list', resource: ADDRESS_CLAIMS }, purpose: 'everything' },
  { question: { verb: 'list', resource: SERVICES }, purpose: 'everything' },
  { question: { verb: 'list', resource: NAMESPACES }, purpose: 'explain, whatif' },
  { question: { verb: 'list', resource: NODES }, purpose: 'explain, whatif, doctor' },
  { question: { verb: 'get', resource: CUSTOM_RESOURCE_DEFINITIONS, name: Eip.crdName }, purpose: 'doctor' },
  { question: { verb: 'get', resource: VALIDATING_WEBHOOKS, name: ADMISSION_NAME }, purpose: 'doctor' },
  ofOurs(LEASES, namespace, CONTROLLER_LEASE, 'status, doctor'),
  ofOurs(DEPLOYMENTS, namespace, CONTROLLER_NAME, 'status, doctor'),
  ofOurs(DAEMON_SETS, namespace, SPEAKER_NAME, 'status, doctor'),
  ofOurs(SECRETS, namespace, CERTIFICATE_SECRET, 'status, doctor'),
  ofOurs(CONFIG_MAPS, namespace, SETTINGS_CONFIG_MAP, 'status, explain, whatif'),
  { question: { verb: 'list', resource: PODS, namespace }, purpose: 'status, explain, move, doctor' },
  { question: { verb: 'get', resource: PODS, subresource: 'proxy', namespace }, purpose: 'status, explain, move, doctor' },
  { question: { verb: 'list', resource: BGP_PEERS }, purpose: 'bgp, doctor' },
  { question: { verb: 'list', resource: ENDPOINT_SLICES }, purpose: 'explain, move' },
  { question: { verb: 'patch', resource: ADDRESS_CLAIMS }, purpose: 'move' },
  { question: { verb: 'delete', resource: ADDRESS_CLAIMS }, purpose: 'release' },
]

export async function readDoctorFacts(cluster: ClusterReader, values: CliValues, nowMs: number): Promise<DoctorFacts> {
  const namespace = values['openelb-namespace']
  const [version, rights, definitions, components, configurations, state, nodes, settings, kubeProxy, speakers, bgp] = await Promise.all([
    attempt(cluster.version()),
    Promise.all(questions(namespace).map(async (each) => ({ ...each, allowed: await attempt(cluster.allowed(each.question)) }))),
    Promise.all(KINDS.map(async ({ crdName }) => [crdName, await attempt(readDefinition(cluster, crdName))] as const)),
    readComponents(cluster, namespace),
    attempt(readConfigurations(cluster)),
    attempt(readLedgerState(cluster, values)),
    attempt(cluster.list<NodeObject>(NODES)),
    attempt(cluster.find<ConfigMapObject>(CONFIG_MAPS, { namespace, name: SETTINGS_CONFIG_MAP })),
    attempt(cluster.find<ConfigMapObject>(CONFIG_MAPS, KUBE_PROXY)),
    readSpeakers(cluster, namespace),
    readBgpObjects(cluster),
  ])
  const read = { namespace, version, rights, components, configurations, state, nodes, settings, kubeProxy, speakers, bgp, nowMs }
  return { ...read, definitions: new Map(definitions) }
}

const readDefinition = (cluster: ClusterReader, name: string) =>
  cluster.find<CustomResourceDefinitionObject>(CUSTOM_RESOURCE_DEFINITIONS, { name })

const readConfigurations = (cluster: ClusterReader) =>
  Promise.all(
    [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS].map((resource) =>
      cluster.find<WebhookConfigurationObject>(resource, { name: ADMISSION_NAME }),
    ),
  )

export const readLeaseAgain = (cluster: ClusterReader, namespace: string) =>
  attempt(cluster.find<LeaseObject>(LEASES, { namespace, name: CONTROLLER_LEASE }))
