import type { AddressKey } from '../layer2/address-key.ts'
import type { MembershipFacts } from './facts.ts'
import type { MembershipTiming } from './timing.ts'

/** What the main thread and the membership thread say to each other. */

/** Given to the Worker when it starts. */
export interface MembershipStart {
  readonly self: string
  readonly timing: MembershipTiming
  /** UDP and TCP. `address` is what the sockets are bound to. */
  readonly bind: { readonly address: string; readonly port: number }
  /** The memory of the Fence. */
  readonly fence: SharedArrayBuffer
  /** The memory of the counters. */
  readonly counters: SharedArrayBuffer
}

/** Another speaker: its node, and the address of its Pod. The port is our own. */
export interface Peer {
  readonly node: string
  readonly ip: string
}

/** The key that seals what is sent, and every key that is accepted (that one included). */
export interface Keys {
  readonly seal: Uint8Array
  readonly accept: readonly Uint8Array[]
}

/** One address of this node (or of a peer): held since `epoch`, or given up at it. `recorded`: the claim says so already. */
export interface AddressWord {
  readonly address: AddressKey
  readonly epoch: number
  readonly state: 'held' | 'released'
  readonly recorded: boolean
}

export type ToMembership =
  /** The whole list of the other known speakers. */
  | { readonly kind: 'peers'; readonly peers: readonly Peer[] }
  | { readonly kind: 'keys'; readonly keys: Keys }
  /**
   * What this node says of itself. Sent at each change and every STATE_EVERY_MS: without it for STATE_LASTS_MS the main thread counts as
   * stuck, and the node is announced as not serving.
   */
  | { readonly kind: 'state'; readonly serving: boolean; readonly leaving: boolean }
  /** This node's words: what is new or changed is told to every peer at once until it confirms; all of it to a peer that (re)appears. */
  | { readonly kind: 'words'; readonly upsert: readonly AddressWord[]; readonly remove: readonly AddressKey[] }
  /** Tells these (known) words to every peer again: somebody was seen answering who should not. */
  | { readonly kind: 'repeat'; readonly addresses: readonly AddressKey[] }
  /** The main thread has applied everything that was sent before `resumed`. */
  | { readonly kind: 'reconciled'; readonly pause: number }
  | { readonly kind: 'stop' }

export type FromMembership =
  /** At each change. */
  | { readonly kind: 'members'; readonly facts: MembershipFacts }
  /** A peer's words, as they come. */
  | { readonly kind: 'words'; readonly node: string; readonly words: readonly AddressWord[] }
  /**
   * This process was paused and the peers' words that came since are all above: when the main thread has applied them, and the layer 2
   * thread knows, it says `reconciled` with the same number, and the fence opens again.
   */
  | { readonly kind: 'resumed'; readonly pause: number }
  /** The sockets are open, or why not. It is tried again with backoff. */
  | { readonly kind: 'sockets'; readonly error: string | undefined }

export const STATE_EVERY_MS = 500
export const STATE_LASTS_MS = 3000
