import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { createMembership } from '../membership/membership.ts'
import type { MembershipTiming } from '../membership/timing.ts'
import type { Speaker, SpeakerMembership } from '../speaker.ts'
import { type KeySource, type KeyWatch, watchKeys } from './key-files.ts'

/** Membership with its key. Off, and answers permitted, until there is a key. */
export interface MembershipSession extends SpeakerMembership {
  /** The memory of the Fence. */
  readonly fence: SharedArrayBuffer
  /** Reads the key: membership is on when this resolves, if there is one already. Never rejects. */
  start(): Promise<void>
  /** Says goodbye to the others. Idempotent. */
  close(): Promise<void>
}

interface Options {
  readonly self: string
  readonly timing: MembershipTiming
  readonly bind: { readonly address: string; readonly port: number }
  readonly key: KeySource
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Asked when something was heard, which is not before start(). */
  readonly speaker: () => Pick<Speaker, 'membersChanged' | 'heard' | 'resumed'>
}

/** Creates it, off. */
export function createMembershipSession({ key, speaker, ...options }: Options): MembershipSession {
  const { clock, logger, metrics } = options
  const missing = metrics.gauge('openelb_membership_off', '1 while there is no key, so that the speakers do not hear one another.')
  const membership = createMembership({
    ...options,
    random: Math.random,
    onFacts: () => speaker().membersChanged(),
    onWords: (node, words) => speaker().heard(node, words),
    onResumed: (pause) => void speaker().resumed(pause),
  })
  let on = false
  let watch: KeyWatch | undefined
  missing.set(1)
  return {
    ...membership,
    fence: membership.fence.memory,
    facts: () => (on ? membership.facts() : undefined),
    // Without a key the readiness of the Pods decides: a speaker that hears nobody is as ready as before.
    health: () => (on ? membership.health() : { problems: [] }),
    async start() {
      // Written here for as long as there is no thread that does.
      membership.fence.extend(Number.POSITIVE_INFINITY)
      watch = await watchKeys({
        ...key,
        clock,
        logger,
        onChange(keys) {
          on = true
          missing.set(0)
          membership.keys(keys)
        },
      })
      if (!on) logger.warn('membership is off until there is a key: a dead speaker is noticed by Kubernetes alone')
    },
    async close() {
      watch?.close()
      await membership.close()
    },
  }
}
