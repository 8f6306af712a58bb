/** Pairs of machines on one wire that speak BFD with one another, ours and FRR's, and how often one of a pair finds the other one gone. */
import type { Wire, WirePlace } from '../../lab/peers/wire.ts'
import { type BfdHost, startBfdHost } from '../../test/speaker/bfd/support/bfd-host.ts'
import { type FrrBfd, startFrrBfd } from '../../test/speaker/bfd/support/bfd-peers.ts'
import { cpuSeconds } from './process-usage.ts'

/** In a group of its own for the scheduler (sched(7), autogroup), as a pod is and as FRR's daemons are: loops beside it are one other group. */
export const IN_A_GROUP = ['setsid'] as const
/** And without the right to be first in line for the processor, which the speaker's pod does not have. */
export const AS_IN_POD = [...IN_A_GROUP, 'setpriv', '--bounding-set', '-all,+net_raw,+net_bind_service'] as const

export interface Pair {
  readonly name: string
  /** How often a session of either side went down so far. */
  downs(): Promise<number>
  /** Processor time of both sides so far. */
  cpuSeconds(): number
  close(): Promise<void>
}

/** FRR's configuration of a session with each of these addresses. */
export const frrLines = (peers: readonly string[], intervalMs: number): readonly string[] =>
  peers.flatMap((peer) => [`peer ${peer}`, `receive-interval ${intervalMs}`, `transmit-interval ${intervalMs}`, 'exit'])

/** Microseconds in the log, and every change of a state. */
export const FRR_LOG = ['log timestamp precision 6', 'debug bfd peer'] as const

const sessionOf = (here: WirePlace, there: WirePlace, intervalMs: number) => ({
  ...{ local: here.ipv4, remote: there.ipv4, transmitMs: intervalMs, receiveMs: intervalMs },
})

/** Two of ours. `asWhom` is an argv prefix. */
export async function startOurs(
  name: string,
  places: readonly [WirePlace, WirePlace],
  intervalMs: number,
  asWhom: readonly string[],
): Promise<Pair> {
  const [first, second] = places
  const hosts = await Promise.all(places.map((place) => startBfdHost(place, asWhom)))
  hosts[0]?.follow(sessionOf(first, second, intervalMs))
  hosts[1]?.follow(sessionOf(second, first, intervalMs))
  await Promise.all([hosts[0]?.inState(second.ipv4, 'Up'), hosts[1]?.inState(first.ipv4, 'Up')])
  return {
    name,
    downs: async () => hosts.reduce((sum, host) => sum + falls(host), 0),
    cpuSeconds: () => hosts.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    close: async () => void (await Promise.all(hosts.map((host) => host.kill()))),
  }
}

export const falls = ({ changes }: BfdHost): number => changes.filter(({ wentDown }) => wentDown).length

export async function startFrrs(name: string, [first, second]: readonly [WirePlace, WirePlace], intervalMs: number): Promise<Pair> {
  const sides: readonly FrrBfd[] = [
    await startFrrBfd(first, frrLines([second.ipv4], intervalMs)),
    await startFrrBfd(second, frrLines([first.ipv4], intervalMs)),
  ]
  await Promise.all([sides[0]?.inStatus(second.ipv4, 'up'), sides[1]?.inStatus(first.ipv4, 'up')])
  const downs = async () => ((await sides[0]?.downs(second.ipv4)) ?? 0) + ((await sides[1]?.downs(first.ipv4)) ?? 0)
  return {
    ...{ name, downs },
    cpuSeconds: () => sides.reduce((sum, side) => sum + cpuSeconds(side.pid()), 0),
    close: async () => void (await Promise.all(sides.map((side) => side.stop()))),
  }
}

/** Two machines of the wire. */
export function twoOf(wire: Wire, name: string): readonly [WirePlace, WirePlace] {
  return [wire.place(`${name}1`), wire.place(`${name}2`)]
}
