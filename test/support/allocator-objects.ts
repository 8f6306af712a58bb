/** Small builders for the objects that the allocator reads, with the least that makes them valid. */
import { type Ip, parseIp } from '../../src/addr/ip.ts'
import type { Obstacles } from '../../src/allocator/choose.ts'
import type { Facts } from '../../src/allocator/decide.ts'
import { createLedger } from '../../src/allocator/ledger.ts'
import { createPoolBook } from '../../src/allocator/pools.ts'
import { shownAddresses } from '../../src/allocator/request.ts'
import { type AddressClaimObject, claimName, holdersText } from '../../src/api/address-claim.ts'
import type { IpFamily, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject, EipSpec } from '../../src/api/eip.ts'
import {
  ALLOCATED_CONDITION,
  ALLOW_SHARED_IP,
  EIP_NAME,
  IS_DEFAULT_EIP,
  OPT_IN,
  REQUESTED_ADDRESS,
} from '../../src/api/service-annotations.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../src/policy/settings.ts'

export const NOW = '2026-11-21T00:00:00Z'

/** Reads an address that the test wrote itself. */
export function ip(text: string): Ip {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new TypeError(parsed.error.message)
  return parsed.value
}

export interface EipOptions extends Partial<EipSpec> {
  readonly isDefault?: boolean
  readonly deleting?: boolean
  readonly created?: string
}

export function eip(name: string, address: string, options: EipOptions = {}): EipObject {
  const { isDefault = false, deleting = false, created = '2026-01-01T00:00:00Z', ...spec } = options
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: created,
      ...(deleting && { deletionTimestamp: created }),
      ...(isDefault && { annotations: { [IS_DEFAULT_EIP]: 'true' } }),
    },
    spec: { address, ...spec },
  }
}

export interface ServiceOptions {
  readonly optIn?: string | false
  readonly eip?: string
  readonly address?: string
  readonly loadBalancerIP?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly label?: string
  readonly ingress?: readonly string[]
  readonly type?: string
  readonly loadBalancerClass?: string
  readonly ipFamilies?: readonly IpFamily[]
  readonly ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
  /** The value of the annotation openelb.io/allow-shared-ip. */
  readonly sharingKey?: string
  /** With it, externalTrafficPolicy is Local and this the selector. */
  readonly localTo?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly deleting?: boolean
  readonly finalizers?: readonly string[]
  readonly condition?: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }
  readonly namespace?: string
  readonly uid?: string
  readonly ports?: NonNullable<ServiceObject['spec']['ports']>
}

function annotationsOf(options: ServiceOptions): Record<string, string> {
  const optIn = options.optIn ?? 'openelb'
  return {
    ...(optIn !== false && { [OPT_IN]: optIn }),
    ...(options.eip !== undefined && { [EIP_NAME]: options.eip }),
    ...(options.address !== undefined && { [REQUESTED_ADDRESS]: options.address }),
    ...(options.sharingKey !== undefined && { [ALLOW_SHARED_IP]: options.sharingKey }),
    ...options.annotations,
  }
}

export function service(name: string, options: ServiceOptions = {}): ServiceObject {
  const { condition, ingress = [] } = options
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: options.namespace ?? 'default',
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: NOW,
      annotations: annotationsOf(options),
      ...((options.label !== undefined || options.labels) && {
        labels: { ...options.labels, ...(options.label !== undefined && { [EIP_NAME]: options.label }) },
      }),
      ...(options.deleting && { deletionTimestamp: NOW }),
      ...(options.finalizers && { finalizers: options.finalizers }),
    },
    spec: {
      type: options.type ?? 'LoadBalancer',
      ports: options.ports ?? [{ port: 80, protocol: 'TCP' }],
      ...(options.loadBalancerIP !== undefined && { loadBalancerIP: options.loadBalancerIP }),
      ...(options.loadBalancerClass !== undefined && { loadBalancerClass: options.loadBalancerClass }),
      ...(options.ipFamilies && { ipFamilies: options.ipFamilies }),
      ...(options.ipFamilyPolicy && { ipFamilyPolicy: options.ipFamilyPolicy }),
      ...(options.localTo && { externalTrafficPolicy: 'Local' as const, selector: options.localTo }),
    },
    status: {
      loadBalancer: ingress.length === 0 ? {} : { ingress: ingress.map((address) => ({ ip: address, ipMode: 'VIP' })) },
      ...(condition && { conditions: [{ type: ALLOCATED_CONDITION, ...condition, lastTransitionTime: NOW }] }),
    },
  }
}

/** A claim on `address` in `pool`, held by the Service `holder` (`uid-<name>` in namespace default). */
export function claim(address: string, pool: string, holder: string, over: Partial<AddressClaimObject['spec']> = {}): AddressClaimObject {
  const holders = [{ namespace: 'default', name: holder, uid: `uid-${holder}`, ports: [{ protocol: 'TCP' as const, port: 80 }] }]
  const name = claimName(ip(address))
  return {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'AddressClaim',
    metadata: { name, uid: `claim-${name}`, resourceVersion: '1', creationTimestamp: NOW },
    spec: { address, eip: pool, protocol: 'bgp', service: holdersText(holders), holders, ...over },
  }
}

export interface FactsOptions {
  readonly eips?: readonly EipObject[]
  readonly claims?: readonly AddressClaimObject[]
  readonly labels?: Readonly<Record<string, string>> | 'unknown'
  readonly adopt?: 'default-eip' | 'annotated' | 'class'
  readonly remembered?: readonly string[]
  readonly settings?: Partial<Settings>
  readonly obstacles?: Partial<Obstacles>
  /** Oldest first. */
  readonly released?: readonly string[]
  /** What other Services show. */
  readonly others?: readonly ServiceObject[]
}

export function facts(
  of: ServiceObject,
  {
    eips = [],
    claims = [],
    labels = {},
    adopt = 'default-eip',
    remembered = [],
    settings = {},
    obstacles = {},
    released = [],
    others = [],
  }: FactsOptions,
): Facts {
  const ledger = createLedger()
  for (const each of claims) ledger.upsert(each)
  for (const other of others) ledger.note(other.metadata.uid, shownAddresses(other))
  return {
    service: of,
    namespace: labels === 'unknown' ? undefined : { name: of.metadata.namespace ?? '', labels },
    pools: createPoolBook(eips, settings.exclude),
    ledger,
    remembered: remembered.map(ip),
    settings: { ...DEFAULT_SETTINGS, ...settings, adopt },
    ownNamespace: 'openelb-system',
    obstacles: { nodeOf: () => undefined, setAsideUntil: () => undefined, isExcluded: () => false, ...obstacles },
    released: () => released.map(ip),
  }
}
