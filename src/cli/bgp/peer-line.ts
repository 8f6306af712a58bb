/** One BgpPeer in one line: on how many nodes its session is up, and what is wrong on the others. */
import { someOf } from '../doctor/finding.ts'
import { type Cell, type Column, toned } from '../report.ts'
import type { Speakers } from '../speakers/speakers.ts'
import { nodesWithBgp, type Session, sessionsOf, sharedTroubles } from './facts.ts'

export interface PeerLine {
  /** The BgpPeer; empty for what is about all of them. */
  readonly peer: string
  readonly address: string
  readonly up: number
  readonly sessions: number
  /** Prefixes, by the node that tells most. */
  readonly announced: number
  /** Empty when all is well. */
  readonly says: string
}

export const PEER_COLUMNS: readonly Column[] = [
  { title: 'PEER' },
  { title: 'ADDRESS' },
  { title: 'UP' },
  { title: 'ANNOUNCED' },
  { title: 'SAYS' },
]

/** The lines of all BgpPeers that a speaker speaks of, by their names; that of the settings comes first. */
export function peerLines(speakers: Speakers): readonly PeerLine[] {
  const nodes = nodesWithBgp(speakers)
  const sessions = Map.groupBy(sessionsOf(nodes), ({ peer }) => peer.name)
  const troubles = Map.groupBy(sharedTroubles(nodes), ({ peer = '' }) => peer)
  const names = [...new Set([...sessions.keys(), ...troubles.keys()])].sort()
  return names.map((name) => {
    const said = (troubles.get(name) ?? []).map(({ message, nodes: at }) => `${someOf(at)}: ${message}`)
    return lineOf(name, sessions.get(name) ?? [], said)
  })
}

function lineOf(peer: string, sessions: readonly Session[], said: readonly string[]): PeerLine {
  const up = sessions.filter((session) => session.peer.state === 'Established')
  const causes = Map.groupBy(
    sessions.filter((session) => session.peer.state !== 'Established'),
    (session) => (session.peer.adminDown ? 'adminDown is set' : (session.peer.lastError?.message ?? 'there is no session yet')),
  )
  const [first] = sessions
  return {
    peer,
    address: first?.peer.address ?? first?.peer.interface ?? '',
    up: up.length,
    sessions: sessions.length,
    announced: Math.max(0, ...up.map((session) => session.peer.prefixes.announced)),
    says: [...[...causes].map(([cause, alike]) => `${someOf(alike.map(({ node }) => node))}: ${cause}`), ...said].join('; '),
  }
}

/** The cells of PEER_COLUMNS. */
export const peerCells = ({ peer, address, up, sessions, announced, says }: PeerLine): readonly Cell[] => [
  peer === '' ? 'BgpConf' : peer,
  address,
  sessions === 0 ? '' : toned(`${up}/${sessions}`, up === sessions ? 'good' : 'bad'),
  sessions === 0 ? '' : String(announced),
  says,
]
