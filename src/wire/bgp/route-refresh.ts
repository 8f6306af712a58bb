import { err, ok, type Result } from '../../result.ts'
import { readU16, u8, u16 } from './bytes.ts'
import { HEADER_LENGTH, serializeFrame } from './header.ts'
import { ERROR, HEADER_ERROR, ROUTE_REFRESH_ERROR } from './iana.ts'
import { type ProtocolError, protocolError } from './protocol-error.ts'

/**
 * A ROUTE-REFRESH (RFC 2918 section 3, RFC 7313 section 3.2): AFI, subtype, SAFI. `request` asks for all routes of the family again,
 * `begin` and `end` stand before and behind them (BoRR, EoRR).
 */
export interface RouteRefresh {
  readonly afi: number
  readonly safi: number
  readonly subtype: keyof typeof SUBTYPE
}

const SUBTYPE = { request: 0, begin: 1, end: 2 } as const
const BODY_LENGTH = 4

/**
 * Reads the body of a ROUTE-REFRESH; undefined for a subtype that is not known, which is to be ignored (RFC 7313 section 5).
 * Errors: Invalid Message Length with the whole message for `begin` and `end` (RFC 7313 section 5), Bad Message Length for the rest.
 */
export function parseRouteRefresh(body: Uint8Array): Result<RouteRefresh | undefined, ProtocolError> {
  const number = body[2] ?? 0
  const subtype = (Object.keys(SUBTYPE) as (keyof typeof SUBTYPE)[]).find((name) => SUBTYPE[name] === number)
  if (body.length !== BODY_LENGTH) {
    const cause = `a ROUTE-REFRESH of ${body.length} bytes behind its header`
    if (subtype === 'begin' || subtype === 'end') {
      const message = serializeFrame('routeRefresh', body)
      return err(protocolError(ERROR.routeRefresh, ROUTE_REFRESH_ERROR.invalidLength, cause, message))
    }
    return err(protocolError(ERROR.header, HEADER_ERROR.badLength, cause, Uint8Array.from(u16(HEADER_LENGTH + body.length))))
  }
  return ok(subtype === undefined ? undefined : { afi: readU16(body, 0), safi: body[3] ?? 0, subtype })
}

/** The inverse of parseRouteRefresh, as a whole message. */
export const serializeRouteRefresh = ({ afi, safi, subtype }: RouteRefresh): Uint8Array =>
  serializeFrame('routeRefresh', Uint8Array.of(...u16(afi), SUBTYPE[subtype], ...u8(safi)))
