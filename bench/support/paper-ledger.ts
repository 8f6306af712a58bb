/** The allocator's knowledge without an API server: one Eip with 65,536 addresses, holdings at will, and the decision for one more Service. */
import { decide } from '../../src/allocator/decide.ts'
import { createKnowledge, type Sources } from '../../src/allocator/knowledge.ts'
import type { Holding } from '../../src/allocator/ledger.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import type { IpFamily, NamespaceObject, ServiceObject } from '../../src/api/core-objects.ts'
import { eip, NOW, service } from '../../test/support/allocator-objects.ts'
import { watchedMap } from '../../test/support/watched-map.ts'

export const POOL_SIZE = 65_536
const RANGE: Readonly<Record<IpFamily, string>> = { IPv4: '10.0.0.0/16', IPv6: 'fd00::/112' }

export interface PaperLedger {
  readonly size: number
  /** Decides about a Service that is new, and puts the claim down. Gives the microseconds of the decision alone. */
  allocate(): number
  /** Releases the holding of that index, and makes the last one take its index. */
  release(index: number): void
}

export function createPaperLedger(family: IpFamily): PaperLedger {
  const pool = eip('pool', RANGE[family])
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { ...pool.metadata, name: 'default' } } as NamespaceObject
  const sources: Sources = {
    services: watchedMap<ServiceObject>(),
    namespaces: watchedMap([['default', namespace]]),
    nodes: watchedMap(),
    eips: watchedMap([['pool', pool]]),
    claims: watchedMap<AddressClaimObject>(),
    settings: watchedMap(),
  } as Sources
  const knowledge = createKnowledge(sources, 'openelb-system')
  const held: Holding[] = []
  let serial = 0
  return {
    get size() {
      return held.length
    },
    allocate() {
      const asking = service(`s${serial++}`, { eip: 'pool', ipFamilies: [family] })
      const startedMs = performance.now()
      const decision = decide(knowledge.facts(asking, []))
      const tookUs = (performance.now() - startedMs) * 1000
      if (decision.kind !== 'claim') throw new Error(`the decision is ${decision.kind}`)
      const { name, spec } = decision
      const metadata = { name, uid: `claim-${serial}`, resourceVersion: String(serial), creationTimestamp: NOW }
      knowledge.noteClaim({ apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'AddressClaim', metadata, spec })
      const holding = knowledge.ledger.byName(name)
      if (holding !== undefined) held.push(holding)
      return tookUs
    },
    release(index) {
      const [gone, last] = [held[index], held.pop()]
      if (gone === undefined || last === undefined) throw new RangeError('there is no such holding')
      if (gone !== last) held[index] = last
      knowledge.noteClaimGone(gone)
    },
  }
}
