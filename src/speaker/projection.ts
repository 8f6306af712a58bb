/** What the speaker keeps in memory of each claim, Node, Pod and Eip that it watches; what it does not keep wakes nobody when it changes. */
import type { AddressClaimObject, AddressClaimStatus, Holder } from '../api/address-claim.ts'
import { MOVE } from '../api/claim-annotations.ts'
import type { NodeObject, ObjectMeta, PodObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { LAYER2_NODE } from '../api/service-annotations.ts'
import type { RawObject } from '../kube/object-store.ts'
import { ADDRESS_CLAIMS, apiVersionOf } from '../kube/resources.ts'
import { OUT_OF_SERVICE_TAINT } from '../policy/eligibility.ts'
import { type NodeChoice, nodeChoiceOf } from '../policy/node-choice.ts'
import { type EipRoutes, eipRoutes } from './routes/wishes.ts'

/** What is kept of an Eip. */
export interface EipFacts {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly nodeChoice: NodeChoice
  readonly routes: EipRoutes
}

/** An Eip of OpenELB may have no spec at all. */
export function projectEip(raw: RawObject): EipFacts {
  const { metadata, spec } = raw as RawObject & Partial<EipObject>
  return { metadata: { name: metadata.name, uid: metadata.uid }, nodeChoice: nodeChoiceOf(spec ?? {}), routes: eipRoutes(spec?.bgp) }
}

/** Nothing here asks which ports a Service uses. */
const NO_PORTS: Holder['ports'] = []

/**
 * There are very many claims. Kept is who holds the address and where it is announced, the wish to move it, and the whole status: what is
 * written of it is made from what it says.
 */
export function projectClaim(raw: RawObject): AddressClaimObject {
  const { metadata, spec, status } = raw as RawObject & AddressClaimObject
  const { labels: _unread, ...meta } = leanMeta(metadata, MOVE)
  const { address, eip, protocol, interface: link, probe, holders } = spec
  return {
    apiVersion: CLAIM_VERSION,
    kind: ADDRESS_CLAIMS.kind,
    metadata: meta,
    spec: {
      ...{ address, eip, protocol },
      ...(link !== undefined && { interface: link }),
      ...(probe !== undefined && { probe }),
      holders: holders.map(({ namespace, name, uid }) => ({ namespace, name, uid, ports: NO_PORTS })),
    },
    ...(status !== undefined && { status: leanStatus(status) }),
  }
}

type Announcers = NonNullable<AddressClaimStatus['announcers']>

/** Every node may announce an address: what very many claims say of the same nodes is kept once, without the times. */
const announcersKnown = new Map<string, Announcers>()
const ANNOUNCERS_KEPT = 5000

function leanStatus(status: AddressClaimStatus): AddressClaimStatus {
  const { announcers } = status
  if (announcers === undefined || announcers.length === 0) return status
  const key = announcers.map(({ node, protocol }) => `${node}/${protocol}`).join(' ')
  const known = announcersKnown.get(key) ?? announcers.map(({ node, protocol }) => ({ node, protocol, since: '' }))
  if (announcersKnown.size >= ANNOUNCERS_KEPT) announcersKnown.clear()
  announcersKnown.set(key, known)
  return { ...status, announcers: known }
}

const CLAIM_VERSION = apiVersionOf(ADDRESS_CLAIMS)
const NODE_CONDITIONS: readonly string[] = ['Ready', 'NetworkUnavailable']

/** Every label: an Eip may select by any of them. Of its addresses those that can be next hops. */
export function projectNode(raw: RawObject): NodeObject {
  const { spec, status } = raw as RawObject & NodeObject
  const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
  const taints = (spec?.taints ?? []).filter(({ key }) => key === OUT_OF_SERVICE_TAINT)
  return {
    apiVersion: raw.apiVersion,
    kind: raw.kind,
    metadata: leanMeta(raw.metadata, LAYER2_NODE),
    spec: {
      ...(spec?.unschedulable === true && { unschedulable: true }),
      ...(taints.length > 0 && { taints: taints.map(({ key, effect }) => ({ key, effect })) }),
    },
    status: {
      conditions: conditionsOf(status?.conditions, NODE_CONDITIONS),
      ...(addresses.length > 0 && { addresses: addresses.map(({ type, address }) => ({ type, address })) }),
    },
  }
}

/** Where the speaker of a node is found (`podIP`), and whether it is there. */
export function projectPod(raw: RawObject): PodObject {
  const { spec, status } = raw as RawObject & PodObject
  return {
    apiVersion: raw.apiVersion,
    kind: raw.kind,
    metadata: leanMeta(raw.metadata),
    spec: spec?.nodeName === undefined ? {} : { nodeName: spec.nodeName },
    status: {
      ...(status?.phase !== undefined && { phase: status.phase }),
      ...(status?.podIP !== undefined && { podIP: status.podIP }),
      conditions: conditionsOf(status?.conditions, ['Ready']),
    },
  }
}

type ConditionState = { readonly type: string; readonly status: 'True' | 'False' | 'Unknown' }

const conditionsOf = (conditions: readonly ConditionState[] | undefined, kept: readonly string[]): readonly ConditionState[] =>
  (conditions ?? []).filter(({ type }) => kept.includes(type)).map(({ type, status }) => ({ type, status }))

function leanMeta(meta: ObjectMeta, annotation?: string): ObjectMeta {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels, annotations } = meta
  const kept = annotation === undefined ? undefined : annotations?.[annotation]
  return {
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    ...(namespace !== undefined && { namespace }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(labels !== undefined && { labels }),
    ...(annotation !== undefined && kept !== undefined && { annotations: { [annotation]: kept } }),
  }
}
