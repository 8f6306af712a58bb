/** The questions of a requester, and what their answers look like on the wire, for both families. */
import { ipToBytes, parseIp } from '../../src/addr/ip.ts'
import { serializeArp } from '../../src/wire/arp.ts'
import { internetChecksum, pseudoHeaderSum } from '../../src/wire/checksum.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../src/wire/ethernet.ts'
import { serializeNeighborMessage, solicitedNodeGroup } from '../../src/wire/icmpv6-nd.ts'
import { multicastMac } from '../../src/wire/ipv6.ts'

export interface Questions {
  readonly etherType: number
  /** Classic BPF that takes answers only: questions of other hosts are none of ours. */
  readonly filter: readonly (readonly [number, number, number, number])[]
  /** A frame to begin with. */
  readonly template: Uint8Array
  /** Makes of the template, or of an earlier question, the one for the address number `target` by the asker number `asker`. */
  write(frame: Uint8Array, target: number, asker: number): void
  /** Whether an answer is about the address number `target`. */
  isAbout(answer: Uint8Array, target: number): boolean
}

const bytesOf = (text: string): Uint8Array => {
  const ip = parseIp(text)
  if (!ip.ok) throw new Error(`${text} is no address`)
  return ipToBytes(ip.value)
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const get32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0

/** The asker number 0 has the card's own MAC. */
function putMac(frame: Uint8Array, at: number, mac: Uint8Array, asker: number): void {
  frame[at + 4] = (mac[4] ?? 0) ^ (asker >>> 8)
  frame[at + 5] = (mac[5] ?? 0) ^ (asker & 0xff)
}

/** Questions for the addresses from `target` on, of askers whose addresses begin with `from`; both of one family. */
export function createQuestions(target: string, from: string, mac: Uint8Array): Questions {
  const [first, asker] = [bytesOf(target), bytesOf(from)]
  if (first.length !== asker.length) throw new Error(`${target} and ${from} are of two families`)
  return first.length === 4 ? arpQuestions(first, asker, mac) : ndQuestions(first, asker, mac)
}

function arpQuestions(first: Uint8Array, from: Uint8Array, mac: Uint8Array): Questions {
  const payload = serializeArp({ operation: 'request', senderMac: mac, senderIp: from, targetMac: new Uint8Array(6), targetIp: first })
  return {
    etherType: ETHER_TYPE.arp,
    filter: [
      [0x28, 0, 0, 20], // ldh [20] opcode
      [0x15, 0, 1, 2], //  jeq reply
      [0x06, 0, 0, 0xffff],
      [0x06, 0, 0, 0],
    ],
    template: serializeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload }),
    write(frame, target, asker) {
      put32(frame, 38, get32(first, 0) + target)
      put32(frame, 28, get32(from, 0) + asker)
      for (const at of [6, 22]) putMac(frame, at, mac, asker)
    },
    isAbout: (answer, target) => get32(answer, 28) === (get32(first, 0) + target) >>> 0,
  }
}

function ndQuestions(first: Uint8Array, from: Uint8Array, mac: Uint8Array): Questions {
  const destination = solicitedNodeGroup(first)
  const payload = serializeNeighborMessage({ kind: 'solicitation', source: from, destination, target: first, sourceMac: mac })
  return {
    etherType: ETHER_TYPE.ipv6,
    filter: [
      [0x30, 0, 0, 20], //  ldb [20] next header
      [0x15, 0, 3, 58], //  jeq icmpv6
      [0x30, 0, 0, 54], //  ldb [54] type
      [0x15, 0, 1, 136], // jeq advertisement
      [0x06, 0, 0, 0xffff],
      [0x06, 0, 0, 0],
    ],
    template: serializeEthernet({ destination: multicastMac(destination), source: mac, etherType: ETHER_TYPE.ipv6, payload }),
    write(frame, target, asker) {
      put32(frame, 74, get32(first, 12) + target)
      put32(frame, 34, get32(from, 12) + asker)
      for (const at of [6, 80]) putMac(frame, at, mac, asker)
      // The group, and its MAC, end like the address.
      for (let octet = 0; octet < 3; octet++) frame[3 + octet] = frame[51 + octet] = frame[75 + octet] ?? 0
      frame[56] = 0
      frame[57] = 0
      const sum = internetChecksum(frame.subarray(54, 86), pseudoHeaderSum(frame.subarray(22, 38), frame.subarray(38, 54), 32, 58))
      frame[56] = sum >>> 8
      frame[57] = sum & 0xff
    },
    isAbout: (answer, target) => get32(answer, 74) === (get32(first, 12) + target) >>> 0,
  }
}
