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
  /** Milliseconds since 1970. */
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
}

/**
 * Whether a reservation still stands for something that is not stored: it is over when it expired, when its Eip is stored (or was stored
 * and deleted), when its name was taken by another Eip, and for a change when the version that it replaces is no longer the stored one:
 * the change then either is that newer version or was refused for a conflict.
 */
export function isPending(reservation: Reservation, { stored, deleted, nowMs }: AdmissionFacts): boolean {
  if (nowMs >= reservation.expires || deleted.has(reservation.uid)) return false
  const namesake = stored.find((eip) => eip.metadata.name === reservation.name)
  if (reservation.replaces === undefined) return namesake === undefined
  return namesake?.metadata.uid === reservation.uid && namesake.metadata.resourceVersion === reservation.replaces
}

/** The reservations that still count. */
export function pendingReservations(entries: Reservations, facts: AdmissionFacts): Reservations {
  return new Map([...entries].filter(([, reservation]) => isPending(reservation, facts)))
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
