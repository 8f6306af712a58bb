/** Makes one Service so as it was decided: facts in, decision out, then the writes. */

import type { Ip } from '../addr/ip.ts'
import { holdersText, parseClaimName } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import { explainRefusal, type RefusalCode } from '../policy/refusal.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { type Decision, decide } from './decide.ts'
import type { Knowledge } from './knowledge.ts'
import { type Holding, holderOf } from './ledger.ts'
import { serviceKey } from './service-key.ts'
import { type DesiredService, type ServicePatch, servicePatch } from './service-status.ts'
import type { ServiceRef, Store } from './store.ts'
import type { Waiters } from './waiters.ts'

export interface ServiceReconcileOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly waiters: Waiters
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  /** Addresses that OpenELB noted for a Service, by its key. */
  readonly remembered: ReadonlyMap<string, readonly Ip[]>
  /** A Service without a claim was left alone for this reason. */
  readonly onLeft: (key: string, reason: string) => void
  /** An address that was set aside was not claimed after all: somebody may have been refused for it. */
  readonly onUnclaimed: (address: string, eip: string) => void
  /** A refusal began, or changed. */
  readonly onRefused: (code: RefusalCode) => void
}

/**
 * A decision with a write in it is followed by another decision. Each lost race costs one more; past this the key comes back with backoff,
 * since then the watch is far behind and needs time more than requests.
 */
const STEPS_MAX = 16

/** A rejected promise means "try this key again with backoff"; a refusal is an answer and waits for its cure. */
export function createServiceReconcile(options: ServiceReconcileOptions): (key: string) => Promise<void> {
  const claims = createClaimWriter(options)
  const perform = createActions(options, claims)
  const releaseOrphans = createOrphanRelease(options, claims)
  return async function reconcile(key) {
    for (let step = 0; step < STEPS_MAX; step++) {
      // Each step anew: a refusal whose write lost a race is no answer, and the next step may end with an address.
      options.waiters.leave(key)
      if ((await releaseOrphans(key)) === 'again') continue
      const service = options.knowledge.service(key)
      if (service === undefined) return
      const decision = decide(options.knowledge.facts(service, options.remembered.get(key) ?? []))
      const outcome = await perform(key, service, decision)
      if (outcome === 'done') return
    }
    throw new Error(`no end after ${STEPS_MAX} steps: others keep changing the same objects`)
  }
}

type Outcome = 'done' | 'again'

/** One decision carried out. */
function createActions(options: ServiceReconcileOptions, claims: ClaimWriter) {
  const { waiters, logger } = options
  const write = createServiceWriter(options)

  async function settle(key: string, service: ServiceObject, decision: Extract<Decision, { kind: 'settle' }>): Promise<Outcome> {
    const { refusal, desired, drop } = decision
    if (refusal !== undefined) {
      // Before anything is awaited: what happens meanwhile must find us in the line.
      const { reason, wakesOn } = explainRefusal(refusal)
      // Other labels of its namespace may bind it to other pools, whatever stood against it here.
      waiters.wait(key, reason, [...wakesOn, { on: 'namespace', namespace: service.metadata.namespace ?? '' }])
    }
    const written = await write(service, desired)
    if (written === 'conflict') return 'again'
    if (written === 'patched' && refusal !== undefined) {
      const { reason, eventReason, message } = explainRefusal(refusal)
      logger.info(`refused: ${message}`, { service: key, reason })
      options.onRefused(reason)
      options.events.record(service, { type: 'Warning', reason: eventReason, message })
    }
    return claims.drop(service, drop)
  }

  async function perform(key: string, service: ServiceObject, decision: Decision): Promise<Outcome> {
    switch (decision.kind) {
      case 'leave':
        options.onLeft(key, decision.reason)
        return 'done'
      case 'await-namespace':
        waiters.wait(key, 'NoDefaultPool', [{ on: 'namespace', namespace: service.metadata.namespace ?? '' }])
        return 'done'
      case 'claim':
        return claims.create(key, decision)
      case 'amend':
        return claims.amend(decision)
      case 'settle':
        return settle(key, service, decision)
      case 'release': {
        const written = await write(service, decision.desired)
        if (written === 'conflict') return 'again'
        const dropped = await claims.drop(service, decision.drop)
        // The next step leaves it alone and says why: an Eip or a setting may make it ours again.
        return written === 'gone' ? dropped : 'again'
      }
    }
  }

  return perform
}

/** Claims of Services of a name that are gone. Unless a watch saw the end, it is asked for: a watch may be behind another process. */
function createOrphanRelease({ knowledge, store }: ServiceReconcileOptions, claims: ClaimWriter) {
  async function isGone(ref: ServiceRef, uid: string): Promise<boolean> {
    if (knowledge.sawEnd(uid)) return true
    const found = await store.findService(ref)
    if (found !== undefined) knowledge.noteService(found)
    return found?.metadata.uid !== uid
  }
  return async (key: string): Promise<Outcome> => {
    let outcome: Outcome = 'done'
    for (const holding of knowledge.ledger.heldUnder(key)) {
      for (const { uid, namespace, name } of holding.claim.spec.holders) {
        if (serviceKey({ namespace, name }) !== key || knowledge.service(key)?.metadata.uid === uid) continue
        if (!(await isGone({ namespace, name }, uid))) continue
        const released = await claims.release(holding, { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name, uid } })
        if (released === 'again') outcome = 'again'
      }
    }
    return outcome
  }
}

type Written = 'patched' | 'unchanged' | 'conflict' | 'gone'

/** Patches a Service to what is desired, and says so where it matters to people. */
function createServiceWriter({ knowledge, store, events, clock, logger }: ServiceReconcileOptions) {
  function announce(service: ServiceObject, patch: ServicePatch): void {
    const given = patch.status?.loadBalancer?.ingress ?? []
    if (given.length === 0) return
    const addresses = given.map(({ ip }) => ip).join(',')
    logger.info(`gave ${addresses}`, { service: serviceKey(service.metadata) })
    events.record(service, { type: 'Normal', reason: 'AssignIP', message: `success to assign ip: ${addresses}` })
  }
  return async (service: ServiceObject, desired: DesiredService): Promise<Written> => {
    const patch = servicePatch(service, desired, new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z'))
    if (patch === undefined) return 'unchanged'
    const ref: ServiceRef = { namespace: service.metadata.namespace ?? '', name: service.metadata.name }
    try {
      knowledge.noteService(await store.patchService(ref, patch))
    } catch (error) {
      if (isNotFound(error)) return 'gone'
      if (!isConflict(error)) throw error
      const found = await store.findService(ref)
      if (found === undefined) return 'gone'
      knowledge.noteService(found)
      return 'conflict'
    }
    announce(service, patch)
    return 'patched'
  }
}

type EventSubject = Parameters<EventRecorder['record']>[0]

/** After a lost race the ledger learns what is stored now. */
const createRefresh =
  ({ knowledge, store }: ServiceReconcileOptions) =>
  async (name: string, before: Holding | undefined): Promise<Outcome> => {
    const found = await store.findClaim(name)
    if (found !== undefined) knowledge.noteClaim(found)
    else if (before !== undefined) knowledge.noteClaimGone(before)
    return 'again'
  }

type ClaimWriter = ReturnType<typeof createClaimWriter>

/** Creates, amends and deletes claims, each by compare-and-swap; a lost race is an answer, and the ledger learns who won. */
function createClaimWriter(options: ServiceReconcileOptions) {
  const { knowledge, store, logger } = options
  const refresh = createRefresh(options)

  async function create(key: string, { name, spec, from }: Extract<Decision, { kind: 'claim' }>): Promise<Outcome> {
    const ip = parseClaimName(name)
    if (!ip.ok || !knowledge.ledger.reserve(ip.value)) return 'again'
    try {
      knowledge.noteClaim(await store.createClaim(name, spec))
      logger.info(`claimed ${spec.address} of Eip ${spec.eip}`, { service: key, from })
    } catch (error) {
      if (!isAlreadyExists(error)) {
        knowledge.ledger.unreserve(ip.value)
        options.onUnclaimed(spec.address, spec.eip)
        throw error
      }
      logger.debug(`lost ${spec.address} to another`, { service: key })
      return await refresh(name, undefined)
    } finally {
      knowledge.ledger.unreserve(ip.value)
    }
    return 'again'
  }

  async function amend({ holding, spec }: Extract<Decision, { kind: 'amend' }>): Promise<Outcome> {
    try {
      knowledge.noteClaim(await store.amendClaim(holding, spec))
      logger.info(`claim of ${holding.address} follows its Eip or its Service`, { eip: spec.eip, protocol: spec.protocol })
      return 'again'
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      return refresh(holding.claim.metadata.name, holding)
    }
  }

  /** Takes one holder out of a claim; without any other the claim itself goes. */
  async function release(holding: Holding, of: EventSubject): Promise<Outcome> {
    const others = holding.claim.spec.holders.filter((holder) => holder.uid !== of.metadata.uid)
    try {
      const spec = { ...holding.claim.spec, service: holdersText(others), holders: others }
      if (others.length > 0) knowledge.noteClaim(await store.amendClaim(holding, spec))
      else if ((await store.deleteClaim(holding)) === 'deleted') announceRelease(options, holding, of)
      if (others.length === 0) knowledge.noteClaimGone(holding)
      return 'done'
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      return refresh(holding.claim.metadata.name, holding)
    }
  }

  async function drop(service: ServiceObject, holdings: readonly Holding[]): Promise<Outcome> {
    for (const holding of holdings) {
      if (holderOf(holding, service.metadata.uid) === undefined) continue
      if ((await release(holding, service)) === 'again') return 'again'
    }
    return 'done'
  }

  return { create, amend, release, drop }
}

function announceRelease({ logger, events }: ServiceReconcileOptions, holding: Holding, of: EventSubject): void {
  const { namespace = '', name } = of.metadata
  logger.info(`released ${holding.address} of Eip ${holding.claim.spec.eip}`, { service: serviceKey({ namespace, name }) })
  events.record(of, { type: 'Normal', reason: 'ReleaseIP', message: `success to release ip: ${holding.address}` })
}
