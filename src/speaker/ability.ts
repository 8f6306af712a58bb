import { type Family, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import type { AddressClaimSpec } from '../api/address-claim.ts'
import { err, ok, type Result } from '../result.ts'
import type { HostFacts, NetworkInterface } from './host.ts'
import { parseInterfaceSpec, resolveInterface } from './layer2/interface-spec.ts'
import { isServed } from './protocols.ts'
import type { Inability } from './silence.ts'

/** kube-proxy in IPVS mode binds every Service address to this dummy interface on every node; that is no reason to be silent. */
const IPVS_INTERFACE = 'kube-ipvs0'

/** What this node would put on the wire for a claim. */
export interface Ability {
  readonly ip: Ip
  readonly interface: NetworkInterface & { readonly mac: Uint8Array }
}

/** Whether this node can put the address of a claim on its wire, by nothing but its own kernel and configuration. */
export function abilityFor(claim: AddressClaimSpec, host: HostFacts, layer2: boolean): Result<Ability, Inability> {
  if (!isServed(claim.protocol)) return err('protocol-not-served')
  const ip = parseIp(claim.address)
  if (!ip.ok) return err('bad-claim')
  if (!layer2) return err('layer2-off')
  if (isLocal(ip.value, host)) return err('address-is-local')
  const spec = parseInterfaceSpec(claim.interface)
  if (!spec.ok) return spec
  const resolved = resolveInterface(spec.value, host)
  if (!resolved.ok) return resolved
  return speaksFamily(resolved.value, ip.value.family) ? ok({ ip: ip.value, interface: resolved.value }) : err('interface-without-ipv6')
}

/** A kernel that has IPv6 switched off on an interface gives it no IPv6 address, not even a link-local one, and drops what it receives. */
const speaksFamily = ({ addresses }: NetworkInterface, family: Family): boolean =>
  family === 'IPv4' || addresses.some((own) => own.family === 'IPv6')

const isLocal = (ip: Ip, host: HostFacts): boolean =>
  host.interfaces.some(
    ({ name, addresses }) => name !== IPVS_INTERFACE && addresses.some((own) => own.family === ip.family && own.value === ip.value),
  )

/** The destinations whose routes `abilityFor` needs, as canonical text. */
export function routesNeeded(claims: Iterable<Pick<AddressClaimSpec, 'interface'>>): ReadonlyMap<string, Ip> {
  const needed = new Map<string, Ip>()
  for (const { interface: text } of claims) {
    const spec = parseInterfaceSpec(text)
    if (spec.ok && spec.value.kind === 'can-reach') needed.set(formatIp(spec.value.to), spec.value.to)
  }
  return needed
}
