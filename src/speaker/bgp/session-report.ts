import { formatIp } from '../../addr/ip.ts'
import type { BfdReport } from '../bfd/settings.ts'
import type { PeerReport } from './peer-report.ts'
import { capabilityWords } from './session-capabilities.ts'
import { targetOf } from './session-links.ts'
import { type PeerState, stateOf } from './session-state.ts'

const idText = (routerId: number): string => formatIp({ family: 'IPv4', value: BigInt(routerId) })

/** The peer as people see it. */
export function reportOf(state: PeerState, bfd: BfdReport | undefined): PeerReport {
  const { settings, established, lastOpen, outbound, peering } = state
  const target = targetOf(state)
  const name = settings.remote.kind === 'interface' ? settings.remote.name : undefined
  const zone = name === undefined ? '' : `%${name}`
  const { announced, pending } = outbound.counts()
  const slackMs = state.leastSlackMs
  return {
    name: settings.name,
    address: target && `${formatIp(target.remote)}${zone}`,
    interface: name ?? settings.transport.device,
    state: stateOf(peering),
    adminDown: settings.adminDown,
    localAs: settings.localAs,
    routerId: idText(settings.routerId),
    peerAs: lastOpen?.as,
    peerRouterId: lastOpen && idText(lastOpen.routerId),
    negotiated: established === undefined ? [] : capabilityWords(established.ours, established.theirs, established.agreement),
    holdMs: established?.holdMs,
    keepaliveMs: established?.keepaliveMs,
    upSinceMs: established?.upSinceMs,
    downSinceMs: established === undefined ? state.downSinceMs : undefined,
    flaps: state.flaps,
    lastError: state.lastError,
    received: { ...state.received },
    sent: { ...state.sent },
    prefixes: { announced, pending, received: state.announcedToUs },
    unwrittenBytes: established?.link.connection.unwrittenBytes ?? 0,
    bfd,
    notifications: [...state.notifications.values()].map((one) => ({ ...one })),
    ...(slackMs === undefined ? {} : { holdSlackMs: Math.round(slackMs) }),
  }
}
