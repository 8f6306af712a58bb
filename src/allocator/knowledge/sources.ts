/** What the knowledge is made from, and whom it tells. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { ConfigMapObject, NamespaceObject, NodeObject, ServiceObject } from '../../api/core-objects.ts'
import type { EipObject } from '../../api/eip.ts'
import type { Happening } from '../waiters.ts'

/** A collection that somebody keeps up to date: an informer, or a Map in a test. */
export interface Watched<T> {
  get(key: string): T | undefined
  values(): Iterable<T>
  subscribe(listener: (change: { readonly key: string; readonly before: T | undefined; readonly after: T | undefined }) => void): () => void
}

export interface Sources {
  readonly services: Watched<ServiceObject>
  readonly namespaces: Watched<NamespaceObject>
  readonly nodes: Watched<NodeObject>
  readonly eips: Watched<EipObject>
  readonly claims: Watched<AddressClaimObject>
  /** At most one object: the ConfigMap of the settings. */
  readonly settings: Watched<ConfigMapObject>
}

/** Who works on what changes. Calls are synchronous and in the order of the changes. */
export interface Listener {
  /** Look at this Service again. */
  service(key: string): void
  /** The status of this Eip may have changed. */
  eip(name: string): void
  /** Somebody may be waiting for this. */
  happened(happening: Happening): void
  /** Every Service may be decided differently now. */
  everything(): void
  /** The settings cannot be read; the former ones stay. */
  badSettings(message: string): void
}

export type Teller = Listener & {
  to(listener: Listener | undefined): void
  /** Whether anybody listens. */
  isHeard(): boolean
}

/** Passes the news on to whoever listens at the moment; without a listener they are lost, and a new one looks at everything first. */
export function createTeller(): Teller {
  let listener: Listener | undefined
  return {
    to: (next) => {
      listener = next
    },
    isHeard: () => listener !== undefined,
    service: (key) => listener?.service(key),
    eip: (name) => listener?.eip(name),
    happened: (happening) => listener?.happened(happening),
    everything: () => listener?.everything(),
    badSettings: (message) => listener?.badSettings(message),
  }
}
