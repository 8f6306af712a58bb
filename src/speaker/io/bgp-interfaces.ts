import { networkInterfaces } from 'node:os'
import { type Ip, parseIp } from '../../addr/ip.ts'
import { parsePrefix, prefixContains } from '../../addr/prefix.ts'
import { isLinkLocal } from '../../wire/bgp/attributes/mp-reach.ts'
import type { InterfaceAddresses } from '../bgp/session-transport.ts'
import { openLibc } from './libc.ts'

interface OwnAddress {
  readonly ip: Ip
  /** With the length of its subnet. */
  readonly cidr: string
}

/** The addresses of this node, by interface, as they are now. */
function ownAddresses(): readonly (readonly OwnAddress[])[] {
  return Object.values(networkInterfaces()).map((list = []) =>
    list.flatMap(({ address, cidr }) => {
      const read = parseIp(address)
      return read.ok && cidr !== null ? [{ ip: read.value, cidr }] : []
    }),
  )
}

const isSame = (a: Ip, b: Ip): boolean => a.family === b.family && a.value === b.value

/** Our IPv6 addresses on the interface that has `local`: the first that is global, and the link-local one. */
export function interfaceAddresses(local: Ip): InterfaceAddresses {
  const own = ownAddresses().find((list) => list.some(({ ip }) => isSame(ip, local))) ?? []
  const ipv6 = own.map(({ ip }) => ip).filter(({ family }) => family === 'IPv6')
  return { global: ipv6.find((ip) => !isLinkLocal(ip)), linkLocal: ipv6.find(isLinkLocal) }
}

/** Whether an address is of a subnet of ours, so that no router is between. */
export const isDirect = (remote: Ip): boolean =>
  ownAddresses().some((list) =>
    list.some(({ cidr }) => {
      const prefix = parsePrefix(cidr)
      return prefix.ok && prefix.value.family === remote.family && prefixContains(prefix.value, remote)
    }),
  )

/** The number of an interface; undefined: there is none of this name. */
export function interfaceIndex(name: string): number | undefined {
  const index = openLibc().interfaceIndex(name)
  return index > 0 ? index : undefined
}
