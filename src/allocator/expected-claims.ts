import type { AddressClaimSpec } from '../api/address-claim.ts'
import type { Ledger } from './ledger.ts'
import type { Store } from './store.ts'

/**
 * The same store; while a claim is being written, the ledger expects it. `onFailed` hears of a claim that may not come: its namespaces may
 * hold one more after all.
 */
export function expectClaims(store: Store, ledger: Pick<Ledger, 'expect' | 'unexpect'>, onFailed: (spec: AddressClaimSpec) => void): Store {
  function during<Answer>(name: string, spec: AddressClaimSpec, write: () => Promise<Answer>): Promise<Answer> {
    ledger.expect(name, spec)
    const answer = write()
    // Two turns later: by then whoever waits for the answer has put it into the ledger.
    const done = (): void => ledger.unexpect(name)
    answer.then(
      () => Promise.resolve().then(done),
      () => {
        done()
        onFailed(spec)
      },
    )
    return answer
  }
  return {
    ...store,
    createClaim: (name, spec) => during(name, spec, () => store.createClaim(name, spec)),
    amendClaim: (holding, spec) => during(holding.claim.metadata.name, spec, () => store.amendClaim(holding, spec)),
  }
}
