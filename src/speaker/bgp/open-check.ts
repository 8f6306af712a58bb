import { AS_TRANS, OPEN_ERROR } from '../../wire/bgp/iana.ts'
import type { MessageError, PeerOpen } from './fsm-events.ts'
import { isHoldTime } from './timers.ts'

/** Which AS a peer may have: one, any but ours (`external`) or ours (`internal`). */
export type ExpectedAs = number | 'external' | 'internal'

export interface OpenExpectation {
  readonly localAs: number
  readonly localIdentifier: number
  readonly expectedAs: ExpectedAs
}

const bytes = (value: number, length: 2 | 4): Uint8Array => {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out.subarray(4 - length)
}

function isExpected(asNumber: number, { localAs, expectedAs }: OpenExpectation): boolean {
  if (expectedAs === 'external') return asNumber !== localAs
  return asNumber === (expectedAs === 'internal' ? localAs : expectedAs)
}

/**
 * What is wrong with an OPEN that could be read, as the subcode and data of an OPEN Message Error; undefined when the session may go on.
 * AS 0 and AS_TRANS as a real number are refused (RFC 7607, RFC 6793), as is another AS than configured; identifier 0 and, from our own
 * AS, our own identifier (RFC 6286 sections 2.1 and 2.2); HoldTime 1 and 2 (RFC 4271 section 6.2). The capabilities and the version are the codec's to check.
 */
export function openError(open: PeerOpen, expectation: OpenExpectation): MessageError | undefined {
  const { asNumber, identifier, holdTimeSec } = open
  if (asNumber === 0 || asNumber === AS_TRANS || !isExpected(asNumber, expectation))
    return { subcode: OPEN_ERROR.badPeerAs, data: bytes(asNumber, 4) }
  const isOurs = asNumber === expectation.localAs && identifier === expectation.localIdentifier
  if (identifier === 0 || isOurs) return { subcode: OPEN_ERROR.badIdentifier, data: bytes(identifier, 4) }
  if (!isHoldTime(holdTimeSec * 1000)) return { subcode: OPEN_ERROR.unacceptableHoldTime, data: bytes(holdTimeSec, 2) }
  return undefined
}
