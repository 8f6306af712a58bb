import { type Frame, parseFrame } from '../../wire/bgp/header.ts'
import type { ProtocolError } from '../../wire/bgp/protocol-error.ts'

/** What the next bytes are. */
export type StreamStep =
  | { readonly kind: 'message'; readonly frame: Frame /** Header included; shares memory with the chunk. */; readonly bytes: Uint8Array }
  | { readonly kind: 'broken'; readonly error: ProtocolError }
  /** All was read; the next chunk may come. */
  | { readonly kind: 'dry' }

/**
 * Cuts the bytes of a connection into messages. It holds the chunk that it was given last and at most one message that is not whole yet, so
 * what a peer can make it keep is bounded.
 */
export interface MessageStream {
  /** Only after `dry`. */
  push(chunk: Uint8Array): void
  /** @param longest MESSAGE_MAX or EXTENDED_MESSAGE_MAX, as it is at that moment */
  next(longest: number): StreamStep
  /** Bytes that are held: of a message that is not whole, or not looked at yet. */
  readonly heldBytes: number
  /** Whether next() has said `dry` since the last push(). */
  readonly isDry: boolean
}

const EMPTY = new Uint8Array(0)
const DRY: StreamStep = { kind: 'dry' }

/** A stream at its beginning. */
export function createMessageStream(): MessageStream {
  let held: Uint8Array = EMPTY
  let at = 0
  let isDry = true
  return {
    push(chunk) {
      isDry = false
      held = held.length === at ? chunk : joined(held.subarray(at), chunk)
      at = 0
    },
    next(longest) {
      const rest = at === 0 ? held : held.subarray(at)
      if (rest.length === 0) {
        held = EMPTY
        at = 0
        isDry = true
        return DRY
      }
      const frame = parseFrame(rest, longest)
      if (!frame.ok) return { kind: 'broken', error: frame.error }
      if (frame.value === undefined) {
        // A copy: the rest must not keep a whole read buffer alive.
        held = rest.slice()
        at = 0
        isDry = true
        return DRY
      }
      at += frame.value.length
      return { kind: 'message', frame: frame.value, bytes: rest.subarray(0, frame.value.length) }
    },
    get heldBytes() {
      return held.length - at
    },
    get isDry() {
      return isDry
    },
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
