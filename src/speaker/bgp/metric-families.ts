/** What Prometheus is told of a peer: a row per metric, and the series that one report makes. */
import type { Family } from '../../addr/ip.ts'
import type { BfdReport } from '../bfd/settings.ts'
import { FSM_STATES } from './fsm-transition.ts'
import type { MessageCounts, PeerReport } from './peer-report.ts'
import type { BgpLine } from './route.ts'

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface BgpFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly labels: readonly string[]
  /** None where there is nothing to say. */
  seriesOf(peer: PeerReport): readonly Series[]
}

const MESSAGES = ['open', 'update', 'notification', 'keepalive', 'refresh'] as const satisfies readonly (keyof MessageCounts)[]
const DIRECTIONS = ['sent', 'received'] as const

/** All of them but the size of the RIB. `node` is the name of this node. */
export const bgpFamilies = (node: string): readonly BgpFamily[] => [...contractFamilies(node), ...SESSION, ...TRAFFIC, ...BFD]

/** OpenELB's own names, labels and types. An unnumbered peer whose address is not known yet goes by its interface. */
function contractFamilies(nodeName: string): readonly BgpFamily[] {
  const family = (name: string, help: string, read: (peer: PeerReport) => number): BgpFamily => ({
    name,
    help,
    type: 'gauge',
    labels: ['nodeName', 'peerIP'],
    seriesOf: (peer) => [{ labels: { nodeName, peerIP: peer.address ?? peer.interface ?? peer.name }, value: read(peer) }],
  })
  return [
    family('session_up', 'State of the session: 0 Idle, 1 Connect, 2 Active, 3 OpenSent, 4 OpenConfirm, 5 Established.', ({ state }) =>
      FSM_STATES.indexOf(state),
    ),
    family('updates_total', 'UPDATE messages received from the peer.', ({ received }) => received.update),
    family(
      'announced_prefixes_total',
      'Prefixes that the peer was told and that were not withdrawn.',
      ({ prefixes }) => prefixes.announced,
    ),
    family('pending_prefixes_total', 'Prefixes that wait to be told to the peer, or to be withdrawn.', ({ prefixes }) => prefixes.pending),
  ]
}

/** A metric with one series per peer, by the name of the BgpPeer. `read` undefined: no series. */
const ofPeer = (type: BgpFamily['type'], name: string, help: string, read: (peer: PeerReport) => number | undefined): BgpFamily => ({
  name,
  help,
  type,
  labels: ['peer'],
  seriesOf(peer) {
    const value = read(peer)
    return value === undefined ? [] : [{ labels: { peer: peer.name }, value }]
  },
})

const SESSION: readonly BgpFamily[] = [
  {
    name: 'openelb_bgp_session_state',
    help: 'The state of the session: 1 for the one that it is in, 0 for the others.',
    type: 'gauge',
    labels: ['peer', 'state'],
    seriesOf: ({ name, state }) => FSM_STATES.map((each) => ({ labels: { peer: name, state: each }, value: Number(each === state) })),
  },
  {
    name: 'openelb_bgp_session_error',
    help: '1 while there is no session, by the cause; openelb bgp peers has the sentence.',
    type: 'gauge',
    labels: ['peer', 'code'],
    seriesOf: ({ name, state, lastError }) =>
      state === 'Established' || lastError === undefined ? [] : [{ labels: { peer: name, code: lastError.code }, value: 1 }],
  },
  ofPeer('counter', 'openelb_bgp_session_flaps_total', 'How often the session went down.', ({ flaps }) => flaps),
  ofPeer(
    'gauge',
    'openelb_bgp_hold_timer_slack_seconds',
    'The least that was left of the hold time when a message of the peer came, in this session.',
    ({ holdSlackMs }) => (holdSlackMs === undefined ? undefined : holdSlackMs / 1000),
  ),
]

const TRAFFIC: readonly BgpFamily[] = [
  {
    name: 'openelb_bgp_messages_total',
    help: 'Messages of sessions, by direction and type.',
    type: 'counter',
    labels: ['peer', 'direction', 'type'],
    seriesOf: (peer) =>
      DIRECTIONS.flatMap((direction) =>
        MESSAGES.map((type) => ({ labels: { peer: peer.name, direction, type }, value: peer[direction][type] })),
      ),
  },
  {
    name: 'openelb_bgp_notifications_total',
    help: 'NOTIFICATION messages by what they said; the numbers are those of RFC 4271 section 4.5 and of IANA.',
    type: 'counter',
    labels: ['peer', 'direction', 'code', 'subcode'],
    seriesOf: ({ name, notifications = [] }) =>
      notifications.map(({ direction, code, subcode, count }) => ({
        labels: { peer: name, direction, code: String(code), subcode: String(subcode) },
        value: count,
      })),
  },
  ofPeer(
    'counter',
    'openelb_bgp_discarded_messages_total',
    'Messages of the peer that were read and of no consequence.',
    (peer) => peer.received.discarded,
  ),
  ofPeer('counter', 'openelb_bgp_withdrawn_prefixes_total', 'Prefixes withdrawn from the peer.', ({ sent }) => sent.withdrawPrefix),
  ofPeer('gauge', 'openelb_bgp_unwritten_bytes', 'Bytes for the peer that the kernel has not taken yet.', (peer) => peer.unwrittenBytes),
]

const ofBfd = (type: BgpFamily['type'], name: string, help: string, read: (bfd: BfdReport) => number): BgpFamily =>
  ofPeer(type, name, help, ({ bfd }) => (bfd === undefined ? undefined : read(bfd)))

const BFD: readonly BgpFamily[] = [
  ofBfd('gauge', 'openelb_bfd_session_up', '1 while the BFD session with the peer is up.', ({ state }) => Number(state === 'Up')),
  ofBfd('counter', 'openelb_bfd_session_downs_total', 'How often the BFD session went down.', ({ downs }) => downs),
  ofBfd(
    'gauge',
    'openelb_bfd_detection_seconds',
    'Silence after which the BFD session counts as down; 0 before it was up.',
    (bfd) => bfd.detectionMs / 1000,
  ),
  {
    name: 'openelb_bfd_packets_total',
    help: 'BFD control packets, by what became of them.',
    type: 'counter',
    labels: ['peer', 'outcome'],
    seriesOf: ({ name, bfd }) =>
      bfd === undefined
        ? []
        : (['sent', 'received', 'discarded'] as const).map((outcome) => ({ labels: { peer: name, outcome }, value: bfd[outcome] })),
  },
]

/** How many prefixes of each family. */
export function linesByFamily(lines: readonly BgpLine[]): ReadonlyMap<Family, number> {
  const counts = new Map<Family, number>([
    ['IPv4', 0],
    ['IPv6', 0],
  ])
  for (const { prefix } of lines) counts.set(prefix.family, (counts.get(prefix.family) ?? 0) + 1)
  return counts
}
