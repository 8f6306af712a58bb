import { formatMac } from '../addr/mac.ts'
import type { Logger } from '../runtime/logger.ts'
import { CHALLENGED_MS } from './conflicts.ts'
import type { Knowledge } from './desired.ts'
import type { ForeignClaim } from './layer2/observation.ts'
import type { LookTimer } from './look-timer.ts'
import { type Member, quorumOf } from './membership/facts.ts'
import type { AddressWord } from './membership/message.ts'
import type { Presence } from './presence.ts'
import { WORDS_WITHIN_MS } from './regained-quorum.ts'
import { createRoll } from './roll.ts'
import type { Speaker, SpeakerMembership } from './speaker.ts'
import { claimOfKey } from './words.ts'

/** What the other threads report: about the other speakers, and about strangers on the wire. */
export type Signals = Pick<Speaker, 'membersChanged' | 'heard' | 'resumed' | 'challenged'>

interface Options {
  readonly knowledge: Knowledge
  readonly presence: Pick<Presence, 'heard' | 'facts'>
  readonly membership: Pick<SpeakerMembership, 'reconciled' | 'repeat'> | undefined
  readonly layer2: { settled(): Promise<void> } | undefined
  readonly logger: Logger
  readonly timer: Pick<LookTimer, 'run' | 'within'>
  /** Decides these claims anew, at once. */
  readonly lookAt: (claims: readonly string[]) => void
}

/** Creates them. */
export function createSignals({ knowledge, presence, membership, layer2, logger, timer, lookAt }: Options): Signals {
  const roll = createRoll(logger)
  const { memory, words: known, conflicts } = knowledge
  return {
    membersChanged() {
      const members = presence.heard()?.members ?? new Map<string, Member>()
      roll.update(members)
      // A speaker that was started again is not bound by what the process before it said.
      for (const [node, { incarnation }] of members) if (incarnation !== undefined) known.reborn(node, incarnation)
      timer.run()
      timer.within(WORDS_WITHIN_MS)
    },
    heard(node: string, words: readonly AddressWord[]) {
      for (const { address, epoch, state } of words) if (state === 'held') memory.ownerHeard(claimOfKey(address), node, epoch)
      lookAt(known.hear(node, words))
    },
    // Whatever the others took while this process was paused is off the wire before answers are permitted again. The first is the start.
    async resumed(pause: number) {
      timer.run()
      await layer2?.settled()
      membership?.reconciled(pause)
      if (pause > 1) logger.warn('this process was paused, or heard nobody; it goes on by what the other speakers say', { pause })
    },
    // A majority goes on and says once more whose the address is: whoever claims it may be a speaker that has missed it.
    challenged(foreign: ForeignClaim) {
      const name = claimOfKey(foreign.address)
      const facts = presence.facts()
      const everyoneIsHeard = facts === undefined || [...facts.members.values()].every(({ alive }) => alive)
      conflicts.heard(name, foreign, everyoneIsHeard)
      logger.warn('another host claims an address of this node', { claim: name, mac: formatMac(foreign.mac), count: foreign.count })
      if (facts !== undefined && quorumOf(facts) !== 'minority') membership?.repeat([foreign.address])
      lookAt([name])
      timer.within(CHALLENGED_MS)
    },
  }
}
