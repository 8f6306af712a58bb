import { electionScore } from './election.ts'

/** An address that a node owns, as its claim records it. */
export interface Holding {
  /** Canonical text. */
  readonly address: string
  readonly owner: string
  /** When that began by the owner's clock, in milliseconds since 1970. */
  readonly sinceMs: number
  /** Addresses of one group may be owned by the same nodes and prefer the same ones. */
  readonly group: string
}

/** What every speaker sees of how the addresses are spread. */
export interface Spread {
  /** The nodes whose speakers are up. */
  readonly nodes: readonly string[]
  readonly holdings: readonly Holding[]
  /** Asked once for each group and node. `weight`: how much the node is preferred; 0 where nothing is said. */
  readonly standing: (group: string, node: string) => { readonly eligible: boolean; readonly weight: number }
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** The least time between two changes of any owner. */
  readonly intervalMs: number
}

export interface PlannedMove {
  readonly address: string
  readonly from: string
  readonly to: string
}

/** `--rebalance=slow`: at most one address moves in this time, in the whole cluster. */
export const REBALANCE_INTERVAL_MS = 10_000

/** How far above the average a node may be before addresses leave it: bounded loads, as in consistent hashing with that name. */
const SLACK = 1.25
/** A plan that nobody carries out gives way to the next of so many. */
const PLANS = 8

/**
 * The one move that is due, or undefined. Every node that sees the same finds the same, and only the node in `to` acts: it takes the address
 * as if an administrator had asked for it. When nothing moved for a whole interval more, that node cannot, and the next plan has its turn.
 *
 * An address goes to a node that its pool prefers more; or from a node that owns more than ceil(1.25 x average) to one below the average,
 * the average being that of the nodes that may own the address and are preferred no less. The first kind raises the sum of the preferences,
 * the second lowers the sum of the squares of the loads and no preference, so it ends, and nothing goes back and forth.
 */
export function nextMove(spread: Spread): PlannedMove | undefined {
  const { holdings, nowMs, intervalMs } = spread
  // A clock that is wrong by more than an interval must not end the balancing for good.
  const changes = holdings.map(({ sinceMs }) => sinceMs).filter((sinceMs) => sinceMs < nowMs + intervalMs)
  const quietMs = nowMs - changes.reduce((latest, sinceMs) => Math.max(latest, sinceMs), Number.NEGATIVE_INFINITY)
  if (quietMs < intervalMs) return undefined
  const plans = plansFor(spread)
  const turn = Number.isFinite(quietMs) ? Math.floor(quietMs / intervalMs) - 1 : 0
  return plans[turn % plans.length]
}

/** The moves that would make it better, the best first, one for each pair of nodes; PLANS of them at most. */
function plansFor(spread: Spread): readonly PlannedMove[] {
  const groups = createGroups(spread)
  const loads = new Map<string, number>(spread.nodes.map((node) => [node, 0]))
  for (const { owner } of spread.holdings) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  const plans: PlannedMove[] = []
  const byOwner = Map.groupBy(spread.holdings, ({ owner }) => owner)
  const sources = [...byOwner].sort(([a], [b]) => byLoad(loads)(b, a))
  for (const reasons of [betterLiked, lessLoaded])
    for (const [from, owned] of sources) {
      const byGroup = Map.groupBy(owned, ({ group }) => group)
      const wanted = [...byGroup].flatMap(([group, members]) => reasons(groups(group), from, loads).map((to) => ({ to, members })))
      for (const [to, reachable] of [...Map.groupBy(wanted, ({ to }) => to)].sort(([a], [b]) => byLoad(loads)(a, b))) {
        if (plans.length >= PLANS) return plans
        plans.push({
          address: likeliest(
            reachable.flatMap(({ members }) => members),
            to,
          ),
          from,
          to,
        })
      }
    }
  return plans
}

/** The nodes that may own the addresses of a group, with their weights. */
type Group = ReadonlyMap<string, number>

function createGroups({ nodes, standing }: Spread): (group: string) => Group {
  const known = new Map<string, Group>()
  return (group) => {
    const before = known.get(group)
    if (before !== undefined) return before
    const standings = nodes.map((node) => [node, standing(group, node)] as const)
    const found = new Map(standings.filter(([, { eligible }]) => eligible).map(([node, { weight }]) => [node, weight]))
    known.set(group, found)
    return found
  }
}

const byLoad =
  (loads: ReadonlyMap<string, number>) =>
  (a: string, b: string): number =>
    (loads.get(a) ?? 0) - (loads.get(b) ?? 0) || (a < b ? -1 : a > b ? 1 : 0)

/** Where the addresses of a group go because their pool prefers it. An owner that may not own them is replaced anyway. */
function betterLiked(group: Group, from: string, loads: ReadonlyMap<string, number>): readonly string[] {
  const weight = group.get(from)
  if (weight === undefined) return []
  const best = Math.max(...group.values())
  if (best <= weight) return []
  const [to] = [...group]
    .filter(([, each]) => each === best)
    .map(([node]) => node)
    .sort(byLoad(loads))
  return to === undefined ? [] : [to]
}

/** Where they go because their owner has too many. */
function lessLoaded(group: Group, from: string, loads: ReadonlyMap<string, number>): readonly string[] {
  const weight = group.get(from)
  if (weight === undefined) return []
  const equals = [...group].filter(([, each]) => each >= weight).map(([node]) => node)
  const average = equals.reduce((sum, node) => sum + (loads.get(node) ?? 0), 0) / equals.length
  if ((loads.get(from) ?? 0) <= Math.ceil(SLACK * average)) return []
  return equals.filter((node) => (loads.get(node) ?? 0) < average)
}

/** The address that the order would rather give to a node. */
function likeliest(holdings: readonly Holding[], to: string): string {
  const scored = holdings.map(({ address }) => ({ address, score: electionScore(to, address) }))
  return scored.reduce((best, each) => (each.score < best.score ? each : best)).address
}
