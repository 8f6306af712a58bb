import { type Family, formatIp, type Ip, parseIp } from '../addr/ip.ts'
import { prefixContains } from '../addr/prefix.ts'
import type { AddressClaimSpec } from '../api/address-claim.ts'
import type { NodeObject } from '../api/core-objects.ts'
import { LAYER2_NODE } from '../api/service-annotations.ts'
import { err, ok, type Result } from '../result.ts'
import type { HostFacts, NetworkInterface } from './host.ts'
import { type Candidates, destinationsOf, findInterfaces, type UsableInterface } from './layer2/interface-spec.ts'
import { isServed } from './protocols.ts'
import type { Inability } from './silence.ts'

/** kube-proxy in IPVS mode binds every Service address to this dummy interface on every node; that is no reason to be silent. */
const IPVS_INTERFACE = 'kube-ipvs0'

/** What this node would put on the wire for a claim. */
export interface Ability {
  readonly ip: Ip
  readonly interface: UsableInterface
}

/** How an interface is chosen, beside what the claim says. */
export interface InterfaceRules {
  /** Whether a subnet of the interface has to contain the address: --layer2-subnet-check. The default is true. */
  readonly subnetCheck?: boolean | undefined
  /** See nodeAddressOf. */
  readonly nodeAddress?: string | undefined
}

/** The annotation by which this node's own interface is named; undefined where there is none. */
export const nodeAddressOf = (node: NodeObject | undefined): string | undefined => node?.metadata.annotations?.[LAYER2_NODE]

/**
 * Whether this node can put the address of a claim on its wire, by nothing but its own kernel and configuration. Of several interfaces
 * that can, the first one with a subnet that contains the address is used.
 */
export function abilityFor(
  claim: AddressClaimSpec,
  host: HostFacts,
  layer2: boolean,
  { subnetCheck = true, nodeAddress }: InterfaceRules = {},
): Result<Ability, Inability> {
  if (claim.protocol !== 'layer2') return err(isServed(claim.protocol) ? 'other-protocol' : 'protocol-not-served')
  const ip = parseIp(claim.address)
  if (!ip.ok) return err('bad-claim')
  if (!layer2) return err('layer2-off')
  const view = viewOf(host)
  if (view.own[ip.value.family].has(ip.value.value)) return err('address-is-local')
  const { usable, otherwise } = view.candidates(claim.interface, nodeAddress)
  if (usable.length === 0) return err(otherwise)
  const speaking = usable.filter((link) => speaksFamily(link, ip.value.family))
  const [first] = speaking
  if (first === undefined) return err('interface-without-ipv6')
  const inside = speaking.find(({ subnets }) => subnets.some((subnet) => prefixContains(subnet, ip.value)))
  if (inside === undefined && subnetCheck) return err('subnet-missing')
  return ok({ ip: ip.value, interface: inside ?? first })
}

/** A kernel that has IPv6 switched off on an interface gives it no IPv6 address, not even a link-local one, and drops what it receives. */
const speaksFamily = ({ addresses }: NetworkInterface, family: Family): boolean =>
  family === 'IPv4' || addresses.some((own) => own.family === 'IPv6')

/** What very many claims ask of the same host. */
interface HostView {
  /** The addresses for which the kernel of this node answers. */
  readonly own: Readonly<Record<Family, ReadonlySet<bigint>>>
  candidates(text: string | undefined, nodeAddress: string | undefined): Candidates
}

const views = new WeakMap<HostFacts, HostView>()

/** Computed once for each state of the host; the texts of claims are few, whatever the number of claims. */
function viewOf(host: HostFacts): HostView {
  const known = views.get(host)
  if (known !== undefined) return known
  const found = new Map<string, Candidates>()
  const own = host.interfaces.flatMap(({ name, addresses }) => (name === IPVS_INTERFACE ? [] : addresses))
  const valuesOf = (family: Family) => new Set(own.filter((ip) => ip.family === family).map(({ value }) => value))
  const view: HostView = {
    own: { IPv4: valuesOf('IPv4'), IPv6: valuesOf('IPv6') },
    candidates(text, nodeAddress) {
      const key = JSON.stringify([text, nodeAddress])
      const candidates = found.get(key) ?? findInterfaces(text, nodeAddress, host)
      found.set(key, candidates)
      return candidates
    },
  }
  views.set(host, view)
  return view
}

/** The destinations whose routes `abilityFor` needs, as canonical text. */
export function routesNeeded(claims: Iterable<Pick<AddressClaimSpec, 'interface'>>): ReadonlyMap<string, Ip> {
  const texts = new Set<string>()
  for (const { interface: text } of claims) if (text !== undefined) texts.add(text)
  return new Map([...texts].flatMap(destinationsOf).map((to) => [formatIp(to), to]))
}
