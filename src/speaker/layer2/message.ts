import type { Family } from '../../addr/ip.ts'
import type { SlottedLine, TableChange } from './table.ts'

/** What the two threads of layer 2 say to each other. */

/** Given to the Worker when it starts. */
export interface WorkerStart {
  /** A MessagePort of node:worker_threads; read without an event loop, which the Worker does not have while it waits for frames. */
  readonly port: unknown
  /** The eventfd that the main thread writes after each message. */
  readonly wakeupFd: number
  /** The memory of Layer2Counters. */
  readonly counters: SharedArrayBuffer
}

export type ToWorker =
  | { readonly kind: 'change'; readonly change: Omit<TableChange, 'upsert'> & { readonly upsert: readonly SlottedLine[] } }
  | { readonly kind: 'stop' }

/** Whether the Worker has its raw socket for a family on an interface, and listens to the groups of the addresses. */
export interface SocketState {
  readonly interfaceIndex: number
  readonly family: Family
  readonly name: string
  readonly error: string | undefined
}

export type FromWorker = { readonly kind: 'sockets'; readonly states: readonly SocketState[] }
