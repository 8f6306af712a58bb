import { ORIGINAL_FINALIZER } from '../../api/service-annotations.ts'
import { type ApiClient, isConflict, isNotFound } from '../../kube/client.ts'
import { createInformer, type RawObject } from '../../kube/informer.ts'
import { patchObject } from '../../kube/objects.ts'
import { createReconcileLoop } from '../../kube/reconcile-loop.ts'
import { apiVersionOf, BGP_CONFS, BGP_PEERS, type Resource } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'

/** Takes OpenELB's finalizer off BgpConfs and BgpPeers: nobody else would, and their deletion would hang for ever. */
export interface FinalizerRemoval {
  start(): void
  /** Idempotent. */
  close(): Promise<void>
}

interface Options {
  readonly client: ApiClient
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** What is kept of an object. */
interface Marked {
  readonly metadata: Pick<RawObject['metadata'], 'name' | 'uid' | 'resourceVersion' | 'finalizers'>
}

const KINDS: readonly Resource[] = [BGP_CONFS, BGP_PEERS]
const LONGEST_BACKOFF_MS = 10_000

/** Creates it; nothing is asked before start(). Every replica does it: the second finds nothing to do. */
export function createFinalizerRemoval(options: Options): FinalizerRemoval {
  const { client, logger } = options
  const informers = KINDS.map((resource) => ({ resource, informer: createInformer<Marked>({ ...options, resource, project: marked }) }))
  const remove = async (key: string): Promise<void> => {
    const [kind, name = ''] = key.split('/')
    const known = informers.find(({ resource }) => resource.kind === kind)
    const object = known?.informer.get(name)
    if (known === undefined || object === undefined || !isMarked(object)) return
    const { uid, resourceVersion, finalizers = [] } = object.metadata
    const kept = finalizers.filter((finalizer) => finalizer !== ORIGINAL_FINALIZER.bgp)
    const patch = { apiVersion: apiVersionOf(known.resource), metadata: { uid, resourceVersion, finalizers: kept } }
    try {
      await patchObject(client, known.resource, { name }, patch, { type: 'merge' })
    } catch (error) {
      return unlessOutdated(error)
    }
    logger.info('removed the finalizer that OpenELB left behind', { kind, name })
  }
  const loop = createReconcileLoop({
    ...options,
    name: 'bgp-finalizers',
    reconcile: remove,
    concurrency: 1,
    maxBackoffMs: LONGEST_BACKOFF_MS,
  })
  for (const { resource, informer } of informers) {
    informer.subscribe(({ key, after }) => {
      if (after !== undefined && isMarked(after)) loop.add(`${resource.kind}/${key}`)
    })
  }
  return {
    start() {
      loop.start()
      for (const { informer } of informers) informer.start()
    },
    close: async () => void (await Promise.all([loop.close(), ...informers.map(({ informer }) => informer.close())])),
  }
}

const isMarked = ({ metadata }: Marked): boolean => metadata.finalizers?.includes(ORIGINAL_FINALIZER.bgp) === true

function marked({ metadata: { name, uid, resourceVersion, finalizers } }: RawObject): Marked {
  return { metadata: { name, uid, resourceVersion, ...(finalizers && { finalizers }) } }
}

/** Whoever is outdated sees the newer object by the watch, and looks again. */
function unlessOutdated(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error
}
