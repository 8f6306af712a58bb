import { ipToBytes } from '../../addr/ip.ts'
import { serializeArp } from '../../wire/arp.ts'
import { BROADCAST_MAC, ETHER_TYPE, serializeEthernet } from '../../wire/ethernet.ts'
import { serializeNeighborMessage, solicitedNodeGroup } from '../../wire/icmpv6-nd.ts'
import { multicastMac } from '../../wire/ipv6.ts'
import { type AddressKey, ipOfKey } from './address-key.ts'
import { createDueQueue } from './due-queue.ts'

/**
 * How an address is asked for before it is given to anybody. A fifth of the RFC's times, which are for slow links and hosts that wake up:
 * a Service waits for its address meanwhile. Source: RFC 5227 section 1.1 (PROBE_WAIT 1 s, PROBE_NUM 3, PROBE_MIN 1 s, PROBE_MAX 2 s,
 * ANNOUNCE_WAIT 2 s); IPv6 is asked by the same plan, where RFC 4862 section 5.1 has one solicitation and a wait of 1 s.
 */
export const PROBE_NUMBER = 3
export const FIRST_PROBE_WITHIN_MS = 200
export const PROBE_MIN_MS = 200
export const PROBE_MAX_MS = 400
export const ANNOUNCE_WAIT_MS = 400

/** The probes that are on their way. Times are milliseconds of one clock of the caller. */
export interface Probes {
  /** Whether an address is asked for on an interface. */
  has(address: AddressKey, interfaceIndex: number): boolean
  start(id: number, address: AddressKey, interfaceIndex: number, nowMs: number): void
  /** Forgets a probe; the one that it was, if it was. */
  end(id: number): Probe | undefined
  /** Another host claims the address, or asks for it as we do: its MAC (6 bytes) is copied. */
  heard(address: AddressKey, interfaceIndex: number, mac: Uint8Array): void
  /** The probes whose next frame is to be sent now; each is followed by `sent` or `failed`. */
  due(nowMs: number): readonly Probe[]
  sent(id: number, nowMs: number): void
  /** The frame could not leave: the wire cannot be asked. */
  failed(id: number, error: string): void
  /** The probes that are over, once. */
  results(): readonly ProbeResult[]
  /** Milliseconds until something is to be done; undefined when nothing is. */
  waitMs(nowMs: number): number | undefined
}

export interface Probe {
  readonly id: number
  readonly address: AddressKey
  readonly interfaceIndex: number
}

export interface ProbeResult extends Probe {
  readonly takenBy: Uint8Array | undefined
  readonly error: string | undefined
}

interface Running extends Probe {
  sent: number
}

const NO_PROBES: readonly Running[] = []
const NO_RESULTS: readonly ProbeResult[] = []

/** Creates an empty register. `random` gives numbers in [0, 1). */
export function createProbes(random: () => number): Probes {
  const running = createRunning()
  const turns = createDueQueue<number>()
  let results: ProbeResult[] = []
  const end = (id: number): Probe | undefined => {
    turns.delete(id)
    return running.remove(id)
  }
  const finish = (id: number, takenBy: Uint8Array | undefined, error?: string): void => {
    const probe = end(id)
    if (probe !== undefined) results.push({ id, address: probe.address, interfaceIndex: probe.interfaceIndex, takenBy, error })
  }
  return {
    has: (address, interfaceIndex) => running.at(address, interfaceIndex).length > 0,
    start(id, address, interfaceIndex, nowMs) {
      running.add({ id, address, interfaceIndex, sent: 0 })
      turns.set(id, nowMs + random() * FIRST_PROBE_WITHIN_MS)
    },
    end,
    heard(address, interfaceIndex, mac) {
      for (const { id } of running.at(address, interfaceIndex)) finish(id, mac.slice())
    },
    due: (nowMs) => dueProbes(running.byId, turns.take(nowMs, running.byId.size), (id) => finish(id, undefined)),
    sent(id, nowMs) {
      const probe = running.byId.get(id)
      if (probe === undefined) return
      probe.sent++
      turns.set(id, nowMs + (probe.sent === PROBE_NUMBER ? ANNOUNCE_WAIT_MS : PROBE_MIN_MS + random() * (PROBE_MAX_MS - PROBE_MIN_MS)))
    },
    failed: (id, error) => finish(id, undefined, error),
    results() {
      if (results.length === 0) return NO_RESULTS
      const over = results
      results = []
      return over
    },
    waitMs: (nowMs) => (results.length > 0 ? 0 : turns.waitMs(nowMs)),
  }
}

/** By address too: it is looked at for each frame about an address that is not ours. */
function createRunning() {
  const byId = new Map<number, Running>()
  const byAddress = new Map<AddressKey, readonly Running[]>()
  return {
    byId,
    at: (address: AddressKey, interfaceIndex: number): readonly Running[] =>
      byAddress.get(address)?.filter((probe) => probe.interfaceIndex === interfaceIndex) ?? NO_PROBES,
    add(probe: Running): void {
      byId.set(probe.id, probe)
      byAddress.set(probe.address, [...(byAddress.get(probe.address) ?? NO_PROBES), probe])
    },
    remove(id: number): Running | undefined {
      const probe = byId.get(id)
      if (probe === undefined) return undefined
      byId.delete(id)
      const others = byAddress.get(probe.address)?.filter((one) => one.id !== id) ?? NO_PROBES
      if (others.length === 0) byAddress.delete(probe.address)
      else byAddress.set(probe.address, others)
      return probe
    },
  }
}

/** Of the ones whose time has come: those that have a frame to send. The others have been silent to the end. */
function dueProbes(running: ReadonlyMap<number, Running>, ids: readonly number[], free: (id: number) => void): readonly Probe[] {
  const asking: Probe[] = []
  for (const id of ids) {
    const probe = running.get(id)
    if (probe === undefined) continue
    if (probe.sent === PROBE_NUMBER) free(id)
    else asking.push(probe)
  }
  return asking
}

/**
 * The frame that asks whether somebody has `address`, and that nobody takes for a claim: an ARP request from 0.0.0.0, or a solicitation
 * from `::`. `mac` is ours. Source: RFC 5227 section 2.1.1; RFC 4862 section 5.4.2.
 */
export function probeFrame(mac: Uint8Array, address: AddressKey): Uint8Array {
  const target = ipToBytes(ipOfKey(address))
  if (typeof address === 'number') {
    const nobody = new Uint8Array(4)
    const payload = serializeArp({ operation: 'request', senderMac: mac, senderIp: nobody, targetMac: new Uint8Array(6), targetIp: target })
    return serializeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload })
  }
  const group = solicitedNodeGroup(target)
  const from = { source: new Uint8Array(16), sourceMac: undefined }
  const payload = serializeNeighborMessage({ kind: 'solicitation', destination: group, target, ...from })
  return serializeEthernet({ destination: multicastMac(group), source: mac, etherType: ETHER_TYPE.ipv6, payload })
}
