import type { AddressClaimObject } from '../api/address-claim.ts'
import { type ApiClient, isConflict, isNotFound } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import { patchObject } from '../kube/objects.ts'
import { createReconcileLoop, type ReconcileLoop } from '../kube/reconcile-loop.ts'
import { ADDRESS_CLAIMS, apiVersionOf, EIPS } from '../kube/resources.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Check } from '../runtime/health.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { routesNeeded } from './ability.ts'
import type { Announcers } from './announcers.ts'
import { type Decision, type Desired, decideClaim, desired, patchFor, type SpeakerFacts } from './desired.ts'
import { electorateOf } from './facts.ts'
import type { ClusterWatch } from './io/cluster.ts'
import type { HostWatch } from './io/interfaces.ts'
import { createJournal, type Journal } from './journal.ts'
import { type ClaimMemory, createClaimMemory } from './memory.ts'
import { hasSuccessor } from './ownership.ts'

export interface SpeakerOptions {
  readonly self: string
  readonly client: ApiClient
  readonly cluster: ClusterWatch
  readonly host: HostWatch
  readonly announcers: Announcers
  readonly recorder: EventRecorder
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
}

/** Keeps wire and claims equal to what the facts say. */
export interface Speaker {
  /** Something may have changed: looks at everything again, soon. */
  wake(): void
  /** A claim is gone. */
  removed(claim: AddressClaimObject): void
  checks(): readonly Check[]
  /** Waits for the first whole view of the cluster and begins. Rejects when `signal` aborts before. */
  start(signal: AbortSignal): Promise<void>
  /** Takes nothing any more; resolves when no claim names this node, or nobody is there to take over, or the time is up. */
  handOver(limitMs: number): Promise<void>
  /** Ends the writes. The announcers are closed by whoever made them. Idempotent. */
  close(): Promise<void>
}

/** Changes that come within this time are looked at together. */
const SETTLE_MS = 5
/** With very many claims a look takes long: this many times as long passes before the next one, up to LONGEST_SETTLE_MS. */
const REST = 4
const LONGEST_SETTLE_MS = 500
/** A look at everything that nothing asked for: a lost wake-up must not last. */
const LONGEST_SLEEP_MS = 10_000
const WRITES_AT_ONCE = 8
const LONGEST_BACKOFF_MS = 5000
const HAND_OVER_POLL_MS = 50
/** When a signal came without a deletion of the Pod, nobody takes over: the kubelet starts the container again. */
const DELETION_SEEN_WITHIN_MS = 1000

interface State {
  started: boolean
  leaving: boolean
  closed: boolean
  timer: Timer | undefined
  dueMs: number
  /** How long the last look took. */
  lookMs: number
  latest: Desired | undefined
}

interface Parts {
  readonly options: SpeakerOptions
  readonly state: State
  readonly memory: ClaimMemory
  readonly journal: Journal
  readonly writes: ReconcileLoop
  /** By claim, the version of it that the last successful write was made from: until the watch shows a newer one there is nothing to do. */
  readonly writtenFrom: Map<string, string>
  readonly conflicts: { inc(): void }
}

/** Creates the loop. It does nothing before start(). */
export function createSpeaker(options: SpeakerOptions): Speaker {
  const { clock, logger, metrics } = options
  const state: State = { started: false, leaving: false, closed: false, timer: undefined, dueMs: Infinity, lookMs: 0, latest: undefined }
  const writes = createReconcileLoop({
    name: 'claim-status',
    reconcile: (key) => write(parts, key),
    concurrency: WRITES_AT_ONCE,
    maxBackoffMs: LONGEST_BACKOFF_MS,
    logger,
    clock,
    metrics,
  })
  const conflicts = metrics.counter('openelb_speaker_claim_conflicts_total', 'Claim writes that another writer was faster with.')
  const parts: Parts = {
    options,
    state,
    memory: createClaimMemory(),
    journal: createJournal(logger),
    writes,
    writtenFrom: new Map(),
    conflicts,
  }
  return {
    wake: () => lookIn(parts, Math.min(LONGEST_SETTLE_MS, Math.max(SETTLE_MS, REST * state.lookMs))),
    removed: (claim) => removed(parts, claim),
    checks: () => checksOf(parts),
    async start(signal) {
      await options.cluster.whenSynced(signal)
      state.started = true
      writes.start()
      look(parts)
    },
    handOver: (limitMs) => handOver(parts, limitMs),
    async close() {
      state.closed = true
      state.timer?.cancel()
      await writes.close()
    },
  }
}

/** Plans the next look, unless an earlier one is planned. */
function lookIn(parts: Parts, ms: number): void {
  const { state, options } = parts
  const dueMs = options.clock.monotonicMs() + ms
  if (!state.started || state.closed || dueMs >= state.dueMs) return
  state.timer?.cancel()
  state.dueMs = dueMs
  state.timer = options.clock.setTimer(ms, () => look(parts))
}

/** Looks at everything: tells the announcers what to say, and queues what must be written. */
function look(parts: Parts): void {
  const { state, options, journal, writes } = parts
  state.timer?.cancel()
  state.dueMs = Infinity
  const beganMs = options.clock.monotonicMs()
  options.host.follow(routesNeeded([...options.cluster.claims.values()].map(({ spec }) => spec)))
  const latest = desired(options.cluster.claims.values(), factsNow(parts), parts.memory)
  state.latest = latest
  options.announcers.layer2?.announce(latest.layer2)
  for (const [name, decision] of latest.decisions) {
    journal.decided(name, decision.ownership)
    if (asksForWrite(parts, name, decision)) writes.add(name)
  }
  state.lookMs = options.clock.monotonicMs() - beganMs
  lookIn(parts, Math.min(latest.wakeInMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS))
}

function factsNow({ options, state }: Parts): SpeakerFacts {
  const { self, cluster, host, announcers, clock } = options
  return {
    self,
    leaving: state.leaving,
    layer2: announcers.layer2 !== undefined,
    cluster: cluster.facts(),
    host: host.facts(),
    nowMs: clock.monotonicMs(),
  }
}

function asksForWrite({ options, writtenFrom }: Parts, name: string, { ownership, report }: Decision): boolean {
  const known = options.cluster.claims.get(name)
  if (known === undefined || writtenFrom.get(name) === known.metadata.resourceVersion) return false
  if (ownership.kind === 'answer') return known.status?.owner?.interface !== ownership.ability.interface.name
  return ownership.kind === 'take' || ownership.kind === 'yield' || report !== undefined
}

/** Decides once more, from the newest facts, and writes. Whoever loses the compare-and-swap sees the winner by the watch. */
async function write(parts: Parts, name: string): Promise<void> {
  const { options, memory, writtenFrom, journal } = parts
  const claim = options.cluster.claims.get(name)
  if (claim === undefined || writtenFrom.get(name) === claim.metadata.resourceVersion) return
  const decision = decideClaim(claim, factsNow(parts), memory)
  const patch = patchFor(claim, decision, options.self, new Date(options.clock.nowMs()).toISOString())
  if (patch === undefined) return
  try {
    await patchObject(options.client, ADDRESS_CLAIMS, { name }, patch, { type: 'merge', subresource: 'status' })
  } catch (error) {
    if (isNotFound(error)) return
    if (!isConflict(error)) throw error
    parts.conflicts.inc()
    return
  }
  writtenFrom.set(name, claim.metadata.resourceVersion)
  journal.wrote(name, decision, patch)
  if (decision.ownership.kind === 'take') recordTaken(parts, claim)
}

/** One Event per take-over, by the owner alone: the original writes one per speaker. */
function recordTaken({ options: { recorder, self, cluster }, journal }: Parts, { spec }: AddressClaimObject): void {
  for (const holder of spec.holders)
    recorder.record(serviceOf(holder), { type: 'Normal', reason: 'SetBalancer', message: `success to add nexthops [${self}]` })
  if (!journal.isFirstOf(spec.eip)) return
  const uid = cluster.eipUid(spec.eip)
  if (uid === undefined) return
  const eip = { apiVersion: apiVersionOf(EIPS), kind: EIPS.kind, metadata: { name: spec.eip, uid } }
  recorder.record(eip, { type: 'Normal', reason: 'ConfigSpeaker', message: `config openelb ${spec.protocol} speaker successfully` })
}

const serviceOf = ({ namespace, name, uid }: { namespace: string; name: string; uid: string }) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, uid },
})

function removed({ options: { recorder, self }, memory, writtenFrom, journal }: Parts, claim: AddressClaimObject): void {
  const { name } = claim.metadata
  memory.forget(name)
  writtenFrom.delete(name)
  journal.forget(name)
  if (claim.status?.owner?.node !== self) return
  const event = { type: 'Normal', reason: 'DelBalancer', message: 'success to withdraw announcement for service' } as const
  for (const holder of claim.spec.holders) recorder.record(serviceOf(holder), event)
}

function checksOf({ options, state }: Parts): readonly Check[] {
  const { problems } = options.announcers.layer2?.health() ?? { problems: [] }
  return [
    ...options.cluster.checks(),
    { name: 'layer2', ok: problems.length === 0, detail: problems.join('; ') },
    { name: 'staying', ok: !state.leaving, detail: 'the speaker is shutting down' },
  ]
}

async function handOver(parts: Parts, limitMs: number): Promise<void> {
  const { state, options } = parts
  const { clock } = options
  state.leaving = true
  const beganMs = clock.monotonicMs()
  for (let passedMs = 0; passedMs < limitMs; passedMs = clock.monotonicMs() - beganMs) {
    if (!state.started) return
    look(parts)
    if (state.latest?.layer2.length === 0 || !isAnyoneComing(parts, passedMs)) return
    await clock.sleep(HAND_OVER_POLL_MS)
  }
  options.logger.warn('addresses are still owned by this node; leaving all the same', { count: state.latest?.layer2.length })
}

/** Whether another node can be expected to take over an address of this one. */
function isAnyoneComing({ options: { self, cluster } }: Parts, passedMs: number): boolean {
  const facts = cluster.facts()
  const own = [...cluster.claims.values()].filter(({ status }) => status?.owner?.node === self)
  return own.some((claim) => {
    const { eligibility } = electorateOf(claim, facts)
    if (!hasSuccessor({ self, eligibility, nodes: facts.nodeNames })) return false
    return passedMs < DELETION_SEEN_WITHIN_MS || !eligibility(self).eligible
  })
}
