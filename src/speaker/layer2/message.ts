import type { Family } from '../../addr/ip.ts'
import type { AddressKey } from './address-key.ts'
import type { ForeignClaim } from './observation.ts'
import type { SlottedLine, TableChange, TableInterface } from './table.ts'

/** What the two threads of layer 2 say to each other. */

/** What the Worker gets when it starts, but for its end of the channel. */
export interface WorkerSettings {
  /** The memory of Layer2Counters. */
  readonly counters: SharedArrayBuffer
  /** The memory of a Fence; without one the Worker may always answer. */
  readonly fence: SharedArrayBuffer | undefined
  readonly announcements: AnnouncementPlan
}

/** When an address is announced, in milliseconds after the take-over, and how often again afterwards (undefined: never). */
export interface AnnouncementPlan {
  readonly delaysMs: readonly number[]
  readonly repeatMs: number | undefined
}

/** Given to the Worker when it starts. */
export interface WorkerStart extends WorkerSettings {
  /** A MessagePort of node:worker_threads; read without an event loop, which the Worker does not have while it waits for frames. */
  readonly port: unknown
  /** The eventfd that the main thread writes after each message. */
  readonly wakeupFd: number
}

export type ToWorker =
  | { readonly kind: 'change'; readonly change: Omit<TableChange, 'upsert'> & { readonly upsert: readonly SlottedLine[] } }
  | { readonly kind: 'probe'; readonly id: number; readonly address: AddressKey; readonly on: TableInterface }
  | { readonly kind: 'end-probe'; readonly id: number }
  /** Asks for `settled` when everything before it is applied. */
  | { readonly kind: 'settle'; readonly id: number }
  | { readonly kind: 'stop' }

/** Whether the Worker has its raw socket for a family on an interface, and listens to the groups of the addresses. */
export interface SocketState {
  readonly interfaceIndex: number
  readonly family: Family
  readonly name: string
  readonly error: string | undefined
}

export type FromWorker =
  | { readonly kind: 'sockets'; readonly states: readonly SocketState[] }
  | { readonly kind: 'foreign-claims'; readonly claims: readonly ForeignClaim[] }
  /** `error`: the wire could not be asked. `takenBy`: 6 bytes. */
  | { readonly kind: 'probed'; readonly id: number; readonly takenBy: Uint8Array | undefined; readonly error: string | undefined }
  | { readonly kind: 'settled'; readonly id: number }
