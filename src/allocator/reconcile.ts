/** Makes one Service so as it was decided: facts in, decision out, then the writes. */

import { formatIp, type Ip } from '../addr/ip.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { isConflict, isNotFound } from '../kube/client.ts'
import { explainRefusal, type Refusal, type RefusalCode } from '../policy/refusal.ts'
import { type ClaimWriter, type ClaimWriterOptions, createClaimWriter, type Outcome, type Run } from './claims/reconcile.ts'
import { type Decision, decide } from './decide.ts'
import { shownAddresses } from './request.ts'
import { serviceKey } from './service-key.ts'
import { type DesiredService, type ServicePatch, servicePatch, versionPatch } from './service-status.ts'
import type { ServiceRef } from './store.ts'
import { timestamp } from './timestamp.ts'
import type { Waiters } from './waiters.ts'
import { wakesOf } from './wakes.ts'

export interface ServiceReconcileOptions extends ClaimWriterOptions {
  readonly waiters: Waiters
  /** Addresses that OpenELB noted for a Service, by its key. */
  readonly remembered: ReadonlyMap<string, readonly Ip[]>
  /** A Service without a claim was left alone for this reason. */
  readonly onLeft: (key: string, reason: string) => void
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
      const outcome = await perform({ key, service }, decision)
      if (outcome === 'done') return
    }
    throw new Error(`no end after ${STEPS_MAX} steps: others keep changing the same objects`)
  }
}

/** One decision carried out. */
function createActions(options: ServiceReconcileOptions, claims: ClaimWriter) {
  const { waiters } = options
  const write = createServiceWriter(options)

  async function settle(run: Run, decision: Extract<Decision, { kind: 'settle' }>): Promise<Outcome> {
    const { service } = run
    const { refusals, others, desired, drop, keep } = decision
    // Before anything is awaited: what happens meanwhile must find us in the line.
    waitFor(options, run, [...refusals, ...others])
    if ((await claims.seek(run, unclaimed(service, decision))) === 'again') return 'again'
    if ((await claims.confirm(run, keep)) === 'again') return 'again'
    const written = await write(service, desired, drop.length > 0)
    if (written === 'conflict') return 'again'
    claims.settled(run, keep)
    const [refusal] = refusals
    if (written === 'answered' && refusal !== undefined) announceRefusal(options, run, refusal)
    const dropped = await claims.drop(service, drop)
    // Holding nothing, it may not be ours any more: a setting is not taken to Services that hold an address.
    return keep.length === 0 && drop.length > 0 ? 'again' : dropped
  }

  async function perform(run: Run, decision: Decision): Promise<Outcome> {
    const { key, service } = run
    switch (decision.kind) {
      case 'leave':
        options.onLeft(key, decision.reason)
        return 'done'
      case 'await-namespace':
        waiters.wait(key, 'NoDefaultPool', [{ on: 'namespace', namespace: service.metadata.namespace ?? '' }])
        return 'done'
      case 'claim':
        return claims.create(run, decision)
      case 'join':
        return claims.amend(run, decision, `shares ${decision.holding.address} of Eip ${decision.spec.eip}`)
      case 'amend':
        return claims.amend(run, decision, `claim of ${decision.holding.address} follows its Eip or its Service`)
      case 'settle':
        return settle(run, decision)
      case 'release': {
        const written = await write(service, decision.desired, decision.drop.length > 0)
        if (written === 'conflict') return 'again'
        const dropped = await claims.drop(service, decision.drop)
        // The next step leaves it alone and says why: an Eip or a setting may make it ours again.
        return written === 'gone' ? dropped : 'again'
      }
    }
  }

  return perform
}

/** The addresses that go off the status of a Service, and of which it has no claim. */
function unclaimed(service: ServiceObject, { desired, drop }: Extract<Decision, { kind: 'settle' }>): readonly Ip[] {
  const { ingress } = desired
  if (ingress === undefined) return []
  const going = shownAddresses(service).filter((ip) => !ingress.includes(formatIp(ip)))
  return going.filter((ip) => !drop.some(({ address }) => address === formatIp(ip)))
}

function announceRefusal({ logger, onRefused, events }: ServiceReconcileOptions, { key, service }: Run, refusal: Refusal): void {
  const { reason, eventReason, message } = explainRefusal(refusal)
  // It is the way to an address, and no failure: nothing to be warned of.
  if (refusal.code === 'AddressProbing') return
  logger.info(`refused: ${message}`, { service: key, reason })
  onRefused(reason)
  events.record(service, { type: 'Warning', reason: eventReason, message })
}

/** Puts a refused Service in the lines of everything that any of its refusals names. */
function waitFor({ waiters, knowledge }: ServiceReconcileOptions, { key, service }: Run, refusals: readonly Refusal[]): void {
  const [first] = refusals
  if (first === undefined) return
  // Other labels of its namespace may bind it to other pools, whatever stood against it here.
  const onNamespace = { on: 'namespace', namespace: service.metadata.namespace ?? '' } as const
  // A change of any Eip may make another reason the true one: an overlap begins, the default Eip that adopted the Service goes.
  const onPools = { on: 'any-pool' } as const
  waiters.wait(key, first.code, [...wakesOf(service, refusals, knowledge.settings.compat), onNamespace, onPools])
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

/** `answered`: what it says about its addresses is new. */
type Written = 'answered' | 'patched' | 'unchanged' | 'conflict' | 'gone'

/**
 * Patches a Service to what is desired, and says so where it matters to people. With `isDropping` it always writes: a claim may be deleted
 * only under a new version of its Service, so that a late writer who knows the former one cannot show the address any more.
 */
function createServiceWriter({ knowledge, store, events, clock, logger }: ServiceReconcileOptions) {
  function announce(service: ServiceObject, patch: ServicePatch): void {
    const given = patch.status?.loadBalancer?.ingress ?? []
    if (given.length === 0) return
    const addresses = given.map(({ ip }) => ip).join(',')
    logger.info(`gave ${addresses}`, { service: serviceKey(service.metadata) })
    events.record(service, { type: 'Normal', reason: 'AssignIP', message: `success to assign ip: ${addresses}` })
  }
  return async (service: ServiceObject, desired: DesiredService, isDropping: boolean): Promise<Written> => {
    const patch = servicePatch(service, desired, timestamp(clock)) ?? (isDropping ? versionPatch(service) : undefined)
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
    return patch.status?.conditions === undefined ? 'patched' : 'answered'
  }
}
