/** Every request that the allocator makes beside its watches. RBAC in deploy/ follows from this file. */
import { AddressClaim, type AddressClaimObject, type AddressClaimSpec } from '../api/address-claim.ts'
import type { ServiceObject } from '../api/core-objects.ts'
import { Eip, type EipObject } from '../api/eip.ts'
import type { ApiClient } from '../kube/client.ts'
import { deleteObject, findObject, patchObject } from '../kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, resourcePath, SERVICES } from '../kube/resources.ts'
import type { Holding } from './ledger.ts'
import { projectClaim, projectEip, projectService, type Received } from './projection.ts'
import type { ServicePatch } from './service-status.ts'
import type { StatusPatch } from './status-patch.ts'

/** Rejections are ApiErrors. `undefined` stands for an object that is not there. */
export interface Store {
  /** Rejects with reason AlreadyExists when somebody holds the address: this is the compare-and-swap of the ledger. */
  createClaim(name: string, spec: AddressClaimSpec): Promise<AddressClaimObject>
  findClaim(name: string): Promise<AddressClaimObject | undefined>
  /** Rejects with reason Conflict unless `holding` is the stored version. */
  amendClaim(holding: Holding, spec: AddressClaimSpec): Promise<AddressClaimObject>
  /** Makes a new version of the claim without changing what it says. Rejects with reason Conflict unless `holding` is the stored version. */
  touchClaim(holding: Holding, now: string): Promise<AddressClaimObject>
  /** Rejects with reason Conflict unless `holding` is the stored version. */
  deleteClaim(holding: Holding): Promise<'deleted' | 'not-found'>
  findService(ref: ServiceRef): Promise<ServiceObject | undefined>
  /** Rejects with reason Conflict unless the patch names the stored version. */
  patchService(ref: ServiceRef, patch: ServicePatch): Promise<ServiceObject>
  patchEipStatus(name: string, status: StatusPatch): Promise<EipObject>
  setEipFinalizers(eip: EipObject, finalizers: readonly string[]): Promise<EipObject>
}

export interface ServiceRef {
  readonly namespace: string
  readonly name: string
}

/** Annotation of a claim that its Service came back to: what was decided about the former version of it is void. */
const RETURNED_AT = 'openelb.io/returned-at'

/** Strategic merge: conditions merge by type, and finalizers go one by one. Only Kubernetes' own kinds know it. */
const STRATEGIC_MERGE = 'application/strategic-merge-patch+json'

/** Binds the requests to a client. `signal` ends them all: nothing is written after the Lease may be another's. */
export function createStore(client: ApiClient, signal: AbortSignal): Store {
  const call = { signal }
  return {
    async createClaim(name, spec) {
      const claim = { apiVersion: AddressClaim.apiVersion, kind: AddressClaim.kind, metadata: { name }, spec }
      const path = resourcePath(ADDRESS_CLAIMS, {})
      return projectClaim(await client.request<Received>({ method: 'POST', path, body: claim, ...call }))
    },
    async findClaim(name) {
      const found = await findObject<Received>(client, ADDRESS_CLAIMS, { name }, call)
      return found === undefined ? undefined : projectClaim(found)
    },
    async amendClaim({ claim }, spec) {
      const { name, uid, resourceVersion } = claim.metadata
      // A merge patch keeps a field that it does not mention; null takes it off.
      const patch = { metadata: { uid, resourceVersion }, spec: { ...spec, interface: spec.interface ?? null } }
      return projectClaim(await patchObject<Received>(client, ADDRESS_CLAIMS, { name }, patch, { type: 'merge', ...call }))
    },
    async touchClaim({ claim }, now) {
      const { name, uid, resourceVersion } = claim.metadata
      // With the version before it: a value that stood there already would make no new one.
      const patch = { metadata: { uid, resourceVersion, annotations: { [RETURNED_AT]: `${now} after ${resourceVersion}` } } }
      return projectClaim(await patchObject<Received>(client, ADDRESS_CLAIMS, { name }, patch, { type: 'merge', ...call }))
    },
    deleteClaim({ claim }) {
      const { name, uid, resourceVersion } = claim.metadata
      return deleteObject(client, ADDRESS_CLAIMS, { name }, { uid, resourceVersion, ...call })
    },
    async findService(ref) {
      const found = await findObject<Received>(client, SERVICES, ref, call)
      return found === undefined ? undefined : projectService(found)
    },
    async patchService(ref, patch) {
      const path = resourcePath(SERVICES, { ...ref, subresource: 'status' })
      return projectService(await client.request<Received>({ method: 'PATCH', path, body: patch, contentType: STRATEGIC_MERGE, ...call }))
    },
    async patchEipStatus(name, status) {
      const options = { type: 'merge', subresource: 'status', ...call } as const
      return projectEip(await patchObject<Received>(client, EIPS, { name }, { status }, options))
    },
    async setEipFinalizers({ metadata: { name, uid, resourceVersion } }, finalizers) {
      const patch = { apiVersion: Eip.apiVersion, metadata: { uid, resourceVersion, finalizers } }
      return projectEip(await patchObject<Received>(client, EIPS, { name }, patch, { type: 'merge', ...call }))
    },
  }
}
