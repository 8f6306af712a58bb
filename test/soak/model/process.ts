/** One allocator: the real knowledge and the real session, between watches that are late and requests that may get lost. */
import { createKnowledge, type Knowledge, type Sources, type Watched } from '../../../src/allocator/knowledge.ts'
import {
  projectClaim,
  projectEip,
  projectNamespace,
  projectNode,
  projectService,
  projectSettings,
  type Received,
} from '../../../src/allocator/projection.ts'
import { type Session, startSession } from '../../../src/allocator/session.ts'
import type { Store } from '../../../src/allocator/store.ts'
import { ApiError } from '../../../src/kube/client.ts'
import type { Clock, Timer } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { watchedMap } from '../../support/watched-map.ts'
import {
  type Api,
  amendClaim,
  type Change,
  COLLECTIONS,
  type Collection,
  createClaim,
  deleteClaim,
  type Objects,
  patchEipStatus,
  patchService,
  setEipFinalizers,
  touchClaim,
} from './api.ts'

/** What becomes of a request that reaches the server, or does not. */
export type Fate = 'answered' | 'unanswered' | 'lost' | 'refused' | 'conflict' | 'late'

/** A request on its way. */
export interface Request {
  readonly says: string
  readonly intent: Intent
  readonly process: Process
  /** Carries it out at the server. */
  readonly perform: () => unknown
  /** Gives the answer to whoever still waits for it. */
  settle: ((answer: { readonly value: unknown } | { readonly error: unknown }) => void) | undefined
}

/** An event of a watch that was not delivered yet; `relist` stands for whatever was missed. */
type Event = { readonly key: string; readonly object: unknown } | 'relist'

export interface Process {
  readonly name: string
  readonly knowledge: Knowledge
  readonly clock: ProcessClock
  readonly watched: { readonly [C in Collection]: ReturnType<typeof watchedMap<Objects[C]>> }
  readonly queues: { readonly [C in Collection]: Event[] }
  readonly requests: Request[]
  paused: boolean
  session: Session | undefined
  term: AbortController | undefined
  /** Delivers the next event of a collection. */
  deliver(collection: Collection): void
}

export interface ProcessClock extends Clock {
  readonly timers: Set<{ readonly dueMs: number; readonly fn: () => void }>
}

/** Time is that of the world, but for `skewMs`, which this machine's wall clock is wrong by. */
export function createProcessClock(worldMs: () => number, skewMs: number): ProcessClock {
  const timers: ProcessClock['timers'] = new Set()
  const setTimer = (ms: number, fn: () => void): Timer => {
    const timer = { dueMs: worldMs() + ms, fn }
    timers.add(timer)
    return { cancel: () => void timers.delete(timer) }
  }
  return {
    timers,
    nowMs: () => worldMs() + skewMs,
    monotonicMs: worldMs,
    setTimer,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const timer = setTimer(ms, resolve)
        const onAbort = (): void => {
          timer.cancel()
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
  }
}

const PROJECT: { readonly [C in Collection]: (raw: Received) => Objects[C] } = {
  services: projectService,
  namespaces: projectNamespace,
  nodes: projectNode,
  eips: projectEip,
  claims: projectClaim,
  settings: projectSettings,
}
/** As the allocator keeps it. */
const lean = <C extends Collection>(collection: C, object: Objects[C]): Objects[C] => PROJECT[collection](object as unknown as Received)

export interface ProcessOptions {
  readonly name: string
  readonly api: Api
  readonly clock: ProcessClock
}

/** Starts it: everything is listed, and it follows from there. The world calls `follow` at every revision. */
export function createProcess({ name, api, clock }: ProcessOptions): Process & { follow(change: Change): void } {
  const watched = Object.fromEntries(
    COLLECTIONS.map((collection) => [
      collection,
      watchedMap([...api[collection]].map(([key, object]) => [key, lean(collection, object)] as const)),
    ]),
  ) as unknown as Process['watched']
  const queues = Object.fromEntries(COLLECTIONS.map((collection) => [collection, []])) as unknown as Process['queues']
  const knowledge = createKnowledge(watched as unknown as Sources, 'openelb-system', { nowMs: clock.nowMs })
  const set = <C extends Collection>(collection: C, key: string, object: Objects[C] | undefined): void => {
    const map = watched[collection] as ReturnType<typeof watchedMap<Objects[C]>>
    const before = map.get(key)
    // Made again under its name: two changes.
    if (before !== undefined && object !== undefined && before.metadata.uid !== object.metadata.uid) map.set(key, undefined)
    map.set(key, object === undefined ? undefined : lean(collection, object))
  }
  function relist(collection: Collection): void {
    const source = watched[collection] as Watched<Objects[Collection]>
    for (const { metadata } of [...source.values()]) {
      const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
      if (!api[collection].has(key)) set(collection, key, undefined)
    }
    for (const [key, object] of api[collection]) {
      if (source.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) set(collection, key, object)
    }
  }
  return {
    name,
    knowledge,
    clock,
    watched,
    queues,
    requests: [],
    paused: false,
    session: undefined,
    term: undefined,
    follow({ collection, key, after }) {
      const queue = queues[collection]
      if (queue.at(-1) !== 'relist') queue.push({ key, object: after })
    },
    deliver(collection) {
      const event = queues[collection].shift()
      if (event === 'relist') relist(collection)
      else if (event !== undefined) set(collection, event.key, event.object as Objects[Collection] | undefined)
    },
  }
}

/** Begins to lead. `onSend` sees every request in the moment in which it is decided. */
export function beginTerm(process: Process, api: Api, onSend: (request: Request, intent: Intent) => void, nowText: () => string): void {
  const term = new AbortController()
  const { knowledge, clock } = process
  process.term = term
  const nothing = (): void => undefined
  const common = { events: { record: nothing }, clock, logger: silentLogger, onRefused: nothing, onEip: nothing }
  process.session = startSession({ ...common, knowledge, store: storeOf(process, api, onSend, nowText), signal: term.signal })
}

/** What a request is about to do, for the laws. */
export type Intent =
  | { readonly kind: 'read' | 'other' }
  | { readonly kind: 'claim'; readonly spec: Parameters<Store['createClaim']>[1] }
  | { readonly kind: 'amend'; readonly holding: Parameters<Store['amendClaim']>[0]; readonly spec: Parameters<Store['amendClaim']>[1] }
  | { readonly kind: 'patch'; readonly key: string; readonly patch: Parameters<Store['patchService']>[1] }

/** The requests of one term. They are refused once it is over, though the server may still carry out those on their way. */
function storeOf(process: Process, api: Api, onSend: (request: Request, intent: Intent) => void, nowText: () => string): Store {
  const signal = process.term?.signal
  const send = <T>(says: string, intent: Intent, perform: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new ApiError('the term is over', { status: 0, reason: 'Aborted' }))
      const settle: Request['settle'] = (answer) => ('error' in answer ? reject(answer.error) : resolve(answer.value as T))
      const request = { says, intent, process, perform, settle }
      process.requests.push(request)
      onSend(request, intent)
    })
  const other = { kind: 'other' } as const
  const read = { kind: 'read' } as const
  const leanOr = <C extends Collection>(collection: C, object: Objects[C] | undefined) =>
    object === undefined ? undefined : lean(collection, object)
  return {
    createClaim: (name, spec) =>
      send(`claim ${spec.address} of ${spec.eip} for ${spec.service}`, { kind: 'claim', spec }, () =>
        lean('claims', createClaim(api, name, spec, nowText())),
      ),
    findClaim: (name) => send(`get claim ${name}`, read, () => leanOr('claims', api.claims.get(name))),
    amendClaim: (holding, spec) =>
      send(`amend ${holding.address} to ${spec.service} of ${spec.eip}`, { kind: 'amend', holding, spec }, () =>
        lean('claims', amendClaim(api, holding, spec)),
      ),
    touchClaim: (holding, now) => send(`touch ${holding.address}`, other, () => lean('claims', touchClaim(api, holding, now))),
    deleteClaim: (holding) => send(`delete ${holding.address}`, other, () => deleteClaim(api, holding)),
    findService: ({ namespace, name }) =>
      send(`get service ${namespace}/${name}`, read, () => leanOr('services', api.services.get(`${namespace}/${name}`))),
    patchService(ref, patch) {
      const key = `${ref.namespace}/${ref.name}`
      const shows = patch.status?.loadBalancer?.ingress?.map(({ ip }) => ip) ?? (patch.status?.loadBalancer === undefined ? '' : 'nothing')
      const reason = patch.status?.conditions?.map((condition) => ('reason' in condition ? condition.reason : 'none'))
      return send(`patch ${key} ${shows} ${reason ?? ''}`, { kind: 'patch', key, patch }, () =>
        lean('services', patchService(api, ref, patch)),
      )
    },
    patchEipStatus: (name, status) => send(`status of eip ${name}`, other, () => lean('eips', patchEipStatus(api, name, status))),
    setEipFinalizers: (eip, finalizers) =>
      send(`finalizers of ${eip.metadata.name}`, other, () => lean('eips', setEipFinalizers(api, eip, finalizers))),
  }
}
