/** Every way a Service can be declined an address, and what each of them says to people and to the allocator's queue. */
import type { IpFamily } from '../api/core-objects.ts'
import { EXPLANATIONS, explanationOf } from './refusal-texts.ts'

/** Closed: a new member stops the compile in EXPLANATIONS, and a test asks for its row in docs/errors.md. */
export type Refusal =
  /** The Service names an Eip that does not exist. */
  | { readonly code: 'PoolNotFound'; readonly pool: string }
  /** The Eip that the Service names, or whose range holds the requested address, has `spec.disable: true`. */
  | { readonly code: 'PoolDisabled'; readonly pool: string }
  /** The Eip is gone or going. `held` is the address that the Service keeps all the same, if it has one. */
  | { readonly code: 'PoolDeleted'; readonly pool: string; readonly held?: string }
  /** Every address of every pool that the Service may use is taken. */
  | { readonly code: 'PoolExhausted'; readonly pools: readonly string[]; readonly family?: IpFamily }
  /** The Eip overlaps an older one, so nothing is given out of it. */
  | { readonly code: 'PoolOverlap'; readonly pool: string; readonly with: string }
  /** The Eip's own spec cannot be used (it was stored while the webhook was away). `detail` is a sentence without a full stop. */
  | { readonly code: 'PoolInvalid'; readonly pool: string; readonly detail: string }
  /** No Eip is named, none is bound to the Service and none is the default. `near` are open Eips that a binding keeps away, with the reason. */
  | { readonly code: 'NoDefaultPool'; readonly namespace: string; readonly near?: readonly NearMiss[] }
  /** The Eip is fenced (spec.enforceNamespaces) and not bound to the Service. */
  | { readonly code: 'PoolNotPermitted'; readonly pool: string; readonly namespace: string }
  /** The Services of the namespace hold as many addresses of these Eips as spec.quota lets them. */
  | { readonly code: 'QuotaExceeded'; readonly pools: readonly string[]; readonly namespace: string; readonly limit: number }
  /** The name of the Eip or the protocol does not follow its grammar. `field` is the annotation's key; `detail` is a sentence on it. */
  | { readonly code: 'RequestInvalid'; readonly field: string; readonly value: string; readonly detail: string }
  /** The requested address is not the text of an address. `field` is the annotation's key, or spec.loadBalancerIP. */
  | { readonly code: 'AddressInvalid'; readonly field: string; readonly value: string }
  /** The requested address is outside of the named Eip; `range` is its spec.address as written. */
  | { readonly code: 'AddressOutsidePool'; readonly address: string; readonly pool: string; readonly range: string }
  /** No Eip is named and no Eip holds the requested address. */
  | { readonly code: 'AddressInNoPool'; readonly address: string }
  /** The requested address is in the Eip and never given; `by` is the setting that says so. */
  | { readonly code: 'AddressExcluded'; readonly address: string; readonly pool: string; readonly by: string }
  /** The requested address is kept for another Service; `by` is its `namespace/name`. */
  | { readonly code: 'AddressReserved'; readonly address: string; readonly pool: string; readonly by: string }
  /** The requested address is one of a node's own. */
  | { readonly code: 'AddressOfNode'; readonly address: string; readonly node: string }
  /** Somebody else on the network uses the requested address. `until` is RFC 3339: when it may be given again; absent while a Service holds it. */
  | { readonly code: 'AddressConflict'; readonly address: string; readonly until?: string }
  /** The address is held for the Service, and a speaker asks the network whether somebody else uses it. */
  | { readonly code: 'AddressProbing'; readonly address: string; readonly pool: string }
  /** The requested address is held by a Service that uses the same port of the same protocol; `port` is such as `TCP/80`. */
  | { readonly code: 'PortClash'; readonly address: string; readonly by: string; readonly port: string }
  /** The requested address is held by a Service that does not share it with this one. */
  | { readonly code: 'SharingRefused'; readonly address: string; readonly by: string; readonly why: SharingObstacle }
  /** The requested address is held, and neither side states a key for sharing; `by` is `namespace/name`. */
  | { readonly code: 'AddressTaken'; readonly address: string; readonly by: string }
  /** The pool, or the requested address, is of a family that the Service does not serve. */
  | { readonly code: 'FamilyMismatch'; readonly pool: string; readonly family: IpFamily; readonly serves: readonly IpFamily[] }
  /** No Eip is named and the protocol annotation leaves none of the candidates. `pools` are the candidates that it ruled out. */
  | { readonly code: 'ProtocolMismatch'; readonly protocol: string; readonly pools: readonly string[] }
  /** A dual-stack Service lacks its address of this family, for the reason `because`; `required` when it wants both or nothing. */
  | { readonly code: 'DualStackIncomplete'; readonly family: IpFamily; readonly required: boolean; readonly because: Refusal }

export type RefusalCode = Refusal['code']

/** An Eip that would serve the Service but for `why`: a sentence part such as `is bound to the namespaces a, b`. */
export interface NearMiss {
  readonly pool: string
  readonly why: string
}

/** What stands against sharing an address. */
export type SharingObstacle =
  /** They state different keys, or only one of them states one. */
  | 'key'
  /** One has externalTrafficPolicy Local, and the other has not. */
  | 'policy'
  /** Both have externalTrafficPolicy Local, and different selectors: no node need run Pods of both. */
  | 'selector'

/** What must change before another try can end differently. A change of the Service itself always wakes it and is not listed. */
export type Wake =
  /** That Eip is created, changed or deleted. */
  | { readonly on: 'pool'; readonly pool: string }
  /** Any Eip is created, changed or deleted. */
  | { readonly on: 'any-pool' }
  /** The claim on exactly this address (canonical text) is released. */
  | { readonly on: 'address-released'; readonly address: string }
  /** Any claim on an address of that Eip is released; with a family, on one of that family. */
  | { readonly on: 'released-in'; readonly pool: string; readonly family?: IpFamily }
  /** Services of that namespace hold fewer addresses of that Eip than before. */
  | { readonly on: 'quota'; readonly pool: string; readonly namespace: string }
  /** That Service (`namespace/name`) changes or goes. */
  | { readonly on: 'service'; readonly service: string }
  /** The addresses of that Node change, or it goes. */
  | { readonly on: 'node'; readonly node: string }
  /** The labels of that Namespace change. */
  | { readonly on: 'namespace'; readonly namespace: string }
  /** Services that state this key for sharing (its digest, as in claims) hold another address, or theirs with other ports. */
  | { readonly on: 'sharers'; readonly sharing: string }

/** The words of a refusal, as people who know OpenELB expect them. */
export interface RefusalText {
  /** Reason of the Service's condition, label of metrics, row of docs/errors.md. */
  readonly reason: RefusalCode
  /** Reason of the Event: OpenELB's word. */
  readonly eventReason: 'AssignIPFailed' | 'ConstructRequest'
  /** OpenELB's text where it has one, then `: ` and the cure. */
  readonly message: string
  /** The last part of `message`: what to do. */
  readonly cure: string
  readonly wakesOn: readonly Wake[]
}

/** Every code, for the test that compares docs/errors.md and for metrics that start at zero. */
export const REFUSAL_CODES = Object.keys(EXPLANATIONS) as readonly RefusalCode[]

/** Puts a refusal into words and says what wakes the Service. Total: one entry for every code, kept by the compiler. */
export function explainRefusal(refusal: Refusal): RefusalText {
  const { event, text, cure, wakesOn } = explanationOf(refusal)
  return { reason: refusal.code, eventReason: event, message: `${text}: ${cure}`, cure, wakesOn }
}
