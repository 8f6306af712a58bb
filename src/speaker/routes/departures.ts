/** Which nodes have no speaker any more that would keep what it wrote up to date. */
export interface Departures {
  /** `up`: nodes whose speaker is up. `nodes`: all of the cluster. Times are those of a monotonic clock. True: some are gone since the last call. */
  follow(up: readonly string[], nodes: readonly string[], nowMs: number): boolean
  /** Whether the node has left the cluster, or its speaker has been away for long. */
  isGone(node: string, nowMs: number): boolean
}

/** A speaker that is only restarted, or updated, keeps what it wrote. */
const AWAY_FOR_MS = 60_000

/** Creates it; before follow() nobody is gone. */
export function createDepartures(): Departures {
  const downSinceMs = new Map<string, number>()
  let known: ReadonlySet<string> | undefined
  let away: ReadonlySet<string> = new Set()
  const isAway = (node: string, nowMs: number) => nowMs - (downSinceMs.get(node) ?? nowMs) >= AWAY_FOR_MS
  return {
    follow(up, nodes, nowMs) {
      const before = { known: known ?? new Set<string>(), away }
      known = new Set(nodes)
      const isUp = new Set(up)
      for (const node of nodes) {
        if (isUp.has(node)) downSinceMs.delete(node)
        else if (!downSinceMs.has(node)) downSinceMs.set(node, nowMs)
      }
      for (const node of downSinceMs.keys()) if (!known.has(node)) downSinceMs.delete(node)
      away = new Set(nodes.filter((node) => isAway(node, nowMs)))
      return !before.known.isSubsetOf(known) || !away.isSubsetOf(before.away)
    },
    isGone: (node, nowMs) => known !== undefined && (!known.has(node) || isAway(node, nowMs)),
  }
}
