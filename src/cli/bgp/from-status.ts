/** Sessions as the status of their BgpPeer has them: for nodes whose speaker cannot be asked. Counts are half a minute old at most. */
import type { BgpPeerObject } from '../../api/bgp-peer.ts'
import type { BgpPeerStatus } from '../../api/bgp-peer-status.ts'
import { FSM_STATES } from '../../speaker/bgp/fsm-transition.ts'
import type { PeerReport } from '../../speaker/bgp/peer-report.ts'
import { noCounts } from '../../speaker/bgp/session-counts.ts'
import type { Session } from './facts.ts'

type NodeEntry = NonNullable<BgpPeerStatus['nodesPeerStatus']>[string]

/** Those of these BgpPeers, on nodes that are not in `told`. */
export const sessionsFromStatus = (peers: readonly BgpPeerObject[], told: ReadonlySet<string>): readonly Session[] =>
  peers.flatMap(({ metadata, status }) =>
    Object.entries(status?.nodesPeerStatus ?? {}).flatMap(([node, entry]) =>
      told.has(node) ? [] : [{ node, peer: reportOf(metadata.name, entry) }],
    ),
  )

function reportOf(
  name: string,
  { peerState = {}, timersState = {}, lastError, capabilities = [], prefixes = {}, bfd }: NodeEntry,
): PeerReport {
  const state = FSM_STATES.find((each) => each.toUpperCase() === peerState.sessionState?.toUpperCase()) ?? 'Idle'
  const hold = Number(timersState.negotiatedHoldTime ?? Number.NaN)
  return {
    name,
    address: peerState.neighborAddress,
    interface: undefined,
    state,
    adminDown: peerState.adminState?.toUpperCase() === 'DOWN',
    localAs: peerState.localAs ?? 0,
    routerId: '',
    peerAs: peerState.peerAs,
    peerRouterId: peerState.routerId,
    negotiated: capabilities,
    holdMs: Number.isNaN(hold) ? undefined : hold * 1000,
    keepaliveMs: undefined,
    upSinceMs: timeOf(timersState.uptime),
    downSinceMs: timeOf(timersState.downtime),
    flaps: peerState.flops ?? 0,
    lastError: lastError === undefined ? undefined : { ...lastError, atMs: timeOf(lastError.at) ?? 0 },
    received: noCounts(),
    sent: noCounts(),
    prefixes: { announced: prefixes.announced ?? 0, pending: prefixes.pending ?? 0, received: prefixes.received ?? 0 },
    unwrittenBytes: 0,
    bfd: bfdOf(name, bfd),
  }
}

const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const

function bfdOf(key: string, bfd: NodeEntry['bfd']): PeerReport['bfd'] {
  const state = BFD_STATES.find((each) => each === bfd?.state)
  if (state === undefined) return undefined
  const unknown = {
    remoteState: state,
    diagnostic: undefined,
    transmitMs: 0,
    upSinceMs: undefined,
    downs: 0,
    sent: 0,
    received: 0,
    discarded: 0,
  }
  return { key, state, detectionMs: bfd?.detectionTime ?? 0, ...unknown }
}

function timeOf(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? undefined : ms
}
