import { HEADER_LENGTH } from '../../wire/bgp/header.ts'
import { MESSAGE_TYPE, type MessageType } from '../../wire/bgp/iana.ts'
import { countMessage, countWithdrawals, withdrawnIn } from './session-counts.ts'
import { type PeerState, type SessionLink, WAKE } from './session-state.ts'

/** More is not asked of the routes while so much has not been taken by the kernel. */
const MOST_UNWRITTEN_BYTES = 64 * 1024
/** Messages are written together up to about so much. */
const CORK_BYTES = 32 * 1024
/** How long routes are turned into messages before everything else on this thread has its turn. */
const TURN_MS = 5
const TYPES = Object.keys(MESSAGE_TYPE) as MessageType[]

/** Sends one whole message; `written` when the kernel has taken it. */
export function sendMessage(state: PeerState, link: SessionLink, message: Uint8Array, written: () => void): void {
  note(state, link, message)
  link.connection.write(message, written)
}

function note(state: PeerState, link: SessionLink, message: Uint8Array): void {
  const type = TYPES.find((name) => MESSAGE_TYPE[name] === message[HEADER_LENGTH - 1]) ?? 'update'
  const context = link.agreement?.send
  countMessage(state.sent, type)
  if (type === 'update' && context !== undefined) countWithdrawals(state.sent, withdrawnIn(message.subarray(HEADER_LENGTH), context))
  state.capture.add({ direction: 'sent', atMs: state.options.clock.nowMs(), type, message, context })
}

/**
 * Fills the connection of the Established session with what its routes have to say, as long as there is room. `written` is called
 * whenever the kernel has taken a piece; the next one is asked for then. `later` is called when there is more than one turn of work.
 */
export function pump(state: PeerState, written: (link: SessionLink) => void, later: () => void): void {
  const { established, outbound, options } = state
  if (established === undefined) return
  const { link } = established
  const { clock } = options
  const endMs = clock.monotonicMs() + TURN_MS
  while (link.connection.unwrittenBytes + state.corkedBytes < MOST_UNWRITTEN_BYTES) {
    const nowMs = clock.monotonicMs()
    const message = outbound.next(nowMs)
    if (message === undefined) break
    note(state, link, message)
    state.corked.push(message)
    state.corkedBytes += message.length
    if (state.corkedBytes >= CORK_BYTES) flush(state, link, written)
    if (nowMs >= endMs) {
      later()
      break
    }
  }
  flush(state, link, written)
  // `written` goes on when the kernel has taken some; who looked at the clock meanwhile would look all the time.
  const isFull = link.connection.unwrittenBytes >= MOST_UNWRITTEN_BYTES
  const waitMs = isFull ? undefined : outbound.waitMs(clock.monotonicMs())
  if (waitMs === undefined) state.timers.stop(WAKE)
  else state.timers.start(WAKE, waitMs)
}

function flush(state: PeerState, link: SessionLink, written: (link: SessionLink) => void): void {
  if (state.corked.length === 0) return
  const [first] = state.corked
  const bytes = state.corked.length === 1 && first !== undefined ? first : Buffer.concat(state.corked, state.corkedBytes)
  state.corked = []
  state.corkedBytes = 0
  link.connection.write(bytes, () => written(link))
}
