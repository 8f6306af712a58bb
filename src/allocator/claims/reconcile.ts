/** The writes of claims: each a compare-and-swap, each lost race an answer. */
import { type AddressClaimObject, holdersText, parseClaimName } from '../../api/address-claim.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../kube/client.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Decision } from '../decide.ts'
import { isShown } from '../fitness.ts'
import type { Knowledge } from '../knowledge.ts'
import { type Holding, holderOf } from '../ledger.ts'
import { serviceKey } from '../service-key.ts'
import type { Store } from '../store.ts'
import { timestamp } from '../timestamp.ts'

export type Outcome = 'done' | 'again'

/** One look at a Service, until there is nothing left to do. */
export interface Run {
  readonly key: string
  readonly service: ServiceObject
}

export interface ClaimWriterOptions {
  readonly knowledge: Knowledge
  readonly store: Store
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  /** An address that was set aside was not claimed after all: somebody may have been refused for it. */
  readonly onUnclaimed: (address: string, eip: string) => void
}

type EventSubject = Parameters<EventRecorder['record']>[0]

/** After a lost race the ledger learns what is stored now. */
const createRefresh =
  ({ knowledge, store }: ClaimWriterOptions) =>
  async (name: string, before: Holding | undefined): Promise<Outcome> => {
    const found = await store.findClaim(name)
    if (found !== undefined) knowledge.noteClaim(found)
    else if (before !== undefined) knowledge.noteClaimGone(before)
    return 'again'
  }

/** Creates, amends and deletes claims, each by compare-and-swap; a lost race is an answer, and the ledger learns who won. */
export const createClaimWriter = (options: ClaimWriterOptions, ours: Ours = new Set()) => ({
  create: createCreation(options, ours),
  ...createAmendments(options, ours),
  ...createReleases(options, ours),
})

/**
 * uids of claims that this process made or touched since it last wanted to be rid of them, and that are not on show yet: nobody else can
 * have decided to delete the version that is stored.
 */
type Ours = Set<string>

export type ClaimWriter = ReturnType<typeof createClaimWriter>

function createCreation(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store, logger } = options
  const refresh = createRefresh(options)
  return async function create({ key }: Run, { name, spec, from }: Extract<Decision, { kind: 'claim' }>): Promise<Outcome> {
    const ip = parseClaimName(name)
    if (!ip.ok || !knowledge.ledger.reserve(ip.value)) return 'again'
    try {
      const claim = await store.createClaim(name, spec)
      ours.add(claim.metadata.uid)
      knowledge.noteClaim(claim)
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
}

function createAmendments(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store, logger } = options
  const refresh = createRefresh(options)
  const note = (claim: AddressClaimObject): void => {
    ours.add(claim.metadata.uid)
    knowledge.noteClaim(claim)
  }

  async function amend(
    run: Run,
    { holding, spec }: Pick<Extract<Decision, { kind: 'amend' }>, 'holding' | 'spec'>,
    said: string,
  ): Promise<Outcome> {
    try {
      note(await store.amendClaim(holding, spec))
      logger.info(said, { service: run.key, eip: spec.eip, protocol: spec.protocol })
      return 'again'
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      return refresh(holding.claim.metadata.name, holding)
    }
  }

  /**
   * Before an address is shown that this process did not claim just now: another process may have decided to delete the claim when the Service did not
   * want it, and be about to. A new version of the claim makes that decision void.
   */
  async function confirm(run: Run, keep: readonly Holding[]): Promise<Outcome> {
    for (const holding of keep) {
      if (isShown(holding, run.service) || ours.has(holding.claim.metadata.uid)) continue
      try {
        note(await store.touchClaim(holding, timestamp(options.clock)))
        return 'again'
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error
        return refresh(holding.claim.metadata.name, holding)
      }
    }
    return 'done'
  }

  /** Their addresses are on show. */
  const settled = (keep: readonly Holding[]): void => {
    for (const { claim } of keep) ours.delete(claim.metadata.uid)
  }

  return { amend, confirm, settled }
}

function createReleases(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store } = options
  const refresh = createRefresh(options)

  /** Takes one holder out of a claim; without any other the claim itself goes. */
  async function release(holding: Holding, of: EventSubject): Promise<Outcome> {
    const others = holding.claim.spec.holders.filter((holder) => holder.uid !== of.metadata.uid)
    // The request may arrive late, whatever becomes of it here.
    ours.delete(holding.claim.metadata.uid)
    try {
      if (others.length > 0) {
        const spec = { ...holding.claim.spec, service: holdersText(others), holders: others }
        knowledge.noteClaim(await store.amendClaim(holding, spec))
      } else {
        const deleted = await store.deleteClaim(holding)
        knowledge.noteClaimGone(holding)
        if (deleted === 'not-found') return 'done'
      }
      announceRelease(options, holding, of)
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

  return { release, drop }
}

function announceRelease({ logger, events }: ClaimWriterOptions, holding: Holding, of: EventSubject): void {
  const { namespace = '', name } = of.metadata
  logger.info(`released ${holding.address} of Eip ${holding.claim.spec.eip}`, { service: serviceKey({ namespace, name }) })
  events.record(of, { type: 'Normal', reason: 'ReleaseIP', message: `success to release ip: ${holding.address}` })
}
