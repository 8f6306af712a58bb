/** `openelb bgp peers`: every session, and what is wrong with it. */
import { formatSpan } from '../age.ts'
import { someOf } from '../doctor/finding.ts'
import { type Block, type Cell, type Column, type Outcome, type Tone, toned, trouble } from '../report.ts'
import { isReport, readSpeakers, type Speakers } from '../speakers/speakers.ts'
import { explainTrouble } from '../trouble.ts'
import type { VerbInput } from '../verb.ts'
import { speakerOn } from './ask.ts'
import { bfdTroubles } from './bfd-trouble.ts'
import {
  type BgpObjects,
  byPeerAndNode,
  missing,
  type NodeBgp,
  nodesWithBgp,
  type Remark,
  readBgpObjects,
  type Session,
  sessionsOf,
  sharedTroubles,
  unread,
  unselected,
} from './facts.ts'
import { sessionsFromStatus } from './from-status.ts'
import { sessionValue } from './json.ts'

const COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'PEER' },
  { title: 'ADDRESS' },
  { title: 'AS' },
  { title: 'STATE' },
  { title: 'SINCE' },
  { title: 'ANNOUNCED' },
  { title: 'PENDING', wide: true },
  { title: 'RECEIVED', wide: true },
  { title: 'HOLD', wide: true },
  { title: 'FLAPS', wide: true },
  { title: 'BFD' },
  { title: 'CAPABILITIES', wide: true },
]

export async function runPeers({ values, cluster, nowMs }: VerbInput, only: string | undefined): Promise<Outcome> {
  const [objects, speakers] = await Promise.all([readBgpObjects(cluster), readSpeakers(cluster, values['openelb-namespace'])])
  const failed = unread(objects)
  if (failed !== undefined) return trouble(explainTrouble(failed))
  const isAsked = ({ node }: { readonly node: string }): boolean => only === undefined || node === only
  const nodes = nodesWithBgp(speakers).filter(isAsked)
  const written = objects.peers.ok ? sessionsFromStatus(objects.peers.value, new Set(nodes.map(({ node }) => node))).filter(isAsked) : []
  if (only !== undefined && written.length === 0) {
    const speaker = speakerOn(speakers, only)
    if (!speaker.ok) return trouble(speaker.error)
  }
  const sessions = [...sessionsOf(nodes), ...written].toSorted(byPeerAndNode)
  const remarks = [
    ...missing(objects),
    ...sessionRemarks(sessions),
    ...bfdTroubles(sessions),
    ...troubleRemarks(nodes),
    ...gaps(objects, speakers, nodes, only),
    ...secondHand(written),
  ]
  const rows = sessions.map((session) => cellsOf(session, nowMs))
  const blocks: readonly Block[] = [
    { kind: 'table', table: { columns: COLUMNS, rows } },
    {
      kind: 'lines',
      lines: remarks.flatMap(({ says, cure }): (readonly Cell[])[] => [[says], ...(cure === '' ? [] : [[toned(`  -> ${cure}`, 'dim')]])]),
    },
  ]
  const value = { sessions: sessions.map(sessionValue), nodes: nodes.map(summaryOf), remarks }
  return { kind: 'report', code: 0, report: { blocks, value, ...(sessions.length === 0 && { note: 'There are no sessions.' }) } }
}

/** Sessions whose speaker could not be asked. */
function secondHand(written: readonly Session[]): readonly Remark[] {
  const nodes = [...new Set(written.map(({ node }) => node))]
  return nodes.length === 0
    ? []
    : [{ says: `${someOf(nodes)}: the sessions are as the status of the BgpPeers has them, which may be half a minute old.`, cure: '' }]
}

const summaryOf = ({ node, bgp }: NodeBgp) => ({ node, port: bgp.port, routes: bgp.routes, problems: bgp.problems })

const TONES: Readonly<Record<string, Tone>> = { Established: 'good', OpenSent: 'warn', OpenConfirm: 'warn' }

function cellsOf({ node, peer }: Session, nowMs: number): readonly Cell[] {
  const { name, address, peerAs, state, adminDown, prefixes, holdMs, flaps, bfd, negotiated } = peer
  const since = state === 'Established' ? peer.upSinceMs : peer.downSinceMs
  return [
    node,
    name,
    address ?? peer.interface ?? '',
    peerAs === undefined ? '' : String(peerAs),
    toned(adminDown ? 'AdminDown' : state, adminDown ? 'dim' : (TONES[state] ?? 'bad')),
    since === undefined ? '' : formatSpan(nowMs - since),
    String(prefixes.announced),
    toned(String(prefixes.pending), prefixes.pending > 0 ? 'warn' : undefined),
    String(prefixes.received),
    holdMs === undefined ? '' : `${holdMs / 1000}s`,
    String(flaps),
    bfd === undefined ? '' : toned(bfd.state, bfd.state === 'Up' ? 'good' : 'warn'),
    negotiated.join(', '),
  ]
}

/** Why sessions are down, nodes of one cause in one line. */
function sessionRemarks(sessions: readonly Session[]): readonly Remark[] {
  const down = sessions.flatMap(({ node, peer: { name, state, adminDown, lastError } }) =>
    state === 'Established' || adminDown || lastError === undefined ? [] : [{ node, name, ...lastError }],
  )
  return [...Map.groupBy(down, ({ name, code, message }) => `${name} ${code} ${message}`).values()].flatMap(([first, ...more]) =>
    first === undefined
      ? []
      : [{ says: `${first.name} on ${someOf([first, ...more].map(({ node }) => node))}: ${first.message}`, cure: first.cure }],
  )
}

const troubleRemarks = (nodes: readonly NodeBgp[]): readonly Remark[] =>
  sharedTroubles(nodes).map(({ peer, nodes: at, message, cure }) => ({
    says: `${peer === undefined ? 'BGP' : peer} on ${someOf(at)}: ${message}`,
    cure,
  }))

/** Peers that nobody speaks with, and speakers that say nothing. */
function gaps(objects: BgpObjects, speakers: Speakers, nodes: readonly NodeBgp[], only: string | undefined): readonly Remark[] {
  const told = new Set(nodes.map(({ node }) => node))
  const silent = speakers.all.flatMap(({ node, report }) =>
    told.has(node) || (only !== undefined && node !== only)
      ? []
      : [{ node, says: isReport(report) ? 'its speaker is of a version without BGP' : report.says }],
  )
  const none = objects.conf.ok && objects.conf.value === undefined ? [] : unselected(objects, speakers, nodesWithBgp(speakers))
  return [
    ...none.map((name) => ({
      says: `${name}: no node speaks with it.`,
      cure: 'its spec.nodeSelector selects none: compare it with the labels of the nodes',
    })),
    ...[...Map.groupBy(silent, ({ says }) => says)].map(([says, alike]) => ({
      says: `${someOf(alike.map(({ node }) => node))}: ${says}`,
      cure: '',
    })),
    ...(speakers.trouble === undefined ? [] : [{ says: `The speakers are unknown: ${explainTrouble(speakers.trouble)}`, cure: '' }]),
  ]
}
