import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** The process's metrics. A name that was made before gives the same metric again; its labels must then be the same. */
export interface Metrics {
  readonly registry: Registry
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
  /** `buckets` are upper bounds in the metric's own unit (seconds, by the convention of Prometheus). */
  histogram<L extends string = never>(name: string, help: string, buckets: readonly number[], labels?: readonly L[]): Histogram<L>
  /** Forgets all metrics, so that nothing of them keeps running. Idempotent. */
  close(): void
}

/** Creates a registry of its own (never prom-client's global one), with the default metrics of the process. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry })
  const known = new Map<string, unknown>()
  const once = <M>(name: string, make: () => M): M => {
    const metric = (known.get(name) as M | undefined) ?? make()
    known.set(name, metric)
    return metric
  }
  const registers = [registry]
  return {
    registry,
    counter: (name, help, labels = []) => once(name, () => new Counter({ name, help, labelNames: labels, registers })),
    gauge: (name, help, labels = []) => once(name, () => new Gauge({ name, help, labelNames: labels, registers })),
    histogram: (name, help, buckets, labels = []) =>
      once(name, () => new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers })),
    close: () => registry.clear(),
  }
}
