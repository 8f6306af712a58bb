import type { AddressClaimObject } from '../api/address-claim.ts'
import type { ApiClient } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Check } from '../runtime/health.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { ClusterWatch } from './io/cluster.ts'
import type { HostWatch } from './io/interfaces.ts'
import type { Layer2Announcer } from './layer2/announcer.ts'
import type { ForeignClaim } from './layer2/observation.ts'
import type { MembershipFacts } from './membership/facts.ts'
import type { AddressWord } from './membership/message.ts'
import type { PresenceMembership } from './presence.ts'
import type { ReportedLine } from './report-of.ts'
import type { WordsChange } from './words.ts'

/** What the speaker needs of membership. */
export interface SpeakerMembership extends PresenceMembership {
  words(upsert: WordsChange['upsert'], remove: WordsChange['remove']): void
  repeat(addresses: readonly AddressWord['address'][]): void
  reconciled(pause: number): void
  /**
   * Resolves when it is known whether there is a key, as far as that can be known. Whoever decides before goes by what the API server says,
   * and that may be older than what the others did while it was away. Never rejects.
   */
  whenKnown(): Promise<void>
  health(): { readonly problems: readonly string[] }
}

export interface SpeakerOptions {
  readonly self: string
  readonly client: ApiClient
  readonly cluster: ClusterWatch
  readonly host: HostWatch
  /** Undefined where layer 2 is off. */
  readonly layer2: Layer2Announcer | undefined
  /** Undefined where nothing says where a key is. */
  readonly membership: SpeakerMembership | undefined
  readonly recorder: EventRecorder
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly subnetCheck: boolean
  readonly avoidCordoned: boolean
  /** Whether addresses are spread more evenly while nothing else happens. */
  readonly rebalance: boolean
}

/** Keeps wire, peers and claims equal to what the facts say. */
export interface Speaker {
  /** Something may have changed: looks at everything again, soon. */
  wake(): void
  /** Something changed that cannot wait: this node's interfaces. */
  look(): void
  /** Other speakers are heard, or not heard any more. */
  membersChanged(): void
  /** A claim is gone. */
  removed(claim: AddressClaimObject): void
  /** A peer's words about addresses. */
  heard(node: string, words: readonly AddressWord[]): void
  /** This process was paused, and what the others said meanwhile is all heard. */
  resumed(pause: number): Promise<void>
  /** Another host claims an address of this node. */
  challenged(foreign: ForeignClaim): void
  /** What this node answers for. */
  lines(): readonly ReportedLine[]
  /** The other speakers, as the decisions see them. */
  membership(): MembershipFacts | undefined
  checks(): readonly Check[]
  /** Waits for the first whole view of the cluster and begins. Rejects when `signal` aborts before. */
  start(signal: AbortSignal): Promise<void>
  /** Takes nothing any more; resolves when others have every address of this node, or nobody is there to take over, or the time is up. */
  handOver(limitMs: number): Promise<void>
  /** Ends the writes. The announcer and membership are closed by whoever made them. Idempotent. */
  close(): Promise<void>
}
