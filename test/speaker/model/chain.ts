/**
 * A small cluster in which the whole pure chain of a speaker runs: words, decisions, the lines of the wire and the patches of the claims, with
 * times. Around it a made-up network and a made-up API server, which a random life breaks and mends.
 */
import type { AddressClaimObject, AddressClaimStatus } from '../../../src/api/address-claim.ts'
import { MOVE } from '../../../src/api/claim-annotations.ts'
import { createConflicts } from '../../../src/speaker/conflicts.ts'
import { type Knowledge, patchFor, type SpeakerFacts } from '../../../src/speaker/desired.ts'
import { type Member, quorumOf } from '../../../src/speaker/membership/facts.ts'
import type { AddressWord } from '../../../src/speaker/membership/message.ts'
import { createClaimMemory } from '../../../src/speaker/memory.ts'
import { createOwnerships, type Ownerships } from '../../../src/speaker/ownerships.ts'
import { createRegainedQuorum, type RegainedQuorum } from '../../../src/speaker/regained-quorum.ts'
import { createWords } from '../../../src/speaker/words.ts'
import type { Random } from '../../soak/support/random.ts'
import { claimObject, clusterFacts, ETH0, hostFacts } from '../support/objects.ts'

const NODES = ['n1', 'n2', 'n3']
const ADDRESSES = ['10.251.0.240', '10.251.0.241']
const WALL_MS = Date.parse('2026-11-21T02:00:00Z')
const SETTLES_MS = 600

interface Peer {
  alive: boolean
  incarnation: bigint
  lastSignMs: number
}

interface Speaker {
  readonly name: string
  incarnation: bigint
  startedMs: number
  isUp: boolean
  isAble: boolean
  hasApi: boolean
  knowledge: Knowledge
  ownerships: Ownerships
  quorum: RegainedQuorum
  /** What membership repeats to the peers. */
  ledger: Map<string, AddressWord>
  claims: Map<string, AddressClaimObject>
  peers: Map<string, Peer>
}

/** `remembersFormerLives`: a broken form, in which a speaker that starts anew is held to what it said before. */
export interface ChainOptions {
  readonly remembersFormerLives?: boolean
}

/** A cluster of three and two addresses that nobody ever had. */
export function createChain(options: ChainOptions = {}) {
  const claims = new Map(ADDRESSES.map((address) => [address, claimObject(address)]))
  const cut = new Set<string>()
  const world = { nowMs: 0, lives: 1n, epochs: new Map<string, number>(), wrong: undefined as string | undefined }
  const born = (name: string): Speaker => {
    const ledger = new Map<string, AddressWord>()
    const knowledge = { memory: createClaimMemory(), words: createWords(name), conflicts: createConflicts() }
    const ownerships = createOwnerships({
      knowledge,
      announce: () => undefined,
      tell: ({ upsert, remove }) => {
        for (const word of upsert) ledger.set(String(word.address), word)
        for (const address of remove) ledger.delete(String(address))
      },
      onDecided: () => undefined,
    })
    world.lives++
    const peers = new Map(
      NODES.filter((node) => node !== name).map((node) => [node, { alive: false, incarnation: 0n, lastSignMs: -Infinity }]),
    )
    return {
      name,
      incarnation: world.lives,
      startedMs: world.nowMs,
      isUp: true,
      isAble: true,
      hasApi: true,
      knowledge,
      ownerships,
      quorum: createRegainedQuorum(),
      ledger,
      claims: new Map(claims),
      peers,
    }
  }
  const speakers = NODES.map(born)
  const isLinked = (a: Speaker, b: Speaker): boolean => a.isUp && b.isUp && !cut.has([a.name, b.name].sort().join())
  const hears = (a: Speaker, b: Speaker): boolean =>
    isLinked(a, b) || (a.isUp && b.isUp && speakers.some((c) => c !== a && c !== b && isLinked(a, c) && isLinked(c, b)))
  return { claims, cut, world, born, speakers, isLinked, hears, options }
}
export type Chain = ReturnType<typeof createChain>

const member = ({ alive, incarnation, lastSignMs }: Peer): Member => ({
  alive,
  serving: alive,
  leaving: false,
  incarnation,
  lastSignMs,
  fault: alive ? undefined : 'silent',
})

function factsOf({ world, speakers, hears }: Chain, speaker: Speaker): SpeakerFacts {
  const { nowMs } = world
  const own: Peer = { alive: true, incarnation: speaker.incarnation, lastSignMs: nowMs }
  const members = new Map([[speaker.name, member(own)], ...[...speaker.peers].map(([node, peer]) => [node, member(peer)] as const)])
  const isNoticed = speakers.every((other) => other === speaker || !hears(speaker, other) || speaker.peers.get(other.name)?.alive === true)
  const settled = nowMs - speaker.startedMs >= SETTLES_MS && isNoticed
  return {
    self: speaker.name,
    leaving: false,
    layer2: true,
    subnetCheck: true,
    nodeAddress: undefined,
    cluster: clusterFacts({ nodes: NODES, membership: { settled: settled || nowMs - speaker.startedMs > 2000, members } }),
    host: hostFacts([{ ...ETH0, up: speaker.isAble }]),
    quorum: speaker.quorum.at(quorumOf({ members }), nowMs),
    isBroken: () => false,
    rebalance: undefined,
    nowMs,
    wallMs: WALL_MS + nowMs,
  }
}

export function look(chain: Chain, speaker: Speaker): void {
  if (speaker.isUp) speaker.ownerships.lookAtAll(speaker.claims.values(), factsOf(chain, speaker))
}

/** What one node learns of another one by membership. */
export function notice(chain: Chain, speaker: Speaker, other: Speaker): void {
  const peer = speaker.peers.get(other.name)
  if (!speaker.isUp || peer === undefined) return
  peer.alive = chain.hears(speaker, other)
  if (peer.alive) {
    peer.lastSignMs = chain.world.nowMs
    peer.incarnation = other.incarnation
    if (chain.options.remembersFormerLives !== true) speaker.knowledge.words.reborn(other.name, other.incarnation)
  }
  look(chain, speaker)
}

/** All that one node says reaches another one. */
export function tell(chain: Chain, speaker: Speaker, other: Speaker): void {
  if (!chain.isLinked(speaker, other) || other.peers.get(speaker.name)?.incarnation !== speaker.incarnation) return
  other.knowledge.words.hear(speaker.name, [...speaker.ledger.values()])
  look(chain, other)
}

function read({ claims }: Chain, speaker: Speaker): boolean {
  if (!speaker.isUp || !speaker.hasApi) return false
  speaker.claims = new Map(claims)
  return true
}

/** The write that the last decision asks for, by compare-and-swap; `isLost`: it goes through and the node never hears of it. */
function write(chain: Chain, speaker: Speaker, name: string, isLost: boolean): void {
  const { claims, world } = chain
  const claim = speaker.claims.get(name)
  const decision = speaker.ownerships.decision(name)
  if (!speaker.isUp || !speaker.hasApi || claim === undefined || decision === undefined) return
  const patch = patchFor(claim, decision, factsOf(chain, speaker), speaker.knowledge)
  const stored = claims.get(name)
  if (patch === undefined || stored === undefined || patch.metadata.resourceVersion !== stored.metadata.resourceVersion) return
  const { owner, ...rest } = { ...stored.status, ...patch.status }
  const status: AddressClaimStatus = owner === undefined || owner === null ? rest : { ...rest, owner }
  const next = { ...stored, metadata: { ...stored.metadata, resourceVersion: String(Number(stored.metadata.resourceVersion) + 1) }, status }
  claims.set(name, next)
  const epoch = Math.max(status.owner?.epoch ?? 0, ...(status.history ?? []).map((each) => each.epoch))
  if (epoch < (world.epochs.get(name) ?? 0)) world.wrong ??= `the epoch of ${name} fell to ${epoch}`
  world.epochs.set(name, epoch)
  if (isLost) return
  speaker.claims.set(name, next)
  look(chain, speaker)
}

/** One random thing, and some time. */
export function happen(chain: Chain, random: Random, calm: number): void {
  const { speakers, world, claims, cut } = chain
  world.nowMs += random.pick([0, 0, 1, 5, 20, 100, 300, 700])
  const speaker = random.pick(speakers)
  const other = random.pick(speakers.filter((each) => each !== speaker))
  const name = random.pick(ADDRESSES)
  const flows = [
    () => notice(chain, speaker, other),
    () => tell(chain, speaker, other),
    () => void (read(chain, speaker) && look(chain, speaker)),
    () => write(chain, speaker, name, random.below(calm) === 0),
    () => look(chain, speaker),
  ]
  const faults = [
    () => {
      speaker.isUp = false
    },
    () => void (!speaker.isUp && speaker.hasApi && restart(chain, speaker)),
    () => void cut.add([speaker.name, other.name].sort().join()),
    () => cut.clear(),
    () => {
      speaker.hasApi = !speaker.hasApi
    },
    () => {
      speaker.isAble = !speaker.isAble
      look(chain, speaker)
    },
    () => {
      const claim = claims.get(name)
      const epoch = claim?.status?.owner?.epoch
      if (claim === undefined || epoch === undefined) return
      const resourceVersion = String(Number(claim.metadata.resourceVersion) + 1)
      claims.set(name, { ...claim, metadata: { ...claim.metadata, resourceVersion, annotations: { [MOVE]: `${other.name}@${epoch}` } } })
    },
    () => {
      const peer = speaker.peers.get(other.name)
      if (peer !== undefined) peer.alive = false
      look(chain, speaker)
    },
  ]
  random.pick(random.below(calm) === 0 ? faults : flows)()
}

/** Ends a process; the next one has read the claims and heard nobody. */
export function restart(chain: Chain, speaker: Speaker): void {
  speaker.isUp = false
  Object.assign(speaker, chain.born(speaker.name))
}

/** Mends everything and lets it run for twenty seconds; gives what is wrong then. */
export function wrongAfterRepair(chain: Chain): string | undefined {
  const { speakers, world, cut } = chain
  cut.clear()
  for (const speaker of speakers) {
    speaker.hasApi = true
    speaker.isAble = true
    if (!speaker.isUp) restart(chain, speaker)
  }
  for (let round = 0; round < 50; round++) {
    world.nowMs += 400
    for (const speaker of speakers) {
      read(chain, speaker)
      for (const other of speakers) if (other !== speaker) notice(chain, speaker, other)
      for (const other of speakers) if (other !== speaker) tell(chain, speaker, other)
      look(chain, speaker)
      for (const name of ADDRESSES) write(chain, speaker, name, false)
    }
  }
  return world.wrong ?? ADDRESSES.map((name) => wrongWith(chain, name)).find((wrong) => wrong !== undefined)
}

function wrongWith({ speakers, claims }: Chain, name: string): string | undefined {
  const answering = speakers.filter(({ ownerships }) => ownerships.lines.has(name)).map((speaker) => speaker.name)
  const { owner, conditions } = claims.get(name)?.status ?? {}
  if (answering.length !== 1) return `${answering.join(' and ') || 'nobody'} answers for ${name}, recorded is ${owner?.node}`
  if (owner?.node !== answering[0]) return `${answering[0]} answers for ${name}, and ${owner?.node} is recorded`
  const isSaid = conditions?.some(({ type, status }) => type === 'Announced' && status === 'True') === true
  return isSaid ? undefined : `the claim of ${name} does not say that it is announced`
}
