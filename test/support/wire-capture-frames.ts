/**
 * What a frame of ARP or neighbour discovery says, read straight from its bytes and not by the product's own parser, and the questions
 * that a prober asks. Pure.
 */
import { ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { serializeArp } from '../../src/wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../src/wire/ethernet.ts'
import { serializeNeighborMessage, solicitedNodeGroup } from '../../src/wire/icmpv6-nd.ts'
import { multicastMac } from '../../src/wire/ipv6.ts'

/**
 * `probe`: a question of a prober (its number is `id`); `answer`: what came back to it; `announcement`: a host said to all that it has the
 * address (a gratuitous ARP request or reply, an unsolicited NA).
 */
export type WireKind = 'probe' | 'answer' | 'announcement'

export interface WireFrame {
  readonly kind: WireKind
  /** Bytes of the address in lower case hex: 8 or 32 digits. */
  readonly address: string
  /** Who says it, `aa:bb:…`; empty for a probe. */
  readonly mac: string
  /** The number of the probe that this is or answers; -1 for an announcement. */
  readonly id: number
}

/** Probes are numbered by the last byte of the address that asks, which every answer repeats. */
export const PROBE_NUMBERS = 256
/** 198.18.0.0/15 is for tests of networks (RFC 2544), and nobody here has an address of it. */
const PROBER_IPV4 = [198, 18, 77] as const
const PROBER_IPV6 = 'fd00:198:18:77::'
const prefixOf = (text: string): string => {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new RangeError(text)
  return Buffer.from(ipToBytes(parsed.value)).toString('hex').slice(0, 30)
}
const IPV4_PREFIX = Buffer.from(PROBER_IPV4).toString('hex')
const IPV6_PREFIX = prefixOf(PROBER_IPV6)
const ARP = 0x0806
const IPV6 = 0x86dd
const ICMPV6 = 58
const SOLICITATION = 135
const ADVERTISEMENT = 136
const SOLICITED = 0x40

const hex = (frame: Uint8Array, from: number, to: number): string => Buffer.from(frame.subarray(from, to)).toString('hex')
const macText = (frame: Uint8Array, from: number): string => hex(frame, from, from + 6).replaceAll(/..(?=.)/g, '$&:')
const numberOf = (asker: string, prefix: string): number => (asker.startsWith(prefix) ? Number.parseInt(asker.slice(-2), 16) : -1)

/** Undefined for everything that is neither a probe, nor an answer to one, nor an announcement. `frame` starts with its Ethernet header. */
export function readFrame(frame: Uint8Array): WireFrame | undefined {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0)
  if (type === ARP && frame.length >= 42) return readArp(frame)
  if (type === IPV6 && frame.length >= 78 && frame[20] === ICMPV6) return readNeighbor(frame)
  return undefined
}

function readArp(frame: Uint8Array): WireFrame | undefined {
  const [sender, target] = [hex(frame, 28, 32), hex(frame, 38, 42)]
  if (sender === target) return { kind: 'announcement', address: sender, mac: macText(frame, 22), id: -1 }
  const request = frame[21] === 1
  const id = numberOf(request ? sender : target, IPV4_PREFIX)
  if (id < 0) return undefined
  return request ? { kind: 'probe', address: target, mac: '', id } : { kind: 'answer', address: sender, mac: macText(frame, 22), id }
}

function readNeighbor(frame: Uint8Array): WireFrame | undefined {
  const address = hex(frame, 62, 78)
  if (frame[54] === SOLICITATION) {
    const id = numberOf(hex(frame, 22, 38), IPV6_PREFIX)
    return id < 0 ? undefined : { kind: 'probe', address, mac: '', id }
  }
  if (frame[54] !== ADVERTISEMENT) return undefined
  // The option Target Link-Layer Address, the only one that an advertisement has; without it the sender is meant.
  const mac = frame[78] === 2 && frame.length >= 86 ? macText(frame, 80) : macText(frame, 6)
  if (((frame[58] ?? 0) & SOLICITED) === 0) return { kind: 'announcement', address, mac, id: -1 }
  const id = numberOf(hex(frame, 38, 54), IPV6_PREFIX)
  return id < 0 ? undefined : { kind: 'answer', address, mac, id }
}

/** The address in the form of WireFrame.address. Throws RangeError for what is no address. */
export function addressHex(text: string): string {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new RangeError(`${text} is no address`)
  return Buffer.from(ipToBytes(parsed.value)).toString('hex')
}

/** A made-up host for each address, so that no limit per asker is met: locally administered, the low bytes of `number`. */
export const proberMac = (number: number): Uint8Array => Uint8Array.of(0x02, 0x0e, 0x1b, 0x77, (number >> 8) & 0xff, number & 0xff)

/** The question for `address` (8 or 32 hex digits) with that number, as a whole frame: by broadcast, or to the solicited-node group. */
export function probeFrame(address: string, id: number, source: Uint8Array): Uint8Array {
  const target = new Uint8Array(Buffer.from(address, 'hex'))
  if (target.length === 4) {
    const senderIp = Uint8Array.of(...PROBER_IPV4, id)
    const payload = serializeArp({ operation: 'request', senderMac: source, senderIp, targetMac: new Uint8Array(6), targetIp: target })
    return serializeEthernet({ destination: BROADCAST_MAC, source, etherType: ETHER_TYPE.arp, payload })
  }
  const asker = new Uint8Array(Buffer.from(IPV6_PREFIX + id.toString(16).padStart(2, '0'), 'hex'))
  const destination = solicitedNodeGroup(target)
  const payload = serializeNeighborMessage({ kind: 'solicitation', source: asker, destination, target, sourceMac: source })
  return serializeEthernet({ destination: multicastMac(destination), source, etherType: ETHER_TYPE.ipv6, payload })
}
