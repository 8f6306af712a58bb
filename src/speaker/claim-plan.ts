import type { AddressClaimObject } from '../api/address-claim.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { probingPatch, reportPatch, type StatusPatch } from './claim-status.ts'
import { inUse } from './conflicts.ts'
import { type Decision, type Knowledge, needsProbe, patchFor, type SpeakerFacts } from './desired.ts'
import { addressKey } from './layer2/address-key.ts'
import type { Layer2Announcer } from './layer2/announcer.ts'
import { createProbes, type Probes } from './probes.ts'

/** What is written on a claim: what its decision comes to, and, before an address is first given, what the wire says about it. */
export interface ClaimPlan {
  /** The write, or undefined when there is none now. */
  patch(claim: AddressClaimObject, decision: Decision, facts: SpeakerFacts): StatusPatch | undefined
  /** The claim is gone. */
  forget(claim: string): void
  /** Ends the questions to the wire. */
  close(): void
}

interface Options {
  readonly layer2: Pick<Layer2Announcer, 'probe'> | undefined
  readonly knowledge: Knowledge
  readonly clock: Clock
  readonly logger: Logger
  /** The wire has answered about a claim: it may be written now. */
  readonly onAnswer: (claim: string) => void
}

/** Creates it. */
export function createClaimPlan({ layer2, knowledge, clock, logger, onAnswer }: Options): ClaimPlan {
  const probes = createProbes({
    probe: layer2?.probe ?? (() => Promise.reject(new Error('layer 2 is off'))),
    onEnd: onAnswer,
    onFailure: (claim, error) => logger.warn('the wire could not be asked about an address', { claim, error: describeError(error) }),
    nowMs: clock.monotonicMs,
  })
  return {
    patch(claim, decision, facts) {
      const asked = decision.ownership.kind === 'take' && needsProbe(claim)
      return asked ? probed(claim, decision, facts, knowledge, probes) : patchFor(claim, decision, facts, knowledge)
    },
    forget: probes.forget,
    close: probes.close,
  }
}

/** Of a free address the first owner is recorded at once; of a taken one that it is, and the allocator gives the Service another one. */
function probed(
  claim: AddressClaimObject,
  decision: Decision,
  facts: SpeakerFacts,
  knowledge: Knowledge,
  probes: Probes,
): StatusPatch | undefined {
  const { ownership } = decision
  if (ownership.kind !== 'take') return undefined
  const { ip, interface: on } = ownership.ability
  const probe = probes.ask(claim.metadata.name, addressKey(ip), on)
  if (probe.kind === 'asking') return probingPatch(claim)
  if (probe.kind === 'free') return patchFor(claim, decision, facts, knowledge)
  return reportPatch(claim, inUse(facts.self, probe.mac), new Date(facts.wallMs).toISOString())
}
