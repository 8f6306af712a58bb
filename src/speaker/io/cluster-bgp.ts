import { BGP_CONF_NAME, type BgpConfObject } from '../../api/bgp-conf.ts'
import type { BgpPeerObject } from '../../api/bgp-peer.ts'
import { BGP_POLICY_KEY, BGP_SECRET } from '../../api/names.ts'
import type { ApiClient } from '../../kube/client.ts'
import { createInformer, type RawObject } from '../../kube/informer.ts'
import { BGP_CONFS, BGP_PEERS, CONFIG_MAPS, SECRETS } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { saysTheSame } from '../says-the-same.ts'
import { secretValues } from './key-secret.ts'
import { followNamed, type NamedObject } from './named-object.ts'

/** The speaker's view of the objects that say how it speaks BGP. */
export interface BgpWatch {
  /** The BgpConf `default`; undefined: there is none, or it is not read yet. */
  conf(): BgpConfObject | undefined
  peers(): readonly BgpPeerObject[]
  /** The key `gobgp.conf` of the ConfigMap that the BgpConf names; undefined without it. */
  policyText(): string | undefined
  /** The Secret `openelb-bgp`, decoded; undefined without it. */
  secret(): ReadonlyMap<string, string> | undefined
  /** Whether everything that counts now was read. */
  readonly synced: boolean
  /** Begins with the BgpConf alone; the others are watched from the first BgpConf on, so a cluster without BGP pays for one watch. */
  start(): void
  /** Idempotent. */
  close(): Promise<void>
}

interface Options {
  readonly client: ApiClient
  readonly namespace: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly onChange: () => void
}

/** Creates it; nothing is asked before start(). */
export function watchBgp(options: Options): BgpWatch {
  const { namespace, onChange, ...base } = options
  const conf = followNamed({ ...base, resource: BGP_CONFS, name: BGP_CONF_NAME, project: (raw) => lean<BgpConfObject>(raw) })
  const peers = createInformer({ ...base, resource: BGP_PEERS, project: (raw) => lean<BgpPeerObject>(raw) })
  const project = (raw: RawObject) => new Map([...secretValues(raw)].map(([name, bytes]) => [name, Buffer.from(bytes).toString('utf8')]))
  const secret = followNamed({ ...base, resource: SECRETS, namespace, name: BGP_SECRET, project })
  const policy = followPolicy(options)
  const look = (): void => {
    if (conf.get() !== undefined) {
      peers.start()
      secret.start()
    }
    policy.follow(conf.get()?.spec?.policy)
    onChange()
  }
  conf.onChange(look)
  peers.subscribe(({ before, after }) => {
    if (!saysTheSame(before, after)) onChange()
  })
  // An empty list changes no object. A rejection means that the watch was closed.
  peers.whenSynced().then(onChange, () => undefined)
  secret.onChange(onChange)
  return {
    conf: conf.get,
    peers: () => [...peers.values()],
    policyText: policy.text,
    secret: secret.get,
    get synced() {
      return conf.synced && (conf.get() === undefined || (peers.synced && secret.synced && policy.synced))
    },
    start: conf.start,
    close: async () => void (await Promise.all([conf.close(), peers.close(), secret.close(), policy.close()])),
  }
}

/** The ConfigMap that a BgpConf names: another one from time to time, and mostly none. */
function followPolicy({ onChange, ...base }: Options) {
  let followed: NamedObject<string | undefined> | undefined
  return {
    follow(name: string | undefined): void {
      const wanted = name || undefined
      if (followed?.name === wanted) return
      // Nothing waits for the end of a watch that nobody reads any more.
      followed?.close().catch(() => undefined)
      followed = wanted === undefined ? undefined : followNamed({ ...base, resource: CONFIG_MAPS, name: wanted, project: policyTextOf })
      followed?.onChange(onChange)
      followed?.start()
    },
    text: () => followed?.get(),
    get synced() {
      return followed?.synced ?? true
    },
    close: async () => await followed?.close(),
  }
}

function policyTextOf(raw: RawObject): string | undefined {
  const { data } = raw as unknown as { readonly data?: Readonly<Record<string, string>> | null }
  return data?.[BGP_POLICY_KEY]
}

/**
 * What the settings are made from, and whose entries the status has. The entries themselves change with every counter of every node, and
 * nobody here reads them.
 */
function lean<T extends BgpConfObject | BgpPeerObject>(raw: RawObject): T {
  const { name, uid, creationTimestamp, deletionTimestamp, labels } = raw.metadata
  const metadata = { name, uid, creationTimestamp, ...(deletionTimestamp && { deletionTimestamp }), ...(labels && { labels }) }
  const { spec, status } = raw as unknown as { readonly spec?: object; readonly status?: Readonly<Record<string, object | null>> | null }
  const nodes = Object.entries(status ?? {}).map(([field, entries]) => [field, emptied(entries)] as const)
  return { apiVersion: raw.apiVersion, kind: raw.kind, metadata, ...(spec && { spec }), status: Object.fromEntries(nodes) } as unknown as T
}

const emptied = (entries: object | null): object => Object.fromEntries(Object.keys(entries ?? {}).map((node) => [node, {}]))
