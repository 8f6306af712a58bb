/** Repeats one fault with one number of addresses, and what the wire showed of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { type FailoverWorld, NODE_NAMES } from '../../test/scenario/failover/world.ts'
import { judgeWire, type WireRecord } from '../../test/support/wire-capture-analysis.ts'
import type { Progress } from './bench.ts'
import { createFaults, type FaultName, OWNER } from './failover-faults.ts'
import type { Fleet } from './failover-fleet.ts'
import { type Spread, spread } from './figures.ts'

/** Times in milliseconds. */
export interface Case {
  readonly fault: FaultName
  readonly addresses: number
  readonly repetitions: number
  readonly probeEveryMs: number
  /** From the fault to the first answer or announcement of another node, of every address; of `heal` nobody else is to answer. */
  readonly takeOverMs: Spread
  /** The same, of the last address of each repetition. */
  readonly lastMs: Spread
  /** Addresses that no other node took in the time that was looked at. */
  readonly nobody: number
  /** Of each address that was asked for: its longest time without an answer, its unanswered probes, its time with two answering MACs. */
  readonly silentMs: Spread
  readonly lost: Spread
  readonly twoMacsMs: Spread
  /** From the heal to the last frame of the node that was cut off; 0 where it said nothing. */
  readonly yieldMs: Spread
  /** Changes of owner beyond the one that the fault asks for; of `heal` every one. */
  readonly needless: number
}

interface Samples {
  readonly takeOver: number[]
  readonly last: number[]
  readonly silent: number[]
  readonly lost: number[]
  readonly twoMacs: number[]
  readonly yielded: number[]
  nobody: number
  needless: number
}

const CALM_MS = 100

export async function measureCase(
  world: FailoverWorld,
  fleet: Fleet,
  { fault, repetitions }: { readonly fault: FaultName; readonly repetitions: number },
  progress: Progress,
): Promise<Case> {
  const samples: Samples = { takeOver: [], last: [], silent: [], lost: [], twoMacs: [], yielded: [], nobody: 0, needless: 0 }
  for (let done = 0; done < repetitions; done++) {
    await once(world, fleet, fault, samples)
    const of = fault === 'heal' ? `yielded ${samples.yielded.at(-1)?.toFixed(0)}` : `last ${samples.last.at(-1)?.toFixed(0)}`
    progress(`${fault}, ${fleet.all.length} addresses: ${done + 1} of ${repetitions}, ${of} ms, lost ${samples.lost.at(-1)}`)
  }
  const { takeOver, last, silent, lost, twoMacs, yielded, nobody, needless } = samples
  const measured: Case = {
    ...{ fault, addresses: fleet.all.length, repetitions, probeEveryMs: fleet.probeEveryMs, nobody, needless },
    ...{ takeOverMs: spread(takeOver), lastMs: spread(last), silentMs: spread(silent), lost: spread(lost) },
    ...{ twoMacsMs: spread(twoMacs), yieldMs: spread(yielded) },
  }
  // A run takes long: what is measured is not lost when a later case fails.
  progress(JSON.stringify(measured))
  return measured
}

async function once(world: FailoverWorld, fleet: Fleet, name: FaultName, samples: Samples): Promise<void> {
  const fault = createFaults(world, fleet)[name]
  await world.recover()
  await fleet.gather(OWNER)
  await fault.prepare?.()
  const before = await epochs(fleet)
  await world.wire.mark()
  await delay(CALM_MS)
  const atMs = await fault.strike()
  await delay(fault.watchMs)
  const seen = await world.wire.recordsOf(fleet.all)
  judge(world, fleet, { name, atMs, seen }, samples)
  await fault.mend()
  const grown = (await epochs(fleet)).map((epoch, at) => epoch - (before[at] ?? 0))
  samples.needless += grown.reduce((sum, by) => sum + Math.max(0, by - (name === 'heal' ? 0 : 1)), 0)
}

const epochs = async (fleet: Fleet): Promise<readonly number[]> => (await fleet.claims()).map(({ status }) => status?.owner?.epoch ?? 0)

interface Seen {
  readonly name: FaultName
  readonly atMs: number
  readonly seen: readonly (readonly WireRecord[])[]
}

function judge(world: FailoverWorld, fleet: Fleet, { name, atMs, seen }: Seen, samples: Samples): void {
  const owner = world.macOf(OWNER)
  const others = NODE_NAMES.filter((node) => node !== OWNER).map((node) => world.macOf(node))
  if (name !== 'heal') {
    const taken = seen.map((records) => records.find((one) => one.atMs >= atMs && others.includes(one.mac)))
    const times = taken.flatMap((one) => (one === undefined ? [] : [one.atMs - atMs]))
    samples.nobody += taken.length - times.length
    samples.takeOver.push(...times)
    samples.last.push(Math.max(...times))
  } else {
    const lasts = seen.map((records) => records.findLast((one) => one.mac === owner && one.atMs >= atMs))
    samples.yielded.push(...lasts.map((one) => (one === undefined ? 0 : one.atMs - atMs)))
  }
  for (const address of fleet.probed) {
    const report = judgeWire(seen[fleet.all.indexOf(address)] ?? [], fleet.probeEveryMs)
    samples.silent.push(report.longestSilenceMs)
    samples.lost.push(report.lost)
    samples.twoMacs.push(report.twoMacsMs)
  }
}
