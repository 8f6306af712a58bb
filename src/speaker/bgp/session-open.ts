import { type AfiSafi, type Capability, writeCapability } from '../../wire/bgp/capabilities.ts'
import { AFI, OPEN_ERROR, ROLE, SAFI_UNICAST } from '../../wire/bgp/iana.ts'
import type { Open } from '../../wire/bgp/open.ts'
import type { GracefulRestartCapability, MessageError, PeerOpen } from './fsm-events.ts'
import { openError } from './open-check.ts'
import { isRestarting } from './restart-clock.ts'
import type { BgpRole, PeerFamily, PeerSettings } from './settings.ts'

/** What an OPEN says besides the settings. */
export interface OpenSurroundings {
  /** Our name in the capability FQDN. */
  readonly node: string
  /** How long this process has run, and whether the peer had a session with it: see restart-clock.ts. */
  readonly ageMs: number
  readonly hadSession: boolean
}

const NOTHING = new Uint8Array(0)
const FQDN_BYTES = 255

const wireFamily = ({ family }: Pick<PeerFamily, 'family'>): AfiSafi => ({ afi: AFI[family], safi: SAFI_UNICAST })

/** Our OPEN to the peer: all that we can, and that its settings do not take away. */
export function openOf(peer: PeerSettings, surroundings: OpenSurroundings): Open {
  const { families } = peer
  const sends = families.filter(({ addPathSend }) => addPathSend > 0)
  const capabilities: Capability[] = [
    ...families.map((family): Capability => ({ kind: 'multiprotocol', ...wireFamily(family) })),
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
    { kind: 'four-octet-as', as: peer.localAs },
  ]
  if (families.some(({ family }) => family === 'IPv4'))
    capabilities.push({ kind: 'extended-next-hop', families: [{ afi: AFI.IPv4, safi: SAFI_UNICAST, nextHopAfi: AFI.IPv6 }] })
  if (peer.role !== undefined) capabilities.push({ kind: 'role', role: ROLE_NUMBER[peer.role] })
  if (sends.length > 0) capabilities.push({ kind: 'add-path', families: sends.map((family) => ({ ...wireFamily(family), mode: 'send' })) })
  capabilities.push(...restartCapabilities(peer, surroundings), fqdn(surroundings.node))
  return { as: peer.localAs, holdSeconds: Math.round(peer.times.holdMs / 1000), routerId: peer.routerId, capabilities }
}

/** The F bits are set: while this process is away the node forwards on, as kube-proxy's rules are the kernel's. */
function restartCapabilities({ gracefulRestart, families }: PeerSettings, { ageMs, hadSession }: OpenSurroundings): readonly Capability[] {
  if (gracefulRestart === undefined) return []
  const { restartSec, notification, longLivedSec } = gracefulRestart
  const kept = families.filter(({ restarts }) => restarts).map((family) => ({ ...wireFamily(family), preserved: true }))
  const restarting = isRestarting(gracefulRestart, ageMs, hadSession)
  const restart: Capability = { kind: 'graceful-restart', restarting, notification, restartSeconds: restartSec, families: kept }
  if (longLivedSec === undefined) return [restart]
  const stale = kept.map((family) => ({ ...family, staleSeconds: longLivedSec }))
  return [restart, { kind: 'long-lived-graceful-restart', families: stale }]
}

/** A name that is too long for the capability is left out of it. */
const fqdn = (node: string): Capability => ({
  kind: 'fqdn',
  host: new TextEncoder().encode(node).length > FQDN_BYTES ? '' : node,
  domain: '',
})

/** The part of an OPEN that the machine of a session needs. RFC 4724 section 3: of a repeated capability the last counts. */
export function peerOpenOf({ as, routerId, holdSeconds, capabilities }: Open): PeerOpen {
  return { asNumber: as, identifier: routerId, holdTimeSec: holdSeconds, gracefulRestart: restartOf(capabilities) }
}

/** What the machine has to know of a Graceful Restart capability, ours or the peer's. */
function restartOf(capabilities: readonly Capability[]): GracefulRestartCapability | undefined {
  const said = capabilities.findLast((capability) => capability.kind === 'graceful-restart')
  return said && { families: said.families.length, notification: said.notification }
}

/** Why an OPEN that could be read is refused, with a sentence part for people. */
export interface OpenRefusal extends MessageError {
  readonly cause: string
}

/**
 * What is wrong with the peer's OPEN; undefined when the session may go on: AS, identifier and hold time (open-check.ts), roles that do not
 * fit (RFC 9234 section 4.2), and no family in common, which leaves nothing to talk about (RFC 5492 section 3).
 */
export function refusalOf(peer: PeerSettings, ours: Open, theirs: Open): OpenRefusal | undefined {
  const { localAs, routerId, expectedAs } = peer
  const error = openError(peerOpenOf(theirs), { localAs, localIdentifier: routerId, expectedAs })
  if (error !== undefined) return { ...error, cause: 'its OPEN does not fit' }
  const role = roleProblem(peer.role, theirs.capabilities)
  if (role !== undefined) return { subcode: OPEN_ERROR.roleMismatch, data: NOTHING, cause: role }
  if (!haveFamilyInCommon(ours, theirs))
    return { subcode: OPEN_ERROR.unsupportedCapability, data: missingFamilies(ours), cause: 'no address family in common' }
  return undefined
}

/** The capabilities that the session lacks, as an OPEN has them. RFC 5492 section 5. */
const missingFamilies = ({ capabilities }: Open): Uint8Array =>
  Uint8Array.from(
    capabilities.flatMap((one) => {
      if (one.kind !== 'multiprotocol') return []
      const { code, value } = writeCapability(one)
      return [code, value.length, ...value]
    }),
  )

const haveFamilyInCommon = (ours: Open, theirs: Open): boolean => {
  const said = familiesOf(theirs)
  return familiesOf(ours).some((family) => said.includes(family))
}

/** Without the capability Multiprotocol it is IPv4 unicast. RFC 4760 section 8. */
function familiesOf({ capabilities }: Open): readonly string[] {
  const said = capabilities.flatMap((one) => (one.kind === 'multiprotocol' ? [`${one.afi}/${one.safi}`] : []))
  return said.length === 0 ? [`${AFI.IPv4}/${SAFI_UNICAST}`] : said
}

const ROLE_NUMBER: Readonly<Record<BgpRole, number>> = {
  provider: ROLE.provider,
  'route-server': ROLE.routeServer,
  'route-server-client': ROLE.routeServerClient,
  customer: ROLE.customer,
  peer: ROLE.peer,
}
/** What the peer has to be when we are so: RFC 9234 table 2. */
const COUNTERPART: Readonly<Record<BgpRole, number>> = {
  provider: ROLE.customer,
  customer: ROLE.provider,
  'route-server': ROLE.routeServerClient,
  'route-server-client': ROLE.routeServer,
  peer: ROLE.peer,
}

/** A peer without a role is taken: we do not insist. RFC 9234 section 4.2. */
function roleProblem(ours: BgpRole | undefined, theirs: readonly Capability[]): string | undefined {
  if (ours === undefined) return undefined
  const said = [...new Set(theirs.flatMap((capability) => (capability.kind === 'role' ? [capability.role] : [])))]
  const [role] = said
  if (role === undefined || (said.length === 1 && role === COUNTERPART[ours])) return undefined
  const names = said.map((one) => Object.keys(ROLE_NUMBER).find((name) => ROLE_NUMBER[name as BgpRole] === one) ?? `role ${one}`)
  return `we are its ${ours} and it says it is our ${names.join(' and ')}`
}
