/**
 * How fast an ARP request, or with --ipv6 a neighbour solicitation, is answered: by the kernel for its own address (the floor) and by the layer 2 thread, in alternation, between two
 * network namespaces on a cable. With one address and with ten thousand, with the main thread at rest and busy, and what a storm costs.
 */
import { execFile } from 'node:child_process'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ResponderHost, startResponder } from '../test/speaker/support/responder-host.ts'
import { startWire, type WireHost } from '../test/speaker/support/wire.ts'
import type { Measured, Order } from './support/arp-requester.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { median, rounded, type Spread, spread } from './support/figures.ts'
import { cpuSeconds } from './support/process-usage.ts'

export const summary = 'Answers per second, and the time to an answer, beside those of the kernel for its own address.'
export const flags = {
  rounds: count(10, 1, 1000, 'Alternations of the kernel and of us in each case.'),
  samples: count(500, 1, 100_000, 'Questions a round, one a millisecond.'),
  milliseconds: count(500, 10, 60_000, 'Time of a round at full speed.'),
  addresses: count(10_000, 2, 60_000, 'Addresses of the large case.'),
  ipv6: { kind: 'boolean', default: false, description: 'Neighbour solicitations instead of ARP.' } as const,
}

const REQUESTER = fileURLToPath(new URL('./support/arp-requester.ts', import.meta.url))
const runFile = promisify(execFile)
/** What we answer for; the kernel's own is in the same network, and so are the askers' addresses. */
const FAMILIES = {
  IPv4: { first: '10.9.10.1', second: '10.9.10.2', from: '10.9.250.1', own: '10.9.0.2' },
  IPv6: { first: 'fd00:9::1:1', second: 'fd00:9::1:2', from: 'fd00:9::2:1', own: 'fd00:9::2' },
} as const
/** Enough that none gets near the limit for one asker, few enough for the kernel's neighbour table. */
const ASKERS = 64
const WINDOW = 256
/** A list of Services that is parsed: how long the main thread is away at a time. */
const STALL_MS = 150
const STORM = { perSecond: 100_000, seconds: 3 } as const

interface Bench {
  readonly asker: WireHost
  readonly family: (typeof FAMILIES)[keyof typeof FAMILIES]
  readonly owner: WireHost
  readonly options: { readonly rounds: number; readonly samples: number; readonly milliseconds: number; readonly addresses: number }
  readonly progress: Progress
}

type Asked = Pick<Order, 'target' | 'addresses'>

interface Side {
  readonly latencyUs: Spread
  readonly lost: number
  readonly repliesPerSecond: number
}

interface Case {
  readonly addresses: number
  readonly main: 'idle' | 'stalled'
  readonly ours: Side
  readonly floor: Side
  /** Of the rounds' ratios the middle one. */
  readonly rateRatio: number
  /** Processor time of our process for one reply at full speed, in microseconds. */
  readonly cpuUsPerReply: number
}

async function ask({ asker, family }: Bench, order: object): Promise<Measured> {
  const [file = '', ...args] = [
    ...asker.enter,
    process.execPath,
    REQUESTER,
    JSON.stringify({ from: family.from, askers: 1, firstAsker: 0, ...order }),
  ]
  const { stdout } = await runFile(file, args, { maxBuffer: 1 << 27 })
  return JSON.parse(stdout) as Measured
}

async function measureCase(bench: Bench, responder: ResponderHost, addresses: number, main: Case['main']): Promise<Case> {
  const { options, family, progress } = bench
  const sides = { ours: { target: family.first, addresses }, floor: { target: family.own, addresses: 1 } }
  const seen = { ours: emptySide(), floor: emptySide() }
  let [cpu, replies] = [0, 0]
  for (let round = 0; round < options.rounds; round++) {
    for (const side of ['floor', 'ours'] as const) {
      await measureLatency(bench, sides[side], seen[side])
      const before = cpuSeconds(responder.pid)
      replies += (await measureRate(bench, sides[side], seen[side])) * (side === 'ours' ? 1 : 0)
      if (side === 'ours') cpu += cpuSeconds(responder.pid) - before
    }
  }
  progress(`${addresses} addresses, main thread ${main}`)
  const ratios = seen.ours.rates.map((rate, at) => rate / (seen.floor.rates[at] ?? Number.NaN))
  const ownCpu = main === 'idle' ? rounded((cpu / replies) * 1e6) : Number.NaN
  return { addresses, main, ours: toSide(seen.ours), floor: toSide(seen.floor), rateRatio: rounded(median(ratios)), cpuUsPerReply: ownCpu }
}

interface Seen {
  readonly latenciesUs: number[]
  readonly rates: number[]
  lost: number
}

const emptySide = (): Seen => ({ latenciesUs: [], rates: [], lost: 0 })

const toSide = ({ latenciesUs, rates, lost }: Seen): Side => ({
  latencyUs: spread(latenciesUs),
  lost,
  repliesPerSecond: Math.round(median(rates)),
})

async function measureLatency(bench: Bench, asked: Asked, seen: Seen): Promise<void> {
  const { latenciesUs, lost } = await ask(bench, { kind: 'latency', samples: bench.options.samples, everyMs: 1, ...asked })
  seen.latenciesUs.push(...latenciesUs)
  seen.lost += lost
}

/** Gives the number of replies. */
async function measureRate(bench: Bench, asked: Asked, seen: Seen): Promise<number> {
  const seconds = bench.options.milliseconds / 1000
  const measured = await ask(bench, { kind: 'rate', seconds, window: WINDOW, ...asked, askers: ASKERS })
  seen.rates.push(measured.replies / measured.seconds)
  return measured.replies
}

/** One asker gone mad, and another one who asks as always. */
async function measureStorm(bench: Bench, responder: ResponderHost) {
  const before = await responder.counts(bench.family.first)
  const cpuBefore = cpuSeconds(responder.pid)
  const flood = ask(bench, { kind: 'storm', ...STORM, target: bench.family.first, addresses: 1 })
  await delay(300)
  const samples = (STORM.seconds - 1) * 1000
  // For another address, or the answers to the flood would be taken for its own.
  const calm = await ask(bench, { kind: 'latency', samples, everyMs: 1, target: bench.family.second, addresses: 1, firstAsker: 1 })
  const { sent, seconds } = await flood
  const after = await responder.counts(bench.family.first)
  const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0)
  return {
    framesPerSecond: Math.round(sent / seconds),
    answeredPerSecond: Math.round(grown('responses') / seconds),
    limitedPerSecond: Math.round(grown('rate-limited') / seconds),
    /** Of a core, with the system calls. */
    cpuShare: rounded((cpuSeconds(responder.pid) - cpuBefore) / seconds),
    othersLatencyUs: spread(calm.latenciesUs),
    othersLost: calm.lost,
  }
}

async function withResponder<T>(bench: Bench, addresses: number, work: (responder: ResponderHost) => Promise<T>): Promise<T> {
  const responder = await startResponder(bench.owner)
  try {
    await responder.tell({ announce: [{ ip: bench.family.first, count: addresses }] }, 'announced')
    await delay(5000) // until everything is announced: that is another bench
    return await work(responder)
  } finally {
    await responder.close()
  }
}

async function measure(bench: Bench) {
  const cases: Case[] = []
  for (const addresses of [1, bench.options.addresses]) {
    await withResponder(bench, addresses, async (responder) => {
      cases.push(await measureCase(bench, responder, addresses, 'idle'))
      await responder.tell({ stall: STALL_MS }, 'stalled')
      cases.push(await measureCase(bench, responder, addresses, 'stalled'))
    })
  }
  const storm = await withResponder(bench, 2, (responder) => measureStorm(bench, responder))
  bench.progress('storm')
  return { cases, storm }
}

const aimsOf = ({ addresses, main, ours, floor, rateRatio }: Case): readonly Aim[] => {
  const name = `arp, ${addresses} address${addresses === 1 ? '' : 'es'}, main thread ${main}`
  const { p50, p99 } = ours.latencyUs
  return [
    { figure: `${name}, p50`, value: p50, floor: floor.latencyUs.p50, unit: 'us', aim: '<= 25 us', met: p50 <= 25 },
    { figure: `${name}, p99`, value: p99, floor: floor.latencyUs.p99, unit: 'us', aim: '<= 150 us', met: p99 <= 150 },
    {
      figure: `${name}, replies`,
      value: ours.repliesPerSecond,
      floor: floor.repliesPerSecond,
      unit: '/s',
      ratio: rateRatio,
      aim: 'ratio >= 0.8',
      met: rateRatio >= 0.8,
    },
  ]
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const options = readOptions(argv, flags)
  const family = FAMILIES[options.ipv6 ? 'IPv6' : 'IPv4']
  const wire = await startWire(2)
  try {
    const [asker, owner] = wire.hosts
    if (asker === undefined || owner === undefined) throw new Error('a wire has two ends')
    const { cases, storm } = await measure({ asker, owner, family, options, progress: createProgress('arp') })
    const stormAim: Aim = {
      figure: `arp, a storm of ${STORM.perSecond} requests a second from one asker`,
      value: storm.cpuShare,
      unit: 'of a core',
      aim: '<= 0.2',
      met: storm.cpuShare <= 0.2,
    }
    const [value, floor] = [cases[0]?.ours.latencyUs.p50 ?? Number.NaN, cases[0]?.floor.latencyUs.p50 ?? Number.NaN]
    return {
      name: 'arp',
      value,
      floor,
      unit: 'us',
      ratio: rounded(value / floor),
      aims: [...cases.flatMap(aimsOf), stormAim],
      cases,
      storm,
    }
  } finally {
    await wire.close()
  }
}
