import type { ApiClient } from '../../kube/client.ts'
import { createInformer, type RawObject } from '../../kube/informer.ts'
import type { Resource } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { saysTheSame } from '../says-the-same.ts'

/** One object, followed by a watch that selects its name: a right to read it alone is enough. */
export interface NamedObject<T> {
  readonly name: string
  /** Begins the watch. Idempotent. */
  start(): void
  /** Whether the object was looked for. */
  readonly synced: boolean
  /** Undefined: there is none, or it was not looked for yet. */
  get(): T | undefined
  /** Resolves when the object was looked for once, or after `limitMs`. Begins the watch; never rejects. */
  whenRead(limitMs: number): Promise<void>
  /** Calls `listener` when the object was looked for, and at each change of what is kept of it. */
  onChange(listener: () => void): void
  /** Idempotent. */
  close(): Promise<void>
}

export interface NamedObjectOptions<T> {
  readonly client: ApiClient
  readonly resource: Resource
  /** Absent for kinds without namespaces. */
  readonly namespace?: string
  readonly name: string
  readonly project: (raw: RawObject) => T
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Creates it; nothing is asked before start(). */
export function followNamed<T>({ name, project, ...base }: NamedObjectOptions<T>): NamedObject<T> {
  const informer = createInformer({
    ...base,
    fieldSelector: `metadata.name=${name}`,
    project: (raw: RawObject): Projected<T> => ({ metadata: raw.metadata, value: project(raw) }),
  })
  const key = base.namespace === undefined ? name : `${base.namespace}/${name}`
  return {
    name,
    start: informer.start,
    get synced() {
      return informer.synced
    },
    get: () => informer.get(key)?.value,
    async whenRead(limitMs) {
      informer.start()
      await informer.whenSynced(AbortSignal.timeout(limitMs)).catch(() => undefined)
    },
    onChange(listener) {
      informer.subscribe(({ before, after }) => {
        if (!saysTheSame(before?.value, after?.value)) listener()
      })
      // An empty list is an answer too, and changes no object. A rejection means that the watch was closed.
      informer.whenSynced().then(listener, () => undefined)
    },
    close: informer.close,
  }
}

interface Projected<T> {
  readonly metadata: RawObject['metadata']
  readonly value: T
}
