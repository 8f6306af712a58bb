import type { ApiClient } from '../../kube/client.ts'
import type { RawObject } from '../../kube/informer.ts'
import { SECRETS } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { followNamed } from './named-object.ts'

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
export function followKeySecret(options: Options): KeySecret {
  const secret = followNamed({ ...options, resource: SECRETS, project: keysOf })
  return {
    name: options.name,
    whenRead: secret.whenRead,
    read: () => (secret.synced ? (secret.get() ?? NO_KEYS) : undefined),
    onChange: secret.onChange,
    close: secret.close,
  }
}

const NO_KEYS: SecretKeys = { key: undefined, previous: undefined }

function keysOf(raw: RawObject): SecretKeys {
  const data = secretValues(raw)
  return { key: data.get('key'), previous: data.get('previous') }
}

/** The values of a Secret, decoded. */
export function secretValues(raw: RawObject): ReadonlyMap<string, Uint8Array> {
  const { data = {} } = raw as unknown as { readonly data?: Readonly<Record<string, string>> | null }
  return new Map(Object.entries(data ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
}
