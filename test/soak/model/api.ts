/**
 * An API server in memory: objects with uid and resourceVersion, optimistic concurrency as the real one has it, and a log of every
 * revision. What a request means is said here once; when it arrives, and whether its answer does, is the world's business.
 */
import type { Holding } from '../../../src/allocator/ledger.ts'
import type { ServicePatch } from '../../../src/allocator/service-status.ts'
import type { ServiceRef } from '../../../src/allocator/store.ts'
import { AddressClaim, type AddressClaimObject, type AddressClaimSpec } from '../../../src/api/address-claim.ts'
import type { Condition, ConfigMapObject, NamespaceObject, NodeObject, ObjectMeta, ServiceObject } from '../../../src/api/core-objects.ts'
import type { EipObject } from '../../../src/api/eip.ts'
import { ApiError } from '../../../src/kube/client.ts'

/** What is stored, by collection. Keys are `namespace/name`, or the name of what has no namespace. */
export interface Objects {
  readonly services: ServiceObject
  readonly namespaces: NamespaceObject
  readonly nodes: NodeObject
  readonly eips: EipObject
  readonly claims: AddressClaimObject
  readonly settings: ConfigMapObject
}
export type Collection = keyof Objects
export const COLLECTIONS = ['services', 'namespaces', 'nodes', 'eips', 'claims', 'settings'] as const satisfies readonly Collection[]

/** One revision: what became of one object. */
export interface Change<C extends Collection = Collection> {
  readonly revision: number
  readonly collection: C
  readonly key: string
  readonly before: Objects[C] | undefined
  readonly after: Objects[C] | undefined
}

export type Stored = { readonly [C in Collection]: ReadonlyMap<string, Objects[C]> }

export interface Api extends Stored {
  readonly revision: number
  /** Stores an object under a new revision, unless it is there already, word for word. `metadata` is completed. */
  put<C extends Collection>(collection: C, key: string, object: Objects[C]): Objects[C]
  remove(collection: Collection, key: string): void
  /** A uid that nobody had. */
  readonly uid: () => string
}

/** Creates it empty. `onChange` is called within each write. */
export function createApi(onChange: (change: Change) => void): Api {
  const maps: { readonly [C in Collection]: Map<string, Objects[C]> } = {
    services: new Map(),
    namespaces: new Map(),
    nodes: new Map(),
    eips: new Map(),
    claims: new Map(),
    settings: new Map(),
  }
  let revision = 0
  let uids = 0
  return {
    ...maps,
    get revision() {
      return revision
    },
    put<C extends Collection>(collection: C, key: string, object: Objects[C]): Objects[C] {
      const map = maps[collection] as Map<string, Objects[C]>
      const before = map.get(key)
      if (before !== undefined && isSame(before, object)) return before
      revision++
      const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } } as Objects[C]
      map.set(key, after)
      onChange({ revision, collection, key, before, after } as unknown as Change)
      return after
    },
    remove(collection, key) {
      const before = maps[collection].get(key)
      if (before === undefined) return
      revision++
      maps[collection].delete(key)
      onChange({ revision, collection, key, before, after: undefined })
    },
    uid: () => `uid-${++uids}`,
  }
}

/** Equality of JSON values. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, at) => isSame(value, b[at]))
  const left = a as Readonly<Record<string, unknown>>
  const right = b as Readonly<Record<string, unknown>>
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => isSame(left[key], right[key]))
}

const refuse = (status: number, reason: string): never => {
  throw new ApiError(reason, { status, reason })
}

/** The stored object, if it is the version that the request names. */
function precondition<T extends { readonly metadata: ObjectMeta }>(
  stored: T | undefined,
  named: { uid: string; resourceVersion: string },
): T {
  if (stored === undefined) return refuse(404, 'NotFound')
  const { uid, resourceVersion } = stored.metadata
  return uid === named.uid && resourceVersion === named.resourceVersion ? stored : refuse(409, 'Conflict')
}

export function createClaim(api: Api, name: string, spec: AddressClaimSpec, now: string): AddressClaimObject {
  if (api.claims.has(name)) return refuse(409, 'AlreadyExists')
  const metadata = { name, uid: api.uid(), resourceVersion: '', creationTimestamp: now }
  return api.put('claims', name, { apiVersion: AddressClaim.apiVersion, kind: AddressClaim.kind, metadata, spec })
}

export function amendClaim(api: Api, { claim }: Holding, spec: AddressClaimSpec): AddressClaimObject {
  const { name } = claim.metadata
  return api.put('claims', name, { ...precondition(api.claims.get(name), claim.metadata), spec })
}

/** `annotation`: its value is all that changes. */
export function touchClaim(api: Api, { claim }: Holding, annotation: string): AddressClaimObject {
  const { name } = claim.metadata
  const stored = precondition(api.claims.get(name), claim.metadata)
  return api.put('claims', name, { ...stored, metadata: { ...stored.metadata, annotations: { returned: annotation } } })
}

export function deleteClaim(api: Api, { claim }: Holding): 'deleted' | 'not-found' {
  const { name } = claim.metadata
  if (!api.claims.has(name)) return 'not-found'
  precondition(api.claims.get(name), claim.metadata)
  api.remove('claims', name)
  return 'deleted'
}

type TextMap = Readonly<Record<string, string>>

/** A merge patch of a map of texts; an empty map is an absent one. */
function merged(map: TextMap | undefined, change: Readonly<Record<string, string | null>> | undefined): TextMap | undefined {
  const all = Object.entries({ ...map, ...change }).filter((entry): entry is [string, string] => entry[1] !== null)
  return all.length === 0 ? undefined : Object.fromEntries(all)
}

/** The strategic merge patch of services/status. */
export function patchService(api: Api, { namespace, name }: ServiceRef, patch: ServicePatch): ServiceObject {
  const key = `${namespace}/${name}`
  const stored = precondition(api.services.get(key), patch.metadata)
  const dropped = patch.metadata['$deleteFromPrimitiveList/finalizers'] ?? []
  const { labels: _l, annotations: _a, finalizers = [], ...rest } = stored.metadata
  const labels = merged(stored.metadata.labels, patch.metadata.labels)
  const annotations = merged(stored.metadata.annotations, patch.metadata.annotations)
  const kept = finalizers.filter((finalizer) => !dropped.includes(finalizer))
  const metadata = { ...rest, ...(labels && { labels }), ...(annotations && { annotations }), ...(kept.length > 0 && { finalizers: kept }) }
  const after = api.put('services', key, { ...stored, metadata, status: patchedStatus(stored, patch) })
  if (after.metadata.deletionTimestamp !== undefined && kept.length === 0) api.remove('services', key)
  return after
}

function patchedStatus({ status }: ServiceObject, { status: patch }: ServicePatch): NonNullable<ServiceObject['status']> {
  const loadBalancer = patch?.loadBalancer
  const ingress =
    loadBalancer === undefined
      ? status?.loadBalancer?.ingress
      : loadBalancer.ingress?.map((entry) => ({ ...entry, ipMode: 'VIP' as const }))
  const changed = patch?.conditions ?? []
  const kept = (status?.conditions ?? []).filter(({ type }) => !changed.some((other) => other.type === type))
  const conditions = [...kept, ...changed.flatMap((condition): Condition[] => ('$patch' in condition ? [] : [condition]))]
  return { loadBalancer: ingress === undefined ? {} : { ingress }, ...(conditions.length > 0 && { conditions }) }
}

/** A merge patch of the status: maps merge, null takes a field off. */
export function patchEipStatus(api: Api, name: string, status: Readonly<Record<string, unknown>>): EipObject {
  const stored = api.eips.get(name)
  if (stored === undefined) return refuse(404, 'NotFound')
  return api.put('eips', name, { ...stored, status: mergePatch(stored.status ?? {}, status) as NonNullable<EipObject['status']> })
}

function mergePatch(target: object, patch: Readonly<Record<string, unknown>>): object {
  const out: Record<string, unknown> = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (value === null) delete out[key]
    else out[key] = isMap ? mergePatch((out[key] ?? {}) as object, value as Record<string, unknown>) : value
  }
  return out
}

export function setEipFinalizers(api: Api, eip: EipObject, finalizers: readonly string[]): EipObject {
  const { name } = eip.metadata
  const stored = precondition(api.eips.get(name), eip.metadata)
  const { finalizers: _, ...rest } = stored.metadata
  const after = api.put('eips', name, { ...stored, metadata: { ...rest, ...(finalizers.length > 0 && { finalizers }) } })
  if (after.metadata.deletionTimestamp !== undefined && finalizers.length === 0) api.remove('eips', name)
  return after
}
