/** The writes of claims: each a compare-and-swap, each lost race an answer. */
import type { Ip } from '../../addr/ip.ts'
import { type AddressClaimObject, claimName, holdersText, parseClaimName } from '../../api/address-claim.ts'
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
    if (found !== undefined) knowledge.noteFoundClaim(found)
    else if (before !== undefined) knowledge.noteClaimGone(before)
    return 'again'
  }

/** Creates, amends and deletes claims, each by compare-and-swap; a lost race is an answer, and the ledger learns who won. */
export const createClaimWriter = (options: ClaimWriterOptions, ours: Ours = new Map()) => ({
  create: createCreation(options, ours),
  ...createAmendments(options, ours),
  ...createReleases(options, ours),
})

/**
 * The claims that this process made or touched since it last wanted to be rid of them, and that are not on show yet, with the version of
 * the Service that it knew then. Whoever drops a claim writes the Service first, so for that version of the Service nobody else can have
 * decided to delete the version of the claim that is stored.
 */
type Ours = Map<string, string>

const ourKey = (claim: AddressClaimObject, { metadata }: { readonly metadata: { readonly uid?: string } }): string =>
  `${claim.metadata.uid} ${metadata.uid}`

export type ClaimWriter = ReturnType<typeof createClaimWriter>

function createCreation(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store, logger } = options
  const refresh = createRefresh(options)
  return async function create({ key, service }: Run, { name, spec, from }: Extract<Decision, { kind: 'claim' }>): Promise<Outcome> {
    const ip = parseClaimName(name)
    if (!ip.ok || !knowledge.ledger.reserve(ip.value)) return 'again'
    try {
      const claim = await store.createClaim(name, spec)
      ours.set(ourKey(claim, service), service.metadata.resourceVersion)
      knowledge.noteClaim(claim)
      logger.info(`claimed ${spec.address} of Eip ${spec.eip}`, { service: key, from })
    } catch (error) {
      if (!isAlreadyExists(error)) {
        knowledge.ledger.unreserve(ip.value)
        options.onUnclaimed(spec.address, spec.eip)
        throw error
      }
      logger.debug(`lost ${spec.address} to another`, { service: key })
      await refresh(name, undefined)
      knowledge.ledger.unreserve(ip.value)
      // The other one may have let go of it meanwhile.
      if (knowledge.ledger.byName(name) === undefined) options.onUnclaimed(spec.address, spec.eip)
    } finally {
      knowledge.ledger.unreserve(ip.value)
    }
    return 'again'
  }
}

function createAmendments(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store, logger } = options
  const refresh = createRefresh(options)
  const note = ({ service }: Run, claim: AddressClaimObject): void => {
    ours.set(ourKey(claim, service), service.metadata.resourceVersion)
    knowledge.noteClaim(claim)
  }

  async function amend(
    run: Run,
    { holding, spec }: Pick<Extract<Decision, { kind: 'amend' }>, 'holding' | 'spec'>,
    said: string,
  ): Promise<Outcome> {
    try {
      note(run, await store.amendClaim(holding, spec))
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
      const isOurs = ours.get(ourKey(holding.claim, run.service)) === run.service.metadata.resourceVersion
      if (isShown(holding, run.service) || isOurs) continue
      try {
        note(run, await store.touchClaim(holding, timestamp(options.clock)))
        return 'again'
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error
        return refresh(holding.claim.metadata.name, holding)
      }
    }
    return 'done'
  }

  /**
   * Before addresses go off the status of a Service for which no claim of it is known: the watch of claims may be behind that of Services,
   * and nobody may lose an address for that.
   */
  async function seek({ service }: Run, gone: readonly Ip[]): Promise<Outcome> {
    for (const ip of gone) {
      const found = await store.findClaim(claimName(ip))
      if (found === undefined || !found.spec.holders.some(({ uid }) => uid === service.metadata.uid)) continue
      knowledge.noteFoundClaim(found)
      return 'again'
    }
    return 'done'
  }

  /** Their addresses are on show. */
  const settled = ({ service }: Run, keep: readonly Holding[]): void => {
    for (const { claim } of keep) ours.delete(ourKey(claim, service))
  }

  return { amend, confirm, seek, settled }
}

function createReleases(options: ClaimWriterOptions, ours: Ours) {
  const { knowledge, store } = options
  const refresh = createRefresh(options)

  /** Takes one holder out of a claim; without any other the claim itself goes. */
  async function release(holding: Holding, of: EventSubject): Promise<Outcome> {
    const others = holding.claim.spec.holders.filter((holder) => holder.uid !== of.metadata.uid)
    // The request may arrive late, whatever becomes of it here.
    ours.delete(ourKey(holding.claim, of))
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
