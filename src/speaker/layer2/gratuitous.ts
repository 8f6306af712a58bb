import { ipToBytes } from '../../addr/ip.ts'
import { serializeArp } from '../../wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../wire/ethernet.ts'
import { ALL_NODES, multicastMac } from '../../wire/ipv6.ts'
import { type AddressKey, ipOfKey } from './address-key.ts'
import { createDueQueue } from './due-queue.ts'
import type { AnnouncementPlan } from './message.ts'
import { advertisement } from './respond-nd.ts'

/**
 * When the pair of gratuitous frames goes out, in milliseconds after the take-over, if nothing else is asked for. The first pair is what
 * neighbours act on; the others are for the ones that lost it: one frame lost in the change-over would leave a neighbour with the old MAC
 * until its entry ages.
 */
export const PAIR_DELAYS_MS = [0, 1000, 2000, 4000] as const

/** RFC 4861 section 10: MAX_NEIGHBOR_ADVERTISEMENT and RETRANS_TIMER. */
const MOST_ADVERTISEMENTS = 3
const ADVERTISEMENT_SPACING_MS = 1000

/** Those of the delays that IPv6 may use: three unsolicited advertisements at most, a second apart. RFC 4861 section 7.2.6. */
export function advertisementDelays(delaysMs: readonly number[]): readonly number[] {
  const chosen: number[] = []
  for (const delayMs of delaysMs) {
    const last = chosen.at(-1)
    if (chosen.length < MOST_ADVERTISEMENTS && (last === undefined || delayMs - last >= ADVERTISEMENT_SPACING_MS)) chosen.push(delayMs)
  }
  return chosen
}

export const ADVERTISEMENT_DELAYS_MS = advertisementDelays(PAIR_DELAYS_MS)

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

/**
 * What goes out at once for an address: the pair, or for IPv6 one advertisement to every node, with the override flag. Routers are
 * nodes: the one to all routers that RFC 9131 section 6.1.2 asks of a host reaches them by this one.
 */
export function announcementFrames(mac: Uint8Array, address: AddressKey): readonly Uint8Array[] {
  const ip = ipToBytes(ipOfKey(address))
  if (typeof address === 'number') return gratuitousFrames(mac, ip)
  return [advertisement({ mac, target: ip, to: ALL_NODES, toMac: multicastMac(ALL_NODES), solicited: false })]
}

/**
 * The announcements still to be sent, by address ("pair" stands for the one frame of IPv6 too). Times are milliseconds of one
 * monotonic clock that the caller reads. Every operation takes O(log n).
 */
export interface GratuitousSchedule {
  /** Begins (or begins anew) the pairs of one address; the first is due after the first delay, which is mostly at once. */
  start(address: AddressKey, nowMs: number): void
  /** Forgets an address. */
  stop(address: AddressKey): void
  /** Takes up to `most` addresses whose pair is due; `sent` or `failed` follows for each. */
  due(nowMs: number, most: number): readonly AddressKey[]
  /** A pair of this address left: the next one is planned, counted from the first. */
  sent(address: AddressKey, nowMs: number): void
  /** A pair of this address could not leave: it is due again after RETRY_DELAY_MS. */
  failed(address: AddressKey, nowMs: number): void
  /** Milliseconds until the next pair is due (0 when one is), or undefined when none is planned. */
  waitMs(nowMs: number): number | undefined
}

interface Progress {
  /** When the first pair left, less its own delay. */
  startMs: number | undefined
  /** Which pair is next. */
  pair: number
}

const USUAL: AnnouncementPlan = { delaysMs: PAIR_DELAYS_MS, repeatMs: undefined }

/** Creates an empty schedule. Throws RangeError for a plan that has no first announcement. */
export function createGratuitousSchedule(plan: AnnouncementPlan = USUAL): GratuitousSchedule {
  const delays = { number: plan.delaysMs, bigint: advertisementDelays(plan.delaysMs) } as const
  const firstMs = plan.delaysMs[0]
  if (firstMs === undefined) throw new RangeError('an address has to be announced once')
  const progress = new Map<AddressKey, Progress>()
  const queue = createDueQueue<AddressKey>()
  const stop = (address: AddressKey): void => {
    progress.delete(address)
    queue.delete(address)
  }
  return {
    start(address, nowMs) {
      progress.set(address, { startMs: undefined, pair: 0 })
      queue.set(address, nowMs + firstMs)
    },
    stop,
    due: (nowMs, most) => queue.take(nowMs, most),
    sent(address, nowMs) {
      const at = progress.get(address)
      if (at === undefined) return
      at.startMs ??= nowMs - firstMs
      at.pair++
      const delayMs = delays[typeof address === 'number' ? 'number' : 'bigint'][at.pair]
      if (delayMs !== undefined) queue.set(address, at.startMs + delayMs)
      else if (plan.repeatMs !== undefined) queue.set(address, nowMs + plan.repeatMs)
      else stop(address)
    },
    failed(address, nowMs) {
      if (progress.has(address)) queue.set(address, nowMs + RETRY_DELAY_MS)
    },
    waitMs: (nowMs) => queue.waitMs(nowMs),
  }
}
