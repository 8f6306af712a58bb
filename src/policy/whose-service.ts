/** Whose Service is it? One answer for the webhook, the allocator and the CLI. */
import type { ServiceObject } from '../api/core-objects.ts'
import { DEFAULT_NAMESPACE } from '../api/names.ts'
import { EIP_NAME, KUBE_VIP, LOAD_BALANCER_CLASS, OPT_IN, OPT_IN_VALUE } from '../api/service-annotations.ts'
import type { Pool } from './pool.ts'
import { defaultPool } from './pool-match.ts'
import type { Settings } from './settings.ts'

/** Why a Service is not ours. */
export type NotOurs =
  /** spec.type is not LoadBalancer. */
  | 'not-load-balancer'
  /** spec.loadBalancerClass names another implementation. */
  | 'foreign-class'
  /** The opt-in annotation has another value than ours. */
  | 'opted-out'
  /** It opts in by a way that the settings turned off, or not at all while the settings ask for it. */
  | 'not-opted-in'
  /** It would be adopted, but lives in kube-system or in our own namespace. */
  | 'protected-namespace'
  /** It would be adopted, but another implementation gave it an address already. */
  | 'served-by-another'
  /** It would be adopted, if there were a default Eip that is neither disabled nor being deleted. */
  | 'no-default-eip'

export type Ownership =
  | { readonly kind: 'ours'; readonly by: 'class' | 'annotation' | 'default-eip' }
  | { readonly kind: 'not-ours'; readonly reason: NotOurs }

const ours = (by: 'class' | 'annotation' | 'default-eip'): Ownership => ({ kind: 'ours', by })
const notOurs = (reason: NotOurs): Ownership => ({ kind: 'not-ours', reason })

/** An address that we gave comes with our label; without it, the ingress is another implementation's. */
function servedByAnother(service: ServiceObject): boolean {
  const ingress = service.status?.loadBalancer?.ingress ?? []
  return ingress.length > 0 && service.metadata.labels?.[EIP_NAME] === undefined
}

// A Service here is ours only when it says so: a broken default Eip must not reach the control plane, nor ourselves.
const isProtected = (namespace: string | undefined, own: string): boolean => namespace === 'kube-system' || namespace === own

function adopted(service: ServiceObject, pools: Iterable<Pool>, ownNamespace: string): Ownership {
  if (isProtected(service.metadata.namespace, ownNamespace)) return notOurs('protected-namespace')
  if (servedByAnother(service)) return notOurs('served-by-another')
  return defaultPool(pools) === undefined ? notOurs('no-default-eip') : ours('default-eip')
}

/**
 * Says whether a Service is ours. In order: only LoadBalancer Services; a foreign loadBalancerClass opts out, always; any value of the
 * opt-in annotation but ours opts out, also of our own class; then our class, our annotation, and last the default Eip, as the settings
 * allow. A Service that held a claim and lost its annotations is not asked about here: the allocator knows its claims.
 * `ownNamespace` is where this process runs.
 */
export function whoseService(
  service: ServiceObject,
  settings: Settings,
  pools: Iterable<Pool>,
  ownNamespace: string = DEFAULT_NAMESPACE,
): Ownership {
  const { type, loadBalancerClass } = service.spec
  if (type !== 'LoadBalancer') return notOurs('not-load-balancer')
  const classed = loadBalancerClass !== undefined && loadBalancerClass !== ''
  if (classed && loadBalancerClass !== LOAD_BALANCER_CLASS) return notOurs('foreign-class')
  const optIn = service.metadata.annotations?.[OPT_IN]
  if (optIn !== undefined && optIn !== OPT_IN_VALUE) return notOurs('opted-out')
  if (settings.compat.includes('kube-vip') && service.metadata.annotations?.[`${KUBE_VIP}/ignore`] === 'true') return notOurs('opted-out')
  if (classed) return ours('class')
  if (settings.adopt === 'class') return notOurs('not-opted-in')
  if (optIn === OPT_IN_VALUE) return ours('annotation')
  return settings.adopt === 'annotated' ? notOurs('not-opted-in') : adopted(service, pools, ownNamespace)
}
