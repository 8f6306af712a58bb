/** What one watcher of Services sees, and when: counts per namespace, and the moment at which a certain Service shows an address. */

/** The little that a bench looks at. */
export interface SeenService {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string; readonly resourceVersion: string }
  readonly address: string | undefined
  /** It has no address, and a condition says why. */
  readonly refused: boolean
}

export interface Tally {
  readonly all: number
  readonly shown: number
  readonly refused: number
}

export interface Sightings {
  tally(namespace: string): Tally
  in(namespace: string): readonly SeenService[]
  get(namespace: string, name: string): SeenService | undefined
  /** Resolves with the time (performance.now()) at which the watcher sees an address on the Service; the Service may not exist yet. */
  shown(namespace: string, name: string): Promise<number>
  /** The same for whichever Service of the namespace is the next one that had no address and shows one. */
  nextShown(namespace: string): Promise<number>
}

interface Watched {
  get(key: string): SeenService | undefined
  values(): Iterable<SeenService>
  subscribe(
    listener: (change: {
      readonly key: string
      readonly before?: SeenService | undefined
      readonly after?: SeenService | undefined
    }) => void,
  ): () => void
}

const TIMEOUT_MS = 60_000

/** Begins to follow an informer that has not started yet. */
export function createSightings(services: Watched): Sightings {
  const tallies = new Map<string, { all: number; shown: number; refused: number }>()
  /** By `namespace/name`, or by a namespace alone. */
  const waiting = new Map<string, (atMs: number) => void>()
  const countIn = (service: SeenService, by: 1 | -1): void => {
    const { namespace } = service.metadata
    const tally = tallies.get(namespace) ?? { all: 0, shown: 0, refused: 0 }
    tally.all += by
    if (service.address !== undefined) tally.shown += by
    if (service.refused) tally.refused += by
    tallies.set(namespace, tally)
  }
  services.subscribe(({ key, before, after }) => {
    if (before !== undefined) countIn(before, -1)
    if (after === undefined) return
    countIn(after, 1)
    if (after.address === undefined) return
    const { namespace } = after.metadata
    for (const met of before?.address === undefined ? [key, namespace] : [key]) {
      waiting.get(met)?.(performance.now())
      waiting.delete(met)
    }
  })
  return {
    tally: (namespace) => tallies.get(namespace) ?? { all: 0, shown: 0, refused: 0 },
    in: (namespace) => [...services.values()].filter(({ metadata }) => metadata.namespace === namespace),
    get: (namespace, name) => services.get(`${namespace}/${name}`),
    shown: (namespace, name) => waitFor(waiting, `${namespace}/${name}`),
    nextShown: (namespace) => waitFor(waiting, namespace),
  }
}

function waitFor(waiting: Map<string, (atMs: number) => void>, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(key)
      reject(new Error(`no address on ${key} within ${TIMEOUT_MS} ms`))
    }, TIMEOUT_MS)
    waiting.set(key, (atMs) => {
      clearTimeout(timer)
      resolve(atMs)
    })
  })
}
