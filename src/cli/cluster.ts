/** The way of the command line to the API server. */
import { setTimeout as delay } from 'node:timers/promises'
import { findAccess } from '../kube/access.ts'
import { type ApiClient, ApiError, createApiClient } from '../kube/client.ts'
import { deleteObject, findObject, listObjects, patchObject } from '../kube/objects.ts'
import { createProcessLogger, productVersion } from '../runtime/process.ts'
import type { AccessQuestion, ClusterReader } from './cluster-reader.ts'

export interface ClusterOptions {
  /** Empty texts count as absent. */
  readonly kubeconfig: string
  readonly context: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const REVIEW_PATH = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
/** A person waits longer than a daemon, and a busy API server needs that for a list of ten thousand objects. */
const TIMEOUT_MS = 30_000
/** A Pod on a dead node answers never, and there may be many Pods. */
const POD_TIMEOUT_MS = 3000

/** Opens nothing yet: the first read does. `close` ends all connections. */
export function connectCluster({ kubeconfig, context, env }: ClusterOptions): ClusterReader & { close(): void } {
  const access = { kubeconfigPath: kubeconfig || undefined, context: context || undefined, env }
  const logger = createProcessLogger('cli', 'text', 'warn')
  const client = createApiClient({ ...access, userAgent: `openelb-cli/${productVersion()}`, logger })
  return {
    namespace: async () => (await findAccess(access).catch(unreachable)).namespace ?? 'default',
    version: async () =>
      (await client.request<{ gitVersion: string }>({ method: 'GET', path: '/version', timeoutMs: TIMEOUT_MS })).gitVersion,
    list: (resource, namespace, fieldSelector) =>
      listObjects(client, resource, {
        timeoutMs: TIMEOUT_MS,
        ...(namespace ? { namespace } : {}),
        ...(fieldSelector ? { fieldSelector } : {}),
      }),
    find: (resource, ref) => findObject(client, resource, ref, { timeoutMs: TIMEOUT_MS }),
    allowed: (question) => review(client, question),
    remove: (resource, { name, uid, resourceVersion }) =>
      deleteObject(client, resource, { name }, { uid, resourceVersion, timeoutMs: TIMEOUT_MS }),
    annotate: (resource, { name, resourceVersion }, annotations) =>
      patchObject(client, resource, { name }, { metadata: { resourceVersion, annotations } }, { type: 'merge', timeoutMs: TIMEOUT_MS }),
    podPage: ({ namespace, pod, port }, path) =>
      client.request({
        method: 'GET',
        path: `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`,
        timeoutMs: POD_TIMEOUT_MS,
      }),
    wait: (ms) => delay(ms),
    monotonicMs: () => performance.now(),
    close: () => client.close(),
  }
}

function unreachable(cause: unknown): never {
  throw new ApiError('no way to the API server', { status: 0, reason: 'Unreachable', cause })
}

async function review(client: ApiClient, { verb, resource, subresource, namespace, name }: AccessQuestion): Promise<boolean | undefined> {
  const { group, plural } = resource
  const where = {
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  }
  const spec = { resourceAttributes: { verb, group, resource: plural, ...where } }
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec }
  const answer = await client.request<{ status?: { allowed?: boolean } }>({
    method: 'POST',
    path: REVIEW_PATH,
    body,
    timeoutMs: TIMEOUT_MS,
  })
  return answer.status?.allowed
}
