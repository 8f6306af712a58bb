import type { Metrics } from '../../runtime/metrics.ts'

/** What the speaker counts about its addresses. */
export interface SpeakerMetrics {
  /** An address became this node's; `reason` is why the last ownership ended. */
  moved(reason: string): void
  /** An address of a node that had gone was announced by this one, `ms` after the last sign of life of that node. */
  failedOver(ms: number): void
  conflicts(count: number): void
}

const BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60]

/** Registers the metrics. */
export function createSpeakerMetrics(metrics: Metrics): SpeakerMetrics {
  const moves = metrics.counter(
    'openelb_layer2_moves_total',
    'Addresses that became those of this node, by why the last ownership ended; first when there was none.',
    ['reason'],
  )
  const failover = metrics.histogram(
    'openelb_failover_seconds',
    'From the last sign of life of the former owner to the announcement by this node.',
    BUCKETS_S,
  )
  const conflicts = metrics.gauge(
    'openelb_layer2_address_conflicts',
    'Addresses of this node that another host says it has, again and again.',
  )
  return {
    moved: (reason) => moves.inc({ reason }),
    failedOver: (ms) => failover.observe(ms / 1000),
    conflicts: (count) => conflicts.set(count),
  }
}
