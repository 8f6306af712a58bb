/** What a change does to each Service: the same rules before and after. */
import { homeOf, isDraining } from '../../allocator/home.ts'
import type { Holding } from '../../allocator/ledger.ts'
import type { PoolBook } from '../../allocator/pools.ts'
import { explainRefusal } from '../../policy/refusal.ts'
import type { PaperOutcome } from '../paper/paper.ts'

export const VERDICTS = ['loses', 'moves', 'drains', 'gets', 'waits', 'keeps'] as const
export type Verdict = (typeof VERDICTS)[number]

export interface Comparison {
  readonly service: string
  readonly now: readonly string[]
  readonly after: readonly string[]
  readonly verdict: Verdict
  /** Why it waits, or what becomes of its address. */
  readonly says: string
}

/** One side of the comparison. */
export interface World {
  readonly outcomes: ReadonlyMap<string, PaperOutcome>
  readonly pools: PoolBook
}

/** Every Service that is ours before or after, the worst verdicts first, then by name. */
export function compareWorlds(before: World, after: World): readonly Comparison[] {
  const keys = new Set([...before.outcomes.keys(), ...after.outcomes.keys()])
  return [...keys]
    .flatMap((service) => compareOne(service, before.outcomes.get(service), after.outcomes.get(service), after.pools))
    .toSorted((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || (a.service < b.service ? -1 : 1))
}

function compareOne(
  service: string,
  was: PaperOutcome | undefined,
  will: PaperOutcome | undefined,
  pools: PoolBook,
): readonly Comparison[] {
  if (was?.ours !== true && will?.ours !== true) return []
  const [now, then] = [addressesOf(was), addressesOf(will)]
  const verdict = verdictOf(now, then, will, pools)
  const refusals = (will?.refusals ?? []).map((refusal) => explainRefusal(refusal).message)
  const leaving = (will?.held ?? [])
    .filter((holding) => isLeaving(holding, pools))
    .map(({ address, claim }) => `no Eip gives ${address} any more (${claim.spec.eip})`)
  const unowned = was?.ours === true && will?.ours !== true ? ['it is not ours any more: no default Eip adopts it'] : []
  return [{ service, now, after: then, verdict, says: [...unowned, ...(refusals.length > 0 ? refusals : leaving)].join('; ') }]
}

const addressesOf = (outcome: PaperOutcome | undefined): readonly string[] => (outcome?.held ?? []).map(({ address }) => address)

/** Whether the address stays only until its Service lets it go. */
const isLeaving = (holding: Holding, pools: PoolBook): boolean => {
  const home = homeOf(holding, pools)
  return home.kind === 'gone' || isDraining(home, holding)
}

function verdictOf(now: readonly string[], then: readonly string[], will: PaperOutcome | undefined, pools: PoolBook): Verdict {
  if (then.length < now.length) return 'loses'
  if (now.some((address) => !then.includes(address))) return 'moves'
  if (then.length > now.length) return 'gets'
  if (then.length === 0) return 'waits'
  return will?.held.some((holding) => isLeaving(holding, pools)) === true ? 'drains' : 'keeps'
}
