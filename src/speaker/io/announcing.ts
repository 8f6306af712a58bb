import type { AddressKey } from '../layer2/address-key.ts'
import type { Conflicts } from '../layer2/conflict.ts'
import type { Layer2Counters } from '../layer2/counters.ts'
import { announcementFrames, type GratuitousSchedule } from '../layer2/gratuitous.ts'
import type { ToWorker } from '../layer2/message.ts'
import { type Probe, type Probes, probeFrame } from '../layer2/probe.ts'
import type { SlottedLine } from '../layer2/table.ts'
import type { Ports } from './ports.ts'

/** Announcements sent before the next look at the sockets: a take-over of thousands must not delay an answer. */
const ANNOUNCEMENTS_A_TURN = 8

/** What this node says unasked. */
export interface Announcing {
  readonly counters: Layer2Counters
  readonly lines: ReadonlyMap<AddressKey, SlottedLine>
  readonly ports: Ports
  readonly probes: Probes
  readonly conflicts: Conflicts
  readonly schedule: GratuitousSchedule
  /** Whether this node may claim addresses at that time. */
  readonly isOpen: (nowMs: number) => boolean
}

/** Sends some of the announcements and defences that are due, while the fence is open, and the probes, which claim nothing. */
export function announceDue(parts: Announcing, nowMs: number): void {
  const { schedule, conflicts, probes, isOpen } = parts
  for (const probe of probes.due(nowMs)) sendProbe(parts, probe, nowMs)
  if (!isOpen(nowMs)) return
  for (const address of schedule.due(nowMs, ANNOUNCEMENTS_A_TURN)) {
    if (announce(parts, address, nowMs)) schedule.sent(address, nowMs)
    else schedule.failed(address, nowMs)
  }
  for (const address of conflicts.due(nowMs, ANNOUNCEMENTS_A_TURN)) {
    if (announce(parts, address, nowMs)) conflicts.defended(address, nowMs)
    else conflicts.failed(address, nowMs)
  }
}

/** Tells every neighbour who has the address. False when that could not leave. */
function announce({ lines, ports, counters }: Announcing, address: AddressKey, nowMs: number): boolean {
  const line = lines.get(address)
  const port = line === undefined ? undefined : ports.of(line.interfaceIndex, address)
  if (line === undefined || port?.socket === undefined) return false
  for (const frame of announcementFrames(port.is.mac, address)) {
    if (port.socket.send(frame) === undefined) continue
    counters.addGlobal('rejected')
    return false
  }
  counters.add(line.slot, 'gratuitous')
  counters.announced(line.slot, nowMs)
  return true
}

/** Begins to ask for an address. True when a socket was opened. */
export function startProbe({ ports, probes }: Announcing, { id, address, on }: ToWorker & { kind: 'probe' }, nowMs: number): boolean {
  const opened = ports.keep(on, address, nowMs)
  // To hear others that ask as we do, and not through the switch's goodwill alone.
  if (typeof address === 'bigint') ports.of(on.index, address)?.groups?.add(address)
  probes.start(id, address, on.index, nowMs)
  return opened
}

function sendProbe({ ports, probes, counters }: Announcing, { id, address, interfaceIndex }: Probe, nowMs: number): void {
  const port = ports.of(interfaceIndex, address)
  const failure = port?.socket?.send(probeFrame(port.is.mac, address))
  if (failure !== undefined) counters.addGlobal('rejected')
  if (port?.socket === undefined) probes.failed(id, port?.error ?? 'the interface is gone')
  else if (failure !== undefined) probes.failed(id, failure.message)
  else probes.sent(id, nowMs)
}
