import type { MembershipPacket } from '../../wire/membership.ts'
import type { AddressWord } from './message.ts'

/** What the state machine of membership wants done. */
export type Effect =
  | { readonly kind: 'send'; readonly ip: string; readonly packet: MembershipPacket }
  /** Permits answers on the wire until then, in milliseconds of monotonicMs(): 0 for never, Infinity for always. */
  | { readonly kind: 'fence'; readonly untilMs: number }
  /** The facts are others than before. */
  | { readonly kind: 'members' }
  | { readonly kind: 'words'; readonly node: string; readonly words: readonly AddressWord[] }
  | { readonly kind: 'resumed'; readonly pause: number }
  /** A packet that counts for nothing. */
  | { readonly kind: 'rejected'; readonly reason: Rejection }

/**
 * `unsealed`: no key made its seal; `malformed`: sealed, and not of our form; `own`: it says that this node sent it; `stranger`: its sender is
 * no known speaker; `repeated`, `former` and `unknown`: see Freshness, and `unknown` also where it does not know our incarnation; `unheard`: words of a speaker whose heartbeat was not heard yet.
 */
export const REJECTIONS = ['unsealed', 'malformed', 'own', 'stranger', 'repeated', 'former', 'unknown', 'unheard'] as const
export type Rejection = (typeof REJECTIONS)[number]

/** Which other speakers a stream is kept to, and whether this side opens it. */
export interface Link {
  readonly node: string
  readonly ip: string
  readonly incarnation: bigint
  readonly opens: boolean
}
