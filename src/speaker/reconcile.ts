import type { AddressClaimObject } from '../api/address-claim.ts'
import { nodeAddressOf, routesNeeded } from './ability.ts'
import { type Chronicle, createChronicle } from './chronicle.ts'
import { createClaimEvents } from './claim-events.ts'
import { type ClaimPlan, createClaimPlan } from './claim-plan.ts'
import { createConflicts } from './conflicts.ts'
import { asksForWrite, type Decision, type Knowledge, REASON_WITHIN_MS, type SpeakerFacts } from './desired.ts'
import type { ClusterFacts } from './facts.ts'
import { monotonicMs } from './fence.ts'
import { createGathering, type Gathering } from './gathering.ts'
import { handOver } from './hand-over.ts'
import { type ClaimWriter, createClaimWriter, type PlannedWrite } from './io/claim-writer.ts'
import { createSpeakerMetrics, type SpeakerMetrics } from './io/speaker-metrics.ts'
import { createJournal } from './journal.ts'
import { createLookTimer, type LookTimer } from './look-timer.ts'
import { quorumOf } from './membership/facts.ts'
import { createClaimMemory } from './memory.ts'
import { createOwnerships, type Ownerships } from './ownerships.ts'
import { createPresence, type Presence } from './presence.ts'
import { createReadiness, type Readiness } from './readiness.ts'
import { createRebalancing, type MoveHere, type Rebalancing } from './rebalancing.ts'
import { createRegainedQuorum, type RegainedQuorum } from './regained-quorum.ts'
import { createSignals } from './signals.ts'
import type { Speaker, SpeakerOptions } from './speaker.ts'
import { createTelling, type Telling } from './telling.ts'
import { createWords } from './words.ts'

/** How often the state of the layer 2 thread is looked at. */
const OBSERVE_EVERY_MS = 500

/** With --rebalance=slow time alone makes a move due. */
const REBALANCE_LOOK_MS = 2000
const FEW_LINES = 200

interface State {
  /** What the last look at everything found. */
  moveHere: MoveHere | undefined
  /** The claim whose write is being planned. */
  planning: string | undefined
  started: boolean
  leaving: boolean
  closed: boolean
}

interface Parts {
  readonly options: SpeakerOptions
  readonly state: State
  readonly knowledge: Knowledge
  readonly ownerships: Ownerships
  readonly presence: Presence
  readonly rebalancing: Rebalancing
  readonly quorum: RegainedQuorum
  readonly readiness: Readiness
  readonly plan: ClaimPlan
  readonly writer: ClaimWriter
  readonly chronicle: Chronicle
  readonly counts: SpeakerMetrics
  readonly timer: LookTimer
  /** Claims that were written, and not looked at since: the whole set of lines goes to the announcer, with very many not for each write. */
  readonly recorded: Gathering
}

/** Creates the loop. It does nothing before start(). */
export function createSpeaker(options: SpeakerOptions): Speaker {
  const parts = createParts(options)
  const { state, timer, writer, plan, presence, readiness, ownerships, recorded } = parts
  const signals = createSignals({ ...options, ...parts, lookAt: (names) => lookAt(parts, names) })
  return {
    wake: timer.soon,
    look: timer.run,
    removed: (claim) => removed(parts, claim),
    ...signals,
    lines: () => [...ownerships.lines.values()],
    membership: presence.facts,
    checks: readiness.checks,
    async start(signal) {
      await options.cluster.whenSynced(signal)
      await options.membership?.whenKnown()
      presence.follow(options.cluster.facts(), monotonicMs())
      state.started = true
      writer.start()
      timer.start()
      observe(parts)
    },
    handOver: (limitMs) => leave(parts, limitMs),
    async close() {
      state.closed = true
      timer.close()
      recorded.close()
      plan.close()
      await writer.close()
    },
  }
}

function createParts(options: SpeakerOptions): Parts {
  const { self, client, cluster, clock, logger, metrics, membership, layer2, recorder } = options
  const state: State = { moveHere: undefined, planning: undefined, started: false, leaving: false, closed: false }
  const knowledge: Knowledge = { memory: createClaimMemory(), words: createWords(self), conflicts: createConflicts() }
  const telling = tellingOf(options, knowledge)
  const counts = createSpeakerMetrics(metrics)
  const events = createClaimEvents({ self, recorder, eipUid: cluster.eipUid })
  const ask = (name: string): void => {
    const claim = cluster.claims.get(name)
    if (claim !== undefined) parts.writer.add(claim)
  }
  const parts: Parts = {
    options,
    state,
    knowledge,
    counts,
    ownerships: createOwnerships({
      knowledge,
      announce: (lines) => layer2?.announce(lines),
      tell: telling.tell,
      onDecided: (claim, decision, facts) => decided(parts, claim, decision, facts),
    }),
    presence: createPresence(self, membership),
    rebalancing: createRebalancing(self),
    quorum: createRegainedQuorum(),
    readiness: createReadiness({ layer2, membership, cluster, isStarted: () => state.started, isLeaving: () => state.leaving }),
    plan: createClaimPlan({ layer2, knowledge, clock, logger, onAnswer: ask }),
    writer: createClaimWriter({
      client,
      clock,
      logger,
      metrics,
      claimOf: cluster.claims.get,
      plan: (claim) => planned(parts, claim),
      written: (claim, patch) => written(parts, claim, patch),
    }),
    chronicle: createChronicle({ self, journal: createJournal(logger), counts, events }),
    timer: createLookTimer(clock, () => lookAtAll(parts)),
    recorded: createGathering({ clock, isDear: () => parts.ownerships.lines.size > FEW_LINES, act: (names) => lookAt(parts, names) }),
  }
  return parts
}

const tellingOf = ({ clock, membership, layer2 }: SpeakerOptions, { words }: Knowledge): Telling =>
  createTelling({
    words,
    clock,
    send: (upsert, remove) => membership?.words(upsert, remove),
    served: () => layer2?.settled() ?? Promise.resolve(),
  })

function lookAtAll(parts: Parts): number | undefined {
  const { options, ownerships, knowledge, counts, presence } = parts
  const { cluster, host } = options
  host.follow(routesNeeded([...cluster.claims.values()].map(({ spec }) => spec)))
  presence.follow(cluster.facts(), monotonicMs())
  counts.conflicts(knowledge.conflicts.count(monotonicMs()))
  if (options.rebalance) {
    parts.state.moveHere = parts.rebalancing.next(cluster.claims.values(), clusterNow(parts), options.clock.nowMs())
    parts.timer.by(REBALANCE_LOOK_MS)
  }
  return ownerships.lookAtAll(claimsOfLayer2(parts), factsNow(parts))
}

/** Claims of BGP have no owner, but for those that are changing over: nobody looks at the others here, however many there are. */
function* claimsOfLayer2({ options, knowledge }: Parts): Generator<AddressClaimObject> {
  for (const claim of options.cluster.claims.values())
    if (claim.spec.protocol !== 'bgp' || claim.status?.owner !== undefined || knowledge.words.own(claim.metadata.name) !== undefined)
      yield claim
}

function lookAt(parts: Parts, names: readonly string[]): void {
  const { options, state, ownerships, timer } = parts
  if (!state.started) return
  const claims = names.flatMap((name) => options.cluster.claims.get(name) ?? [])
  if (claims.length === 0) return
  const againMs = ownerships.lookAt(claims, factsNow(parts))
  if (againMs !== undefined) timer.by(againMs)
}

const clusterNow = ({ options, presence }: Parts): ClusterFacts => {
  const membership = presence.facts()
  return { ...options.cluster.facts(), avoidCordoned: options.avoidCordoned, ...(membership !== undefined && { membership }) }
}

function factsNow(parts: Parts): SpeakerFacts {
  const { self, host, layer2, clock, subnetCheck } = parts.options
  const cluster = clusterNow(parts)
  return {
    self,
    leaving: parts.state.leaving,
    layer2: layer2 !== undefined,
    subnetCheck,
    nodeAddress: nodeAddressOf(cluster.nodes.get(self)),
    cluster,
    host: host.facts(),
    quorum: cluster.membership === undefined ? 'alone' : parts.quorum.at(quorumOf(cluster.membership), monotonicMs()),
    isBroken: parts.readiness.isBroken,
    rebalance: parts.state.moveHere,
    nowMs: monotonicMs(),
    wallMs: clock.nowMs(),
  }
}

/** Wire and peers follow already. */
function decided(parts: Parts, claim: AddressClaimObject, decision: Decision, facts: SpeakerFacts): void {
  const { chronicle, writer, knowledge, timer, state } = parts
  chronicle.decided(claim, decision, facts)
  // A write that is being planned needs no second one; with nothing to write yet, as during a probe, it would ask for itself for ever.
  if (claim.metadata.name === state.planning) return
  if (asksForWrite(claim, decision, facts, knowledge)) writer.add(claim)
  else if (decision.ownership.kind === 'take') timer.within(REASON_WITHIN_MS)
}

/** Decides once more, from the newest facts: wire and peers follow, and the patch is of that decision. */
function planned(parts: Parts, claim: AddressClaimObject): PlannedWrite | undefined {
  const { ownerships, plan, state } = parts
  const { name } = claim.metadata
  state.planning = name
  lookAt(parts, [name])
  state.planning = undefined
  const decision = ownerships.decision(name)
  const patch = decision === undefined ? undefined : plan.patch(claim, decision, factsNow(parts))
  return decision === undefined || patch === undefined ? undefined : { decision, patch }
}

/** The claim says what this node said, or what it now may say: that is so at once, and not when the watch shows it. */
function written(parts: Parts, claim: AddressClaimObject, { decision, patch }: PlannedWrite): void {
  const { options, knowledge, chronicle } = parts
  const { name } = claim.metadata
  const { address } = claim.spec
  const { owner } = patch.status
  const { ownership } = decision
  chronicle.written(claim, decision, patch, factsNow(parts))
  const { words, memory } = knowledge
  if (owner !== undefined && owner !== null && owner.node === options.self) {
    if (ownership.kind === 'take' && ownership.first === 'record')
      memory.setStay(name, { epoch: owner.epoch, sinceMs: monotonicMs(), departure: ownership.departure, ended: undefined })
    words.say(name, address, { epoch: owner.epoch, state: 'held', recorded: true })
  } else if (owner === null) {
    const word = words.own(name)
    if (word?.state === 'released') words.say(name, address, { ...word, recorded: true })
  }
  parts.recorded.add(name)
}

function removed({ ownerships, knowledge, writer, plan, chronicle, timer }: Parts, claim: AddressClaimObject): void {
  const { name } = claim.metadata
  chronicle.removed(claim, ownerships.lines.has(name))
  knowledge.memory.forget(name)
  knowledge.words.forget(name)
  knowledge.conflicts.forget(name)
  writer.forget(name)
  plan.forget(name)
  ownerships.forget(name)
  timer.soon()
}

/** The others hear of it at once, and take over what this node still answers for. */
async function leave(parts: Parts, limitMs: number): Promise<void> {
  const { options, state, presence, readiness, timer, ownerships } = parts
  const { self, clock, cluster, logger } = options
  state.leaving = true
  presence.say({ serving: readiness.serving, leaving: true })
  if (!state.started) return
  const look = () => {
    timer.run()
    return [...cluster.claims.values()].filter(({ metadata }) => ownerships.lines.has(metadata.name))
  }
  const left = await handOver({ self, clock, look, facts: () => clusterNow(parts) }, limitMs)
  if (left.length > 0) logger.warn('addresses are still owned by this node; leaving all the same', { count: left.length })
}

/** Looks at the layer 2 thread, and says to the others whether this node serves, again and again until it is closed. */
function observe(parts: Parts): void {
  const { options, state, readiness, presence, timer } = parts
  if (state.closed) return
  if (readiness.observe(monotonicMs())) timer.run()
  presence.say({ serving: readiness.serving, leaving: state.leaving })
  options.clock.setTimer(OBSERVE_EVERY_MS, () => observe(parts))
}
