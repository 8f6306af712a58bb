import type { ApiClient } from '../../kube/client.ts'
import { createInformer, type RawObject } from '../../kube/informer.ts'
import { SECRETS } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'

/** What a Secret says, as bytes. */
export interface SecretKeys {
  readonly key: Uint8Array | undefined
  readonly previous: Uint8Array | undefined
}

/** One Secret, followed by a watch: a change is seen by all speakers at the same time, which the kubelet's files take a minute for. */
export interface KeySecret {
  readonly name: string
  /** Resolves when the Secret was looked for once, or after `limitMs`. Begins the watch; never rejects. */
  whenRead(limitMs: number): Promise<void>
  /** Undefined while nothing was read; without keys while there is no such Secret. */
  read(): SecretKeys | undefined
  /** Calls `listener` at each change. */
  onChange(listener: () => void): void
  /** Idempotent. */
  close(): Promise<void>
}

interface Options {
  readonly client: ApiClient
  readonly namespace: string
  readonly name: string
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Creates it; nothing is asked before whenRead(). */
export function followKeySecret({ name, namespace, ...base }: Options): KeySecret {
  const informer = createInformer({ ...base, resource: SECRETS, namespace, fieldSelector: `metadata.name=${name}`, project })
  return {
    name,
    async whenRead(limitMs) {
      informer.start()
      await informer.whenSynced(AbortSignal.timeout(limitMs)).catch(() => undefined)
    },
    read: () => (informer.synced ? (informer.get(`${namespace}/${name}`)?.keys ?? NO_KEYS) : undefined),
    onChange: (listener) => void informer.subscribe(listener),
    close: informer.close,
  }
}

const NO_KEYS: SecretKeys = { key: undefined, previous: undefined }

function project(raw: RawObject): { readonly metadata: RawObject['metadata']; readonly keys: SecretKeys } {
  const { data = {} } = raw as unknown as { readonly data?: Readonly<Record<string, string>> }
  const bytes = (name: string) => (data[name] === undefined ? undefined : Buffer.from(data[name], 'base64'))
  return { metadata: raw.metadata, keys: { key: bytes('key'), previous: bytes('previous') } }
}
