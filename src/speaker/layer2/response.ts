import type { AddressKey } from './address-key.ts'

/** Why a frame got no answer. Closed: it is a metric label. */
export const IGNORE_REASONS = ['malformed', 'not-a-request', 'other-host', 'not-ours', 'own-frame', 'foreign-claim', 'bad-sender'] as const
export type IgnoreReason = (typeof IGNORE_REASONS)[number]

/** What one interface answers for. */
export interface ResponderTable {
  readonly mac: Uint8Array
  readonly addresses: { has(address: AddressKey): boolean }
}

/** `address` is set as soon as the frame asks for, or claims, an address of the table. */
export type Response =
  | { readonly kind: 'reply'; readonly address: AddressKey; readonly frame: Uint8Array }
  | { readonly kind: 'ignore'; readonly reason: IgnoreReason; readonly address?: AddressKey }

export const ignore = (reason: IgnoreReason): Response => ({ kind: 'ignore', reason })

export const sameMac = (a: Uint8Array, b: Uint8Array): boolean => {
  for (let at = 0; at < 6; at++) if (a[at] !== b[at]) return false
  return true
}

export const isGroup = (mac: Uint8Array): boolean => ((mac[0] ?? 0) & 1) !== 0
export const isZero = (mac: Uint8Array): boolean => mac.every((byte) => byte === 0)
