/** What a node writes of its BGP on BgpConf and BgpPeers, in the shape of OpenELB: counters are text, and what is zero is left out. */
import { formatIp } from '../addr/ip.ts'
import type { BgpConfStatus } from '../api/bgp-conf.ts'
import type { BgpPeerStatus } from '../api/bgp-peer-status.ts'
import type { MessageCounts, PeerReport } from './bgp/peer-report.ts'
import type { BgpProblem, ResolvedBgp } from './bgp/resolve-facts.ts'
import type { PeerSettings } from './bgp/settings.ts'

export type NodePeerStatus = NonNullable<BgpPeerStatus['nodesPeerStatus']>[string]
export type NodeConfStatus = NonNullable<BgpConfStatus['nodesConfStatus']>[string]

/** What is known of one BgpPeer on this node; a peer whose settings cannot be followed has a problem and nothing else. */
export interface PeerStanding {
  readonly report: PeerReport | undefined
  readonly settings: PeerSettings | undefined
  readonly problem: BgpProblem | undefined
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, -5)}Z`
const seconds = (ms: number): string => String(Math.round(ms / 1000))

/** The entry of this node in a BgpPeer's status. Never a password. */
export function peerStatus({ report, settings, problem }: PeerStanding): NodePeerStatus {
  if (report === undefined) {
    return { peerState: { sessionState: 'IDLE' }, ...(problem !== undefined && { lastError: problemError(problem) }) }
  }
  return {
    peerState: peerState(report, settings),
    timersState: timersState(report, settings),
    ...lastError(report, problem),
    ...(report.negotiated.length > 0 && { capabilities: report.negotiated.slice(0, 64) }),
    prefixes: prefixes(report),
    ...(report.bfd !== undefined && { bfd: { state: report.bfd.state, detectionTime: Math.round(report.bfd.detectionMs) } }),
  }
}

/** What a status has room for. A text may have words of a peer's in it, and one that is too long costs the whole write. */
const TEXT_MAX = 1024
const COUNT_MAX = 2 ** 32 - 1

const problemError = ({ code, message, cure }: Pick<BgpProblem, 'message' | 'cure'> & { readonly code: string }) => ({
  code,
  message: message.slice(0, TEXT_MAX),
  cure: cure.slice(0, TEXT_MAX),
})

function lastError({ lastError: error }: PeerReport, problem: BgpProblem | undefined): Pick<NodePeerStatus, 'lastError'> {
  if (error !== undefined) return { lastError: { ...problemError(error), at: time(error.atMs) } }
  return problem === undefined ? {} : { lastError: problemError(problem) }
}

const prefixes = ({ prefixes: { announced, pending, received } }: PeerReport): PeerReport['prefixes'] => ({
  announced,
  pending,
  received: Math.min(received, COUNT_MAX),
})

function peerState(report: PeerReport, settings: PeerSettings | undefined): NonNullable<NodePeerStatus['peerState']> {
  const { address, interface: on, localAs, peerRouterId, state, adminDown, flaps, received, sent } = report
  // Until it has told its own, the one that it should have.
  const expected = settings?.expectedAs
  const peerAs = report.peerAs ?? (typeof expected === 'number' ? expected : undefined)
  return {
    neighborAddress: address ?? on ?? '',
    ...(peerAs !== undefined && { peerAs, peerType: peerAs === localAs ? 0 : 1 }),
    localAs,
    sessionState: state.toUpperCase(),
    ...(adminDown && { adminState: 'DOWN' }),
    ...(peerRouterId !== undefined && { routerId: peerRouterId }),
    ...(flaps > 0 && { flops: flaps }),
    messages: { received: counts(received), sent: counts(sent) },
    queues: {},
  }
}

function counts(messages: MessageCounts): Record<string, string> {
  const { open, update, notification, keepalive, refresh, withdrawUpdate, withdrawPrefix, discarded } = messages
  const total = open + update + notification + keepalive + refresh
  const all = { open, update, notification, keepalive, refresh, discarded, total, withdrawUpdate, withdrawPrefix }
  return Object.fromEntries(Object.entries(all).flatMap(([name, count]) => (count > 0 ? [[name, String(count)]] : [])))
}

function timersState(report: PeerReport, settings: PeerSettings | undefined): NonNullable<NodePeerStatus['timersState']> {
  const { holdMs, keepaliveMs, upSinceMs, downSinceMs } = report
  const times = settings?.times
  return {
    ...(times !== undefined && { connectRetry: seconds(times.connectRetryMs), holdTime: seconds(times.holdMs) }),
    ...(times !== undefined && times.advertisementMs > 0 && { minimumAdvertisementInterval: seconds(times.advertisementMs) }),
    ...(holdMs !== undefined && { negotiatedHoldTime: seconds(holdMs) }),
    ...(keepaliveMs !== undefined && { keepaliveInterval: seconds(keepaliveMs) }),
    ...(upSinceMs !== undefined && { uptime: time(upSinceMs) }),
    ...(downSinceMs !== undefined && { downtime: time(downSinceMs) }),
  }
}

/** The part of an entry that is worth a write at once. */
export function promptPart({ peerState, lastError: error, capabilities, bfd }: NodePeerStatus): string {
  const { neighborAddress, peerAs, sessionState, adminState, routerId, flops } = peerState ?? {}
  const isUp = sessionState === 'ESTABLISHED'
  return JSON.stringify([neighborAddress, peerAs, isUp, adminState, routerId, flops, error?.code, error?.message, capabilities, bfd?.state])
}

/** What comes and goes with each try of a router that is away; the counters, all that is left, can wait for longer. */
export const tryPart = ({ peerState, lastError: error }: NodePeerStatus): string => JSON.stringify([peerState?.sessionState, error?.at])

/** Whether everything in an object that was read back is in the one that was written: nothing of somebody else's is left in it. */
export function isCovered(read: unknown, written: unknown): boolean {
  if (!isRecord(read)) return true
  return isRecord(written) && Object.entries(read).every(([key, value]) => key in written && isCovered(value, written[key]))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The most problems that an entry of a BgpConf's status has room for. */
const PROBLEMS_MAX = 32

/** The entry of this node in the status of BgpConf: what it uses, and what it cannot follow. Without any BGP here no AS and no id is said. */
export function confStatus(
  { identity, problems }: ResolvedBgp,
  listening: { readonly port: number | undefined; readonly problem: string | undefined } | undefined,
): NodeConfStatus {
  const own = problems.filter(({ peer: about }) => about === undefined).map(problemError)
  const listen = listening?.problem === undefined ? [] : [problemError({ code: 'listen', message: listening.problem, cure: LISTEN_CURE })]
  const all = [...own, ...listen].slice(0, PROBLEMS_MAX)
  return {
    ...(identity !== undefined && { routerId: formatIp({ family: 'IPv4', value: BigInt(identity.routerId) }), as: identity.as }),
    ...(listening?.port !== undefined && { listenPort: listening.port }),
    ...(all.length > 0 && { problems: all }),
  }
}

const LISTEN_CURE = 'set spec.listenPort of BgpConf default, or free the port'
