import { formatIp } from '../../addr/ip.ts'
import { CEASE, ERROR, OPEN_ERROR } from '../../wire/bgp/iana.ts'
import { hardResetReason, notificationName, shutdownText } from '../../wire/bgp/notification.ts'
import type { EndReason } from './fsm-actions.ts'
import type { Notification } from './fsm-events.ts'
import { connectionCause } from './peer-error-tcp.ts'
import type { PeerError } from './peer-report.ts'
import type { PeerSettings } from './settings.ts'

/** Every `code` of a PeerError. A closed set: it is the label of a metric. */
export const PEER_ERROR_CODES = [
  'refused',
  'unreachable',
  'timeout',
  'md5',
  'ttl',
  'local-address',
  'device',
  'permission',
  'no-router',
  'lost',
  'as',
  'router-id',
  'role',
  'families',
  'hold-time',
  'open',
  'message',
  'hold',
  'send-hold',
  'bfd',
  'configuration',
  'notification-received',
  'internal',
] as const
export type PeerErrorCode = (typeof PEER_ERROR_CODES)[number]

/** A cause without its time. */
export interface PeerCause extends Pick<PeerError, 'message' | 'cure'> {
  readonly code: PeerErrorCode
}

/** What is known beside the reason when something ends. */
export interface ErrorSight {
  /** What the peer's OPEN said on that connection. */
  readonly peerAs: number | undefined
  readonly peerRouterId: number | undefined
  /** Why its OPEN or a message was refused, in words. */
  readonly detail: string | undefined
  /** Segments thrown away for their signature or TTL since the attempt began. */
  readonly md5Drops: number
  readonly ttlDrops: number
  /** The connection was there before it was lost. */
  readonly wasConnected: boolean
  readonly holdMs: number
}

export const BLIND: ErrorSight = {
  peerAs: undefined,
  peerRouterId: undefined,
  detail: undefined,
  md5Drops: 0,
  ttlDrops: 0,
  wasConnected: false,
  holdMs: 0,
}

/** Why a session, or an attempt, has ended, and what to do; undefined: nothing that anybody has to know. */
export function causeOf(reason: EndReason, peer: PeerSettings, sight: ErrorSight): PeerCause | undefined {
  switch (reason.kind) {
    case 'collision':
    case 'replaced':
    case 'stopped':
      return undefined
    case 'tcp-failed':
      return connectionCause(reason.cause, peer, sight)
    case 'unexpected':
      return { code: 'message', message: `The peer sent what has no place here (${reason.event}).`, cure: CURE_PEER_LOG }
    case 'notification-sent':
      return sentCause(reason, peer, sight)
    case 'notification-received':
      return receivedCause(reason, peer)
  }
}

const CURE_PEER_LOG = 'Look at the log of the router, and at `openelb bgp capture`.'
const isCollision = ({ code, subcode }: Notification): boolean => code === ERROR.cease && subcode === CEASE.collisionResolution

function sentCause(notification: Notification, peer: PeerSettings, sight: ErrorSight): PeerCause | undefined {
  const name = notificationName(notification)
  const detail = sight.detail === undefined ? '' : `: ${sight.detail}`
  switch (notification.code) {
    case ERROR.open:
      return openCause(notification, peer, sight)
    case ERROR.holdTimerExpired:
      // Before the OPEN of the peer no hold time was agreed on.
      return sight.holdMs === 0 ? connectionCause('mute', peer, sight) : holdCause(peer, sight)
    case ERROR.sendHoldTimerExpired:
      return {
        code: 'send-hold',
        message: 'The peer has taken no byte of ours for too long, though it sends its own.',
        cure: 'Look at the load and the log of the router: it does not read.',
      }
    case ERROR.cease:
      return ceaseCause(notification)
    default:
      return { code: 'message', message: `The peer sent a message that is wrong (${name}${detail}).`, cure: CURE_PEER_LOG }
  }
}

function holdCause({ transport }: PeerSettings, { holdMs, md5Drops }: ErrorSight): PeerCause {
  const silence = `The peer was silent for the hold time of ${Math.round(holdMs / 1000)} s`
  // Routers read what comes before their own least TTL counts: that may be enough for a session, and nothing more.
  const security = transport.ttl < 255 ? ' If each session ends so, perhaps the router demands TTL security: set ttlSecurity.' : ''
  const cure = `See whether the router is alive and reachable; a longer holdTime bears longer silence.${security}`
  if (md5Drops === 0) return { code: 'hold', message: `${silence}.`, cure }
  return {
    code: 'hold',
    message: `${silence}, and segments with a wrong or missing MD5 signature were received meanwhile.`,
    cure: `Perhaps the password was changed on one side only. ${cure}`,
  }
}

function ceaseCause(notification: Notification): PeerCause | undefined {
  const { subcode } = hardResetReason(notification) ?? notification
  if (isCollision(notification) || subcode === CEASE.administrativeShutdown || subcode === CEASE.peerDeconfigured) return undefined
  if (subcode === CEASE.bfdDown) {
    return {
      code: 'bfd',
      message: 'BFD lost the peer, so the session was ended.',
      cure: 'See whether the link and the router are alive; slower BFD intervals bear shorter losses.',
    }
  }
  return { code: 'configuration', message: 'The settings of the session changed, so it was started again.', cure: 'None is needed.' }
}

const expectedText = ({ expectedAs, localAs }: PeerSettings): string => {
  if (expectedAs === 'external') return `any but ${localAs}`
  return String(expectedAs === 'internal' ? localAs : expectedAs)
}

function openCause({ subcode }: Notification, peer: PeerSettings, { peerAs, peerRouterId, detail }: ErrorSight): PeerCause {
  switch (subcode) {
    case OPEN_ERROR.badPeerAs:
      return {
        code: 'as',
        message: `The peer is of AS ${peerAs ?? 'unknown'}, and AS ${expectedText(peer)} was expected.`,
        cure: 'Set conf.peerAs to the AS of the router, or conf.dynamicAs where it may be any.',
      }
    case OPEN_ERROR.badIdentifier: {
      const id = peerRouterId === undefined ? 'a wrong one' : formatIp({ family: 'IPv4', value: BigInt(peerRouterId) })
      return {
        code: 'router-id',
        message: `The router id of the peer is ${id}, which is ours too or none at all.`,
        cure: 'Give the router, or BgpConf.spec.routerId, another router id.',
      }
    }
    case OPEN_ERROR.unacceptableHoldTime:
      return { code: 'hold-time', message: 'The peer wants a hold time of 1 or 2 s.', cure: 'Give the router a hold time of at least 3 s.' }
    case OPEN_ERROR.roleMismatch:
      return { code: 'role', message: `The roles do not fit: ${detail ?? 'no pair'}.`, cure: 'Set conf.role, or the role of the router.' }
    case OPEN_ERROR.unsupportedCapability:
      return {
        code: 'families',
        message: 'The peer has none of the address families of this session.',
        cure: 'Activate IPv4 or IPv6 unicast for us on the router, or set afiSafis.',
      }
    default:
      return { code: 'open', message: `The OPEN of the peer was refused: ${detail ?? `subcode ${subcode}`}.`, cure: CURE_PEER_LOG }
  }
}

function receivedCause(notification: Notification, peer: PeerSettings): PeerCause | undefined {
  if (isCollision(notification)) return undefined
  const inner = hardResetReason(notification)
  const name = inner === undefined ? notificationName(notification) : `${notificationName(inner)}, as a hard reset`
  const text = shutdownText(inner ?? notification)
  const said = text.ok && text.value !== undefined ? ` It says ${JSON.stringify(printable(text.value))}.` : ''
  const message = `The peer closed the session: ${name}.${said}`
  return { code: 'notification-received', message, cure: cureOf(inner ?? notification, peer) }
}

const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\u{fffd}')

function cureOf({ code, subcode }: Notification, { localAs }: PeerSettings): string {
  if (code === ERROR.open && subcode === OPEN_ERROR.badPeerAs) return `Configure us as AS ${localAs} on the router.`
  if (code === ERROR.open && subcode === OPEN_ERROR.unsupportedCapability) return 'Activate the same address families on the router.'
  if (code === ERROR.cease && subcode === CEASE.administrativeShutdown) return 'Its operator has shut it down; nothing is to be done here.'
  if (code === ERROR.cease && subcode === CEASE.peerDeconfigured) return 'Configure us as a neighbor of the router.'
  if (code === ERROR.cease && subcode === CEASE.maximumPrefixes) return 'Raise the prefix limit for us on the router.'
  if (code === ERROR.cease && subcode === CEASE.bfdDown) return 'See whether the link is alive: its BFD lost us.'
  if (code === ERROR.holdTimerExpired) return 'It heard nothing of us for its hold time: look at the link and at the load of this node.'
  return CURE_PEER_LOG
}
