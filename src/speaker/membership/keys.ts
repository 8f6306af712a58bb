import { MEMBERLIST_PUBLIC_DEFAULT } from '../../api/names.ts'
import type { Keys } from './message.ts'
import { deriveKey } from './seal.ts'

/**
 * Which keys seal and open while the Secret changes under speakers that do not see the change at the same time. Secrets are texts of one
 * character per byte here, so that they compare and serve as keys of maps.
 */

/** The kubelet brings a changed Secret to every node within this time. */
export const KEY_SPREAD_MS = 120_000

/** What the Secret says now. */
export interface ListedSecrets {
  readonly key: string
  /** The one before, as long as the Secret keeps it: accepted, and what a speaker seals with that finds `key` to be new. */
  readonly previous: string | undefined
  /** How long `key` has been there; what does not tell gives Infinity. Looked at once, when the speaker starts. */
  readonly ageMs: number
}

/** `key` of the Secret, when it became that, what seals, and what opens until when: Infinity while the Secret lists it. */
export interface KeyRing {
  readonly key: string
  readonly sinceMs: number
  readonly seal: string
  readonly accept: ReadonlyMap<string, number>
}

/** Why a secret protects nothing, as the end of a sentence; undefined when it is sound. */
export function explainUnsound(secret: string): string | undefined {
  if (secret === '') return 'is empty'
  if (secret === MEMBERLIST_PUBLIC_DEFAULT) return `is the public default "${MEMBERLIST_PUBLIC_DEFAULT}", which everybody knows`
  return undefined
}

/** The text of a secret: its bytes without the white space around them, which editors and `echo` leave behind. */
export const secretText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').trim()

/**
 * The ring after another look at the Secret. A new `key` opens from now on, and seals KEY_SPREAD_MS later, when every speaker knows it; what
 * the Secret no longer lists opens for twice that time, since others may seal with it for so long. Both secrets are sound: explainUnsound
 * was asked before. `nowMs` is of a clock that never goes back.
 */
export function turnRing(before: KeyRing | undefined, { key, previous, ageMs }: ListedSecrets, nowMs: number): KeyRing {
  const isNew = before === undefined || before.key !== key
  const sinceMs = !isNew ? before.sinceMs : before === undefined ? nowMs - ageMs : nowMs
  const old = before === undefined ? previous : before.seal
  const seal = old === undefined || nowMs - sinceMs >= KEY_SPREAD_MS ? key : old
  const accept = new Map([[key, Number.POSITIVE_INFINITY]])
  if (previous !== undefined) accept.set(previous, Number.POSITIVE_INFINITY)
  const endMs = nowMs + 2 * KEY_SPREAD_MS
  for (const [secret, untilMs] of before?.accept ?? []) {
    if (accept.has(secret)) continue
    // What seals when another change comes goes on sealing, here and elsewhere: its time starts again.
    const renewed = untilMs === Number.POSITIVE_INFINITY || (isNew && secret === before?.seal) ? endMs : untilMs
    if (renewed > nowMs) accept.set(secret, renewed)
  }
  return { key, sinceMs, seal, accept }
}

/** Whether the ring seals and opens with the same secrets as before. */
export const sameRing = (a: KeyRing | undefined, b: KeyRing): boolean =>
  a !== undefined && a.seal === b.seal && a.accept.size === b.accept.size && [...b.accept.keys()].every((secret) => a.accept.has(secret))

/** The keys of a ring; the one that seals is the first that is tried. */
export function keysOf({ seal, accept }: KeyRing): Keys {
  const derive = (secret: string): Uint8Array => deriveKey(Buffer.from(secret, 'latin1'))
  const own = derive(seal)
  return { seal: own, accept: [own, ...[...accept.keys()].filter((secret) => secret !== seal).map(derive)] }
}
