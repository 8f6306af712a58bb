import type { Metrics } from '../runtime/metrics.ts'

// The names are those of Kubernetes' own Go controllers, so that existing dashboards and alerts keep working.

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts requests to the API server. `status` 0 (no answer) is the code `<error>`, as in client-go. */
export function countRequests(metrics: Metrics | undefined): (method: string, status: number, durationMs: number) => void {
  const total = metrics?.counter('rest_client_requests_total', 'Requests to the API server by method and status code.', ['code', 'method'])
  const duration = metrics?.histogram('rest_client_request_duration_seconds', 'Time to the last byte of an answer.', SECONDS, ['verb'])
  return (method, status, durationMs) => {
    total?.inc({ code: status === 0 ? '<error>' : String(status), method })
    if (method !== 'WATCH') duration?.observe({ verb: method }, durationMs / 1000)
  }
}

export interface InformerMetrics {
  listed(reason: 'first' | 'expired' | 'error'): void
  event(type: string): void
  failed(): void
  /** Objects held, and whether the informer hears the API server now. */
  state(size: number, connected: boolean): void
}

export function informerMetrics(metrics: Metrics | undefined, informer: string): InformerMetrics {
  const lists = metrics?.counter('openelb_informer_lists_total', 'Full lists, by why.', ['informer', 'reason'])
  const events = metrics?.counter('openelb_informer_events_total', 'Watch events, by type.', ['informer', 'type'])
  const failures = metrics?.counter('openelb_informer_failures_total', 'Lists and watches that ended in an error.', ['informer'])
  const objects = metrics?.gauge('openelb_informer_objects', 'Objects held in memory.', ['informer'])
  const connected = metrics?.gauge('openelb_informer_connected', '1 while a list or watch is under way without error, else 0.', [
    'informer',
  ])
  return {
    listed: (reason) => lists?.inc({ informer, reason }),
    event: (type) => events?.inc({ informer, type }),
    failed: () => failures?.inc({ informer }),
    state(size, isConnected) {
      objects?.set({ informer }, size)
      connected?.set({ informer }, isConnected ? 1 : 0)
    },
  }
}

export interface QueueMetrics {
  added(): void
  retried(): void
  depth(keys: number): void
  /** A reconcile ended after `durationMs`. */
  ended(result: 'success' | 'error', durationMs: number): void
}

export function queueMetrics(metrics: Metrics | undefined, name: string): QueueMetrics {
  const adds = metrics?.counter('workqueue_adds_total', 'Keys added to a queue.', ['name'])
  const retries = metrics?.counter('workqueue_retries_total', 'Keys put back after an error.', ['name'])
  const depth = metrics?.gauge('workqueue_depth', 'Keys that wait.', ['name'])
  const results = metrics?.counter('controller_runtime_reconcile_total', 'Reconciles, by how they ended.', ['controller', 'result'])
  const time = metrics?.histogram('controller_runtime_reconcile_time_seconds', 'Time of one reconcile.', SECONDS, ['controller'])
  return {
    added: () => adds?.inc({ name }),
    retried: () => retries?.inc({ name }),
    depth: (keys) => depth?.set({ name }, keys),
    ended(result, durationMs) {
      results?.inc({ controller: name, result })
      time?.observe({ controller: name }, durationMs / 1000)
    },
  }
}

/** 1 while this process leads, else 0. */
export function leadershipGauge(metrics: Metrics | undefined, name: string): (leading: boolean) => void {
  const gauge = metrics?.gauge('leader_election_master_status', '1 while this process holds the lease, else 0.', ['name'])
  gauge?.set({ name }, 0)
  return (leading) => gauge?.set({ name }, leading ? 1 : 0)
}
