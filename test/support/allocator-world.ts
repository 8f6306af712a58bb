/** An API server with our kinds, and allocators on it that have the rights of the manifest and no others. */
import { fileURLToPath } from 'node:url'
import { ALLOCATOR_RIGHTS, rbacObjects } from '../../deploy/manifest/rbac.ts'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import { CONTROLLER_NAME } from '../../src/api/names.ts'
import { type ApiClient, createApiClient } from '../../src/kube/client.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { type AllocatorProcess, startAllocator } from './allocator-process.ts'
import { type ApiProxy, startApiProxy } from './api-proxy.ts'
import { kindsServed } from './kinds-served.ts'

/** Where everything of ours would be installed. */
export const OWN = 'openelb-system'
const INSTALLATION = { namespace: OWN, image: 'none', version: '0.0.0' }

export interface AllocatorWorld {
  readonly cluster: Cluster
  /** As administrator, and past the proxy. */
  readonly api: ApiClient
  /** In front of every allocator. */
  readonly proxy: ApiProxy
  /** Allocators that were started and not ended yet. */
  readonly running: ReadonlySet<AllocatorProcess>
  /** Starts one; without flags it works without a Lease. */
  allocator(identity: string, flags?: readonly string[]): Promise<AllocatorProcess>
  /** SIGTERM unless told. Gives the exit code. */
  end(process: AllocatorProcess, signal?: NodeJS.Signals): Promise<number | null>
  close(): Promise<void>
}

export async function startAllocatorWorld(): Promise<AllocatorWorld> {
  const cluster = await startControlPlane()
  await cluster.kubectl(['apply', '--server-side', '-f', fileURLToPath(new URL('../../deploy/crds', import.meta.url))])
  await kindsServed(cluster)
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: CONTROLLER_NAME, namespace: OWN } }
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: OWN } }, account, ...rbacObjects(INSTALLATION, ALLOCATOR_RIGHTS)]
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
  const proxy = await startApiProxy(cluster.server)
  const kubeconfig = proxy.kubeconfig(await cluster.serviceAccountKubeconfig(OWN, CONTROLLER_NAME))
  const running = new Set<AllocatorProcess>()
  const end = async (process: AllocatorProcess, signal?: NodeJS.Signals): Promise<number | null> => {
    running.delete(process)
    return process.stop(signal)
  }
  return {
    cluster,
    api,
    proxy,
    running,
    async allocator(identity, flags = ['--leader-elect=false']) {
      const process = await startAllocator(kubeconfig, identity, flags)
      running.add(process)
      return process
    },
    end,
    async close() {
      for (const process of [...running]) await end(process, 'SIGKILL')
      api.close()
      await proxy.close()
      await cluster.down()
    },
  }
}
