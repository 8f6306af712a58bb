import type { ClusterFacts } from './facts.ts'
import type { MembershipFacts } from './membership/facts.ts'
import type { Peer } from './membership/message.ts'
import { createPeers } from './peers.ts'

/** The part of membership that this node's presence among the speakers needs. */
export interface PresenceMembership {
  peers(list: readonly Peer[]): void
  state(state: { readonly serving: boolean; readonly leaving: boolean }): void
  /** Undefined while there is no key. */
  facts(): MembershipFacts | undefined
}

/** This node among the other speakers: whom it listens to, what it says of itself, and from when on what is heard counts. */
export interface Presence {
  /** Tells membership whose Pods the API server lists. */
  follow(cluster: Pick<ClusterFacts, 'speakerPods' | 'nodes'>, nowMs: number): void
  say(state: { readonly serving: boolean; readonly leaving: boolean }): void
  /** What the decisions may build on; undefined where readiness decides. */
  facts(): MembershipFacts | undefined
  /** What is heard, whether or not it counts yet. */
  heard(): MembershipFacts | undefined
}

/** Creates it. `membership` is undefined where nothing says where a key is. */
export function createPresence(self: string, membership: PresenceMembership | undefined): Presence {
  const peers = createPeers(self, (node) => membership?.facts()?.members.get(node)?.alive ?? false)
  let known: readonly Peer[] | undefined
  let started: 'not' | 'without' | 'with' = 'not'
  return {
    follow({ speakerPods, nodes }, nowMs) {
      const changed = peers.update(speakerPods, nodes, nowMs)
      if (changed === undefined) return
      known = changed
      membership?.peers(changed)
    },
    say: (state) => membership?.state(state),
    heard: () => membership?.facts(),
    facts() {
      const facts = membership?.facts()
      if (started === 'with') return facts
      const isWhole = facts !== undefined && known?.every(({ node }) => facts.members.has(node)) === true
      if (started === 'not' && facts !== undefined) {
        // The list of the others is on its way to the membership thread: until then it believes to be alone.
        if (isWhole) started = 'with'
        return isWhole ? facts : { ...facts, settled: false }
      }
      // The key came later: what was decided by readiness goes on until the others were heard.
      started = isWhole && facts?.settled === true ? 'with' : 'without'
      return started === 'with' ? facts : undefined
    },
  }
}
