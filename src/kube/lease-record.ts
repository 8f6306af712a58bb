import type { LeaseObject } from '../api/core-objects.ts'

/** The part of a Lease that decides who leads. */
export type LeaseSpec = NonNullable<LeaseObject['spec']>

export interface LeaseTerms {
  readonly identity: string
  readonly leaseDurationMs: number
}

/** What a candidate knows of the Lease: when it last changed, by the candidate's own clock. Other machines' clocks decide nothing. */
export interface Observation {
  readonly spec: LeaseSpec
  /** Monotonic milliseconds at which this spec was first seen. */
  readonly sinceMs: number
}

/** Takes a look at the Lease: the time stays that of the first look at this state. */
export function observe(last: Observation | undefined, spec: LeaseSpec, nowMs: number): Observation {
  const same = last !== undefined && last.spec.holderIdentity === spec.holderIdentity && last.spec.renewTime === spec.renewTime
  return same ? last : { spec, sinceMs: nowMs }
}

/** May we write our name into the Lease? `held`: another one holds it; it may still expire at that (own, monotonic) time. */
export type Chance =
  | { readonly kind: 'take' }
  | { readonly kind: 'renew' }
  | { readonly kind: 'held'; readonly by: string; readonly untilMs: number }

/** Decides as client-go does: a Lease is free when nobody holds it, or when its holder did not renew it for as long as it said it would. */
export function chanceOf({ spec, sinceMs }: Observation, { identity, leaseDurationMs }: LeaseTerms, nowMs: number): Chance {
  const by = spec.holderIdentity ?? ''
  if (by === '') return { kind: 'take' }
  if (by === identity) return { kind: 'renew' }
  const saidMs = (spec.leaseDurationSeconds ?? 0) * 1000
  const untilMs = sinceMs + (saidMs > 0 ? saidMs : leaseDurationMs)
  return nowMs < untilMs ? { kind: 'held', by, untilMs } : { kind: 'take' }
}

/** The spec to write when taking or renewing. `nowMs` is wall time: it is for people to read. */
export function heldSpec(before: LeaseSpec | undefined, { identity, leaseDurationMs }: LeaseTerms, nowMs: number): LeaseSpec {
  const renewTime = microTime(nowMs)
  const mine = before?.holderIdentity === identity
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.ceil(leaseDurationMs / 1000)),
    acquireTime: mine ? (before?.acquireTime ?? renewTime) : renewTime,
    renewTime,
    leaseTransitions: (before?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
  }
}

/** The spec of a Lease given back: anybody may take it at once. */
export function releasedSpec(before: LeaseSpec, nowMs: number): LeaseSpec {
  const now = microTime(nowMs)
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now }
}

/** Kubernetes' MicroTime: RFC 3339 in UTC with six decimals. */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, '000Z')
