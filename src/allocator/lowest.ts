import { byAddress, type Holding } from './ledger.ts'

/**
 * The `count` lowest of the holdings by address, IPv4 first, sorted. Of many only those below a bound are sorted: the bound is found by
 * sorting a block at a time and keeping the lowest, so it costs O(n log count) at worst and about O(n) as a rule.
 */
export function lowest(holdings: readonly Holding[], count: number): readonly Holding[] {
  let kept: Holding[] = []
  let bound: Holding | undefined
  const cut = (): void => {
    kept = kept.sort(byAddress).slice(0, count)
    bound = kept.length < count ? undefined : kept[count - 1]
  }
  for (const holding of holdings) {
    if (bound !== undefined && byAddress(holding, bound) >= 0) continue
    kept.push(holding)
    if (kept.length >= 2 * count) cut()
  }
  cut()
  return kept
}
