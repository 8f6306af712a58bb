/**
 * What our BGP holds: very many routes told to several peers, beside the same process with neither, and while a router (BIRD) sends it a million
 * routes of its own, of which none is kept.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { must, run as runCommand, until } from '../lab/command.ts'
import { createDaemon } from '../lab/peers/daemon.ts'
import { createWire, type WirePlace } from '../lab/peers/wire.ts'
import { startLines } from '../test/speaker/support/process-lines.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import type { SinkLine } from './support/bgp-sinks.ts'
import { type Announcer, ROUTER_AS, SPEAKER_AS, startAnnouncer } from './support/bgp-stage.ts'
import { rounded } from './support/figures.ts'
import { cpuSeconds, residentMiB } from './support/process-usage.ts'

export const summary = 'Resident memory with very many routes told to several peers, and while a peer sends a million routes.'
export const flags = {
  routes: count(10_000, 1, 60_000, 'Host routes of one attribute set.'),
  peers: count(10, 1, 100, 'Peers that are told all of them.'),
  received: count(1_000_000, 4, 4_000_000, 'Routes that one more peer sends, four to an attribute set.'),
}

const SINKS = fileURLToPath(new URL('./support/bgp-sinks.ts', import.meta.url))
const WITHIN_MS = 180_000
/** For what V8 tidies up. */
const SETTLE_MS = 5000
const PER_SET = 4

const sinkAddress = (at: number): string => `10.66.0.${101 + at}`
const peerOf = (remote: string) => ({
  ...{ remote, localAs: SPEAKER_AS, expectedAs: ROUTER_AS, holdMs: 90_000 },
  families: ['IPv4' as const],
})

async function startSinks({ enter, namespace }: WirePlace, peers: number) {
  const addresses = Array.from({ length: peers }, (_, at) => sinkAddress(at))
  for (const address of addresses) await must('wire', ['ip', '-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0'])
  const sinks = startLines<SinkLine>([...enter, process.execPath, SINKS, ...addresses], 'stdout')
  await sinks.next('ready', ({ said }) => said === 'ready')
  return { addresses, sinks }
}

/** BIRD with its routes, waiting to be called; not on the addresses of the sinks. */
async function startFlood({ namespace, folder, ipv4 }: WirePlace, node: WirePlace, received: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const routes = Array.from({ length: received }, (_, at) => {
    const [a, b, c, d] = [20 + (at >>> 24), (at >>> 16) & 255, (at >>> 8) & 255, at & 255]
    return `route ${a}.${b}.${c}.${d}/32 blackhole { bgp_med = ${Math.floor(at / PER_SET)}; };`
  })
  writeFileSync(`${folder}/routes.conf`, routes.join('\n'))
  const config = [
    `router id ${ipv4};`,
    'protocol device {}',
    'protocol static own {',
    '  ipv4;',
    // Stands at the beginning of a line only.
    `include "${folder}/routes.conf";`,
    '}',
    'protocol bgp node {',
    `  local ${ipv4} as ${ROUTER_AS}; neighbor ${node.ipv4} as ${SPEAKER_AS}; passive on; hold time 90; strict bind on;`,
    '  ipv4 { import none; export where source = RTS_STATIC; };',
    '}',
  ]
  writeFileSync(`${folder}/bird.conf`, `${config.join('\n')}\n`)
  const control = `${folder}/bird.ctl`
  createDaemon('bird', { namespace, folder, argv: ['bird', '-f', '-c', `${folder}/bird.conf`, '-s', control] }).start()
  const loaded = async () =>
    (await runCommand(['birdc', '-s', control, 'show', 'route', 'count'])).stdout.includes(`${received} of ${received} routes`)
      ? true
      : undefined
  await until('bird', loaded, { timeoutMs: WITHIN_MS, everyMs: 500, log: `${folder}/bird.out` })
}

const receivedOf = async (ours: Announcer, remote: string): Promise<number> =>
  (await ours.tell({ order: 'look' })).peers?.find(({ name }) => name === remote)?.prefixes.received ?? 0

/** From the first route to the last: seconds, our processor time, and the resident memory. */
async function watchFlood(ours: Announcer, remote: string, received: number) {
  const waitFor = async (least: number) => {
    for (const endMs = performance.now() + WITHIN_MS; (await receivedOf(ours, remote)) < least; await sleep(100)) {
      if (performance.now() > endMs) throw new Error(`${await receivedOf(ours, remote)} of ${received} routes came`)
    }
  }
  const atRest = cpuSeconds(ours.pid)
  await waitFor(1)
  const startedMs = performance.now()
  // By then the new space of the heap has its size; what comes after it is kept, or is not.
  await waitFor(Math.ceil(received / 4))
  const quarterMiB = residentMiB(ours.pid).now
  await waitFor(received)
  const seconds = (performance.now() - startedMs) / 1000
  const cpu = cpuSeconds(ours.pid) - atRest
  return { quarterMiB, seconds: rounded(seconds, 1), cpuSeconds: rounded(cpu, 2), cpuPercent: rounded((cpu / seconds) * 100, 1) }
}

async function measure(options: Readonly<Record<'routes' | 'peers' | 'received', number>>, progress: Progress) {
  const { routes, peers, received } = options
  const wire = await createWire(['router', 'ours'])
  try {
    const [router, place] = [wire.place('router'), wire.place('ours')]
    const { addresses, sinks } = await startSinks(router, peers)
    const ours = await startAnnouncer(place)
    await sleep(SETTLE_MS)
    const empty = residentMiB(ours.pid)
    await ours.tell({ order: 'announce', first: '198.18.0.0', count: routes })
    const settings = { listen: { port: 'none' as const }, peers: addresses.map(peerOf) }
    await ours.tell({ order: 'configure', settings })
    for (const address of addresses)
      await sinks.next(`${routes} prefixes at ${address}`, (line) => line.address === address && line.prefixes === routes, WITHIN_MS)
    await sleep(SETTLE_MS)
    const told = residentMiB(ours.pid)
    progress(`${routes} routes at ${peers} peers: ${told.now} MiB (at most ${told.peak}); nothing: ${empty.now} MiB`)
    await startFlood(router, place, received)
    await ours.tell({ order: 'configure', settings: { ...settings, peers: [...settings.peers, peerOf(router.ipv4)] } })
    const flood = await watchFlood(ours, router.ipv4, received)
    const after = residentMiB(ours.pid)
    progress(`${received} routes came in ${flood.seconds} s: ${flood.cpuPercent} % of a core, ${after.now} MiB (at most ${after.peak})`)
    await ours.stop()
    await sinks.stop('SIGKILL')
    return { empty, told, flood: { ...flood, memoryMiB: after } }
  } finally {
    await wire.close()
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { routes, peers, received } = readOptions(argv, flags)
  const { empty, told, flood } = await measure({ routes, peers, received }, createProgress('bgp-memory'))
  const [value, floor] = [told.now, empty.now]
  const ratio = rounded(value / floor)
  const grownMiB = flood.memoryMiB.now - flood.quarterMiB
  const aims: readonly Aim[] = [
    { figure: `${routes} routes at ${peers} peers, resident`, value, floor, ratio, unit: 'MiB', aim: '< 250', met: value < 250 },
    {
      figure: `${received} routes received, resident memory grows from the first quarter to the end by`,
      ...{ value: grownMiB, unit: 'MiB', aim: '< 32', met: grownMiB < 32 },
    },
    { figure: `${received} routes received, processor`, value: flood.cpuPercent, unit: '%', aim: '< 50', met: flood.cpuPercent < 50 },
  ]
  return { name: 'bgp-memory', value, floor, unit: 'MiB', ratio, aims, routes, peers, received, empty, told, flood }
}
