/** What the webhook knows of the cluster, in the form of its rules: read once per change, not once per review. */
import { type Family, formatIp } from '../addr/ip.ts'
import type { ConfigMapObject, NamespaceObject, NodeObject } from '../api/core-objects.ts'
import type { EipObject } from '../api/eip.ts'
import { type KnownPools, knownPools } from '../policy/known-pools.ts'
import { type NodeNetwork, primaryFamily, readNodeNetwork } from '../policy/node-network.ts'
import { toPool } from '../policy/pool.ts'
import { parseSettings, type Settings } from '../policy/settings.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { ServiceReviewFacts } from './admit/service.ts'

/** The part of an informer that is read here. */
interface Watched<T> {
  get(key: string): T | undefined
  values(): Iterable<T>
  subscribe(listener: (change: { readonly before: T | undefined; readonly after: T | undefined }) => void): () => void
}

export interface FactSources {
  readonly eips: Watched<EipObject>
  readonly namespaces: Watched<Pick<NamespaceObject, 'metadata'>>
  readonly nodes: Watched<NodeObject>
  /** ConfigMap `openelb-config` alone. */
  readonly settings: Watched<ConfigMapObject>
  /** What holds where the ConfigMap says nothing. */
  readonly unset: Settings
  readonly ownNamespace: string
  readonly clock: Clock
  readonly logger: Logger
}

export interface Facts {
  serviceFacts(): ServiceReviewFacts
  nodes(): readonly NodeNetwork[]
  /** uids of Eips that were deleted in the last minute. */
  deletedEips(): ReadonlySet<string>
}

/** Longer than any reservation lives. */
const DELETED_MS = 60_000

/** Creates the facts. They are as old as the informers, which start elsewhere. */
export function createFacts(sources: FactSources): Facts {
  const { namespaces, ownNamespace } = sources
  const readSettings = followSettings(sources)
  const deletedEips = followDeletions(sources)
  const pools = followPools(sources)
  const nodes = followNodes(sources)
  return {
    serviceFacts: () => ({
      settings: readSettings(),
      pools: pools(),
      ownNamespace,
      namespaceLabels: (name) => {
        const namespace = namespaces.get(name)
        return namespace === undefined ? undefined : (namespace.metadata.labels ?? {})
      },
      nodeAt: (ip) => nodes().byAddress.get(formatIp(ip)),
      primaryFamily: nodes().primaryFamily,
    }),
    nodes: () => nodes().all,
    deletedEips,
  }
}

/** What of an Eip makes a pool: all but its status, which is written with every address that is given. */
const poolText = ({ metadata, spec }: EipObject): string =>
  JSON.stringify([metadata.annotations, metadata.deletionTimestamp, metadata.uid, spec])

/** The Eips that can be pools, read again once one of them has changed. */
function followPools({ eips }: FactSources): () => KnownPools {
  let pools: KnownPools | undefined
  eips.subscribe(({ before, after }) => {
    if (before === undefined || after === undefined || poolText(before) !== poolText(after)) pools = undefined
  })
  return () => {
    pools ??= knownPools(
      [...eips.values()].flatMap((eip) => {
        const pool = toPool(eip)
        return pool.ok ? [pool.value] : []
      }),
    )
    return pools
  }
}

interface NodeFacts {
  readonly all: readonly NodeNetwork[]
  /** Which node has an address, by its canonical text. */
  readonly byAddress: ReadonlyMap<string, string>
  readonly primaryFamily: Family | undefined
}

function followNodes({ nodes }: FactSources): () => NodeFacts {
  let facts: NodeFacts | undefined
  nodes.subscribe(() => {
    facts = undefined
  })
  return () => {
    if (facts !== undefined) return facts
    const all = [...nodes.values()].map(readNodeNetwork).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const byAddress = new Map(all.flatMap(({ name, addresses }) => addresses.map((ip) => [formatIp(ip), name] as const)))
    facts = { all, byAddress, primaryFamily: primaryFamily(all) }
    return facts
  }
}

/** A value that cannot be read leaves the settings as they were. */
function followSettings({ settings, unset, logger }: FactSources): () => Settings {
  let current = unset
  settings.subscribe(({ after }) => {
    const read = parseSettings(after?.data, unset)
    if (read.ok) current = read.value
    else logger.error('ConfigMap openelb-config is not valid; the settings stay as they were', { why: read.error.message, ...current })
  })
  return () => current
}

function followDeletions({ eips, clock }: FactSources): () => ReadonlySet<string> {
  const deletedAtMs = new Map<string, number>()
  const prune = (): void => {
    for (const [uid, atMs] of deletedAtMs) {
      // In the order of insertion: the first one that is young enough ends the search.
      if (clock.monotonicMs() - atMs < DELETED_MS) break
      deletedAtMs.delete(uid)
    }
  }
  eips.subscribe(({ before, after }) => {
    if (before !== undefined && after === undefined) deletedAtMs.set(before.metadata.uid, clock.monotonicMs())
    prune()
  })
  return () => {
    prune()
    return new Set(deletedAtMs.keys())
  }
}
