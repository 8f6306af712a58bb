/** One address: which Eip has it, who holds it, what keeps it back. */
import { formatIp, type Ip } from '../../addr/ip.ts'
import { homeOf } from '../../allocator/home.ts'
import type { Knowledge } from '../../allocator/knowledge.ts'
import { shownAddresses } from '../../allocator/request.ts'
import { CLAIM_HISTORY_LENGTH } from '../../api/address-claim.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { EIP_NAME } from '../../api/service-annotations.ts'
import type { Pool } from '../../policy/pool.ts'
import { isBuggy, poolContains, poolGives } from '../../policy/pool-ranges.ts'
import { formatAge } from '../age.ts'
import { nameOfService, sameIp } from '../ledger-state.ts'
import { type Section, section } from './section.ts'
import { memberSection, type WireFacts, wireSections } from './wire.ts'

export interface AddressFacts {
  readonly ip: Ip
  readonly knowledge: Knowledge
  readonly services: readonly ServiceObject[]
  /** Undefined where nobody holds the address. */
  readonly wire: WireFacts | undefined
  readonly nowMs: number
}

export function explainAddress(given: AddressFacts): readonly Section[] {
  const { ip, knowledge, wire, nowMs } = given
  const holding = knowledge.ledger.at(ip)
  const pool = knowledge.pools.containing(ip)
  const home = holding === undefined ? undefined : homeOf(holding, knowledge.pools)
  const holders = holding?.claim.spec.holders ?? []
  return [
    ...section('Address', [`${formatIp(ip)}, ${ip.family}`]),
    ...section('Eip', [
      pool === undefined ? 'no Eip in use has it' : `${pool.name}, ${pool.protocol}${pool.disabled ? ', disabled' : ''}`,
      ...overlapping(given),
    ]),
    ...section(
      'Held by',
      holding === undefined
        ? [freeText(given, pool)]
        : holders.map(({ namespace, name, ports }) =>
            [`${namespace}/${name}`, ...ports.map(({ protocol, port }) => `${protocol}/${port}`)].join(', '),
          ),
    ),
    ...(holding === undefined
      ? []
      : section('Claimed', [
          `${formatAge(holding.claim.metadata.creationTimestamp, nowMs)} ago, in the name of Eip ${holding.claim.spec.eip}`,
        ])),
    ...(home === undefined || home.kind === 'pool'
      ? []
      : section('Draining', ['no Eip in use gives it any more: it stays with its Service'])),
    ...section('Kept back', keptBack(given, pool)),
    ...section('Shown by', shownBy(given)),
    ...(holding === undefined ? [] : wireSections(holding.claim, wire, nowMs, CLAIM_HISTORY_LENGTH)),
    ...(wire === undefined ? [] : memberSection(wire)),
  ]
}

function freeText({ knowledge: { obstacles }, ip }: AddressFacts, pool: Pool | undefined): string {
  const isGiven =
    pool !== undefined &&
    poolGives(pool, ip) &&
    !pool.disabled &&
    obstacles.nodeOf(ip) === undefined &&
    obstacles.setAsideUntil(ip) === undefined
  return isGiven ? 'nobody: it is free' : 'nobody'
}

/** Eips that have it and are not in use, because an older one has it too. */
function overlapping({ ip, knowledge }: AddressFacts): readonly string[] {
  return [...knowledge.eips()].flatMap(({ metadata }) => {
    const state = knowledge.pools.get(metadata.name)
    return state?.kind === 'overlap' && poolContains(state.pool, ip)
      ? [`${state.pool.name} has it too, and overlaps with the older ${state.with}`]
      : []
  })
}

function keptBack({ ip, knowledge: { obstacles } }: AddressFacts, pool: Pool | undefined): readonly string[] {
  const address = formatIp(ip)
  const reserved = pool?.reservations.get(address)
  const node = obstacles.nodeOf(ip)
  const until = obstacles.setAsideUntil(ip)
  return [
    ...(reserved === undefined ? [] : [`for ${reserved.namespace}/${reserved.name}, by spec.reservations of Eip ${pool?.name}`]),
    ...(obstacles.isExcluded(ip) ? ['from everybody, by the setting exclude'] : []),
    ...(pool !== undefined && !poolGives(pool, ip) && !obstacles.isExcluded(ip)
      ? [`from everybody, by ${pool.avoidBuggyIPs && isBuggy(ip) ? 'spec.avoidBuggyIPs' : 'spec.exclude'} of Eip ${pool.name}`]
      : []),
    ...(node === undefined ? [] : [`it is an address of node ${node}`]),
    ...(until === undefined ? [] : [`somebody else on the network uses it: set aside until ${until}`]),
  ]
}

function shownBy({ ip, services }: AddressFacts): readonly string[] {
  return services
    .filter((service) => shownAddresses(service).some((shown) => sameIp(shown, ip)))
    .map((service) => `${nameOfService(service)}${service.metadata.labels?.[EIP_NAME] === undefined ? ', without our label' : ''}`)
}
