import { Counter, Gauge } from 'prom-client'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Layer2Announcer } from '../layer2/announcer.ts'
import type { AddressCounter } from '../layer2/counters.ts'
import { IGNORE_REASONS } from '../layer2/response.ts'

/** OpenELB's names: no prefix, one series per address that this node answers for, gone when it no longer does. */
const PER_ADDRESS: readonly { readonly name: string; readonly help: string; readonly counter: AddressCounter }[] = [
  {
    name: 'requests_received',
    help: 'ARP requests and neighbour solicitations for an address that this node answers for.',
    counter: 'requests',
  },
  { name: 'responses_sent', help: 'ARP replies and solicited neighbour advertisements sent for an address.', counter: 'responses' },
  {
    name: 'gratuitous_sent',
    help: 'Gratuitous ARP pairs (a request and a reply, by broadcast), or unsolicited neighbour advertisements, sent for an address.',
    counter: 'gratuitous',
  },
]

/** Adds the metrics of layer 2; they are read from the Worker's memory when Prometheus asks. */
export function registerLayer2Metrics({ registry }: Metrics, announcer: Layer2Announcer): void {
  const registers = [registry]
  for (const { name, help, counter } of PER_ADDRESS) {
    new Counter({
      name,
      help,
      labelNames: ['ip'],
      registers,
      collect() {
        this.reset()
        for (const [ip, slot] of announcer.slots()) this.inc({ ip }, announcer.counters.ofAddress(slot)[counter])
      },
    })
  }
  new Counter({
    name: 'openelb_layer2_ignored_frames_total',
    help: 'Questions that got no answer, by reason; foreign-claim means that another host claims one of our addresses.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const reason of IGNORE_REASONS) this.inc({ reason }, announcer.counters.global(reason))
    },
  })
  new Counter({
    name: 'openelb_layer2_rejected_frames_total',
    help: 'Frames that the kernel did not take.',
    registers,
    collect() {
      this.reset()
      this.inc(announcer.counters.global('rejected'))
    },
  })
  new Gauge({
    name: 'openelb_layer2_addresses',
    help: 'Addresses that this node answers for.',
    registers,
    collect() {
      this.set([...announcer.slots()].length)
    },
  })
}
