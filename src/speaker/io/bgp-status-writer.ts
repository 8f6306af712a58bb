import { BGP_CONF_NAME } from '../../api/bgp-conf.ts'
import { type ApiClient, isNotFound } from '../../kube/client.ts'
import { patchObject } from '../../kube/objects.ts'
import { createReconcileLoop } from '../../kube/reconcile-loop.ts'
import { apiVersionOf, BGP_CONFS, BGP_PEERS, type Resource } from '../../kube/resources.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { isCovered, type NodeConfStatus, type NodePeerStatus, promptPart, tryPart } from '../bgp-status.ts'
import { writerNameOf } from '../routes/announcement.ts'

/** Keeps this node's entries in the status of BgpConf and of every BgpPeer: changes of state at once, counters now and then. */
export interface BgpStatusWriter {
  /** Something may have changed: looks at all of them, soon. */
  wake(): void
  start(): void
  /** Idempotent. */
  close(): Promise<void>
}

interface Options {
  readonly self: string
  readonly client: ApiClient
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly random: () => number
  /** The names of all BgpPeers. */
  readonly peers: () => readonly string[]
  /** What this node says of a peer; undefined: nothing, and its entry goes. */
  readonly peerEntry: (name: string) => NodePeerStatus | undefined
  /** Undefined without a BgpConf. */
  readonly confEntry: () => NodeConfStatus | undefined
  /** The nodes that the object has an entry of. */
  readonly nodesIn: (object: StatusObject) => readonly string[]
  /** The nodes of entries that it is this node's part to take away. */
  readonly gone: (object: StatusObject) => readonly string[]
  /** How many nodes write such entries: with many of them each writes its counters less often. */
  readonly nodes: () => number
}

/** `conf`, or the name of a BgpPeer. */
export type StatusObject = { readonly kind: 'conf' } | { readonly kind: 'peer'; readonly name: string }

const WRITE_WITHIN_MS = 5000
const LONGEST_BACKOFF_MS = 10_000
const LEAST_BETWEEN_MS = 1000
/** Each write is read by every speaker, so all of them together must not write the more often the more they are. */
const COUNTERS_MS = 30_000
const COUNTERS_PER_NODE_MS = 3000
/** A router that is away is called every few seconds by every node. */
const TRIES_MS = 5000
const TRIES_PER_NODE_MS = 200

const CONF_KEY = 'conf'
const PEER_KEY = 'peer/'
const objectOf = (key: string): StatusObject => (key === CONF_KEY ? { kind: 'conf' } : { kind: 'peer', name: key.slice(PEER_KEY.length) })

/** What is to be written, or was last. `prompt`: the part that cannot wait; `tries`: the one that can, a little. */
interface Texts {
  readonly prompt: string
  readonly tries: string
  readonly text: string
}

interface Written extends Texts {
  readonly atMs: number
}

function textsOf(object: StatusObject, entry: NodeConfStatus | NodePeerStatus): Texts {
  const text = JSON.stringify(entry)
  return object.kind === 'conf'
    ? { prompt: text, tries: '', text }
    : { prompt: promptPart(entry as NodePeerStatus), tries: tryPart(entry as NodePeerStatus), text }
}

/** How long after the last write the next one may be, in milliseconds. */
function pauseMs(before: Written, now: Texts, nodes: number): number {
  if (before.prompt !== now.prompt) return LEAST_BETWEEN_MS
  if (before.tries !== now.tries) return Math.max(TRIES_MS, TRIES_PER_NODE_MS * nodes)
  return Math.max(COUNTERS_MS, COUNTERS_PER_NODE_MS * nodes)
}

/** Creates it. It does nothing before start(). */
export function createBgpStatusWriter(options: Options): BgpStatusWriter {
  const { self, clock, random, logger, metrics, nodesIn } = options
  const written = new Map<string, Written>()
  const look = async (key: string): Promise<void> => {
    const object = objectOf(key)
    for (const node of options.gone(object)) await removeEntry(options, object, node)
    const entry = object.kind === 'conf' ? options.confEntry() : options.peerEntry(object.name)
    const isThere = nodesIn(object).includes(self)
    if (entry === undefined) {
      if (written.delete(key) || isThere) await removeEntry(options, object, self)
      return
    }
    const texts = textsOf(object, entry)
    const before = written.get(key)
    const restMs = before === undefined ? 0 : isThere ? pauseMs(before, texts, options.nodes()) * (1 + random() / 10) : LEAST_BETWEEN_MS
    const waitMs = before === undefined ? 0 : before.atMs + restMs - clock.monotonicMs()
    if (waitMs <= 0 && (before?.text !== texts.text || !isThere)) {
      await applyEntry(options, object, entry)
      written.set(key, { atMs: clock.monotonicMs(), ...texts })
    }
    loop.addAfter(key, waitMs > 0 ? waitMs : COUNTERS_MS)
  }
  const loop = createReconcileLoop({
    name: 'bgp-status',
    reconcile: look,
    concurrency: 1,
    maxBackoffMs: LONGEST_BACKOFF_MS,
    logger,
    clock,
    metrics,
  })
  return {
    wake() {
      loop.add(CONF_KEY)
      const names = new Set(options.peers().map((name) => PEER_KEY + name))
      for (const key of written.keys()) if (key !== CONF_KEY && !names.has(key)) written.delete(key)
      for (const key of names) loop.add(key)
    },
    start: loop.start,
    close: loop.close,
  }
}

const resourceOf = ({ kind }: StatusObject): Resource => (kind === 'conf' ? BGP_CONFS : BGP_PEERS)
const nameOf = (object: StatusObject): string => (object.kind === 'conf' ? BGP_CONF_NAME : object.name)
const fieldOf = ({ kind }: StatusObject): string => (kind === 'conf' ? 'nodesConfStatus' : 'nodesPeerStatus')

/**
 * Server-side apply under this node's own field manager: no other entry is touched. What somebody else wrote into this one would stay,
 * such as the password that OpenELB shows there: then the entry is made anew.
 */
async function applyEntry(options: Options, object: StatusObject, entry: NodeConfStatus | NodePeerStatus): Promise<void> {
  const { client, self } = options
  const resource = resourceOf(object)
  const name = nameOf(object)
  const field = fieldOf(object)
  const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name }, status: { [field]: { [self]: entry } } }
  const apply = () =>
    patchObject<{ readonly status?: Readonly<Record<string, Readonly<Record<string, unknown>>>> }>(client, resource, { name }, body, {
      type: 'apply',
      subresource: 'status',
      force: true,
      fieldManager: writerNameOf(self),
      timeoutMs: WRITE_WITHIN_MS,
    })
  try {
    const { status } = await apply()
    if (isCovered(status?.[field]?.[self], entry)) return
    await removeEntry(options, object, self)
    await apply()
  } catch (error) {
    unlessGone(error)
  }
}

/** By a merge patch: it takes the key away whoever wrote it, also one that OpenELB left behind. */
async function removeEntry({ client }: Options, object: StatusObject, node: string): Promise<void> {
  const body = { status: { [fieldOf(object)]: { [node]: null } } }
  const options = { type: 'merge', subresource: 'status', timeoutMs: WRITE_WITHIN_MS } as const
  await patchObject(client, resourceOf(object), { name: nameOf(object) }, body, options).catch(unlessGone)
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error
}
