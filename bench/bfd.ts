/**
 * How long it takes until a peer that has fallen silent is found to be gone, by us and by FRR's bfdd, which watch the same peer at the same
 * time; and how often somebody is found to be gone who is not, while every core has more to do than it can.
 */
import { spawn } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { createWire, type Wire } from '../lab/peers/wire.ts'
import { type BfdHost, startBfdHost } from '../test/speaker/bfd/support/bfd-host.ts'
import { type FrrBfd, startFrrBfd } from '../test/speaker/bfd/support/bfd-peers.ts'
import { stopChild } from '../test/support/stop-child.ts'
import { until } from '../test/support/until.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { AS_IN_POD, FRR_LOG, frrLines, IN_A_GROUP, type Pair, startFrrs, startOurs, twoOf } from './support/bfd-pairs.ts'
import { rounded, type Spread, spread } from './support/figures.ts'

export const summary =
  'The time to find a silent peer, beside FRR, and how often one is found that is not silent while the machine is busy.'
export const flags = {
  samples: count(20, 1, 1000, 'Silences with each interval.'),
  seconds: count(20, 1, 86_400, 'How long the machine is busy.'),
  load: count(2, 0, 100, 'Busy loops for each core.'),
} as const

const INTERVALS_MS = [50, 100, 300] as const
const MULTIPLIER = 3
/** The interval of the sessions that must hold. */
const HELD_MS = 50

interface Detection {
  readonly intervalMs: number
  /** From the last moment at which the peer could speak. It has spoken up to an interval before, so that less than three is right. */
  readonly oursMs: Spread
  readonly frrMs: Spread
}

interface Watchers {
  readonly peer: FrrBfd
  readonly ours: BfdHost
  readonly frr: FrrBfd
  readonly addresses: { readonly peer: string; readonly ours: string; readonly frr: string }
}

async function measureDetection(wire: Wire, intervalMs: number, samples: number): Promise<Detection> {
  const [peerPlace, oursPlace, frrPlace] = [wire.place('peer'), wire.place('ours'), wire.place('frr')]
  const addresses = { peer: peerPlace.ipv4, ours: oursPlace.ipv4, frr: frrPlace.ipv4 }
  const peer = await startFrrBfd(peerPlace, frrLines([addresses.ours, addresses.frr], intervalMs))
  const frr = await startFrrBfd(frrPlace, frrLines([addresses.peer], intervalMs), FRR_LOG)
  const ours = await startBfdHost(oursPlace, AS_IN_POD)
  try {
    ours.follow({ local: addresses.ours, remote: addresses.peer, transmitMs: intervalMs, receiveMs: intervalMs })
    const seen = { ours: [] as number[], frr: [] as number[] }
    for (let sample = 0; sample < samples; sample++) await silence({ peer, ours, frr, addresses }, intervalMs, seen)
    return { intervalMs, oursMs: spread(seen.ours), frrMs: spread(seen.frr) }
  } finally {
    await Promise.all([ours.kill(), frr.stop(), peer.stop()])
  }
}

/** The peer is stopped in an instant, with all its timers, and goes on when both have seen it. */
async function silence(
  { peer, ours, frr, addresses }: Watchers,
  intervalMs: number,
  seen: { ours: number[]; frr: number[] },
): Promise<void> {
  await Promise.all([
    ...[addresses.ours, addresses.frr].map((address) => peer.inStatus(address, 'up')),
    frr.inStatus(addresses.peer, 'up'),
    ours.inState(addresses.peer, 'Up'),
  ])
  await until('the quick intervals are in use', async () => {
    const [there, here] = [await frr.session(addresses.peer), (await ours.report()).reports[addresses.peer]]
    return there?.['remote-transmit-interval'] === intervalMs && here?.detectionMs === MULTIPLIER * intervalMs
  })
  // At another point of the interval each time.
  await delay(intervalMs * (2 + Math.random()))
  const stoppedMs = performance.timeOrigin + performance.now()
  peer.bfdd.signal('SIGSTOP')
  try {
    const change = await until('we see it', () => ours.changes.find(({ atMs, wentDown }) => wentDown && atMs > stoppedMs))
    const frrMs = await until('FRR sees it', () => frrDowns(frr.log()).find((atMs) => atMs > stoppedMs))
    seen.ours.push(change.atMs - stoppedMs)
    seen.frr.push(frrMs - stoppedMs)
  } finally {
    peer.bfdd.signal('SIGCONT')
  }
}

/** When FRR's sessions went down by silence: milliseconds since 1970. Its log has local time with microseconds. */
function frrDowns(log: string): readonly number[] {
  const lines = log.matchAll(/^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d)\.(\d{6}) .* up -> down reason:control-expired/gm)
  return [...lines].map(
    ([, year, month, day, time, microseconds]) => Date.parse(`${year}-${month}-${day}T${time}`) + Number(microseconds) / 1000,
  )
}

interface Held {
  readonly pair: string
  readonly falseTrips: number
  /** Of a core, both sides together; with an interval of 50 ms each sends some 23 packets a second. */
  readonly cpuShare: number
}

/** Every pair at the same time, beside loops that would use more cores than there are. */
async function measureHolding(wire: Wire, seconds: number, load: number, progress: Progress): Promise<readonly Held[]> {
  const pairs: readonly Pair[] = [
    await startOurs('ours, as in the pod', twoOf(wire, 'a'), HELD_MS, AS_IN_POD),
    await startOurs('ours, first in line for the processor', twoOf(wire, 'b'), HELD_MS, IN_A_GROUP),
    await startFrrs('FRR', twoOf(wire, 'c'), HELD_MS),
  ]
  const loops = Array.from({ length: load * availableParallelism() }, () =>
    spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore', detached: true }),
  )
  try {
    const before = await Promise.all(pairs.map(async (pair) => ({ downs: await pair.downs(), cpu: pair.cpuSeconds() })))
    const endMs = performance.now() + seconds * 1000
    while (performance.now() < endMs) {
      await delay(Math.min(10_000, endMs - performance.now()))
      const downs = await Promise.all(pairs.map((pair) => pair.downs()))
      progress(`false trips so far: ${pairs.map(({ name }, at) => `${name} ${(downs[at] ?? 0) - (before[at]?.downs ?? 0)}`).join('; ')}`)
    }
    return await Promise.all(
      pairs.map(async (pair, at) => ({
        pair: pair.name,
        falseTrips: (await pair.downs()) - (before[at]?.downs ?? 0),
        cpuShare: rounded((pair.cpuSeconds() - (before[at]?.cpu ?? 0)) / seconds, 4),
      })),
    )
  } finally {
    await Promise.all([...loops.map((loop) => stopChild(loop, 'SIGKILL')), ...pairs.map((pair) => pair.close())])
  }
}

/** Nobody can be sooner than an interval before; a timer and a thread's turn come on top. */
const detectionAim = ({ intervalMs, oursMs, frrMs }: Detection): Aim => ({
  figure: `bfd, ${MULTIPLIER} x ${intervalMs} ms, p99`,
  value: oursMs.p99,
  floor: frrMs.p99,
  unit: 'ms',
  ratio: rounded(oursMs.p99 / frrMs.p99),
  aim: `<= ${MULTIPLIER * intervalMs + 10} ms`,
  met: oursMs.p99 <= MULTIPLIER * intervalMs + 10,
})

const holdingAim = ({ pair, falseTrips }: Held, seconds: number): Aim => ({
  figure: `bfd, false trips of ${MULTIPLIER} x ${HELD_MS} ms in ${seconds} s on a busy machine, ${pair}`,
  value: falseTrips,
  unit: 'trips',
  aim: '0',
  met: falseTrips === 0,
})

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { samples, seconds, load } = readOptions(argv, flags)
  const progress = createProgress('bfd')
  const wire = await createWire(['peer', 'ours', 'frr', 'a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
  try {
    const detection: Detection[] = []
    for (const intervalMs of INTERVALS_MS) {
      detection.push(await measureDetection(wire, intervalMs, samples))
      progress(`${samples} silences with ${intervalMs} ms`)
    }
    const others = loadavg()[0] ?? Number.NaN
    const held = await measureHolding(wire, seconds, load, progress)
    const [quickest] = detection
    const [value, floor] = [quickest?.oursMs.p99 ?? Number.NaN, quickest?.frrMs.p99 ?? Number.NaN]
    return {
      ...{ name: 'bfd', value, floor, unit: 'ms', ratio: rounded(value / floor) },
      aims: [...detection.map(detectionAim), ...held.filter(({ pair }) => pair !== 'FRR').map((one) => holdingAim(one, seconds))],
      ...{ detection, held },
      machine: { cores: availableParallelism(), loops: load * availableParallelism(), loadBefore: rounded(others) },
    }
  } finally {
    await wire.close()
  }
}
