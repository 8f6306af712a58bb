import type { Family } from '../../addr/ip.ts'
import type { AsPath } from '../../wire/bgp/attributes/as-path.ts'
import type { PathAttributes } from '../../wire/bgp/attributes/table.ts'
import type { UpdateContext } from '../../wire/bgp/context.ts'
import type { ProtocolError } from '../../wire/bgp/protocol-error.ts'
import { parseUpdate } from '../../wire/bgp/update.ts'
import type { BgpRole } from './settings.ts'

/** Who sends, and who we are to it. */
export interface InboundTerms {
  readonly context: UpdateContext
  readonly localAs: number
  readonly peerAs: number
  readonly role: BgpRole | undefined
}

/** What an UPDATE comes to. Its routes are counted and dropped: this speaker imports nothing. */
export type InboundUpdate =
  | {
      readonly kind: 'read'
      /** Prefixes that it announced, of those that could be used. */
      readonly announced: number
      readonly withdrawn: number
      readonly endOfRib: Family | undefined
      /** Why its routes count as withdrawn; undefined: they do not. */
      readonly ignored: IgnoredBecause | undefined
    }
  | { readonly kind: 'reset'; readonly error: ProtocolError }

/** `malformed`: RFC 7606, treat-as-withdraw. `first-as`: RFC 4271 section 6.3. `loop`: RFC 4271 section 9. `leak`: RFC 9234 section 5. */
export type IgnoredBecause = 'malformed' | 'first-as' | 'loop' | 'leak'

/** Reads the body of an UPDATE. Never throws. */
export function readInbound(body: Uint8Array, terms: InboundTerms): InboundUpdate {
  const reading = parseUpdate(body, terms.context)
  if (reading.action === 'session-reset') return { kind: 'reset', error: reading.error }
  const withdrawn = countOf(reading.withdrawn)
  if (reading.action === 'treat-as-withdraw') return { kind: 'read', announced: 0, withdrawn, endOfRib: undefined, ignored: 'malformed' }
  const announced = countOf(reading.announced.map(({ nlri }) => nlri))
  const ignored = announced === 0 ? undefined : uselessBecause(reading.attributes, terms)
  const { endOfRib } = reading
  return { kind: 'read', announced: ignored === undefined ? announced : 0, withdrawn, endOfRib, ignored }
}

const countOf = (lists: readonly { readonly count: number }[]): number => lists.reduce((sum, { count }) => sum + count, 0)

function uselessBecause({ asPath = [], onlyToCustomer }: PathAttributes, terms: InboundTerms): IgnoredBecause | undefined {
  if (terms.context.peering === 'external' && firstAs(asPath) !== terms.peerAs && !isTransparent(terms.role)) return 'first-as'
  if (asPath.some(({ ases }) => ases.includes(terms.localAs))) return 'loop'
  return isLeak(onlyToCustomer, terms) ? 'leak' : undefined
}

/** A set at the front names no single AS: its routes are as good as those of a wrong one. */
const firstAs = ([first]: AsPath): number | undefined => (first?.kind === 'sequence' ? first.ases[0] : undefined)

/** A route server does not put itself into the path. RFC 7947 section 2.2.2. */
const isTransparent = (role: BgpRole | undefined): boolean => role === 'route-server-client'

/** From below no route with OTC may come, and from a peer only one that it has marked itself. RFC 9234 section 5. */
function isLeak(onlyToCustomer: number | undefined, { role, peerAs }: InboundTerms): boolean {
  if (onlyToCustomer === undefined) return false
  if (role === 'provider' || role === 'route-server') return true
  return role === 'peer' && onlyToCustomer !== peerAs
}
