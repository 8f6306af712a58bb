import type { AddressClaimObject, Holder } from '../api/address-claim.ts'
import type { EventRecorder } from '../kube/events.ts'
import { apiVersionOf, EIPS } from '../kube/resources.ts'

/** The Events of addresses: one per change, by the owner or by one speaker for all; the original writes one per speaker. */
export interface ClaimEvents {
  /** The address is announced, with these nodes as next hops: by layer 2 this one alone. */
  taken(claim: AddressClaimObject, nodes?: readonly string[]): void
  /** Nobody announces it, and why. */
  unannounced(claim: AddressClaimObject, message: string): void
  /** What cannot be read of the annotations of one of its Services (`namespace/name`). */
  unreadable(claim: AddressClaimObject, service: string, message: string): void
  /** The claim of an address of this node is gone. */
  withdrawn(claim: AddressClaimObject): void
}

interface Options {
  readonly self: string
  readonly recorder: EventRecorder
  readonly eipUid: (name: string) => string | undefined
}

/** Creates the writer of Events. It remembers which Eips it has told about. */
export function createClaimEvents({ self, recorder, eipUid }: Options): ClaimEvents {
  const eips = new Set<string>()
  return {
    unannounced({ spec }, message) {
      for (const holder of spec.holders) recorder.record(serviceOf(holder), { type: 'Warning', reason: 'SetBalancer', message })
    },
    unreadable({ spec }, service, message) {
      const holder = spec.holders.find(({ namespace, name }) => `${namespace}/${name}` === service)
      if (holder !== undefined) recorder.record(serviceOf(holder), { type: 'Warning', reason: 'AnnotationIgnored', message })
    },
    taken({ spec }, nodes = [self]) {
      const event = { type: 'Normal', reason: 'SetBalancer', message: `success to add nexthops [${nodes.join(' ')}]` } as const
      for (const holder of spec.holders) recorder.record(serviceOf(holder), event)
      const uid = eips.has(spec.eip) ? undefined : eipUid(spec.eip)
      if (uid === undefined) return
      eips.add(spec.eip)
      const eip = { apiVersion: apiVersionOf(EIPS), kind: EIPS.kind, metadata: { name: spec.eip, uid } }
      recorder.record(eip, { type: 'Normal', reason: 'ConfigSpeaker', message: `config openelb ${spec.protocol} speaker successfully` })
    },
    withdrawn({ spec }) {
      const event = { type: 'Normal', reason: 'DelBalancer', message: 'success to withdraw announcement for service' } as const
      for (const holder of spec.holders) recorder.record(serviceOf(holder), event)
    },
  }
}

const serviceOf = ({ namespace, name, uid }: Pick<Holder, 'namespace' | 'name' | 'uid'>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, uid },
})
