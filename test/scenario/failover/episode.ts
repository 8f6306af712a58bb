/** One fault, from an owner that answers to the end of its consequences, seen on the wire for both families at once. */
import { setTimeout as delay } from 'node:timers/promises'
import { takeOverMs, type WireReport } from '../../support/wire-capture-analysis.ts'
import { FAMILIES, type FailoverWorld, type Pair, type PairFamily } from './world.ts'

/** What a fault is told. */
export interface Scene {
  readonly world: FailoverWorld
  readonly pair: Pair
  /** Who owns both addresses when it begins. */
  readonly owner: string
  /** The other nodes. */
  readonly others: readonly string[]
}

export interface Episode {
  /** Who owns the addresses at first; n1 when absent. */
  readonly owner?: string
  /** Done before the addresses are claimed: for Services that are not of policy Cluster. */
  readonly prepare?: (pair: Pair) => Promise<void>
  /** What happens; the moment that counts is the number that it returns (Date.now()), or else the one before it. */
  readonly fault: (scene: Scene) => Promise<unknown> | unknown
  /** How long is looked after the fault, in milliseconds. */
  readonly watchMs: number
  /** Takes the fault away again. What the wire shows from here on is in `after`. */
  readonly mend?: (scene: Scene) => Promise<void>
  /** How long is looked after that. */
  readonly afterMs?: number
  /** How long an answer may take, for faults that delay it. */
  readonly graceMs?: number
}

/** What one family showed. */
export interface Seen {
  readonly address: string
  /** From shortly before the fault to its mending. */
  readonly during: WireReport
  /** From its mending on; undefined where nothing was mended. */
  readonly after: WireReport | undefined
  /** From the fault to the first answer of another node; undefined when none answered. */
  readonly takeOverMs: number | undefined
  /** The nodes that answered, in order, before and after the mending; what is no node's MAC stays a MAC. */
  readonly answeredBy: readonly string[]
  /** The claim at the end. */
  readonly recorded: { readonly node: string | undefined; readonly epoch: number | undefined; readonly reasons: readonly string[] }
}

export type Outcome = Readonly<Record<PairFamily, Seen>>

const CALM_MS = 250
const RECORDED_MS = 5000

/** How often other addresses are tried where the node that stands first did not hear of the claims in time. */
const TRIES = 6

/** Claims a pair of addresses and waits until their first owner answers on the wire, and nobody else. */
export async function claimPair(world: FailoverWorld, owner: string, prepare?: Episode['prepare']): Promise<Pair> {
  const pair = await ownedPair(world, owner, prepare)
  for (const family of FAMILIES) {
    await world.known(pair[family])
    world.wire.probe(pair[family])
  }
  const endMs = Date.now() + 10_000
  for (;;) {
    await world.wire.mark()
    await delay(CALM_MS)
    const reports = await Promise.all(FAMILIES.map((family) => world.wire.report(pair[family])))
    if (reports.every(({ lost, tenures }) => lost === 0 && tenures.length === 1 && tenures[0]?.mac === world.macOf(owner))) return pair
    if (Date.now() > endMs) throw new Error(`${owner} alone does not answer: ${await confusion(world, pair, reports)}`)
  }
}

/** A node whose watch only just mends may learn of a claim after the next in the queue has lost its patience, and rightly so. */
async function ownedPair(world: FailoverWorld, owner: string, prepare?: Episode['prepare']): Promise<Pair> {
  for (let left = TRIES; ; left--) {
    const pair = world.pair(owner)
    await prepare?.(pair)
    for (const family of FAMILIES) await world.claim(pair[family])
    const owned = (family: PairFamily) => world.until('owned', pair[family], ({ status }) => status?.owner !== undefined)
    const claims = await Promise.all(FAMILIES.map(owned))
    if (claims.every(({ status }) => status?.owner?.node === owner)) return pair
    if (left === 1) throw new Error(`${owner} is never the first owner: ${JSON.stringify(claims.map(({ status }) => status))}`)
    await world.release(FAMILIES.map((family) => pair[family]))
    await delay(1000)
  }
}

async function confusion(world: FailoverWorld, pair: Pair, reports: readonly WireReport[]): Promise<string> {
  const claims = await Promise.all(FAMILIES.map((family) => world.read(pair[family])))
  const answering = reports.map((report) => `${named(world, report).join(', ') || 'nobody'} (${report.lost} of ${report.probes} lost)`)
  return claims
    .map(({ spec, status }, at) => `${spec.address} is answered by ${answering[at]}, recorded ${JSON.stringify(status)}`)
    .join('; ')
}

/** Nobody asks for them any more, and nobody holds them. */
export async function releasePair(world: FailoverWorld, pair: Pair): Promise<void> {
  for (const family of FAMILIES) world.wire.still(pair[family])
  await world.release(FAMILIES.map((family) => pair[family]))
}

export async function play(world: FailoverWorld, episode: Episode): Promise<Outcome> {
  const owner = episode.owner ?? 'n1'
  await world.recover()
  const pair = await claimPair(world, owner, episode.prepare)
  const others = world.cluster.nodes.map(({ name }) => name).filter((name) => name !== owner)
  const scene: Scene = { world, pair, owner, others }
  await world.wire.mark()
  await delay(CALM_MS)
  const beforeMs = Date.now()
  const told = await episode.fault(scene)
  const faultMs = typeof told === 'number' ? told : beforeMs
  await delay(episode.watchMs)
  const during = await reports(world, pair, episode)
  let after: Awaited<ReturnType<typeof reports>> | undefined
  if (episode.mend !== undefined) {
    await world.wire.mark()
    await episode.mend(scene)
    await delay(episode.afterMs ?? 1000)
    after = await reports(world, pair, episode)
  }
  const seen = async (family: PairFamily): Promise<Seen> => ({
    address: pair[family],
    during: during[family],
    after: after?.[family],
    takeOverMs: takeOverMs(during[family], world.macOf(owner), faultMs),
    answeredBy: named(world, during[family], after?.[family]),
    recorded: await recordOf(world, pair[family]),
  })
  const outcome = { IPv4: await seen('IPv4'), IPv6: await seen('IPv6') }
  await releasePair(world, pair)
  return outcome
}

async function reports(world: FailoverWorld, pair: Pair, { graceMs }: Episode): Promise<Readonly<Record<PairFamily, WireReport>>> {
  const judging = graceMs === undefined ? {} : { graceMs }
  return { IPv4: await world.wire.report(pair.IPv4, judging), IPv6: await world.wire.report(pair.IPv6, judging) }
}

function named(world: FailoverWorld, ...all: readonly (WireReport | undefined)[]): readonly string[] {
  const nodes = all.flatMap((report) => report?.tenures ?? []).map(({ mac }) => world.nodeOf(mac) ?? mac)
  return nodes.filter((node, at) => node !== nodes[at - 1])
}

/** The claim, once it says what the wire last showed, or after a while as it is. */
async function recordOf(world: FailoverWorld, address: string): Promise<Seen['recorded']> {
  const answering = (await world.wire.report(address)).tenures.at(-1)?.mac
  const settled = await world
    .until('recorded', address, ({ status }) => world.macOf(status?.owner?.node ?? '') === answering, RECORDED_MS)
    .catch(() => world.read(address))
  const { owner, history = [] } = settled.status ?? {}
  return { node: owner?.node, epoch: owner?.epoch, reasons: history.map(({ reason }) => reason.replace(/:.*/s, '')) }
}

/** The figures of an outcome for a comment of the test's output. */
export function figures(outcome: Outcome): readonly string[] {
  return FAMILIES.map((family) => {
    const { during, after, takeOverMs: tookMs, answeredBy, recorded } = outcome[family]
    const of = (report: WireReport) =>
      `lost ${report.lost} of ${report.probes}, silent ${ms(report.longestSilenceMs)}, two MACs ${ms(report.twoMacsMs)} (${report.doubles} doubles)`
    const took = tookMs === undefined ? 'nobody took over' : `taken over after ${ms(tookMs)}`
    const later = after === undefined ? '' : `; mended: ${of(after)}`
    return `${family}: ${took}, ${of(during)}${later}; answered by ${answeredBy.join(', ')}; recorded ${recorded.node} at ${recorded.epoch}`
  })
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
