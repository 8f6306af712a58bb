/** Watches Eips that exclude one another, and notes each moment at which two of them are stored, or active, at once. */
import type { EipObject } from '../../../src/api/eip.ts'
import { IS_DEFAULT_EIP } from '../../../src/api/service-annotations.ts'
import type { ApiClient } from '../../../src/kube/client.ts'
import { EIPS } from '../../../src/kube/resources.ts'
import { followVersions, learnOf } from './versions.ts'

/** Label of an Eip: of all that contend in one group, one may be there. */
export const GROUP = 'race.example.com/group'

/** One version of an Eip, as far as it matters here. */
export interface Contender {
  readonly revision: number
  readonly name: string
  readonly group: string
  /** Whether it is there and has what the others of its group want. */
  readonly contends: boolean
  /** Whether addresses are given out of it. */
  readonly isActive: boolean
}

export interface Contention {
  /** Ends the watch; gives a sentence per moment. */
  close(): Promise<readonly string[]>
}

/** What an Eip of a group has in common with the others: the growers their second range, the defaults their mark, all others their existence. */
function contends({ metadata, spec }: EipObject, group: string): boolean {
  if (group === 'grow') return (spec.addresses ?? []).length > 0
  return group !== 'default' || metadata.annotations?.[IS_DEFAULT_EIP] === 'true'
}

/** Whether it says that addresses are given out of it. */
export const isActiveEip = ({ status }: EipObject): boolean => status?.conditions?.some(({ reason }) => reason === 'Active') === true

function contenderOf(eip: EipObject, exists: boolean): readonly Contender[] {
  const group = eip.metadata.labels?.[GROUP]
  if (group === undefined) return []
  const isActive = exists && isActiveEip(eip)
  const { name, resourceVersion } = eip.metadata
  return [{ revision: Number(resourceVersion), name, group, contends: exists && contends(eip, group), isActive }]
}

/** The moments at which two of a group contended at once. Pure. */
export function judgeContention(versions: readonly Contender[]): readonly string[] {
  const groups = new Map<string, Map<string, Contender>>()
  return versions
    .toSorted((a, b) => a.revision - b.revision)
    .flatMap((version) => {
      const group = groups.get(version.group) ?? new Map<string, Contender>()
      groups.set(version.group, group)
      group.delete(version.name)
      if (!version.contends) return []
      const others = [...group.values()]
      group.set(version.name, version)
      if (others.length === 0) return []
      const active = version.isActive && others.some(({ isActive }) => isActive) ? ', two of them active' : ''
      return [`at ${version.revision} ${[...others, version].map(({ name }) => name).join(' and ')} are stored together${active}`]
    })
}

export async function followContention(api: ApiClient): Promise<Contention> {
  const seen: Contender[] = []
  const versions = await followVersions(api, [learnOf<EipObject>(EIPS, (eip, exists) => seen.push(...contenderOf(eip, exists)))])
  return {
    async close() {
      const { gap } = versions
      await versions.close()
      return [...(gap === undefined ? [] : [gap]), ...judgeContention(seen)]
    },
  }
}
