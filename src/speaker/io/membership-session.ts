import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { createMembership } from '../membership/membership.ts'
import type { Keys } from '../membership/message.ts'
import type { MembershipTiming } from '../membership/timing.ts'
import type { Speaker, SpeakerMembership } from '../speaker.ts'
import { type KeySource, type KeyWatch, watchKeys } from './key-files.ts'

/** Membership with its key. Off, and answers permitted, until there is a key, and while its port was never to be had. */
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

/**
 * A port that is somebody else's for so long after the first key (another load balancer's speaker, while a cluster changes over) stays
 * so: nobody has heard this node, and readiness decides as it does without a key.
 */
export const OPENS_WITHIN_MS = 5000

/** Creates it, off. */
export function createMembershipSession({ key, speaker, ...options }: Options): MembershipSession {
  const { clock, logger, metrics } = options
  const off = metrics.gauge('openelb_membership_off', '1 while there is no key, or no port, so that the speakers do not hear one another.')
  const show = (): void => {
    off.set(opening.isOn() ? 0 : 1)
    speaker().membersChanged()
  }
  const membership = createMembership({
    ...options,
    random: Math.random,
    onFacts: show,
    onWords: (node, words) => speaker().heard(node, words),
    onResumed: (pause) => void speaker().resumed(pause),
  })
  const opening = createOpening(clock, membership.wasOpened, () => {
    logger.warn('membership is off until its port is free: a dead speaker is noticed by Kubernetes alone', { ...options.bind })
    show()
  })
  let watch: KeyWatch | undefined
  off.set(1)
  const onChange = (keys: Keys): void => {
    opening.begin()
    off.set(opening.isOn() ? 0 : 1)
    membership.keys(keys)
  }
  return {
    ...membership,
    fence: membership.fence.memory,
    facts: () => (opening.isOn() ? membership.facts() : undefined),
    // While it is off the readiness of the Pods decides: a speaker that hears nobody is as ready as before.
    health: () => (opening.isOn() ? membership.health() : { problems: [] }),
    async start() {
      // Written here for as long as there is no thread that does.
      membership.fence.extend(Number.POSITIVE_INFINITY)
      watch = await watchKeys({ ...key, clock, logger, onChange })
      if (!opening.isOn()) logger.warn('membership is off until there is a key: a dead speaker is noticed by Kubernetes alone')
    },
    // Read already, if the API server was there at the start.
    whenKnown: async () => (opening.isOn() ? undefined : watch?.again()),
    async close() {
      opening.close()
      await watch?.close()
      await membership.close()
    },
  }
}

/** Whether membership counts: from the first key on, unless its port is not to be had. `onLate` is called when that is known. */
function createOpening(clock: Clock, wasOpened: () => boolean, onLate: () => void) {
  let state: 'no-key' | 'opening' | 'late' = 'no-key'
  let timer: Timer | undefined
  return {
    isOn: () => state === 'opening' || (state === 'late' && wasOpened()),
    begin() {
      if (state !== 'no-key') return
      state = 'opening'
      timer = clock.setTimer(OPENS_WITHIN_MS, () => {
        state = 'late'
        if (!wasOpened()) onLate()
      })
    },
    close: () => timer?.cancel(),
  }
}
