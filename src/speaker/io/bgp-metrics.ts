import { Counter, Gauge } from 'prom-client'
import type { Metrics } from '../../runtime/metrics.ts'
import type { BgpEngine } from '../bgp/engine.ts'
import { type BgpFamily, bgpFamilies, linesByFamily } from '../bgp/metric-families.ts'
import type { BgpTrouble } from '../bgp-report.ts'

export interface BgpMetricsOptions {
  /** The node's name, for the label of OpenELB's own metrics. */
  readonly node: string
  /** Undefined before it is made: then there are no series. */
  readonly engine: () => Pick<BgpEngine, 'peers' | 'lines'> | undefined
  /** What is set and cannot be followed. */
  readonly problems: () => readonly BgpTrouble[]
}

/** Adds the metrics of BGP and BFD. They are read from the engine when Prometheus asks, so those of a peer end with it. */
export function registerBgpMetrics({ registry }: Metrics, { node, engine, problems }: BgpMetricsOptions): void {
  const registers = [registry]
  for (const family of bgpFamilies(node)) registerFamily(family, registers, () => engine()?.peers() ?? [])
  new Gauge({
    name: 'openelb_bgp_setting_problem',
    help: '1 for what is set and not followed, by the BgpPeer (empty: BgpConf) and the code.',
    labelNames: ['peer', 'code'],
    registers,
    collect() {
      this.reset()
      for (const { peer = '', code } of problems()) this.set({ peer, code }, 1)
    },
  })
  new Gauge({
    name: 'openelb_bgp_rib_prefixes',
    help: 'Prefixes that this node announces, by family.',
    labelNames: ['family'],
    registers,
    collect() {
      for (const [family, count] of linesByFamily(engine()?.lines() ?? [])) this.set({ family }, count)
    },
  })
}

type PeerReports = ReturnType<BgpEngine['peers']>

function registerFamily(
  { name, help, type, labels, seriesOf }: BgpFamily,
  registers: Metrics['registry'][],
  peers: () => PeerReports,
): void {
  const options = { name, help, labelNames: [...labels], registers }
  const series = () => peers().flatMap(seriesOf)
  if (type === 'counter') {
    new Counter({
      ...options,
      collect() {
        this.reset()
        for (const { labels, value } of series()) this.inc(labels, value)
      },
    })
    return
  }
  new Gauge({
    ...options,
    collect() {
      this.reset()
      for (const { labels, value } of series()) this.set(labels, value)
    },
  })
}
