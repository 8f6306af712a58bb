import type { Ip } from '../../addr/ip.ts'

/** Which router is behind an interface, as far as advertisements tell. Times are milliseconds of a steady clock. */
export interface RouterView {
  readonly current: HeardRouter | undefined
  /** Another one, heard while the current one was overdue or in doubt. */
  readonly rival: HeardRouter | undefined
  /** Since when the current one has been asked to show itself. */
  readonly doubtedMs: number | undefined
}

export interface HeardRouter {
  /** Link-local. */
  readonly ip: Ip
  readonly heardMs: number
  /** Between two advertisements; undefined before the second. */
  readonly intervalMs: number | undefined
  readonly lifetimeMs: number
}

export type RouterEvent =
  | { readonly kind: 'advertised'; readonly ip: Ip; readonly lifetimeSec: number }
  /** The cable is in again, perhaps in another router. */
  | { readonly kind: 'link-up' }
  | { readonly kind: 'tick' }

export interface RouterStep {
  readonly view: RouterView
  /** Whether a router solicitation is to be sent. */
  readonly solicit: boolean
}

export const NO_ROUTER: RouterView = { current: undefined, rival: undefined, doubtedMs: undefined }

/** A router that is gone is forgotten after three advertisements that did not come, but never sooner than this. */
const SHORTEST_MEMORY_MS = 30_000
const MISSES = 3
/** MaxRtrAdvInterval, unless said otherwise. RFC 4861 section 6.2.1. */
const DEFAULT_INTERVAL_MS = 600_000
/** AdvDefaultLifetime is no longer. RFC 4861 section 6.2.1; RFC 8319 permits more, which nobody waits for. */
const LONGEST_MEMORY_MS = 9_000_000
/** A router whose interval is not known yet is overdue after this. */
const UNKNOWN_OVERDUE_MS = 10_000
const OVERDUE_INTERVALS = 1.5
/** An answer to a solicitation takes MIN_DELAY_BETWEEN_RAS and MAX_RA_DELAY_TIME at the most, 3.5 s. RFC 4861 section 10. */
const ANSWER_MS = 4000

/**
 * One step. The first router that is heard is the one; it stays until it has been silent for three of its intervals or for its lifetime, whichever is
 * longer (the lifetime is 0 where the router is no default router, so alone it says nothing). Another one takes its place sooner when the first is
 * overdue and does not answer a solicitation. RFC 4861 section 6.3.4, but that there is one router, which is what an unnumbered peer means.
 */
export function stepDiscovery(view: RouterView, event: RouterEvent, nowMs: number): RouterStep {
  const kept = view.current !== undefined && nowMs - view.current.heardMs >= memoryMs(view.current) ? NO_ROUTER : view
  switch (event.kind) {
    case 'link-up':
      return { view: kept.current === undefined ? kept : { ...kept, doubtedMs: nowMs, rival: undefined }, solicit: true }
    case 'tick':
      return { view: settled(kept, nowMs), solicit: false }
    case 'advertised':
      return advertised(kept, event.ip, event.lifetimeSec * 1000, nowMs)
  }
}

/** When the next tick is due; undefined: never. */
export function discoveryDueMs({ current, rival, doubtedMs }: RouterView): number | undefined {
  if (current === undefined) return undefined
  const forgottenMs = current.heardMs + memoryMs(current)
  return doubtedMs === undefined || rival === undefined ? forgottenMs : Math.min(forgottenMs, doubtedMs + ANSWER_MS)
}

function advertised(view: RouterView, ip: Ip, lifetimeMs: number, nowMs: number): RouterStep {
  const { current, rival } = view
  if (current === undefined) return { view: { ...NO_ROUTER, current: heard(undefined, ip, lifetimeMs, nowMs) }, solicit: false }
  if (current.ip.value === ip.value) return { view: { ...NO_ROUTER, current: heard(current, ip, lifetimeMs, nowMs) }, solicit: false }
  const isOverdue = nowMs - current.heardMs > overdueMs(current)
  if (view.doubtedMs === undefined && !isOverdue) return { view, solicit: false }
  const doubted = {
    ...view,
    doubtedMs: view.doubtedMs ?? nowMs,
    rival: heard(rival?.ip.value === ip.value ? rival : undefined, ip, lifetimeMs, nowMs),
  }
  return { view: settled(doubted, nowMs), solicit: view.doubtedMs === undefined }
}

/** The rival takes the place of who did not answer. */
function settled(view: RouterView, nowMs: number): RouterView {
  const { rival, doubtedMs } = view
  return rival === undefined || doubtedMs === undefined || nowMs - doubtedMs < ANSWER_MS ? view : { ...NO_ROUTER, current: rival }
}

/** Solicited advertisements come early and lost ones leave a gap, so the interval follows a longer one at once, and shorter ones slowly. */
function heard(before: HeardRouter | undefined, ip: Ip, lifetimeMs: number, nowMs: number): HeardRouter {
  if (before === undefined) return { ip, heardMs: nowMs, intervalMs: undefined, lifetimeMs }
  const gapMs = nowMs - before.heardMs
  const intervalMs = Math.max(gapMs, ((before.intervalMs ?? gapMs) * 3 + gapMs) / 4)
  return { ip, heardMs: nowMs, intervalMs, lifetimeMs }
}

const memoryMs = ({ intervalMs = DEFAULT_INTERVAL_MS, lifetimeMs }: HeardRouter): number =>
  Math.min(LONGEST_MEMORY_MS, Math.max(SHORTEST_MEMORY_MS, lifetimeMs, intervalMs * MISSES))

const overdueMs = ({ intervalMs }: HeardRouter): number =>
  intervalMs === undefined ? UNKNOWN_OVERDUE_MS : Math.max(UNKNOWN_OVERDUE_MS, intervalMs * OVERDUE_INTERVALS)
