import { formatIp, type Ip, parseIp } from '../../addr/ip.ts'
import { err, ok, type Result } from '../../result.ts'
import type { HostFacts, NetworkInterface } from '../host.ts'
import type { Inability } from '../silence.ts'

const CAN_REACH = 'can_reach:'
/** IFNAMSIZ without its terminating zero; the kernel allows any byte but `/` and white space. */
const INTERFACE_NAME = /^[^\s/]{1,15}$/

/** How an Eip names its interface: by name, or as the one that leads to an address. */
export type InterfaceSpec = { readonly kind: 'name'; readonly name: string } | { readonly kind: 'can-reach'; readonly to: Ip }

/** Reads `eth0` or `can_reach:192.0.2.1`. */
export function parseInterfaceSpec(text: string | undefined): Result<InterfaceSpec, Inability> {
  if (text === undefined) return err('bad-interface')
  if (text.startsWith(CAN_REACH)) {
    const to = parseIp(text.slice(CAN_REACH.length).trim())
    return to.ok ? ok({ kind: 'can-reach', to: to.value }) : err('bad-interface')
  }
  return INTERFACE_NAME.test(text) ? ok({ kind: 'name', name: text }) : err('bad-interface')
}

/** The interface of this node that the spec means, if it can carry frames now. */
export function resolveInterface(spec: InterfaceSpec, host: HostFacts): Result<NetworkInterface & { readonly mac: Uint8Array }, Inability> {
  const found = find(spec, host)
  if (!found.ok) return found
  const { loopback, noArp, mac, up } = found.value
  if (loopback) return err('interface-loopback')
  if (mac === undefined || noArp) return err('interface-without-arp')
  return up ? ok({ ...found.value, mac }) : err('interface-down')
}

function find(spec: InterfaceSpec, host: HostFacts): Result<NetworkInterface, Inability> {
  if (spec.kind === 'name') {
    const named = host.interfaces.find(({ name }) => name === spec.name)
    return named === undefined ? err('interface-missing') : ok(named)
  }
  const route = host.routes.get(formatIp(spec.to))
  if (route?.kind !== 'interface') return err('no-route')
  const leading = host.interfaces.find(({ index }) => index === route.index)
  return leading === undefined ? err('interface-missing') : ok(leading)
}
