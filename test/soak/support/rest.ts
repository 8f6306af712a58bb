/** The end of a story: nothing is under way any more, and every law holds. */
import { OPT_IN, OPT_IN_VALUE } from '../../../src/api/service-annotations.ts'
import { until } from '../../support/until.ts'
import { type History, isTold } from './history.ts'
import { judge, type Seen, type Violation } from './judge.ts'

const REST_MS = 90_000
/** A Service that waits in vain would be told so; one that is only late is not at rest yet. */
const isSettled = ({ services, claims }: History): boolean => {
  const shown = new Set<string>()
  for (const service of services.values()) {
    const addresses = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])
    for (const address of addresses) shown.add(address)
    const wants = service.spec.type === 'LoadBalancer' && service.metadata.annotations?.[OPT_IN] === OPT_IN_VALUE
    if (wants && addresses.length === 0 && !isTold(service)) return false
  }
  return shown.size === claims.size && [...claims.keys()].every((address) => shown.has(address))
}

export interface Verdict {
  readonly passed: boolean
  /** Versions of Services and claims that were judged. */
  readonly versions: number
  readonly violations: readonly (Violation & { readonly before?: readonly string[] })[]
}

/** Waits for rest, judges everything that was seen and ends the history. An allocator must be running. Never rejects for what it finds. */
export async function conclude(history: History, restMs = REST_MS): Promise<Verdict> {
  const late = await until('claims and Services agree', () => isSettled(history), restMs, 100).then(
    () => [],
    (error: Error) => [{ law: 'leaked', revision: 0, says: error.message } as const],
  )
  await history.close()
  const gap = history.gap === undefined ? [] : [{ law: 'order', revision: 0, says: history.gap } as const]
  const found = judge(history.seen, { atRest: true }).map((violation) => ({ ...violation, before: leadingTo(violation, history.seen) }))
  const violations = [...gap, ...late, ...found]
  return { passed: violations.length === 0, versions: history.seen.length, violations: violations.slice(0, MOST_TOLD) }
}

/** The last versions of the Services and addresses that a violation names. */
function leadingTo({ revision, says }: Violation, seen: readonly Seen[]): readonly string[] {
  const words = new Set(says.split(/[ ,]/))
  return seen
    .filter((each) => each.revision <= revision && words.has(each.kind === 'claim' ? each.address : each.key))
    .toSorted((a, b) => a.revision - b.revision)
    .slice(-EVIDENCE)
    .map((each) => JSON.stringify(each))
}

const EVIDENCE = 16
/** One fault often breaks a law many times. */
const MOST_TOLD = 50
