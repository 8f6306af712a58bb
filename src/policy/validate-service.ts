/**
 * Whether a Service may be stored. Admission is a courtesy here: it refuses what can never work and warns of what cannot work yet.
 * Whether an address is free is not asked; the allocator answers that.
 */
import { formatIp, type Ip } from '../addr/ip.ts'
import { rangeContains } from '../addr/range.ts'
import type { IpFamily, ServiceObject } from '../api/core-objects.ts'
import { EIP_NAME, PROTOCOL, REQUESTED_ADDRESS } from '../api/service-annotations.ts'
import { readServiceRequest, type ServiceRequest } from '../api/service-request.ts'
import type { Pool } from './pool.ts'
import type { Settings } from './settings.ts'
import { allow, refuse, type Verdict } from './verdict.ts'
import { whoseService } from './whose-service.ts'

/** What the review of a Service needs to know. `pools` may be a moment old: nothing here depends on a race. */
export interface ServiceFacts {
  readonly settings: Settings
  readonly pools: readonly Pool[]
  /** The namespace that this process runs in. */
  readonly ownNamespace: string
}

/** The parts of a Service that decide its address. Two Services with equal parts get equal answers. */
function wish({ metadata, spec }: ServiceObject): string {
  const annotations = metadata.annotations ?? {}
  const { type, loadBalancerClass, loadBalancerIP, ipFamilies } = spec
  return JSON.stringify([
    annotations[EIP_NAME],
    annotations[REQUESTED_ADDRESS],
    annotations[PROTOCOL],
    type,
    loadBalancerClass,
    loadBalancerIP,
    ipFamilies,
  ])
}

function familyVerdict(what: string, family: IpFamily, families: readonly IpFamily[] | undefined): Verdict | undefined {
  if (families === undefined || families.length === 0 || families.includes(family)) return undefined
  return refuse(
    "service can't use different family eip",
    `${what} is ${family} and the Service serves ${families.join(' and ')}; use one of that family, or change spec.ipFamilies`,
  )
}

/** Refuses what contradicts the Eip as it is stored: its range and its family never change. */
function poolVerdict(pool: Pool, address: Ip | undefined, families: readonly IpFamily[] | undefined): Verdict | undefined {
  const family = familyVerdict(`Eip ${pool.name}`, pool.range.family, families)
  if (family !== undefined) return family
  if (address === undefined || rangeContains(pool.range, address)) return undefined
  return refuse(
    `the specified ip:${formatIp(address)} is beyond the range of eip[${pool.name}:${pool.spec.address}]`,
    `ask for an address of that Eip, name the Eip that holds ${formatIp(address)}, or name none`,
  )
}

function poolWarnings(pool: Pool): readonly string[] {
  if (pool.deleting) return [`Eip ${pool.name} is being deleted: the Service gets an address once it exists again`]
  if (pool.disabled) return [`Eip ${pool.name} is disabled: the Service gets an address once spec.disable is false`]
  return []
}

function addressVerdict(address: Ip, pools: readonly Pool[], families: readonly IpFamily[] | undefined): Verdict {
  const text = formatIp(address)
  const family = familyVerdict(text, address.family, families)
  if (family !== undefined) return family
  const pool = pools.find(({ range }) => rangeContains(range, address))
  if (pool !== undefined) return allow(...poolWarnings(pool))
  // The Eip may be in the same file, further down: the Service then gets its address a moment later.
  return allow(`no Eip contains ${text}: the Service gets it once one does`)
}

function requestVerdict({ eips, addresses }: ServiceRequest, pools: readonly Pool[], families: readonly IpFamily[] | undefined): Verdict {
  const [eip] = eips
  const address = addresses[0]?.ip
  if (eip === undefined) return address === undefined ? allow() : addressVerdict(address, pools, families)
  const pool = pools.find(({ name }) => name === eip)
  // As above: `kubectl apply` of one file with both must work in any order.
  if (pool === undefined) return allow(`Eip ${eip} does not exist: the Service gets an address once it does`)
  return poolVerdict(pool, address, families) ?? allow(...poolWarnings(pool))
}

/**
 * Says whether a Service may be created (`before` undefined) or changed. A Service that is not ours is let in unread, and so is a change
 * that does not touch what the Service asks for: what is stored must stay editable.
 */
export function validateService(service: ServiceObject, before: ServiceObject | undefined, facts: ServiceFacts): Verdict {
  const owned = (object: ServiceObject): boolean => whoseService(object, facts.settings, facts.pools, facts.ownNamespace).kind === 'ours'
  if (!owned(service)) return allow()
  if (before !== undefined && owned(before) && wish(before) === wish(service)) return allow()
  const request = readServiceRequest(service)
  if (!request.ok) {
    const text = request.error.map(({ message }) => message).join('; ')
    return refuse(text, 'correct it, or remove it to let OpenELB choose')
  }
  const verdict = requestVerdict(request.value, facts.pools, service.spec.ipFamilies)
  if (!verdict.allowed) return verdict
  return allow(...ignoredSettings(service, request.value, facts.pools), ...verdict.warnings)
}

/**
 * What is not followed, as sentences. A protocol annotation beside a named Eip is no contradiction while they agree: the webhook itself
 * writes both. About an Eip that does not exist yet nothing can be said.
 */
function ignoredSettings(service: ServiceObject, { eips: [eip], ignored }: ServiceRequest, pools: readonly Pool[]): string[] {
  const protocol = pools.find(({ name }) => name === eip)?.protocol
  const agrees = protocol === undefined || service.metadata.annotations?.[PROTOCOL]?.trim() === protocol
  return ignored.filter(({ setting }) => setting !== PROTOCOL || !agrees).map(({ message }) => message)
}
