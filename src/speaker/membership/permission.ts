import type { MembershipTiming } from './timing.ts'

/**
 * When this node may answer on the wire, as states:
 *
 *     closed        the sockets or the list of peers are missing            start() -> asking
 *     asking        everybody is asked what became of our addresses         learnt() or the time -> reconciling
 *     reconciling   the main thread applies what was heard                  reconciled() -> open
 *     open          each heartbeat extends the fence                        pause() -> asking, stall() -> stalled
 *     stalled       the main thread applies nothing, so others take over    unstall() -> reconciling
 *
 * Every other event leaves the state as it is, but pause() of asking and reconciling, which asks anew. A node without peers may always answer.
 */
export type Permission =
  | { readonly kind: 'closed' }
  | { readonly kind: 'asking'; readonly pause: number; readonly untilMs: number }
  | { readonly kind: 'reconciling'; readonly pause: number }
  | { readonly kind: 'open'; readonly pause: number }
  | { readonly kind: 'stalled'; readonly pause: number }

export type PermissionEvent =
  | { readonly kind: 'start'; readonly nowMs: number }
  | { readonly kind: 'pause'; readonly nowMs: number }
  /** Everybody who can has answered, or `nowMs` is past the time. */
  | { readonly kind: 'learnt' }
  | { readonly kind: 'reconciled'; readonly pause: number }
  | { readonly kind: 'stall' }
  | { readonly kind: 'unstall' }

/** How long everybody is waited for: after the start, when others may be starting too, and after a pause. */
export const START_MS = 600
export const PAUSE_MS = 300

/** The state after `event`: the same object when nothing changes. */
export function nextPermission(state: Permission, event: PermissionEvent): Permission {
  switch (event.kind) {
    case 'start':
      return state.kind === 'closed' ? { kind: 'asking', pause: 1, untilMs: event.nowMs + START_MS } : state
    case 'pause':
      return state.kind === 'closed' ? state : { kind: 'asking', pause: state.pause + 1, untilMs: event.nowMs + PAUSE_MS }
    case 'learnt':
      return state.kind === 'asking' ? { kind: 'reconciling', pause: state.pause } : state
    case 'reconciled':
      return state.kind === 'reconciling' && state.pause === event.pause ? { kind: 'open', pause: state.pause } : state
    case 'stall':
      return state.kind === 'open' || state.kind === 'reconciling' ? { kind: 'stalled', pause: state.pause } : state
    case 'unstall':
      return state.kind === 'stalled' ? { kind: 'reconciling', pause: state.pause + 1 } : state
  }
}

/** Until when answers are permitted, after a heartbeat at `heartbeatMs`. Others count this node as dead deadMs after it, which is later. */
export function fenceUntilMs(state: Permission, alone: boolean, heartbeatMs: number, { fenceMs }: MembershipTiming): number {
  if (state.kind === 'closed') return 0
  if (alone) return Number.POSITIVE_INFINITY
  return state.kind === 'open' ? heartbeatMs + fenceMs : 0
}
