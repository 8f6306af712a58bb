/** Why a message ends the session: what the NOTIFICATION has to carry, and a sentence part for people. */
export interface ProtocolError {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
  readonly cause: string
}

const NOTHING = new Uint8Array(0)

export const protocolError = (code: number, subcode: number, cause: string, data: Uint8Array = NOTHING): ProtocolError => ({
  code,
  subcode,
  data,
  cause,
})
