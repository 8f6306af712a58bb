/** Which holdings count for which Eip: by the name in their claim, but for the few that have another home. */
import { homeName, homeOf } from '../home.ts'
import type { Holding, Ledger } from '../ledger.ts'
import type { PoolBook } from '../pools.ts'

export interface Homes {
  /** The holdings at home in this Eip, in no order. */
  in(eip: string): Iterable<Holding>
  /** The Eip that this holding counts for. */
  of(holding: Holding): string
  /** A claim was created or changed. */
  note(holding: Holding): void
  /** A claim is gone. */
  forget(holding: Holding): void
  /** The Eips changed: every home may be another one. */
  reset(): void
}

/** Follows a ledger. After a change of the Eips the next question costs one walk over it, else nothing grows with it. */
export function createHomes(ledger: Pick<Ledger, 'all' | 'inPool'>, book: () => PoolBook): Homes {
  /** Those whose home is not the Eip that their claim names; undefined until somebody asks. */
  let strays: Map<string, { readonly holding: Holding; readonly home: string }> | undefined
  const of = (holding: Holding): string => homeName(homeOf(holding, book()))
  function place(holding: Holding, among: NonNullable<typeof strays>): void {
    const { name } = holding.claim.metadata
    const home = of(holding)
    if (home === holding.claim.spec.eip) among.delete(name)
    else among.set(name, { holding, home })
  }
  function known(): NonNullable<typeof strays> {
    if (strays !== undefined) return strays
    strays = new Map()
    for (const holding of ledger.all()) place(holding, strays)
    return strays
  }
  return {
    *in(eip) {
      const elsewhere = known()
      for (const holding of ledger.inPool(eip)) if (!elsewhere.has(holding.claim.metadata.name)) yield holding
      for (const { holding, home } of elsewhere.values()) if (home === eip) yield holding
    },
    of,
    note(holding) {
      if (strays !== undefined) place(holding, strays)
    },
    forget: ({ claim }) => void strays?.delete(claim.metadata.name),
    reset: () => {
      strays = undefined
    },
  }
}
