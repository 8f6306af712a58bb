import t from 'tap'
import { type ApiClient, ApiError, type ApiRequest, type WatchRequest } from '../../src/kube/client.ts'
import { createInformer, type ObjectChange, type RawObject } from '../../src/kube/informer.ts'
import { CONFIG_MAPS, EIPS, SERVICES } from '../../src/kube/resources.ts'
import { afterExchange } from '../../src/kube/watch-recovery.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { createManualClock, settle } from '../support/manual-clock.ts'

const object = (name: string, resourceVersion: string, over: object = {}) => ({
  metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion, managedFields: [{ manager: 'x' }], ...over },
})

interface OpenWatch extends WatchRequest {
  end(): void
  fail(error: unknown): void
}

/** A client whose lists and watches the test answers one by one. */
function setUp(options: object = {}) {
  const clock = createManualClock()
  const lists: { readonly query: Record<string, string>; answer(value: object): void; fail(error: unknown): void }[] = []
  const watches: OpenWatch[] = []
  const client: ApiClient = {
    request: <T>({ query, signal }: ApiRequest) =>
      new Promise<T>((resolve, reject) => {
        lists.push({ query: { ...query }, answer: (value) => resolve(value as T), fail: reject })
        signal?.addEventListener('abort', () => reject(new ApiError('aborted', { status: 0, reason: 'Aborted' })))
      }),
    watch: (request) =>
      new Promise<void>((resolve, reject) => {
        watches.push({ ...request, end: resolve, fail: reject })
        request.signal.addEventListener('abort', () => reject(new ApiError('aborted', { status: 0, reason: 'Aborted' })))
      }),
    close: () => undefined,
  }
  const lines: string[] = []
  const logger = createLogger({ format: 'text', level: 'debug', write: (line) => lines.push(line) })
  const informer = createInformer({ client, resource: CONFIG_MAPS, logger, clock, random: () => 0, ...options })
  const changes: string[] = []
  informer.subscribe(({ key, before, after }) => changes.push(`${before === undefined ? '+' : after === undefined ? '-' : '~'}${key}`))
  const list = async (items: readonly object[], resourceVersion: string, more: object = {}) => {
    lists.at(-1)?.answer({ metadata: { resourceVersion, ...more }, items })
    await settle()
  }
  const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK', value: object) => {
    watches.at(-1)?.onOpen?.()
    watches.at(-1)?.onEvent({ type, object: value })
  }
  return { clock, lists, watches, informer, lines, changes, list, event, take: () => changes.splice(0) }
}

const gone = new ApiError('too old', { status: 410, reason: 'Expired' })
const away = new ApiError('no answer', { status: 0, reason: 'Unreachable' })

t.test('lists in pages, then watches from where the list stood', async (t) => {
  const { informer, lists, watches, list, event, take } = setUp({ pageSize: 2, labelSelector: 'a=b' })
  informer.start()
  informer.start()
  await settle()
  t.same(lists[0]?.query, { limit: '2', labelSelector: 'a=b' })
  await list([object('a', '1'), object('b', '2')], '9', { continue: 'token' })
  t.same([informer.size, informer.synced, informer.connected], [2, false, false], 'readable, but not synced, before the last page')
  t.same(lists[1]?.query, { limit: '2', labelSelector: 'a=b', continue: 'token' })
  let synced = 0
  informer.whenSynced().then(() => synced++)
  await list([object('c', '3')], '9')
  await informer.whenSynced()
  t.same([informer.size, informer.synced, informer.connected, synced], [3, true, true, 1])
  t.same(take(), ['+ns/a', '+ns/b', '+ns/c'])
  t.match(watches[0], { query: { resourceVersion: '9', labelSelector: 'a=b' }, path: '/api/v1/configmaps' })
  t.same(informer.get('ns/a'), {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'ns', name: 'a', uid: 'uid-a', resourceVersion: '1' },
  })
  event('MODIFIED', object('a', '10'))
  event('DELETED', object('b', '11'))
  event('ADDED', object('d', '12'))
  event('BOOKMARK', { metadata: { resourceVersion: '20' } })
  t.same(take(), ['~ns/a', '-ns/b', '+ns/d'])
  watches[0]?.end()
  await settle()
  t.equal(lists.length, 2, 'the end of a watch is normal: no list')
  await informer.close()
})

t.test('a watch goes on from its last position after its end and after a broken connection', async (t) => {
  const { informer, watches, clock, list, event, lines } = setUp()
  informer.start()
  await settle()
  await list([], '5')
  event('BOOKMARK', { metadata: { resourceVersion: '8' } })
  await clock.advance(6000)
  watches.at(-1)?.end()
  await settle()
  t.equal(watches.at(-1)?.query['resourceVersion'], '8')
  for (let failure = 0; failure < 10; failure++) {
    watches.at(-1)?.fail(away)
    await clock.advance(10_000)
  }
  t.equal(watches.length, 12)
  t.equal(watches.at(-1)?.query['resourceVersion'], '8')
  t.equal(informer.synced, true)
  t.equal(informer.connected, false)
  event('ADDED', object('a', '9'))
  t.equal(informer.connected, true)
  t.equal(lines.filter((line) => /does not answer/.test(line)).length, 1, 'said once')
  t.equal(lines.filter((line) => /can be read again/.test(line)).length, 1)
  await informer.close()
})

t.test('a watch that ends at once, again and again, is not a busy loop', async (t) => {
  const { informer, watches, clock, list } = setUp()
  informer.start()
  await settle()
  await list([], '5')
  for (let end = 0; end < 1000; end++) {
    watches.at(-1)?.end()
    await clock.advance(10)
  }
  t.ok(watches.length < 12, `${watches.length} watches in 10 s`)
  await informer.close()
})

t.test('history that is gone: lists again, and tells of what was deleted or made anew meanwhile', async (t) => {
  const { informer, lists, watches, clock, list, event, take } = setUp()
  informer.start()
  await settle()
  await list([object('a', '1'), object('b', '2'), object('c', '3')], '5')
  take()
  watches.at(-1)?.fail(gone)
  await settle()
  t.equal(lists.length, 2, 'at once, the first time')
  t.equal(informer.size, 3, 'what is known stays readable meanwhile')
  await list([object('a', '1'), object('b', '7', { uid: 'other' }), object('d', '8')], '9')
  t.same(take(), ['-ns/b', '+ns/b', '+ns/d', '-ns/c'])
  event('BOOKMARK', { metadata: { resourceVersion: '9' } })
  t.throws(() => event('BOOKMARK', { metadata: { resourceVersion: '4' } }), /went back in time/, 'etcd restored from a backup')
  for (let round = 0; round < 5; round++) {
    watches.at(-1)?.fail(gone)
    await clock.advance(0)
    await list([object('a', '1')], '9')
    await clock.advance(0)
  }
  t.ok(lists.length <= 4, `410 upon 410 backs off (${lists.length} lists)`)
  await informer.close()
})

t.test('410 between two pages starts the list anew', async (t) => {
  const { informer, lists, clock, list, take } = setUp({ pageSize: 1 })
  informer.start()
  await settle()
  await list([object('a', '1')], '5', { continue: 'token' })
  lists.at(-1)?.fail(gone)
  await clock.advance(200)
  t.same(lists.at(-1)?.query, { limit: '1' })
  t.equal(informer.synced, false)
  await list([object('b', '6')], '7')
  t.same(take(), ['+ns/a', '+ns/b', '-ns/a'])
  t.equal(informer.synced, true)
  await informer.close()
})

t.test('a kind that is not installed is said once, in a sentence, and found when it comes', async (t) => {
  const { informer, lists, clock, list, lines } = setUp({ resource: EIPS })
  informer.start()
  for (let tries = 0; tries < 20; tries++) {
    await settle()
    lists.at(-1)?.fail(new ApiError('404', { status: 404, reason: 'NotFound' }))
    await clock.advance(10_000)
  }
  t.ok(lists.length >= 20, 'it never gives up')
  t.equal(lines.length, 1)
  t.match(lines[0], 'the API server knows no eips.network.kubesphere.io: the CustomResourceDefinition is not installed; trying again')
  await list([], '5')
  t.match(lines[1], 'can be read again')
  await informer.close()
})

t.test('listeners and projections that throw hurt nobody else', async (t) => {
  const project = (raw: RawObject) => {
    if (raw.metadata.name === 'bad') throw new Error('cannot')
    return raw.metadata.name
  }
  const { informer, lines, list, take } = setUp({ project, resource: SERVICES })
  informer.subscribe(() => {
    throw new Error('listener')
  })
  const names: unknown[] = []
  const end = informer.subscribe(({ after }: ObjectChange<unknown>) => names.push(after))
  informer.start()
  await settle()
  await list([object('a', '1'), object('bad', '1'), object('b', '2')], '5')
  t.same([...informer.values()], ['a', 'b'])
  t.same(
    [take(), names],
    [
      ['+ns/a', '+ns/b'],
      ['a', 'b'],
    ],
  )
  t.equal(lines.filter((line) => /ERROR/.test(line)).length, 3)
  end()
  end()
  await informer.close()
})

t.test('close ends everything, at any time', async (t) => {
  const fresh = setUp()
  await fresh.informer.close()
  fresh.informer.start()
  await settle()
  t.equal(fresh.lists.length, 0, 'closed before start')
  await t.rejects(fresh.informer.whenSynced(), /closed before it was synced/)
  const listing = setUp()
  listing.informer.start()
  await settle()
  const waiting = t.rejects(listing.informer.whenSynced(), /closed before it was synced/)
  await listing.informer.close()
  await listing.informer.close()
  await waiting
  const watching = setUp()
  watching.informer.start()
  await settle()
  await watching.list([object('a', '1')], '5')
  const abort = new AbortController()
  await watching.informer.close()
  await watching.informer.whenSynced(abort.signal)
  t.equal(watching.informer.size, 1, 'what is known stays readable')
  const aborted = setUp()
  const wait = aborted.informer.whenSynced(abort.signal)
  abort.abort(new Error('enough'))
  await t.rejects(wait, { message: 'enough' })
})

t.test('what follows each end of an exchange', async (t) => {
  const error = (status: number, retryAfterMs?: number) => ({ error: new ApiError('x', { status, reason: 'x', retryAfterMs }) })
  const base = { livedMs: 10_000, failures: 1 }
  const table = [
    [
      { ...base, during: 'watch', ended: undefined },
      { wait: 'none', failed: false },
    ],
    [
      { ...base, during: 'watch', ended: undefined, livedMs: 10 },
      { wait: 'backoff', failed: false },
    ],
    [{ ...base, during: 'list', ended: undefined, livedMs: 10 }, { wait: 'none' }],
    [
      { ...base, during: 'watch', ended: error(410) },
      { listDueTo: 'expired', wait: 'none', report: false },
    ],
    [
      { ...base, during: 'watch', ended: error(410), failures: 2 },
      { listDueTo: 'expired', wait: 'backoff', report: true },
    ],
    [
      { ...base, during: 'watch', ended: error(0), failures: 99 },
      { listDueTo: undefined, wait: 'backoff', failed: true },
    ],
    [
      { ...base, during: 'watch', ended: error(429, 3000) },
      { listDueTo: undefined, atLeastMs: 3000 },
    ],
    [{ ...base, during: 'watch', ended: error(500) }, { listDueTo: undefined }],
    [{ ...base, during: 'watch', ended: error(500), failures: 5 }, { listDueTo: 'error' }],
    [{ ...base, during: 'watch', ended: error(404) }, { listDueTo: 'error' }],
    [
      { ...base, during: 'watch', ended: { error: new Error('a bug') } },
      { listDueTo: 'error', report: true },
    ],
    [
      { ...base, during: 'list', ended: error(404) },
      { listDueTo: undefined, failed: true, wait: 'backoff' },
    ],
  ] as const
  for (const [given, want] of table) t.match({ listDueTo: undefined, ...afterExchange(given) }, want, JSON.stringify(given))
})
