import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ClaimEvents } from './claim-events.ts'
import type { StatusPatch } from './claim-status.ts'
import type { Decision, SpeakerFacts } from './desired.ts'
import type { SpeakerMetrics } from './io/speaker-metrics.ts'
import type { Journal } from './journal.ts'

/** What is told to people about the addresses of this node: in the log, as metrics and as Events. */
export interface Chronicle {
  /** Wire and peers follow the decision already. */
  decided(claim: AddressClaimObject, decision: Decision, facts: SpeakerFacts): void
  /** The claim says it too. */
  written(claim: AddressClaimObject, decision: Decision, patch: StatusPatch, facts: SpeakerFacts): void
  /** The claim is gone. */
  removed(claim: AddressClaimObject, wasOwn: boolean): void
}

interface Options {
  readonly self: string
  readonly journal: Journal
  readonly counts: SpeakerMetrics
  readonly events: ClaimEvents
}

/** Creates it. */
export function createChronicle({ self, journal, counts, events }: Options): Chronicle {
  const taken = ({ ownership, present }: Decision, facts: SpeakerFacts): void => {
    if (ownership.kind !== 'take') return
    counts.moved(ownership.departure ?? 'first')
    const lastSignMs = facts.cluster.membership?.members.get(present?.node ?? '')?.lastSignMs
    if (ownership.departure === 'speaker-silent' && lastSignMs !== undefined) counts.failedOver(facts.nowMs - lastSignMs)
  }
  return {
    decided(claim, decision, facts) {
      const { ownership } = decision
      journal.decided(claim.metadata.name, ownership)
      if (ownership.kind === 'take' && ownership.first === 'announce') taken(decision, facts)
    },
    written(claim, decision, patch, facts) {
      const { ownership } = decision
      journal.wrote(claim.metadata.name, decision, patch)
      if (ownership.kind === 'take' && ownership.first === 'record' && patch.status.owner?.node === self) taken(decision, facts)
      const before = claim.status?.owner
      const { owner } = patch.status
      if (owner !== null && owner?.node === self && (before?.node !== self || before.epoch !== owner.epoch)) events.taken(claim)
    },
    removed(claim, wasOwn) {
      journal.forget(claim.metadata.name)
      if (wasOwn || claim.status?.owner?.node === self) events.withdrawn(claim)
    },
  }
}
