/**
 * How soon FRR has our routes: a session from its first SYN to the last of very many prefixes, beside gobgpd doing the same in the same run, and one
 * prefix that comes or goes among them. FRR is asked over its own terminal socket again and again; how long one question takes is the resolution.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, until } from '../lab/command.ts'
import { ipToBytes, parseIp } from '../src/addr/ip.ts'
import { type Aim, type BenchResult, count, createProgress, type Progress, readOptions } from './support/bench.ts'
import { mrtOf } from './support/bgp-mrt.ts'
import { type Announcer, type BgpStage, ROUTER_AS, SPEAKER_AS, startAnnouncer, startBgpStage } from './support/bgp-stage.ts'
import { median, rounded, spread } from './support/figures.ts'
import { monotonicMs } from './support/monotonic.ts'

export const summary = 'From the first SYN of a session to the last of very many prefixes in FRR, beside gobgpd; and one prefix among them.'
export const flags = {
  routes: count(10_000, 1, 60_000, 'Host routes of one attribute set.'),
  rounds: count(7, 1, 100, 'Sessions of each, in turns.'),
  samples: count(200, 1, 10_000, 'How often one prefix comes and goes among the others.'),
}

const FIRST = '198.18.0.0'
/** Outside of all that `routes` makes. */
const EXTRA = '203.0.113.7/32'
const WITHIN_MS = 60_000
const POLL_MS = 1

interface Summary {
  readonly ribCount: number
  readonly peers: Readonly<Record<string, { readonly state: string; readonly pfxRcd?: number; readonly msgRcvd: number }>>
}
interface Neighbour {
  readonly messageStats: { readonly updatesRecv: number }
}

/** One session: milliseconds from its SYN, and UPDATEs (End-of-RIB among them). */
interface Session {
  readonly establishedMs: number
  readonly lastPrefixMs: number
  readonly updates: number
}

const summaryOf = async ({ terminal }: BgpStage): Promise<Summary> =>
  // Without a neighbour of the family there is only an empty object.
  ({ ribCount: 0, peers: {}, ...(await terminal.askJson<Partial<Summary>>('show bgp ipv4 unicast summary json')) })

async function updatesOf({ terminal }: BgpStage, address: string): Promise<number> {
  const found = await terminal.askJson<Readonly<Record<string, Neighbour>>>(`show bgp neighbors ${address} json`)
  return found[address]?.messageStats.updatesRecv ?? Number.NaN
}

/** Asks until FRR has what is wanted, and gives the moment. */
async function seen(stage: BgpStage, what: string, wanted: (summary: Summary) => boolean): Promise<number> {
  const endMs = monotonicMs() + WITHIN_MS
  for (;;) {
    const summary = await summaryOf(stage)
    const nowMs = monotonicMs()
    if (wanted(summary)) return nowMs
    if (nowMs > endMs) throw new Error(`not within ${WITHIN_MS} ms: ${what}; ${JSON.stringify(summary.peers)}`)
    await sleep(POLL_MS)
  }
}

/** A session from its start until FRR has all, and back to nothing. */
async function session(stage: BgpStage, address: string, routes: number, switched: (on: boolean) => Promise<unknown>): Promise<Session> {
  const before = await updatesOf(stage, address)
  const startedMs = monotonicMs()
  await switched(true)
  const isUp = ({ peers }: Summary) => peers[address]?.state === 'Established'
  const upMs = await seen(stage, `session with ${address}`, isUp)
  const lastMs = await seen(stage, `${routes} prefixes of ${address}`, (now) => isUp(now) && (now.peers[address]?.pfxRcd ?? 0) >= routes)
  await sleep(500)
  const updates = (await updatesOf(stage, address)) - before
  // tshark tells a little later. Of several calls the last one before the session came up is that of the session.
  const lastCall = () => stage.calls.findLast(({ from, atMs }) => from === address && atMs > startedMs && atMs < upMs)
  const call = await until(`the call of ${address}`, lastCall, { timeoutMs: 10_000, everyMs: 50 })
  await switched(false)
  await seen(stage, 'an empty table', ({ ribCount }) => ribCount === 0)
  await sleep(500)
  return { establishedMs: upMs - call.atMs, lastPrefixMs: lastMs - call.atMs, updates }
}

const settingsFor = (stage: BgpStage) => ({
  listen: { port: 'none' as const },
  peers: [{ remote: stage.router.ipv4, localAs: SPEAKER_AS, expectedAs: ROUTER_AS, holdMs: 90_000, families: ['IPv4' as const] }],
})

async function loadRival({ rival }: BgpStage, routes: number): Promise<void> {
  const bytes = (text: string) => {
    const ip = parseIp(text)
    if (!ip.ok) throw new Error(ip.error.message)
    return ipToBytes(ip.value)
  }
  const file = `${rival.folder}/routes.mrt`
  writeFileSync(file, mrtOf(bytes(FIRST), routes, bytes(rival.ipv4)))
  await must('gobgp', [...rival.enter, 'gobgp', 'mrt', 'inject', 'global', file])
  const taken = async () =>
    (await must('gobgp', [...rival.enter, 'gobgp', 'global', 'rib', 'summary'])).includes(`Destination: ${routes},`) ? true : undefined
  await until(`gobgpd takes ${routes} routes`, taken, { timeoutMs: WITHIN_MS, everyMs: 100 })
}

async function sessions(stage: BgpStage, ours: Announcer, routes: number, rounds: number, progress: Progress) {
  const settings = settingsFor(stage)
  const rival = (on: boolean) => must('gobgp', [...stage.rival.enter, 'gobgp', 'neighbor', stage.router.ipv4, on ? 'enable' : 'disable'])
  const found: { ours: Session[]; gobgpd: Session[] } = { ours: [], gobgpd: [] }
  for (let round = 1; round <= rounds; round++) {
    found.ours.push(
      await session(stage, stage.ours.ipv4, routes, (on) => ours.tell({ order: 'configure', settings: on ? settings : undefined })),
    )
    found.gobgpd.push(await session(stage, stage.rival.ipv4, routes, rival))
    const [one, other] = [found.ours.at(-1), found.gobgpd.at(-1)]
    progress(
      `round ${round}: ${one?.lastPrefixMs.toFixed(1)} ms and ${one?.updates} UPDATEs beside ${other?.lastPrefixMs.toFixed(1)} ms and ${other?.updates}`,
    )
  }
  return found
}

/**
 * One prefix comes and goes among all the others: milliseconds from the engine's announce() until FRR counts it, or counts it no more. What FRR does
 * with that (its best path, the kernel) waits in a queue of its own for 50 ms, whoever the neighbour is.
 */
async function changes(stage: BgpStage, ours: Announcer, routes: number, samples: number) {
  await ours.tell({ order: 'configure', settings: settingsFor(stage) })
  await seen(stage, `${routes} prefixes`, ({ peers }) => (peers[stage.ours.ipv4]?.pfxRcd ?? 0) >= routes)
  await sleep(1000)
  const polls: number[] = []
  const counted = async (wanted: number) => {
    const endMs = monotonicMs() + WITHIN_MS
    for (;;) {
      const askedMs = monotonicMs()
      const { peers } = await summaryOf(stage)
      const nowMs = monotonicMs()
      polls.push(nowMs - askedMs)
      if (peers[stage.ours.ipv4]?.pfxRcd === wanted) return nowMs
      if (nowMs > endMs) throw new Error(`FRR has not got ${wanted} prefixes`)
    }
  }
  const measured: { add: number[]; withdraw: number[] } = { add: [], withdraw: [] }
  for (let sample = 0; sample < samples; sample++) {
    const [added, there] = await Promise.all([ours.tell({ order: 'add', prefix: EXTRA }), counted(routes + 1)])
    measured.add.push(there - added.atMs)
    await sleep(5)
    const [removed, gone] = await Promise.all([ours.tell({ order: 'remove', prefix: EXTRA }), counted(routes)])
    measured.withdraw.push(gone - removed.atMs)
    await sleep(5)
  }
  return { add: spread(measured.add), withdraw: spread(measured.withdraw), poll: spread(polls) }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { routes, rounds, samples } = readOptions(argv, flags)
  const progress = createProgress('bgp-advertise')
  const stage = await startBgpStage()
  try {
    const ours = await startAnnouncer(stage.ours)
    await must('gobgp', [...stage.rival.enter, 'gobgp', 'neighbor', stage.router.ipv4, 'disable'])
    await loadRival(stage, routes)
    await ours.tell({ order: 'announce', first: FIRST, count: routes })
    progress(`${routes} routes are with both`)
    const found = await sessions(stage, ours, routes, rounds, progress)
    const one = await changes(stage, ours, routes, samples)
    progress(`one among ${routes}: added ${one.add.p50}/${one.add.p99} ms, withdrawn ${one.withdraw.p50}/${one.withdraw.p99} ms`)
    await ours.stop()
    return result({ routes, rounds, samples }, found, one)
  } finally {
    await stage.close()
  }
}

type Sessions = Awaited<ReturnType<typeof sessions>>
type Changes = Awaited<ReturnType<typeof changes>>

function result(options: Readonly<Record<'routes' | 'rounds' | 'samples', number>>, found: Sessions, one: Changes): BenchResult {
  const { routes } = options
  const middle = (list: readonly Session[], key: keyof Session) => rounded(median(list.map((each) => each[key])), 1)
  const [value, floor] = [middle(found.ours, 'lastPrefixMs'), middle(found.gobgpd, 'lastPrefixMs')]
  const ratio = rounded(value / floor)
  const perThousand = rounded(((middle(found.ours, 'updates') - 1) * 1000) / routes, 1)
  const worst = Math.max(one.add.p99, one.withdraw.p99)
  const aims: readonly Aim[] = [
    { figure: `SYN to the last of ${routes} prefixes in FRR`, value, floor, ratio, unit: 'ms', aim: 'ratio <= 1.2', met: ratio <= 1.2 },
    { figure: 'UPDATEs for 1,000 prefixes', value: perThousand, unit: 'messages', aim: '<= 10', met: perThousand <= 10 },
    { figure: `one prefix among ${routes} in FRR, p99`, value: worst, floor: one.poll.p99, unit: 'ms', aim: '< 20', met: worst < 20 },
  ]
  const sides = Object.fromEntries(
    (['ours', 'gobgpd'] as const).map((side) => [
      side,
      {
        lastPrefixMs: found[side].map((each) => rounded(each.lastPrefixMs, 1)),
        establishedMs: middle(found[side], 'establishedMs'),
        updates: middle(found[side], 'updates'),
      },
    ]),
  )
  return { name: 'bgp-advertise', value, floor, unit: 'ms', ratio, aims, ...options, ...sides, one }
}
