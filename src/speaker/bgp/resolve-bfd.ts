/** BFD of a peer. */
import type { BgpPeerSpec } from '../../api/bgp-peer.ts'
import { BGP_SECRET } from '../../api/names.ts'
import type { BfdAuthentication, BfdSettings } from '../bfd/settings.ts'
import { type ProblemList, shown } from './resolve-problem.ts'

const DEFAULT_INTERVAL_MS = 300
const DEFAULT_MULTIPLIER = 3
const DEFAULT_LEAST_TTL = 254
/** RFC 5880 section 6.7.4: a key of SHA1 has 1 to 20 bytes. */
const LONGEST_KEY = 20

/**
 * Undefined without BFD, and, said, when its key cannot be had: packets without the signature would be of no use to the peer, and the session
 * does without BFD as it does with a router that has none.
 */
export function resolveBfd(
  { bfd, ebgpMultihop, ttlSecurity }: BgpPeerSpec,
  isExternal: boolean,
  secret: ReadonlyMap<string, string> | undefined,
  list: ProblemList,
): BfdSettings | undefined {
  if (bfd === undefined || bfd.enabled === false) return undefined
  const isNeighbour = isExternal && ebgpMultihop?.enabled !== true && ttlSecurity?.enabled !== true
  if (bfd.minimumTtl !== undefined && isNeighbour) {
    list.add('ignored', 'spec.bfd.minimumTtl is void without ebgpMultihop: packets of a neighbour must have 255', 'leave it out')
  }
  let authentication: BfdAuthentication | undefined
  if (bfd.authentication !== undefined) {
    const { type, keyId, secretKey } = bfd.authentication
    const key = secret?.get(secretKey) ?? ''
    const length = Buffer.byteLength(key)
    if (length < 1 || length > LONGEST_KEY) {
      return list.add(
        'no-secret-key',
        `the Secret ${BGP_SECRET} has no key ${shown(secretKey)} with 1 to ${LONGEST_KEY} bytes, so the session has no BFD`,
        `add the key to the Secret ${BGP_SECRET} in the namespace of OpenELB`,
      )
    }
    authentication = { type, keyId, key }
  }
  return {
    transmitMs: bfd.transmitInterval ?? DEFAULT_INTERVAL_MS,
    receiveMs: bfd.receiveInterval ?? DEFAULT_INTERVAL_MS,
    detectMultiplier: bfd.detectMultiplier ?? DEFAULT_MULTIPLIER,
    passive: bfd.passiveMode === true,
    leastTtl: bfd.minimumTtl ?? DEFAULT_LEAST_TTL,
    authentication,
  }
}
