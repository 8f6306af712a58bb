import type { BfdChange, BfdReport, BfdSpec } from './settings.ts'

/** What the thread of BFD starts with. */
export interface BfdStart {
  /** Its end of a MessageChannel; the structured clone has no type. */
  readonly port: unknown
  /** The eventfd that ends its wait. */
  readonly wakeupFd: number
}

/** What the main thread tells it. */
export type ToBfd =
  /** The whole set of sessions. */
  | { readonly kind: 'specs'; readonly specs: readonly BfdSpec[] }
  /** Say AdminDown to every peer, and end. */
  | { readonly kind: 'stop' }

/** What it tells the main thread. */
export type FromBfd = { readonly kind: 'change'; readonly change: BfdChange } | { readonly kind: 'state'; readonly state: BfdThreadState }

/** Told at least every REPORT_EVERY_MS, and at each change. */
export interface BfdThreadState {
  readonly reports: readonly BfdReport[]
  /** Why a session cannot be spoken, as sentences. */
  readonly problems: readonly string[]
  /** Packets that belong to no session, since the thread started. */
  readonly strays: number
  /** By how much a turn of the thread came too late, at the most since it last told: milliseconds. */
  readonly lateMs: number
}

/** How often the thread tells its state; without one for STUCK_AFTER_MS it hangs. */
export const REPORT_EVERY_MS = 1000
export const STUCK_AFTER_MS = 5000
