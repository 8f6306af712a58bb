/** Every way a Service can be declined an address, and what each of them says to people and to the allocator's queue. */
import type { IpFamily } from '../api/core-objects.ts'
import { ALLOW_SHARED_IP } from '../api/service-annotations.ts'

/** Closed: a new member stops the compile in EXPLANATIONS, and a test asks for its row in docs/errors.md. */
export type Refusal =
  /** The Service names an Eip that does not exist. */
  | { readonly code: 'PoolNotFound'; readonly pool: string }
  /** The Eip that the Service names, or whose range holds the requested address, has `spec.disable: true`. */
  | { readonly code: 'PoolDisabled'; readonly pool: string }
  /** The Eip is gone or going. `held` is the address that the Service keeps all the same, if it has one. */
  | { readonly code: 'PoolDeleted'; readonly pool: string; readonly held?: string }
  /** Every address of every pool that the Service may use is taken. */
  | { readonly code: 'PoolExhausted'; readonly pools: readonly string[] }
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
  /** Somebody else on the network uses the requested address. `until` is RFC 3339: when it may be given again. */
  | { readonly code: 'AddressConflict'; readonly address: string; readonly until: string }
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
  /** Any claim on an address of that Eip is released. */
  | { readonly on: 'released-in'; readonly pool: string }
  /** Services of that namespace hold fewer addresses of that Eip than before. */
  | { readonly on: 'quota'; readonly pool: string; readonly namespace: string }
  /** That Service (`namespace/name`) changes or goes. */
  | { readonly on: 'service'; readonly service: string }
  /** The addresses of that Node change, or it goes. */
  | { readonly on: 'node'; readonly node: string }
  /** The labels of that Namespace change. */
  | { readonly on: 'namespace'; readonly namespace: string }

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

interface Explanation {
  readonly event: RefusalText['eventReason']
  readonly text: string
  readonly cure: string
  readonly wakesOn: readonly Wake[]
}

type Explain<C extends RefusalCode> = (refusal: Extract<Refusal, { code: C }>) => Explanation

const assign = (text: string, cure: string, ...wakesOn: readonly Wake[]): Explanation => ({ event: 'AssignIPFailed', text, cure, wakesOn })
const construct = (text: string, cure: string, ...wakesOn: readonly Wake[]): Explanation => ({
  event: 'ConstructRequest',
  text: `failed to construct allocate request: ${text}`,
  cure,
  wakesOn,
})
const pool = (name: string): Wake => ({ on: 'pool', pool: name })
const released = (name: string): Wake => ({ on: 'released-in', pool: name })
const ANY_POOL: Wake = { on: 'any-pool' }

/** Users write these texts; one of a megabyte must not become an Event of a megabyte. */
const shown = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}…` : text)

/** What must change so that an address that others hold can be had. */
const holders = (r: { readonly address: string; readonly by: string }): readonly Wake[] => [
  { on: 'address-released', address: r.address },
  ...r.by.split(';').map((service): Wake => ({ on: 'service', service })),
]

const OBSTACLES: { readonly [Why in SharingObstacle]: string } = {
  key: `give both Services the same annotation ${ALLOW_SHARED_IP}`,
  policy: 'give both Services the same externalTrafficPolicy',
  selector: 'give both Services the same selector, or externalTrafficPolicy Cluster',
}

const NEAR_MAX = 5

function nearText(near: readonly NearMiss[] = []): string {
  if (near.length === 0) return ''
  const more = near.length > NEAR_MAX ? `, and ${near.length - NEAR_MAX} more` : ''
  return ` (${near
    .slice(0, NEAR_MAX)
    .map(({ pool: name, why }) => `${name} ${why}`)
    .join('; ')}${more})`
}

// The first part of each text is OpenELB's, misspelling included, where it has one: people grep for it.
const EXPLANATIONS: { readonly [C in RefusalCode]: Explain<C> } = {
  PoolNotFound: (r) =>
    assign(
      `Eip.network.kubesphere.io "${shown(r.pool)}" not found`,
      'create that Eip, or name one that exists; the Service gets its address as soon as there is one',
      pool(r.pool),
    ),
  PoolDisabled: (r) =>
    assign(`no avliable eip, err:eip:${r.pool} is disabled`, 'set spec.disable of the Eip to false, or name another Eip', pool(r.pool)),
  PoolDeleted: (r) =>
    r.held === undefined
      ? assign(`no avliable eip, err:eip:${r.pool} is deleting`, 'create the Eip again, or name another one', pool(r.pool))
      : assign(
          `Eip.network.kubesphere.io "${r.pool}" not found`,
          `the Service keeps ${r.held}, which stays announced; create the Eip again with this address, or name another one to move`,
          ANY_POOL,
        ),
  PoolExhausted: (r) =>
    assign(
      'no avliable eip, err:no suitable ip to allocate',
      `every address of ${r.pools.join(', ')} is taken; delete a Service that holds one, or create another Eip`,
      ...r.pools.flatMap((name) => [pool(name), released(name)]),
      ANY_POOL,
    ),
  PoolOverlap: (r) =>
    assign(
      `no avliable eip, err:eip:${r.pool} is not ready, eip address overlap with ${r.with}`,
      'delete one of the two; the older one stays in use',
      pool(r.pool),
      pool(r.with),
    ),
  PoolInvalid: (r) => assign(`no avliable eip, err:eip:${r.pool} is not ready, ${r.detail}`, 'correct the Eip', pool(r.pool)),
  PoolNotPermitted: (r) =>
    assign(
      `no avliable eip, err:eip:${r.pool} is not for Services of the namespace ${r.namespace}`,
      `name another Eip, or bind ${r.pool} to the namespace (spec.namespaces, spec.namespaceSelector)`,
      pool(r.pool),
      { on: 'namespace', namespace: r.namespace },
    ),
  QuotaExceeded: (r) =>
    assign(
      `no avliable eip, err:the namespace ${r.namespace} holds ${r.limit} addresses of ${r.pools.join(', ')}, all that spec.quota.perNamespace lets it`,
      'delete a Service of the namespace that holds one, share an address, or ask for a larger quota',
      ...r.pools.flatMap((name): Wake[] => [pool(name), { on: 'quota', pool: name, namespace: r.namespace }]),
      ANY_POOL,
    ),
  NoDefaultPool: (r) =>
    construct(
      `no available default eip found${nearText(r.near)}`,
      `name an Eip by the annotation eip.openelb.kubesphere.io/v1alpha2, bind one to the namespace ${r.namespace}, ` +
        'or annotate one with eip.openelb.kubesphere.io/is-default-eip: "true"',
      ANY_POOL,
      { on: 'namespace', namespace: r.namespace },
    ),
  RequestInvalid: (r) => construct(r.detail, 'correct it, or remove it to let OpenELB choose'),
  AddressInvalid: (r) =>
    construct(`${r.field} is "${shown(r.value)}", which is no IP address`, 'write one address, such as 192.0.2.10, or remove it'),
  AddressOutsidePool: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is beyond the range of eip[${r.pool}:${shown(r.range)}]`,
      'ask for an address of that Eip, name the Eip that holds the address, or name none',
      pool(r.pool),
    ),
  AddressInNoPool: (r) =>
    construct(
      `no available eip was found containing the ip:[${r.address}]`,
      'create an Eip that contains it, or ask for an address of an Eip that exists',
      ANY_POOL,
    ),
  AddressTaken: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is held by ${r.by}`,
      `ask for another address, delete that Service, or let both share it by the same annotation ${ALLOW_SHARED_IP}; ` +
        'the address is given as soon as it is free',
      ...holders(r),
    ),
  AddressExcluded: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} of eip:${r.pool} is never given, by ${r.by}`,
      'ask for another address, or change that setting',
      pool(r.pool),
    ),
  AddressReserved: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} of eip:${r.pool} is reserved for ${r.by}`,
      'ask for another address, or change spec.reservations of the Eip',
      pool(r.pool),
    ),
  AddressOfNode: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is an address of node ${r.node}`,
      'ask for another address, and exclude those of nodes from the Eip (spec.exclude)',
      { on: 'node', node: r.node },
    ),
  AddressConflict: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is used by another host of the network`,
      `find that host, or ask for another address; this one is not given before ${r.until}`,
      { on: 'address-released', address: r.address },
    ),
  PortClash: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is held by ${r.by}, which uses the port ${r.port} too`,
      'use another port, or ask for another address',
      ...holders(r),
    ),
  SharingRefused: (r) =>
    assign(
      `no avliable eip, err:the specified ip:${r.address} is held by ${r.by}, which does not share it`,
      `${OBSTACLES[r.why]}, or ask for another address`,
      ...holders(r),
    ),
  DualStackIncomplete: (r) => {
    const { event, text, cure, wakesOn } = explanationOf(r.because)
    const rule = r.required ? `no ${r.family} address, and ipFamilyPolicy RequireDualStack takes both or none` : `no ${r.family} address`
    return { event, text: `${rule}: ${text}`, cure, wakesOn }
  },
  FamilyMismatch: (r) =>
    assign(
      "service can't use different family eip",
      `${shown(r.pool)} is ${r.family} and the Service serves ${r.serves.join(' and ')}; name an Eip of that family, or change spec.ipFamilies`,
      ANY_POOL,
    ),
  ProtocolMismatch: (r) =>
    construct(
      `no available eip was found for the protocol ${shown(r.protocol)}`,
      `${r.pools.length === 0 ? 'no Eip applies' : `${r.pools.join(', ')} would apply otherwise`}; remove the annotation ` +
        'protocol.openelb.kubesphere.io/v1alpha1, or name an Eip',
      ANY_POOL,
    ),
}

/** Every code, for the test that compares docs/errors.md and for metrics that start at zero. */
export const REFUSAL_CODES = Object.keys(EXPLANATIONS) as readonly RefusalCode[]

/** Puts a refusal into words and says what wakes the Service. Total: one entry for every code, kept by the compiler. */
export function explainRefusal(refusal: Refusal): RefusalText {
  const { event, text, cure, wakesOn } = explanationOf(refusal)
  return { reason: refusal.code, eventReason: event, message: `${text}: ${cure}`, cure, wakesOn }
}

function explanationOf(refusal: Refusal): Explanation {
  // The table is indexed by the code of this very refusal; TypeScript does not follow that through a union.
  const explain = EXPLANATIONS[refusal.code] as (given: Refusal) => Explanation
  return explain(refusal)
}
