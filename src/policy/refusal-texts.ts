/** The words of every refusal: what people read in conditions, Events, metrics and `openelb explain`. */
import type { IpFamily } from '../api/core-objects.ts'
import { ALLOW_SHARED_IP } from '../api/service-annotations.ts'
import type { NearMiss, Refusal, RefusalCode, RefusalText, SharingObstacle, Wake } from './refusal.ts'

/** The words of one refusal, before they are joined to a message. */
export interface Explanation {
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
const released = (name: string, family: IpFamily | undefined): Wake => ({ on: 'released-in', pool: name, ...(family && { family }) })
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
export const EXPLANATIONS: { readonly [C in RefusalCode]: Explain<C> } = {
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
      `every ${r.family === undefined ? '' : `${r.family} `}address of ${r.pools.join(', ')} is taken or kept back (spec.exclude, spec.reservations); add a range (spec.addresses), delete a Service that holds one, or create another Eip`,
      ...r.pools.flatMap((name) => [pool(name), released(name, r.family)]),
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
      `name another Eip, or bind ${r.pool} to the namespace (spec.namespaces, spec.namespaceSelector) and the Service's labels (spec.serviceSelector)`,
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
      `find that host, or ask for another address; this one is not given ${r.until === undefined ? 'while a Service holds it and the conflict lasts' : `before ${r.until}`}`,
      { on: 'address-released', address: r.address },
    ),
  AddressProbing: (r) =>
    assign(
      `the network is being asked whether ${r.address} is in use (spec.probe of the Eip ${r.pool})`,
      'wait a second; the claim of the address says why when nobody asks, and if somebody answers the Service gets another address',
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

/** The words for one refusal. */
export function explanationOf(refusal: Refusal): Explanation {
  // The table is indexed by the code of this very refusal; TypeScript does not follow that through a union.
  const explain = EXPLANATIONS[refusal.code] as (given: Refusal) => Explanation
  return explain(refusal)
}
