/** The claims: what the ledger says, and what follows from a claim that comes, changes or goes. */
import type { AddressClaimObject, Holder } from '../../api/address-claim.ts'
import { isContested } from '../fitness.ts'
import type { Holding, Ledger } from '../ledger.ts'
import { serviceKey } from '../service-key.ts'
import type { Homes } from './homes.ts'
import type { Teller, Watched } from './sources.ts'

export interface ClaimsOptions {
  readonly ledger: Ledger
  readonly homes: Homes
  readonly tell: Teller
  /** An address is held that was not. Called before anybody is told. */
  readonly onHeld: (holding: Holding) => void
  /** A claim is gone. Called before anybody is told. */
  readonly onFreed: (holding: Holding) => void
}

export interface ClaimsFollower {
  note(claim: AddressClaimObject): void
  /** Notes a claim that was read past the watch: its holders are told, for the watch will show nothing new. */
  noteFound(claim: AddressClaimObject): void
  noteGone(holding: Holding): void
  /** Holdings known by our own writes only. */
  unconfirmed(): readonly Holding[]
  close(): void
}

/** Follows the claims into the ledger. */
export function followClaims(watched: Watched<AddressClaimObject>, options: ClaimsOptions): ClaimsFollower {
  const { ledger, tell } = options
  const take = createTake(options)
  const released = createRelease(options)
  for (const claim of watched.values()) ledger.upsert(claim)
  const close = watched.subscribe(({ before, after }) => {
    if (after !== undefined) {
      if (take(after)) tellHolders(after, tell)
      return
    }
    if (before === undefined) return
    const { name, uid } = before.metadata
    ledger.confirmRemoved(uid)
    const holding = ledger.byName(name)
    if (holding === undefined || !ledger.remove(name, uid)) return
    released(holding)
    tellHolders(before, tell)
  })
  return {
    note: take,
    noteFound(claim) {
      if (take(claim)) tellHolders(claim, tell)
    },
    noteGone(holding) {
      const { name, uid } = holding.claim.metadata
      const isWatched = watched.get(name)?.metadata.uid === uid
      // A claim that the watch never showed has no deletion event either: there is nothing to be ignored.
      // The ledger may have a later version of it than the one that was decided about.
      const known = ledger.byName(name) ?? holding
      const isRemoved = isWatched ? ledger.bury(name, uid) : ledger.remove(name, uid)
      if (isRemoved) released(known)
    },
    unconfirmed: () => [...ledger.all()].filter(({ claim }) => watched.get(claim.metadata.name)?.metadata.uid !== claim.metadata.uid),
    close,
  }
}

function tellHolders(claim: AddressClaimObject, tell: Teller): void {
  for (const holder of claim.spec.holders) tell.service(serviceKey(holder))
}

/** Takes in a version of a claim; false when it says nothing new. */
function createTake({ ledger, homes, tell, onHeld }: ClaimsOptions): (claim: AddressClaimObject) => boolean {
  return (claim) => {
    const before = ledger.byName(claim.metadata.name)
    const after = ledger.upsert(claim)
    if (after === undefined || before === after) return false
    const former = before === undefined ? undefined : homes.of(before)
    homes.note(after, before)
    const home = homes.of(after)
    if (former !== undefined && former !== home) tell.eip(former)
    tell.eip(home)
    if (before === undefined) {
      onHeld(after)
      tellSharers(after, tell)
    } else tellChange(before, after, tell)
    return true
  }
}

/** What of a holder others look at who would share the address. */
const termsOf = ({ uid, ports, sharing, backend }: Holder): string =>
  [uid, sharing, backend, ...ports.map(({ protocol, port }) => `${protocol}/${port}`)].join()

/** Somebody may fit beside the holders now, or count for less: one of them left or changed its ports, or a conflict is over. */
function tellChange(before: Holding, after: Holding, tell: Teller): void {
  const present = new Set(after.claim.spec.holders.map(termsOf))
  const changed = before.claim.spec.holders.filter((holder) => !present.has(termsOf(holder)))
  const isMoved = before.claim.spec.eip !== after.claim.spec.eip
  const isCleared = isContested(before) && !isContested(after)
  if (changed.length === 0 && !isMoved && !isCleared) return
  const staying = new Set(isMoved ? [] : after.claim.spec.holders.map(({ namespace }) => namespace))
  const namespaces = namespacesOf(before).filter((namespace) => !staying.has(namespace))
  tell.happened({ kind: 'holders-changed', address: before.address, pools: [before.claim.spec.eip], namespaces })
  for (const holder of changed) tell.happened({ kind: 'service-changed', service: serviceKey(holder) })
  tellSharers(after, tell)
}

/** Whoever waits with the key of a holder may share the address now. */
function tellSharers({ claim }: Holding, tell: Teller): void {
  for (const sharing of new Set(claim.spec.holders.map((holder) => holder.sharing))) {
    if (sharing !== undefined) tell.happened({ kind: 'sharers-changed', sharing })
  }
}

const namespacesOf = ({ claim }: Holding): readonly string[] => [...new Set(claim.spec.holders.map(({ namespace }) => namespace))]

function createRelease({ homes, tell, onFreed }: ClaimsOptions): (holding: Holding) => void {
  return (holding) => {
    const pools = homes.around(holding)
    homes.forget(holding)
    onFreed(holding)
    for (const name of pools) tell.eip(name)
    const { address, ip } = holding
    tell.happened({ kind: 'released', address, family: ip.family, pools, namespaces: namespacesOf(holding) })
    for (const holder of holding.claim.spec.holders) tell.happened({ kind: 'service-changed', service: serviceKey(holder) })
  }
}
