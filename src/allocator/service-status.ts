/** What we write on a Service, and the one PATCH of its status subresource that makes it so. */
import type { Condition, ServiceObject } from '../api/core-objects.ts'
import { ALLOCATED_CONDITION, DECIDED_ON, EIP_NAME, LAYER2_NODE, ORIGINAL_FINALIZER } from '../api/service-annotations.ts'

/** Everything of ours on a Service. What is absent here is taken off, unless said otherwise. */
export interface DesiredService {
  /** The addresses, canonical text. Absent: status.loadBalancer is not ours and stays as it is. */
  readonly ingress?: readonly string[]
  /** The Eip of the label. */
  readonly eip?: string
  /** The layer 2 owners, joined by `,` in ingress order. */
  readonly nodes?: string
  /** Annotations to be added: those of adoption, or the opt-out. Others are left alone. */
  readonly annotations?: Readonly<Record<string, string>>
  readonly condition?: Pick<Condition, 'status' | 'reason' | 'message'>
}

/** A strategic merge patch for `services/status`. That subresource takes labels, annotations and finalizers too. */
export interface ServicePatch {
  readonly metadata: {
    /** The API server answers 409 unless this is the stored version: a late writer never overwrites a newer decision. */
    readonly resourceVersion: string
    readonly uid: string
    readonly labels?: Readonly<Record<string, string | null>>
    readonly annotations?: Readonly<Record<string, string | null>>
    readonly '$deleteFromPrimitiveList/finalizers'?: readonly string[]
  }
  readonly status?: {
    readonly loadBalancer?: { readonly ingress: readonly { readonly ip: string }[] | null }
    readonly conditions?: readonly (Condition | { readonly type: string; readonly $patch: 'delete' })[]
  }
}

/** The condition of ours on a Service. */
export const allocatedCondition = (service: ServiceObject): Condition | undefined =>
  service.status?.conditions?.find((condition) => condition.type === ALLOCATED_CONDITION)

/** Whether we, or OpenELB, ever wrote on this Service. */
export const isMarked = (service: ServiceObject): boolean =>
  service.metadata.labels?.[EIP_NAME] !== undefined || allocatedCondition(service) !== undefined

/** Finalizers that would hold up the deletion of this Service for ever, because the program that set them is gone. */
export function strayFinalizers(service: ServiceObject): readonly string[] {
  const deleting = service.metadata.deletionTimestamp !== undefined
  return (service.metadata.finalizers ?? []).filter(
    (name) => name === ORIGINAL_FINALIZER.service || (deleting && name === ORIGINAL_FINALIZER.nodeProxy),
  )
}

const LABEL_VALUE = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

/** An Eip's name may have 253 characters and a label's value 63: a longer name is left out, and the claim still has it. */
const labelValue = (eip: string | undefined): string | undefined => (eip !== undefined && LABEL_VALUE.test(eip) ? eip : undefined)

/**
 * The patch that brings a Service to what is desired, or undefined when it is there already. `now` is RFC 3339 and becomes the
 * lastTransitionTime of a condition whose status changes.
 */
export function servicePatch(service: ServiceObject, desired: DesiredService, now: string): ServicePatch | undefined {
  const { labels, annotations, resourceVersion, uid } = service.metadata
  const labelChange = changes(labels, { [EIP_NAME]: labelValue(desired.eip) })
  const annotationChange = changes(annotations, { [LAYER2_NODE]: desired.nodes, ...desired.annotations })
  const finalizers = strayFinalizers(service)
  const status = statusChange(service, desired, now)
  if (labelChange === undefined && annotationChange === undefined && finalizers.length === 0 && status === undefined) return undefined
  return {
    metadata: {
      resourceVersion,
      uid,
      ...(labelChange && { labels: labelChange }),
      ...(annotationChange && { annotations: annotationChange }),
      ...(finalizers.length > 0 && { '$deleteFromPrimitiveList/finalizers': finalizers }),
    },
    ...(status && { status }),
  }
}

/** The keys of `wanted` that differ; null takes a key off. */
function changes(
  current: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string | undefined>>,
): Record<string, string | null> | undefined {
  const entries = Object.entries(wanted).filter(([key, value]) => current?.[key] !== value)
  return entries.length === 0 ? undefined : Object.fromEntries(entries.map(([key, value]) => [key, value ?? null]))
}

/** Makes a new version of a Service that says the same: the annotation names the one before. */
export const versionPatch = ({ metadata: { resourceVersion, uid } }: ServiceObject): ServicePatch => ({
  metadata: { resourceVersion, uid, annotations: { [DECIDED_ON]: resourceVersion } },
})

function statusChange(service: ServiceObject, desired: DesiredService, now: string): ServicePatch['status'] {
  const ingress = ingressChange(service, desired.ingress)
  const condition = conditionChange(allocatedCondition(service), desired.condition, now)
  if (ingress === undefined && condition === undefined) return undefined
  return { ...(ingress && { loadBalancer: ingress }), ...(condition && { conditions: [condition] }) }
}

/** Compares addresses only: the API server itself adds `ipMode: VIP` to each entry. */
function ingressChange(service: ServiceObject, wanted: readonly string[] | undefined) {
  if (wanted === undefined) return undefined
  const current = service.status?.loadBalancer?.ingress ?? []
  const same = current.length === wanted.length && current.every((entry, at) => entry.ip === wanted[at] && entry.hostname === undefined)
  if (same) return undefined
  return { ingress: wanted.length === 0 ? null : wanted.map((ip) => ({ ip })) }
}

function conditionChange(current: Condition | undefined, wanted: DesiredService['condition'], now: string) {
  if (wanted === undefined) return current === undefined ? undefined : ({ type: ALLOCATED_CONDITION, $patch: 'delete' } as const)
  const same = current?.status === wanted.status && current.reason === wanted.reason && current.message === wanted.message
  if (same) return undefined
  const lastTransitionTime = current?.status === wanted.status ? current.lastTransitionTime : now
  return { type: ALLOCATED_CONDITION, ...wanted, lastTransitionTime }
}

/** Takes off what only a running installation gives meaning to, and keeps the addresses: a new installation finds them again. */
export function farewellPatch(service: ServiceObject, now: string): ServicePatch | undefined {
  return isMarked(service) || strayFinalizers(service).length > 0 ? servicePatch(service, {}, now) : undefined
}
