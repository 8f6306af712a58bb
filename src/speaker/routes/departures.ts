/** Which nodes have no speaker any more that would keep what it wrote up to date. */
export interface Departures {
  /** `up`: nodes whose speaker is up. `nodes`: all of the cluster. Times are those of a monotonic clock. */
  follow(up: readonly string[], nodes: readonly string[], nowMs: number): void
  /** Whether the node has left the cluster, or its speaker has been away for long. */
  isGone(node: string, nowMs: number): boolean
}

/** A speaker that is only restarted, or updated, keeps what it wrote. */
const AWAY_FOR_MS = 60_000

/** Creates it; before follow() nobody is gone. */
export function createDepartures(): Departures {
  const downSinceMs = new Map<string, number>()
  let known: ReadonlySet<string> | undefined
  return {
    follow(up, nodes, nowMs) {
      known = new Set(nodes)
      const isUp = new Set(up)
      for (const node of nodes) {
        if (isUp.has(node)) downSinceMs.delete(node)
        else if (!downSinceMs.has(node)) downSinceMs.set(node, nowMs)
      }
      for (const node of downSinceMs.keys()) if (!known.has(node)) downSinceMs.delete(node)
    },
    isGone(node, nowMs) {
      if (known === undefined) return false
      const since = downSinceMs.get(node)
      return !known.has(node) || (since !== undefined && nowMs - since >= AWAY_FOR_MS)
    },
  }
}
