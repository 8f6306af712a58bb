import type { AddressKey } from './address-key.ts'

/** Why a frame got no answer. Closed: it is a metric label. */
export const IGNORE_REASONS = [
  'malformed',
  'not-a-request',
  'other-host',
  'not-ours',
  'own-frame',
  'foreign-claim',
  'bad-sender',
  'rate-limited',
  'fenced',
] as const
export type IgnoreReason = (typeof IGNORE_REASONS)[number]

/** What one interface answers for. */
export interface ResponderTable {
  readonly mac: Uint8Array
  readonly addresses: { has(address: AddressKey): boolean }
  /** The addresses that we ask for ourselves, before anybody is given them. */
  readonly probing: { has(address: AddressKey): boolean }
  /** Whether the asker, the Ethernet source of the frame, may have one more answer. */
  admits(frame: Uint8Array): boolean
}

/** `taken`: another host has, or wants, an address that we ask for. */
export type Verdict = 'reply' | 'taken' | IgnoreReason

/** What came of one frame. There is one such object, filled for each frame: nothing is allocated on the way of an answer. */
export interface Response {
  verdict: Verdict
  /** Set as soon as the frame asks for, or claims, an address of the table. */
  address: AddressKey | undefined
  /** Where a reply is written: room for REPLY_ROOM bytes. */
  frame: Uint8Array
  /** Bytes of the reply. */
  length: number
  /** Of `foreign-claim` and `taken`: the other host's MAC, 6 bytes. */
  readonly mac: Uint8Array
}

/** The longest reply, a neighbour advertisement: 14 bytes of Ethernet, 40 of IPv6, 32 of ICMPv6. */
export const REPLY_ROOM = 86

export const createResponse = (): Response => ({
  verdict: 'malformed',
  address: undefined,
  frame: new Uint8Array(REPLY_ROOM),
  length: 0,
  mac: new Uint8Array(6),
})

/** Fills in and gives the verdict; `length` is that of the reply that was written. */
export function conclude(into: Response, verdict: Verdict, address?: AddressKey, length = 0): Verdict {
  into.verdict = verdict
  into.address = address
  into.length = length
  return verdict
}

/** The same with the MAC, six bytes of `bytes` from `at` on, of the host that is concerned. */
export function accuse(into: Response, verdict: 'foreign-claim' | 'taken', address: AddressKey, bytes: Uint8Array, at: number): Verdict {
  for (let octet = 0; octet < 6; octet++) into.mac[octet] = bytes[at + octet] ?? 0
  return conclude(into, verdict, address)
}

/** Whether six bytes of `bytes` from `at` on are `mac`. */
export function isMac(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let octet = 0; octet < 6; octet++) if (bytes[at + octet] !== mac[octet]) return false
  return true
}

/** Whether the MAC at `at` is a group's, or nobody's: one that cannot be answered. */
export function isUnanswerable(bytes: Uint8Array, at: number): boolean {
  if (((bytes[at] ?? 0) & 1) !== 0) return true
  for (let octet = 0; octet < 6; octet++) if (bytes[at + octet] !== 0) return false
  return true
}

/** Whether the frame is to a group or to our own MAC. */
export const isForUs = (frame: Uint8Array, mac: Uint8Array): boolean => ((frame[0] ?? 0) & 1) !== 0 || isMac(frame, 0, mac)

/** Two bytes in network byte order. */
export const uint16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
