import type { UpdateContext } from '../../wire/bgp/context.ts'
import type { MessageType } from '../../wire/bgp/iana.ts'
import { describeMessage } from './capture-text.ts'
import type { CapturedMessage } from './peer-report.ts'

/** How an UPDATE of a session is read; undefined for messages before there is one. */
export type CaptureContext = UpdateContext | undefined

/** The last messages of one peer. */
export interface Capture {
  /** `message` with its header. It is copied: the caller may use its memory again. */
  add(message: CaptureEntry): void
  /** Newest last. Decoded here, not before. */
  messages(peer: string): readonly CapturedMessage[]
}

export interface CaptureEntry {
  readonly direction: 'sent' | 'received'
  readonly atMs: number
  readonly type: MessageType
  readonly message: Uint8Array
  readonly context: CaptureContext
}

const MOST_MESSAGES = 200
const MOST_BYTES = 64 * 1024
/** What is kept of one message; more of it says nothing new to people. */
const MOST_OF_ONE = 4096

/** A ring of at most 200 messages and 64 KiB, whatever comes first. */
export function createCapture(): Capture {
  let entries: (CaptureEntry & { readonly length: number })[] = []
  let oldest = 0
  let bytes = 0
  const drop = (): void => {
    bytes -= entries[oldest]?.message.length ?? 0
    oldest++
    if (oldest < MOST_MESSAGES) return
    entries = entries.slice(oldest)
    oldest = 0
  }
  return {
    add(entry) {
      const message = entry.message.slice(0, MOST_OF_ONE)
      entries.push({ ...entry, message, length: entry.message.length })
      bytes += message.length
      while (entries.length - oldest > MOST_MESSAGES || bytes > MOST_BYTES) drop()
    },
    messages: (peer) =>
      entries.slice(oldest).map(({ direction, atMs, type, message, length, context }) => ({
        peer,
        direction,
        atMs,
        type: TYPE_NAME[type],
        text: describeMessage(type, message, length, context),
        bytes: length,
      })),
  }
}

const TYPE_NAME: Readonly<Record<MessageType, string>> = {
  open: 'OPEN',
  update: 'UPDATE',
  notification: 'NOTIFICATION',
  keepalive: 'KEEPALIVE',
  routeRefresh: 'ROUTE-REFRESH',
}
