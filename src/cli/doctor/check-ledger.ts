/** Whether claims, Services and Eips tell the same story. */
import { formatIp } from '../../addr/ip.ts'
import { createPoolBook } from '../../allocator/pools.ts'
import { shownAddresses } from '../../allocator/request.ts'
import { allocatedCondition } from '../../allocator/service-status.ts'
import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { EIP_NAME } from '../../api/service-annotations.ts'
import { holdersOf, homelessness } from '../claim-state.ts'
import { claimIp, type LedgerState, nameOfService, sameIp } from '../ledger-state.ts'
import { type Finding, fail, warn } from './finding.ts'

const CHECK = 'ledger'
/** The allocator writes the claim first and the Service next: so young a claim may be half-way. */
const HALFWAY_MS = 60_000

/**
 * All contradictions, each in one sentence, the same for the same contradiction: the caller looks twice and believes what it saw twice,
 * because the lists are not read at one moment.
 */
export function auditLedger(state: LedgerState, nowMs: number): readonly Finding[] {
  const services = new Map(state.services.map((service) => [service.metadata.uid, service]))
  return [...state.claims.flatMap((claim) => auditClaim(claim, services, nowMs)), ...auditHomes(state), ...auditShown(state)]
}

function auditClaim(claim: AddressClaimObject, services: ReadonlyMap<string, ServiceObject>, nowMs: number): readonly Finding[] {
  const { address, holders } = claim.spec
  const ip = claimIp(claim)
  if (ip === undefined) {
    return [
      warn(CHECK, `AddressClaim ${claim.metadata.name} has the name of no address`, `kubectl delete addressclaim ${claim.metadata.name}`),
    ]
  }
  const gone = holders.filter(({ uid }) => !services.has(uid))
  if (gone.length === holders.length) {
    return [fail(CHECK, `${address} is held by ${holdersOf(claim) || 'nobody'}, which does not exist`, `openelb release ${address}`)]
  }
  const halfway = nowMs - Date.parse(claim.metadata.creationTimestamp) < HALFWAY_MS
  const silent = holders.filter(({ uid }) => {
    const service = services.get(uid)
    return service !== undefined && !shownAddresses(service).some((shown) => sameIp(shown, ip))
  })
  return [
    ...gone.map(({ namespace, name }) =>
      warn(CHECK, `${address} is shared with ${namespace}/${name}, which does not exist`, 'the allocator takes it out'),
    ),
    ...(halfway
      ? []
      : silent.map(({ namespace, name }) =>
          warn(CHECK, `${namespace}/${name} holds ${address} and does not show it`, 'look at the logs of the allocator'),
        )),
  ]
}

function auditHomes({ claims, eips, excluded }: LedgerState): readonly Finding[] {
  const pools = createPoolBook(eips, excluded)
  return claims.flatMap((claim) => {
    const why = homelessness(claim, pools)
    if (why === undefined) return []
    const cure = 'it stays with its Service; an Eip with the address takes it back, and a Service that names another Eip moves'
    return [warn(CHECK, `${claim.spec.address} of ${holdersOf(claim)}: ${why}`, cure)]
  })
}

/** Whether the addresses that a Service shows are ours: we label, and say so in the condition. */
const isOurs = (service: ServiceObject): boolean =>
  service.spec.type === 'LoadBalancer' && (service.metadata.labels?.[EIP_NAME] !== undefined || allocatedCondition(service) !== undefined)

function auditShown({ services, claims }: LedgerState): readonly Finding[] {
  const holders = new Map(
    claims.flatMap((claim) => {
      const ip = claimIp(claim)
      return ip === undefined ? [] : [[formatIp(ip), new Set(claim.spec.holders.map(({ uid }) => uid))] as const]
    }),
  )
  const shownBy = new Map<string, ServiceObject[]>()
  for (const service of services) {
    for (const ip of shownAddresses(service)) shownBy.set(formatIp(ip), [...(shownBy.get(formatIp(ip)) ?? []), service])
  }
  return [...shownBy].flatMap(([address, all]) => {
    const strangers = all.filter((service) => holders.get(address)?.has(service.metadata.uid) !== true)
    // An address outside of our ledger is another load balancer's business, whoever shares it there.
    const concerned = holders.has(address) || all.some(isOurs)
    if (all.length > 1 && strangers.length > 0 && concerned) {
      const cure = 'delete one of them, or let its status be cleared: set its type to ClusterIP and back'
      return [
        fail(
          CHECK,
          `${all.map(nameOfService).join(' and ')} show ${address}, and ${strangers.map(nameOfService).join(', ')} has no claim on it`,
          cure,
        ),
      ]
    }
    return strangers
      .filter(isOurs)
      .map((service) =>
        fail(
          CHECK,
          `${nameOfService(service)} shows ${address} without a claim`,
          'the allocator claims it, or takes it off: look at its logs',
        ),
      )
  })
}
