/** Which holdings count for which Eip: by the name in their claim, but for the few that have another home. */
import { homeName, homeOf, isDraining } from '../home.ts'
import type { Holding, Ledger } from '../ledger.ts'
import type { PoolBook } from '../pools.ts'
import { createTally, type MutableTally, type Tally } from './tally.ts'

export interface Homes {
  /** What is at home in this Eip. */
  tally(eip: string): Tally
  /** The Eip that this holding counts for. */
  of(holding: Holding): string
  /** The Eips in which somebody may wait for the address: the one that the claim names, its home, and the one that has it now. */
  around(holding: Holding): readonly string[]
  /** A claim was created, or changed from `before`; called when the ledger has it. */
  note(holding: Holding, before: Holding | undefined): void
  /** A claim is gone, also from the ledger. */
  forget(holding: Holding): void
  /** The Eips changed: every home may be another one. */
  reset(): void
}

/** Follows a ledger. After a change of the Eips the next question costs one walk over it, else nothing grows with it. */
export function createHomes(ledger: Pick<Ledger, 'all' | 'inPool'>, book: () => PoolBook): Homes {
  const tallies = new Map<string, MutableTally>()
  const strays = createStrays(ledger, book)
  const of = (holding: Holding): string => homeName(homeOf(holding, book()))
  const drains = (holding: Holding): boolean => isDraining(homeOf(holding, book()), holding)
  return {
    tally(eip) {
      const known = tallies.get(eip)
      if (known !== undefined) return known
      const tally = createTally(() => strays.membersOf(eip), drains)
      tallies.set(eip, tally)
      return tally
    },
    of,
    around(holding) {
      // The claim of an Eip that overlaps another one keeps its home there, and the other one gives the address next.
      const giver = book().containing(holding.ip)
      return [...new Set([holding.claim.spec.eip, of(holding), ...(giver === undefined ? [] : [giver.name])])]
    },
    note(holding, before) {
      if (before !== undefined) tallies.get(of(before))?.remove(before)
      strays.note(holding)
      tallies.get(of(holding))?.add(holding, drains(holding))
    },
    forget(holding) {
      strays.forget(holding)
      tallies.get(of(holding))?.remove(holding)
    },
    reset() {
      tallies.clear()
      strays.reset()
    },
  }
}

/** Holdings whose home is not the Eip that their claim names. */
function createStrays(ledger: Pick<Ledger, 'all' | 'inPool'>, book: () => PoolBook) {
  let strays: Map<string, { readonly holding: Holding; readonly home: string }> | undefined
  function place(holding: Holding, among: NonNullable<typeof strays>): void {
    const home = homeName(homeOf(holding, book()))
    if (home === holding.claim.spec.eip) among.delete(holding.claim.metadata.name)
    else among.set(holding.claim.metadata.name, { holding, home })
  }
  function known(): NonNullable<typeof strays> {
    if (strays !== undefined) return strays
    strays = new Map()
    for (const holding of ledger.all()) place(holding, strays)
    return strays
  }
  return {
    *membersOf(eip: string): Generator<Holding> {
      const elsewhere = known()
      for (const holding of ledger.inPool(eip)) if (!elsewhere.has(holding.claim.metadata.name)) yield holding
      for (const { holding, home } of elsewhere.values()) if (home === eip) yield holding
    },
    note(holding: Holding): void {
      if (strays !== undefined) place(holding, strays)
    },
    forget: ({ claim }: Holding): void => void strays?.delete(claim.metadata.name),
    reset: (): void => {
      strays = undefined
    },
  }
}
