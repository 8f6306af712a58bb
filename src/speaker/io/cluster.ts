import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { EndpointSliceObject, NodeObject, ServiceObject } from '../../api/core-objects.ts'
import { APP_LABEL, APP_LABEL_VALUE, COMPONENT, COMPONENT_LABEL } from '../../api/names.ts'
import { LAYER2_NODE } from '../../api/service-annotations.ts'
import type { ApiClient } from '../../kube/client.ts'
import { createInformer, type Informer, type RawObject } from '../../kube/informer.ts'
import { ADDRESS_CLAIMS, EIPS, ENDPOINT_SLICES, NODES, PODS, type Resource, SERVICES } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Check } from '../../runtime/health.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { nodeAddressOf } from '../ability.ts'
import { type ClusterFacts, endpointNodesOf, type ServiceFacts, serviceFacts, sliceFacts } from '../facts.ts'
import { parseNodeAddress } from '../layer2/interface-spec.ts'
import { projectClaim, projectEip, projectNode, projectPod } from '../projection.ts'
import type { EipRoutes } from '../routes/wishes.ts'
import { saysTheSame } from '../says-the-same.ts'

/** The speaker's view of the API server: what it watches, as facts. */
export interface ClusterWatch {
  readonly claims: Informer<AddressClaimObject>
  /** The uid of an Eip, for Events about it. */
  eipUid(name: string): string | undefined
  facts(): ClusterFacts
  /** What a Service says of its routes beside its policy, by `namespace/name`. */
  service(key: string): ServiceFacts | undefined
  /** What an Eip asks for its routes, by its name. */
  eipRoutes(name: string): EipRoutes | undefined
  readonly checks: () => readonly Check[]
  start(): void
  whenSynced(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Options {
  readonly client: ApiClient
  readonly namespace: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  /** Called after anything changed; `deletedClaim` is a claim that went away. */
  readonly onChange: (deletedClaim?: AddressClaimObject) => void
}

const MANAGED_ONLY = { labelSelector: `${APP_LABEL}=${APP_LABEL_VALUE},${COMPONENT_LABEL}=${COMPONENT.speaker}` }

/** Creates the informers. EndpointSlices are watched from the first Service with policy Local on: most clusters have many and need none. */
export function watchCluster(options: Options): ClusterWatch {
  const { onChange } = options
  const informers = createInformers(options)
  const { claims, nodes, pods, services, eips, slices } = informers
  const always = [claims, nodes, pods, services, eips] as const
  claims.subscribe(({ before, after }) => onChange(after === undefined ? before : undefined))
  const facts = deriveFacts(informers, onChange)
  warnOfNodeAddresses(nodes, options.logger)
  return {
    claims,
    eipUid: (name) => eips.get(name)?.metadata.uid,
    facts,
    service: services.get,
    eipRoutes: (name) => eips.get(name)?.routes,
    checks: () => always.map((informer) => ({ name: `informer-${informer.name}`, ok: informer.synced, detail: 'not read yet' })),
    start() {
      for (const informer of always) informer.start()
    },
    whenSynced: async (signal) => void (await Promise.all(always.map((informer) => informer.whenSynced(signal)))),
    close: async () => void (await Promise.all([...always, slices].map((informer) => informer.close()))),
  }
}

function createInformers({ client, logger, clock, metrics, namespace }: Options) {
  const make = <T>(resource: Resource, project: (raw: RawObject) => T, scope: { namespace?: string; labelSelector?: string } = {}) =>
    createInformer<T>({ client, logger, clock, metrics, resource, project, ...scope })
  return {
    claims: make(ADDRESS_CLAIMS, projectClaim),
    nodes: make(NODES, projectNode),
    pods: make(PODS, projectPod, { namespace, ...MANAGED_ONLY }),
    services: make(SERVICES, (raw) => serviceFacts(raw as unknown as ServiceObject)),
    eips: make(EIPS, projectEip),
    slices: make(ENDPOINT_SLICES, (raw) => sliceFacts(raw as unknown as EndpointSliceObject)),
  }
}

/** Facts from what the informers hold now; what takes a walk over all objects is computed once per change. */
function deriveFacts(
  { nodes, pods, services, eips, slices }: ReturnType<typeof createInformers>,
  onChange: () => void,
): () => ClusterFacts {
  const nodesByName = remembered(() => new Map([...nodes.values()].map((node) => [node.metadata.name, node])))
  const nodeNames = remembered((before?: readonly string[]) => sameNames(before, [...nodesByName.get().keys()]))
  const podsByNode = remembered(() => Map.groupBy(pods.values(), (pod) => pod.spec?.nodeName ?? ''))
  const nodeChoices = remembered(() => new Map([...eips.values()].map(({ metadata, nodeChoice }) => [metadata.name, nodeChoice])))
  const endpoints = remembered((before?: ReadonlyMap<string, ReadonlySet<string>>) => endpointNodesOf(slices.values(), before))
  let asked = false
  const endpointNodes = (service: string): ReadonlySet<string> | undefined => {
    if (!asked) {
      asked = true
      slices.start()
      // An empty list is an answer too, and changes no object. A rejection means that the process ends.
      slices.whenSynced().then(onChange, () => undefined)
    }
    return slices.synced ? (endpoints.get().get(service) ?? NO_NODES) : undefined
  }
  const follow = <T>(informer: Informer<T>, ...derived: readonly { forget(): void }[]) =>
    informer.subscribe(({ before, after }) => {
      if (saysTheSame(before, after)) return
      for (const one of derived) one.forget()
      onChange()
    })
  follow(nodes, nodesByName, nodeNames)
  follow(pods, podsByNode)
  follow(eips, nodeChoices)
  follow(slices, endpoints)
  follow(services)
  return () => ({
    nodes: nodesByName.get(),
    nodeNames: nodeNames.get(),
    speakerPods: podsByNode.get(),
    nodeChoices: nodeChoices.get(),
    trafficPolicy: (service) => services.get(service)?.trafficPolicy,
    endpointNodes,
  })
}

/** An annotation that cannot be read names no interface, and nobody would find out why. Said once for each text. */
function warnOfNodeAddresses(nodes: Informer<NodeObject>, logger: Logger): void {
  nodes.subscribe(({ key, before, after }) => {
    const text = nodeAddressOf(after)
    if (text === undefined || text === nodeAddressOf(before)) return
    const read = parseNodeAddress(text)
    if (!read.ok) logger.warn('an annotation of a node is ignored', { node: key, annotation: LAYER2_NODE, problem: read.error })
  })
}

/** A value computed at the first question after each change. */
function remembered<T>(compute: (before: T | undefined) => T): { get(): T; forget(): void } {
  let known: { readonly value: T; fresh: boolean } | undefined
  return {
    get() {
      if (known?.fresh !== true) known = { value: compute(known?.value), fresh: true }
      return known.value
    },
    forget() {
      if (known !== undefined) known.fresh = false
    },
  }
}

/** The old array when the names are the same, so that what was computed from it holds. */
function sameNames(before: readonly string[] | undefined, names: readonly string[]): readonly string[] {
  const isSame = before?.length === names.length && names.every((name, at) => name === before[at])
  return isSame ? before : names
}

const NO_NODES: ReadonlySet<string> = new Set()
