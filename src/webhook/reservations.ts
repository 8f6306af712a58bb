/**
 * Eips that were admitted a moment ago and may not be stored yet. Each replica of the webhook writes them into one ConfigMap by
 * compare-and-swap before it admits, so that of two Eips that exclude one another only one is admitted, whichever replica is asked.
 */
import { z } from 'zod'
import { parseAddressRange } from '../addr/range.ts'
import type { EipObject } from '../api/eip.ts'
import { isDefaultEip } from '../policy/pool.ts'
import { type OtherEip, toOtherEip } from '../policy/validate-eip.ts'

/** How long an admission that came to nothing (another webhook refused, the API server died) can hold others up. */
export const RESERVATION_MS = 30_000
/** How far the clocks of two replicas may differ without harm. */
export const SKEW_MS = 60_000
/** An admitted object is stored within milliseconds. If another one has its name after this long, it never will be. */
export const NAME_TAKEN_MS = 1000
/** ConfigMaps hold a megabyte. Whoever meets these limits waits for some of the others to be stored. */
const RESERVATIONS_MAX = 256
const RESERVATIONS_LENGTH = 512 * 1024

/** One admitted request. In the ConfigMap's `data`, the key is the request's uid and the value this as JSON. */
const ReservationSchema = z.object({
  name: z.string().min(1),
  /** spec.address and spec.addresses as written, joined by commas. */
  range: z.string(),
  default: z.boolean(),
  /** The uid of the object that is stored if all goes well. */
  uid: z.string(),
  /** For a change, the version that it replaces; absent for a creation. */
  replaces: z.string().exactOptional(),
  /** Milliseconds since 1970, by the clock of the replica that wrote it. */
  expires: z.number(),
})
export type Reservation = z.output<typeof ReservationSchema>
/** Reservations by the uid of their request. */
export type Reservations = ReadonlyMap<string, Reservation>

/** Reads the `data` of the ConfigMap. `bad` are keys whose value nobody can read; they are dropped at the next write. */
export function parseReservations(data: Readonly<Record<string, string>> | undefined): { entries: Reservations; bad: readonly string[] } {
  const entries = new Map<string, Reservation>()
  const bad: string[] = []
  for (const [key, text] of Object.entries(data ?? {})) {
    const reservation = ReservationSchema.safeParse(parseJson(text))
    if (reservation.success) entries.set(key, reservation.data)
    else bad.push(key)
  }
  return { entries, bad }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The schema refuses undefined, which puts the key among the bad ones.
    return undefined
  }
}

/** The inverse of parseReservations. */
export function formatReservations(entries: Reservations): Record<string, string> {
  return Object.fromEntries([...entries].map(([key, reservation]) => [key, JSON.stringify(reservation)]))
}

/** What is known beside the reservations themselves. */
export interface AdmissionFacts {
  /** Every stored Eip, read after the reservations were. */
  readonly stored: readonly EipObject[]
  /** uids of Eips that were seen to be deleted. */
  readonly deleted: ReadonlySet<string>
  readonly nowMs: number
  /** For how long this process has seen a reservation, by its own clock: that of whoever wrote it may be wrong. */
  readonly ageMs: (key: string) => number
}

/**
 * Whether a reservation still stands for something that is not stored: it is over when it expired, when its Eip is stored (or was stored
 * and deleted), when another Eip has its name for good, and for a change when the version that it replaces is no longer the stored one:
 * the change then either is that newer version or was refused for a conflict. An Eip of its name may be on its way out, though: what is
 * created again under one name is admitted while the old one is still there.
 */
export function isPending(key: string, reservation: Reservation, { stored, deleted, nowMs, ageMs }: AdmissionFacts): boolean {
  const age = ageMs(key)
  if (age >= RESERVATION_MS || nowMs >= reservation.expires + SKEW_MS || deleted.has(reservation.uid)) return false
  const namesake = stored.find((eip) => eip.metadata.name === reservation.name)
  if (reservation.replaces !== undefined) {
    return namesake?.metadata.uid === reservation.uid && namesake.metadata.resourceVersion === reservation.replaces
  }
  return namesake === undefined || (namesake.metadata.uid !== reservation.uid && age < NAME_TAKEN_MS)
}

/** The reservations that still count. */
export function pendingReservations(entries: Reservations, facts: AdmissionFacts): Reservations {
  return new Map([...entries].filter(([key, reservation]) => isPending(key, reservation, facts)))
}

/** Whether the ConfigMap can hold all of them. */
export function hasRoom(entries: Reservations): boolean {
  const length = Object.entries(formatReservations(entries)).reduce((sum, [key, text]) => sum + key.length + text.length, 0)
  return entries.size <= RESERVATIONS_MAX && length <= RESERVATIONS_LENGTH
}

/** When reservations were first seen, by the clock of this process. */
export interface Sightings {
  /** Notes those that are new and forgets those that are gone. */
  look(entries: Reservations): void
  /** 0 for one that was never seen. */
  ageMs(key: string): number
}

/** Creates the sightings; `monotonicMs` is a clock that nobody sets. */
export function createSightings(monotonicMs: () => number): Sightings {
  const seenAtMs = new Map<string, number>()
  return {
    look(entries) {
      for (const key of seenAtMs.keys()) if (!entries.has(key)) seenAtMs.delete(key)
      for (const key of entries.keys()) if (!seenAtMs.has(key)) seenAtMs.set(key, monotonicMs())
    },
    ageMs: (key) => monotonicMs() - (seenAtMs.get(key) ?? monotonicMs()),
  }
}

/** Every Eip that the one called `name` must respect: the stored ones first, then those on their way. Its own name never counts. */
export function othersOf(name: string, pending: Reservations, stored: readonly EipObject[]): readonly OtherEip[] {
  const coming = [...pending.values()].filter((reservation) => reservation.name !== name).map(toPendingEip)
  return [...stored.filter((eip) => eip.metadata.name !== name).map(toOtherEip), ...coming]
}

function toPendingEip(reservation: Reservation): OtherEip {
  const ranges = reservation.range.split(',').flatMap((text) => {
    const range = parseAddressRange(text)
    return range.ok ? [range.value] : []
  })
  return { name: reservation.name, ranges, isDefault: reservation.default, pending: true }
}

/** The reservation for a request that is about to be admitted. */
export function reserve(eip: EipObject, before: EipObject | undefined, nowMs: number): Reservation {
  return {
    name: eip.metadata.name,
    range: [eip.spec.address, ...(eip.spec.addresses ?? [])].join(','),
    default: isDefaultEip(eip.metadata.annotations),
    uid: eip.metadata.uid,
    ...(before !== undefined && { replaces: before.metadata.resourceVersion }),
    expires: nowMs + RESERVATION_MS,
  }
}
