import { ipToBytes } from '../../addr/ip.ts'
import { serializeArp } from '../../wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../wire/ethernet.ts'
import { ALL_NODES, multicastMac } from '../../wire/ipv6.ts'
import { type AddressKey, ipOfKey } from './address-key.ts'
import { advertisement } from './respond-nd.ts'

/**
 * When the pair of gratuitous frames goes out, in milliseconds after the take-over. The first pair is what neighbours act on; the others
 * are for the ones that lost it: one frame lost in the change-over would leave a neighbour with the old MAC until its entry ages.
 */
export const PAIR_DELAYS_MS = [0, 1000, 2000, 4000] as const

/** The same for the unsolicited advertisement of IPv6: no more than three, a second apart. Source: RFC 4861 sections 7.2.6 and 10. */
export const ADVERTISEMENT_DELAYS_MS = [0, 1000, 2000] as const

const delaysOf = (address: AddressKey): readonly number[] => (typeof address === 'number' ? PAIR_DELAYS_MS : ADVERTISEMENT_DELAYS_MS)

/** How long after a failed send the same pair is tried again: a link that is coming up refuses frames for a moment. */
export const RETRY_DELAY_MS = 100

/**
 * The two broadcast frames that tell every neighbour who answers for `ip` (4 bytes) now: an ARP request and an ARP reply, since hosts
 * differ in which of the two they accept. Source: RFC 5944 section 4.6; RFC 5227 section 2.3 (the request form).
 */
export function gratuitousFrames(mac: Uint8Array, ip: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const frame = (operation: 'request' | 'reply') =>
    serializeEthernet({
      destination: BROADCAST_MAC,
      source: mac,
      etherType: ETHER_TYPE.arp,
      payload: serializeArp({ operation, senderMac: mac, senderIp: ip, targetMac: BROADCAST_MAC, targetIp: ip }),
    })
  return [frame('request'), frame('reply')]
}

/** What goes out at once for an address: the pair, or for IPv6 one advertisement to every node, with the override flag. */
export function announcementFrames(mac: Uint8Array, address: AddressKey): readonly Uint8Array[] {
  const ip = ipToBytes(ipOfKey(address))
  if (typeof address === 'number') return gratuitousFrames(mac, ip)
  return [advertisement({ mac, target: ip, to: ALL_NODES, toMac: multicastMac(ALL_NODES), solicited: false })]
}

/**
 * The announcements still to be sent, by address ("pair" stands for the one frame of IPv6 too). Times are milliseconds of one
 * monotonic clock that the caller reads.
 */
export interface GratuitousSchedule {
  /** Begins (or begins anew) the pairs of one address; the first is due at once. */
  start(address: AddressKey, nowMs: number): void
  /** Forgets an address. */
  stop(address: AddressKey): void
  /** Up to `most` addresses whose pair is due. */
  due(nowMs: number, most: number): readonly AddressKey[]
  /** A pair of this address left: the next one is planned, counted from the first. */
  sent(address: AddressKey, nowMs: number): void
  /** A pair of this address could not leave: it is due again after RETRY_DELAY_MS. */
  failed(address: AddressKey, nowMs: number): void
  /** Milliseconds until the next pair is due (0 when one is), or undefined when none is planned. */
  waitMs(nowMs: number): number | undefined
}

/** Creates an empty schedule. */
export function createGratuitousSchedule(): GratuitousSchedule {
  const plans = new Map<AddressKey, { readonly startMs: number | undefined; readonly pair: number; readonly dueMs: number }>()
  return {
    start: (address, nowMs) => void plans.set(address, { startMs: undefined, pair: 0, dueMs: nowMs }),
    stop: (address) => void plans.delete(address),
    due(nowMs, most) {
      const addresses: AddressKey[] = []
      for (const [address, { dueMs }] of plans) {
        if (addresses.length === most) break
        if (dueMs <= nowMs) addresses.push(address)
      }
      return addresses
    },
    sent(address, nowMs) {
      const plan = plans.get(address)
      if (plan === undefined) return
      const startMs = plan.startMs ?? nowMs
      const delayMs = delaysOf(address)[plan.pair + 1]
      if (delayMs === undefined) plans.delete(address)
      else plans.set(address, { startMs, pair: plan.pair + 1, dueMs: startMs + delayMs })
    },
    failed(address, nowMs) {
      const plan = plans.get(address)
      if (plan !== undefined) plans.set(address, { ...plan, dueMs: nowMs + RETRY_DELAY_MS })
    },
    waitMs(nowMs) {
      let next: number | undefined
      for (const { dueMs } of plans.values()) if (next === undefined || dueMs < next) next = dueMs
      return next === undefined ? undefined : Math.max(0, next - nowMs)
    },
  }
}
