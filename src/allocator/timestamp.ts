import type { Clock } from '../runtime/clock.ts'

/** The time as Kubernetes writes it: RFC 3339 in UTC, without fractions. */
export const timestamp = (clock: Pick<Clock, 'nowMs'>): string => new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z')
