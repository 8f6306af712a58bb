/** What stands in a claim: made from the Eip and the Service, and kept equal to them. */
import { formatIp, type Ip } from '../addr/ip.ts'
import { type AddressClaimSpec, type Holder, holdersText } from '../api/address-claim.ts'
import type { Pool } from '../policy/pool.ts'
import type { Holding } from './ledger.ts'

const fromPool = (pool: Pool): Pick<AddressClaimSpec, 'eip' | 'protocol' | 'interface'> => ({
  eip: pool.name,
  protocol: pool.protocol,
  ...(pool.interface !== undefined && { interface: pool.interface }),
})

/**
 * The claim of one Service on one address of a pool. `isInUse`: the Service shows the address already, so the network is not asked whether
 * somebody else has it.
 */
export function claimSpec(own: Holder, pool: Pool, ip: Ip, isInUse: boolean): AddressClaimSpec {
  const holders = [own]
  const probe = pool.spec.probe === true && pool.protocol === 'layer2' && !isInUse
  return { address: formatIp(ip), service: holdersText(holders), ...fromPool(pool), ...(probe && { probe }), holders }
}

/** The claim with one more holder, at the end of the list. */
export function joinedSpec({ claim: { spec } }: Holding, own: Holder): AddressClaimSpec {
  const holders = [...spec.holders.filter(({ uid }) => uid !== own.uid), own]
  return { ...spec, service: holdersText(holders), holders }
}

/**
 * The claim as it should be now, or undefined when it is so already. `pool` is the Eip that has the address; undefined keeps what the
 * claim says, since a claim outlives its Eip.
 */
export function amendedSpec(holding: Holding, pool: Pool | undefined, own: Holder): AddressClaimSpec | undefined {
  const { spec } = holding.claim
  const holders = spec.holders.map((holder) => (holder.uid === own.uid ? own : holder))
  const { eip, protocol } = spec
  const source = pool === undefined ? { eip, protocol, ...(spec.interface !== undefined && { interface: spec.interface }) } : fromPool(pool)
  const { address, probe } = spec
  const amended: AddressClaimSpec = { address, service: holdersText(holders), ...source, ...(probe !== undefined && { probe }), holders }
  return sameSpec(spec, amended) ? undefined : amended
}

const sameSpec = (a: AddressClaimSpec, b: AddressClaimSpec): boolean =>
  a.eip === b.eip &&
  a.protocol === b.protocol &&
  a.interface === b.interface &&
  a.service === b.service &&
  a.holders.length === b.holders.length &&
  a.holders.every((holder, at) => sameHolder(holder, b.holders[at]))

const sameHolder = (a: Holder, b: Holder | undefined): boolean =>
  b !== undefined &&
  a.uid === b.uid &&
  a.namespace === b.namespace &&
  a.name === b.name &&
  a.sharing === b.sharing &&
  a.backend === b.backend &&
  portsText(a) === portsText(b)

const portsText = (holder: Holder): string => holder.ports.map((port) => `${port.name ?? ''}/${port.protocol}/${port.port}`).join(',')
