/** An API server for benches: etcd and kube-apiserver alone, our CRDs, one watcher of Services, and our allocator where it is asked for. */
import { fileURLToPath } from 'node:url'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import { compile } from '../../lab/image/build.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { type ApiClient, createApiClient } from '../../src/kube/client.ts'
import { createInformer, type RawObject } from '../../src/kube/informer.ts'
import { createObject, getObject } from '../../src/kube/objects.ts'
import { EIPS, NAMESPACES, SERVICES } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createAccount } from './account.ts'
import { countingClient, createWriteMeter, type WriteMeter } from './api-writes.ts'
import type { Progress } from './bench.ts'
import { type Account, type Daemon, startDaemon } from './daemon.ts'
import { watchCpu } from './process-usage.ts'
import { createSightings, type SeenService, type Sightings } from './sightings.ts'
import { until } from './waiting.ts'

export interface BenchLab {
  readonly cluster: Cluster
  /** Of the bench and of the processes that it measures. */
  readonly account: Account
  readonly api: ApiClient
  /** What the watcher of Services has seen. The same for us and for the floor. */
  readonly sightings: Sightings
  readonly writes: WriteMeter
  readonly progress: Progress
  /** Starts our allocator, with leader election, as the manifest does. There is one at a time. */
  startAllocator(): Promise<Daemon>
  /** Seconds of processor time, by process, from this call to that of the function it gives. */
  watchCpu(): () => Record<string, number>
  /** Waits until the status of an Eip counts so many addresses: after it, nothing is left to be written. */
  eipShows(name: string, usage: number): Promise<void>
  /** Makes a namespace that is not there yet. */
  namespace(name: string): Promise<void>
}

/** Starts the lab, runs `work` in it and removes it, also when an allocator is still there or the work fails. */
export async function withLab<T>(progress: Progress, work: (lab: BenchLab) => Promise<T>): Promise<T> {
  await compile(progress)
  progress('starting an API server')
  const cluster = await startControlPlane()
  const letGo = removeOnSignal(cluster)
  try {
    await cluster.kubectl(['apply', '--server-side', '-f', fileURLToPath(new URL('../../deploy/crds', import.meta.url))])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
    return await workIn(cluster, progress, work)
  } finally {
    progress('removing the API server')
    await cluster.down()
    letGo()
  }
}

/** An interrupted bench leaves nothing behind; our processes in the lab end with this one. */
function removeOnSignal(cluster: Cluster): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const remove = (): void => {
    cluster.down().finally(() => process.exit(1))
  }
  for (const signal of signals) process.once(signal, remove)
  return () => {
    for (const signal of signals) process.off(signal, remove)
  }
}

async function workIn<T>(cluster: Cluster, progress: Progress, work: (lab: BenchLab) => Promise<T>): Promise<T> {
  const account = await createAccount(cluster)
  const { client: api, counts } = countingClient(
    createApiClient({ kubeconfigPath: account.kubeconfig, userAgent: 'bench', logger: silentLogger }),
  )
  const services = createInformer<SeenService>({ client: api, resource: SERVICES, logger: silentLogger, project: projectSeen })
  const running = new Set<Daemon>()
  try {
    const sightings = createSightings(services)
    services.start()
    await services.whenSynced()
    return await work({
      cluster,
      account,
      api,
      sightings,
      progress,
      writes: createWriteMeter(() => cluster.kubectl(['get', '--raw', '/metrics']), counts),
      namespace: namespaceMaker(api),
      watchCpu: cpuWatcher(cluster, running),
      eipShows: eipReader(api),
      async startAllocator() {
        const daemon = await startAllocatorIn(cluster, account)
        running.add(daemon)
        return daemon
      },
    })
  } finally {
    await Promise.all([...running].map((daemon) => daemon.stop()))
    await services.close()
    api.close()
  }
}

function eipReader(api: ApiClient): BenchLab['eipShows'] {
  const usageOf = async (name: string): Promise<number> => (await getObject<EipObject>(api, EIPS, { name })).status?.usage ?? 0
  return (name, usage) => until(`Eip ${name} counts ${usage}`, async () => (await usageOf(name)) === usage, 100)
}

function namespaceMaker(api: ApiClient): (name: string) => Promise<void> {
  const made = new Set<string>()
  return async (name) => {
    if (made.has(name)) return
    made.add(name)
    await createObject(api, NAMESPACES, { metadata: { name } })
  }
}

let serial = 0

function startAllocatorIn(cluster: Cluster, account: Account): Promise<Daemon> {
  const args = ['--metrics-addr=127.0.0.1:0']
  return startDaemon('allocator', { account, args, identity: `bench-${++serial}`, folder: cluster.logs, startMessage: 'allocator started' })
}

const cpuWatcher = (cluster: Cluster, running: ReadonlySet<Daemon>) => () => {
  const component = (name: string) => cluster.component(name).pid ?? process.pid
  const allocators = [...running].filter(({ alive }) => alive).map(({ pid }) => pid)
  const [allocator] = allocators
  return watchCpu({
    apiServer: component('kube-apiserver'),
    etcd: component('etcd'),
    bench: process.pid,
    ...(allocator !== undefined && { allocator }),
  })
}

/** Only what is looked at: the watcher must not be what is measured. */
function projectSeen(raw: RawObject): SeenService {
  const { metadata, status } = raw as RawObject & ServiceObject
  const { name, namespace = '', uid, resourceVersion } = metadata
  const ingress = status?.loadBalancer?.ingress ?? []
  return {
    metadata: { name, namespace, uid, resourceVersion },
    address: ingress[0]?.ip,
    refused: ingress.length === 0 && (status?.conditions ?? []).some((condition) => condition.status === 'False'),
  }
}
