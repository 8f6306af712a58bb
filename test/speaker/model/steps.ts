/** What can happen in the world of ownership, one step at a time: conditions.ts says when, effects.ts what it does. */
import { nameOf } from './world.ts'

/** `at` is the node that it happens to; `to` the other one, where there is one. */
export interface Step {
  readonly kind: Kind
  readonly at: number
  readonly to: number
}

/** What goes on by itself as long as the world stays as it is. */
export const FLOW = ['notice', 'tell', 'arrive', 'read', 'write', 'land', 'settle', 'stop'] as const
/** The same with fewer orders: what a node hears of the others it hears at once. */
export const COARSE_FLOW = ['notice-all', 'tell', 'arrive', 'read', 'write', 'land', 'settle', 'stop'] as const
/** At rest everybody has waited long enough. */
export const REST = ['expire'] as const
/** What ends a fault. */
export const REPAIRS = ['resume', 'start', 'link', 'api-back', 'able'] as const
/** What breaks something, or is an order of people. */
export const FAULTS = [
  'crash',
  'pause',
  'cut',
  'isolate',
  'api-away',
  'api-down',
  'unable',
  'exclude',
  'leave',
  'move',
  'suspect',
  'delay',
  'slow-write',
  'hurry',
] as const
export type Fault = (typeof FAULTS)[number]
export type Kind = (typeof FLOW)[number] | (typeof COARSE_FLOW)[number] | (typeof REST)[number] | (typeof REPAIRS)[number] | Fault

export const textOf = ({ kind, at, to }: Step): string => `${kind} ${nameOf(at)}${to === at ? '' : ` ${nameOf(to)}`}`
