/**
 * The speakers' membership: what it sends at rest (simulated for 3, 10 and 50 nodes by the state machine itself), what its thread costs,
 * and how soon two speakers know that the third was killed, or was silenced by SIGSTOP as a machine without power is. The floor of the
 * kill is a process that does nothing: from its SIGKILL to the end of a TCP connection to it, which its kernel closes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { monotonicMs } from '../src/speaker/fence.ts'
import { TIMING_PROFILES, type TimingProfile } from '../src/speaker/membership/timing.ts'
import type { ChildLine, ChildSettings } from '../test/speaker/support/membership-child.ts'
import { createNetwork, nodeNames } from '../test/speaker/support/membership-network.ts'
import { type LineProcess, startLines } from '../test/speaker/support/process-lines.ts'
import { until } from '../test/support/until.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { quantile, rounded, spread } from './support/figures.ts'

export const summary =
  'Membership: packets at rest for 3, 10 and 50 nodes, CPU of its thread, and how soon a killed or silent speaker is known.'
export const flags = {
  repetitions: count(30, 1, 1000, 'Kills, and as many silences.'),
  seconds: count(20, 1, 600, 'How long the thread is watched at rest.'),
}

const CHILD = fileURLToPath(new URL('../test/speaker/support/membership-child.ts', import.meta.url))
const PORT = 17_946
const NODES = ['n1', 'n2', 'n3'] as const
type Name = (typeof NODES)[number]
const ipOf = (node: string): string => `127.81.0.${node.slice(1)}`
/** Of IPv4 and UDP. */
const HEADERS = 28

interface Rate {
  readonly nodes: number
  /** Of the node that sends most. */
  readonly packetsPerSecond: number
  readonly bytesPerSecond: number
  readonly pingsPerSecond: number
}

const SIMULATED_S = 10

/** What one node of so many sends at rest, with the headers of IP and UDP. */
function simulate(nodes: number): Rate {
  const names = nodeNames(nodes)
  const network = createNetwork({ names, seed: nodes })
  for (const name of names) network.start(name)
  network.run(2000)
  const tally = (name: string) => {
    const { sent, sentBytes } = network.node(name)
    const packets = Object.values(sent).reduce((sum, one) => sum + one, 0)
    return { packets, pings: sent['ping'] ?? 0, bytes: sentBytes + packets * HEADERS }
  }
  const before = new Map(names.map((name) => [name, tally(name)]))
  network.run(SIMULATED_S * 1000)
  const most = (key: 'packets' | 'pings' | 'bytes') =>
    rounded(Math.max(...names.map((name) => tally(name)[key] - (before.get(name)?.[key] ?? 0))) / SIMULATED_S, 1)
  return { nodes, packetsPerSecond: most('packets'), bytesPerSecond: most('bytes'), pingsPerSecond: most('pings') }
}

class Speakers {
  readonly children = new Map<Name, LineProcess<ChildLine>>()
  readonly #profile: TimingProfile

  constructor(profile: TimingProfile) {
    this.#profile = profile
  }

  start(self: Name): void {
    const peers = NODES.filter((node) => node !== self).map((node) => ({ node, ip: ipOf(node) }))
    const settings: ChildSettings = { self, ip: ipOf(self), port: PORT, peers, secret: 'bench', profile: this.#profile }
    this.children.set(self, startLines([process.execPath, CHILD, JSON.stringify(settings)], 'stdout'))
  }

  child(node: Name): LineProcess<ChildLine> {
    const child = this.children.get(node)
    if (child === undefined) throw new Error(`no speaker ${node}`)
    return child
  }

  pid(node: Name): number {
    return this.child(node).child.pid ?? 0
  }

  #facts(node: Name) {
    return this.child(node).lines.filter((line) => line.said === 'facts')
  }

  async well(): Promise<void> {
    for (const node of NODES) {
      await until(`${node} hears everybody`, () => {
        const last = this.#facts(node).at(-1)
        return last?.settled === true && NODES.every((other) => last.members[other]?.alive === true && last.members[other].serving)
      })
      await until(`${node} may answer`, () => this.child(node).lines.findLast((line) => line.said === 'fence')?.open)
    }
  }

  /** Milliseconds until both others know that the third one is dead. */
  async knownDead(dead: Name, sinceMs: number): Promise<number> {
    const times = NODES.filter((node) => node !== dead).map((node) =>
      until(`${node} knows of ${dead}`, () => {
        const line = this.#facts(node).find(({ atMs, members }) => atMs >= sinceMs && members[dead]?.alive === false)
        return line === undefined ? undefined : line.atMs - sinceMs
      }),
    )
    return Math.max(...(await Promise.all(times)))
  }

  async close(): Promise<void> {
    await Promise.all([...this.children.values()].map((child) => child.stop('SIGKILL')))
  }
}

/** Processor seconds of the thread of this name, as Linux counts them. */
function threadCpuSeconds(pid: number, name: string): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1')
    if (!stat.includes(`(${name})`)) continue
    // Time on the processor in nanoseconds: the ticks of stat are too coarse for so little.
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1e9
  }
  return Number.NaN
}

async function kills(speakers: Speakers, repetitions: number): Promise<number[]> {
  const timesMs: number[] = []
  for (let done = 0; done < repetitions; done++) {
    await speakers.well()
    await delay(300)
    const sinceMs = monotonicMs()
    speakers.child('n3').child.kill('SIGKILL')
    timesMs.push(await speakers.knownDead('n3', sinceMs))
    speakers.start('n3')
  }
  return timesMs
}

async function silences(speakers: Speakers, repetitions: number): Promise<number[]> {
  const timesMs: number[] = []
  for (let done = 0; done < repetitions; done++) {
    await speakers.well()
    // At any moment between two heartbeats.
    await delay(300 + ((done * 37) % 100))
    const sinceMs = monotonicMs()
    speakers.child('n3').child.kill('SIGSTOP')
    timesMs.push(await speakers.knownDead('n3', sinceMs))
    speakers.child('n3').child.kill('SIGCONT')
    await delay(100)
  }
  return timesMs
}

/** The least that a kill could cost: the kernel ends the process and closes its connection. */
async function floor(repetitions: number): Promise<number[]> {
  const script = `require('node:net').createServer().listen(${PORT + 1}, '127.81.0.9', () => console.log('up'))`
  const timesMs: number[] = []
  for (let done = 0; done < repetitions; done++) {
    const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (child.stdout !== null) await once(child.stdout, 'data')
    const socket = connect(PORT + 1, '127.81.0.9')
    await once(socket, 'connect')
    socket.resume()
    await delay(20)
    const sinceMs = monotonicMs()
    const ended = new Promise<void>((resolve) => {
      socket.on('error', () => resolve())
      socket.on('end', () => resolve())
    })
    child.kill('SIGKILL')
    await ended
    timesMs.push(monotonicMs() - sinceMs)
    socket.destroy()
  }
  return timesMs
}

async function measured(profile: TimingProfile, repetitions: number, progress: Progress, seconds = 0) {
  const speakers = new Speakers(profile)
  try {
    for (const node of NODES) speakers.start(node)
    await speakers.well()
    progress(`${profile}: three speakers at rest`)
    // Their code is compiled in the first seconds.
    await delay(seconds * 500)
    const before = threadCpuSeconds(speakers.pid('n1'), 'membership')
    await delay(seconds * 1000)
    const cpuPercent = seconds === 0 ? 0 : rounded(((threadCpuSeconds(speakers.pid('n1'), 'membership') - before) / seconds) * 100)
    progress(`${profile}: ${repetitions} kills`)
    const killsMs = await kills(speakers, repetitions)
    progress(`${profile}: ${repetitions} silences`)
    return { cpuPercent, killsMs, silencesMs: await silences(speakers, repetitions) }
  } finally {
    await speakers.close()
  }
}

const below = (figure: string, value: number, bound: number, unit: string, more: Partial<Aim> = {}): Aim => ({
  ...{ figure, value: rounded(value), unit, aim: `< ${bound}`, met: value < bound },
  ...more,
})

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { repetitions, seconds } = readOptions(argv, flags)
  const progress = createProgress('membership')
  progress('3, 10 and 50 nodes in memory')
  const rates = [3, 10, 50].map(simulate)
  progress(`${repetitions} kills of a process that does nothing`)
  const floorMs = await floor(repetitions)
  const usual = await measured('default', repetitions, progress, seconds)
  const fast = await measured('fast', repetitions, progress)
  const [value, least] = [quantile(usual.killsMs, 0.99), quantile(floorMs, 0.99)]
  const { heartbeatMs } = TIMING_PROFILES.default
  // Seven packets a heartbeat at most, and a few questions.
  const bound = (7 * 1000) / heartbeatMs + 30
  const aims: readonly Aim[] = [
    below('membership, kill -9 known to both others, p99', value, 100, 'ms', { floor: rounded(least), ratio: rounded(value / least) }),
    below('membership, silence known to both others, p99', quantile(usual.silencesMs, 0.99), 500, 'ms'),
    below('membership, silence in the fast profile, p99', quantile(fast.silencesMs, 0.99), 250, 'ms'),
    below('membership, CPU of the thread at rest among 3', usual.cpuPercent, 1, '%'),
    ...rates.map(({ nodes, packetsPerSecond }) => below(`membership, packets of one of ${nodes} nodes`, packetsPerSecond, bound, '1/s')),
  ]
  const times = { floor: spread(floorMs), kill: spread(usual.killsMs), silence: spread(usual.silencesMs) }
  const fastTimes = { kill: spread(fast.killsMs), silence: spread(fast.silencesMs) }
  return {
    ...{ name: 'membership', value: rounded(value), floor: rounded(least), unit: 'ms', ratio: rounded(value / least), aims },
    ...{ rates, cpuPercent: usual.cpuPercent, times, fastTimes },
  }
}
