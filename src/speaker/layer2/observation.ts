import type { AddressKey } from './address-key.ts'

/** What the layer 2 thread saw on the wire, for the decisions and for people. Times are milliseconds of monotonicMs(). */

/** Another host said that it has an address of ours. */
export interface ForeignClaim {
  readonly address: AddressKey
  /** 6 bytes. */
  readonly mac: Uint8Array
  readonly atMs: number
  /** How many such frames came for this address since it is ours. At most one message a second and address tells of them. */
  readonly count: number
}

/** The end of a probe: whether somebody has the address already. */
export interface ProbeOutcome {
  readonly address: AddressKey
  /** The MAC that answered, 6 bytes; undefined when nobody did. */
  readonly takenBy: Uint8Array | undefined
}

/** The last frames about one address of this node. */
export interface Observation {
  readonly lastAnswer: { readonly toMac: Uint8Array; readonly atMs: number } | undefined
  readonly lastAnnouncementMs: number | undefined
  readonly lastForeignClaim: ForeignClaim | undefined
}
