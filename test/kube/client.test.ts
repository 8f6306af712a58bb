import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { findAccess } from '../../src/kube/access.ts'
import { answerError, eventError } from '../../src/kube/api-error.ts'
import { createApiClient, isAlreadyExists, isConflict, isGone, isNotFound, isUnanswered, type WatchRequest } from '../../src/kube/client.ts'
import { keyOf, parseKey } from '../../src/kube/object-store.ts'
import { createObject, deleteObject, findObject, listObjects, patchObject, replaceObject } from '../../src/kube/objects.ts'
import { apiVersionOf, CONFIG_MAPS, EIPS, LEASES, NODES, resourceName, resourcePath } from '../../src/kube/resources.ts'
import { createLineSplitter } from '../../src/kube/watch-lines.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'

type Respond = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A server on loopback that answers as the test says, and a kubeconfig and client for it. */
async function setUp(t: Test, respond: Respond) {
  const seen: { readonly what: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({ what: `${request.method} ${request.url}`, headers: request.headers, body })
    respond(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const dir = t.testdir({ config: kubeconfig(`http://127.0.0.1:${port}/prefix`), token: 'first', 'ca.crt': 'none' })
  const kubeconfigPath = join(dir, 'config')
  const metrics = createMetrics({ processMetrics: false })
  const client = createApiClient({ kubeconfigPath, userAgent: 'openelb-test/1', logger: silentLogger, metrics })
  t.teardown(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return { client, seen, metrics, dir, port }
}

const kubeconfig = (server: string, user = '{ token: secret }') => `
apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "${server}", insecure-skip-tls-verify: true } }]
users: [{ name: u, user: ${user} }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`

/** The error of a promise that must reject. */
const failed = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  )
const json = (response: ServerResponse, status: number, body: object, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
const failure = (code: number, reason: string, message = reason) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
})

t.test('requests carry what the API server needs', async (t) => {
  const { client, seen, metrics } = await setUp(t, (_request, response) => json(response, 200, { metadata: { name: 'a' } }))
  await createObject(client, CONFIG_MAPS, { metadata: { namespace: 'ns', name: 'a' } }, { fieldManager: 'me' })
  await replaceObject(client, EIPS, { metadata: { name: 'a' } }, { subresource: 'status' })
  await patchObject(client, EIPS, { name: 'a' }, { spec: {} }, { type: 'merge' })
  await patchObject(client, EIPS, { name: 'a' }, [], { type: 'json', subresource: 'status' })
  await patchObject(client, EIPS, { name: 'a' }, {}, { type: 'apply', fieldManager: 'me', force: true })
  t.equal(await deleteObject(client, EIPS, { name: 'a' }, { uid: 'u', resourceVersion: '5' }), 'deleted')
  t.same(
    seen.map(({ what, headers }) => [what, headers['content-type']]),
    [
      ['POST /prefix/api/v1/namespaces/ns/configmaps?fieldManager=me', 'application/json'],
      ['PUT /prefix/apis/network.kubesphere.io/v1alpha2/eips/a/status', 'application/json'],
      ['PATCH /prefix/apis/network.kubesphere.io/v1alpha2/eips/a', 'application/merge-patch+json'],
      ['PATCH /prefix/apis/network.kubesphere.io/v1alpha2/eips/a/status', 'application/json-patch+json'],
      ['PATCH /prefix/apis/network.kubesphere.io/v1alpha2/eips/a?fieldManager=me&force=true', 'application/apply-patch+yaml'],
      ['DELETE /prefix/apis/network.kubesphere.io/v1alpha2/eips/a', 'application/json'],
    ],
  )
  t.match(seen[0]?.headers, { authorization: 'Bearer secret', 'user-agent': 'openelb-test/1', accept: 'application/json' })
  t.same(JSON.parse(seen[0]?.body ?? ''), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'ns', name: 'a' } })
  t.match(JSON.parse(seen[5]?.body ?? ''), { preconditions: { uid: 'u', resourceVersion: '5' } })
  t.match(await metrics.registry.metrics(), 'rest_client_requests_total{code="200",method="PATCH"} 3')
})

t.test('lists are read in pages and filled up', async (t) => {
  const { client, seen } = await setUp(t, (request, response) => {
    const next = request.url?.includes('continue') ? {} : { continue: 'to+ken' }
    json(response, 200, { metadata: { resourceVersion: '7', ...next }, items: next.continue ? [{ metadata: { name: 'a' } }] : null })
  })
  t.same(await listObjects(client, NODES, { labelSelector: 'a in (b)' }), [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } }])
  t.same(
    seen.map(({ what }) => what),
    [
      'GET /prefix/api/v1/nodes?labelSelector=a+in+%28b%29&limit=500',
      'GET /prefix/api/v1/nodes?labelSelector=a+in+%28b%29&limit=500&continue=to%2Bken',
    ],
  )
})

t.test("failures are ApiErrors with the API server's own words", async (t) => {
  let next: (response: ServerResponse) => void = () => undefined
  const { client } = await setUp(t, (_request, response) => next(response))
  const get = () => client.request({ method: 'GET', path: '/x' })
  const put = () => client.request({ method: 'PUT', path: '/x', body: {}, timeoutMs: 100 })
  next = (response) => json(response, 409, failure(409, 'Conflict', 'the object has been modified'))
  t.match(await failed(put()), { name: 'ApiError', status: 409, reason: 'Conflict', message: 'PUT /x: 409 the object has been modified' })
  next = (response) => json(response, 429, { ...failure(429, 'TooManyRequests') }, { 'retry-after': '2' })
  t.match(await failed(get()), { status: 429, retryAfterMs: 2000 })
  next = (response) => response.writeHead(502).end('<h1>bad gateway</h1>')
  t.match(await failed(get()), { status: 502, reason: 'Unknown', message: /bad gateway/ })
  next = (response) => response.writeHead(404).end('404 page not found')
  t.match(await failed(get()), { status: 404, reason: 'NotFound' })
  t.equal(await findObject(client, EIPS, { name: 'a' }), undefined)
  t.equal(await deleteObject(client, EIPS, { name: 'a' }), 'not-found')
  next = (response) => response.end('not json')
  t.match(await failed(get()), { status: 200, reason: 'BadAnswer' })
  next = (response) => response.end()
  t.equal(await get(), undefined)
  next = () => undefined
  t.match(await failed(put()), { status: 0, reason: 'Timeout', message: 'PUT /x: no answer within 100 ms' })
  next = (response) => void response.write('{"a":')
  t.match(await failed(put()), { status: 0, reason: 'Timeout' }, 'a body that never ends')
  next = (response) => void response.destroy()
  t.match(await failed(put()), { status: 0, reason: 'Unreachable', message: /no answer from http:..127/ })
  next = (response) => void response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy())
  t.match(await failed(put()), { status: 0, reason: 'Unreachable' })
  const abort = new AbortController()
  next = () => abort.abort(new Error('enough'))
  await t.rejects(client.request({ method: 'GET', path: '/x', signal: abort.signal }), {
    status: 0,
    reason: 'Aborted',
    cause: { message: 'enough' },
  })
  t.match(await failed(client.request({ method: 'GET', path: '/x', signal: abort.signal })), { reason: 'Aborted' })
  next = () => client.close()
  t.match(await failed(get()), { reason: 'Aborted' })
  t.match(await failed(get()), { reason: 'Aborted' }, 'closed is closed')
})

t.test('a GET whose connection broke is sent again, once; a write is not', async (t) => {
  const { client, seen } = await setUp(t, (_request, response) => void (seen.length === 1 ? response.destroy() : json(response, 200, {})))
  await client.request({ method: 'GET', path: '/x' })
  t.equal(seen.length, 2)
  const broken = await setUp(t, (_request, response) => void response.destroy())
  t.match(await failed(broken.client.request({ method: 'GET', path: '/x' })), { reason: 'Unreachable' })
  t.equal(broken.seen.length, 2)
  t.match(await failed(broken.client.request({ method: 'POST', path: '/x', body: {} })), { reason: 'Unreachable' })
  t.equal(broken.seen.length, 3)
})

t.test('connections are kept', async (t) => {
  const ports = new Set<number | undefined>()
  const { client } = await setUp(t, (request, response) => {
    ports.add(request.socket.remotePort)
    json(response, 200, {})
  })
  for (let at = 0; at < 20; at++) await client.request({ method: 'GET', path: '/x' })
  t.equal(ports.size, 1)
})

t.test('watches', async (t) => {
  let next: (response: ServerResponse) => void = () => undefined
  const { client, seen } = await setUp(t, (_request, response) => next(response))
  const events: unknown[] = []
  let opened = 0
  const watch = (over: Partial<WatchRequest> = {}) =>
    client.watch({
      path: '/api/v1/nodes',
      query: { resourceVersion: '5' },
      signal: new AbortController().signal,
      timeoutMs: 300_000,
      idleTimeoutMs: 1000,
      onOpen: () => opened++,
      onEvent: ({ type }) => events.push(type),
      ...over,
    })
  next = (response) => {
    response.write('{"type":"ADDED","object":{"a":"\u00e4"}}\n{"type":"MODI')
    setTimeout(() => response.end('FIED","object":{}}\n'), 20)
  }
  await watch()
  t.same([events.splice(0), opened], [['ADDED', 'MODIFIED'], 1])
  t.equal(seen[0]?.what, 'GET /prefix/api/v1/nodes?resourceVersion=5&watch=true&allowWatchBookmarks=true&timeoutSeconds=300')
  next = (response) => response.end(`{"type":"ADDED","object":{}}\n${JSON.stringify({ type: 'ERROR', object: failure(410, 'Expired') })}\n`)
  t.match(await failed(watch()), { status: 410, reason: 'Expired' })
  next = (response) => json(response, 403, failure(403, 'Forbidden'))
  t.match(await failed(watch()), { status: 403, reason: 'Forbidden' })
  next = (response) => void response.write('{"type":"ADDED","object":{}}\n')
  await watch({ idleTimeoutMs: 100 })
  t.same(events.splice(0).at(-1), 'ADDED', 'silence ends a watch, without an error')
  next = (response) => void response.write('{"type":"ADDED","object":{}}\n', () => response.destroy())
  t.match(await failed(watch()), { status: 0, reason: 'Unreachable' })
  next = (response) => response.end('nonsense\n')
  t.match(await failed(watch()), { reason: 'BadAnswer' })
  next = (response) => response.end('{"type":"ADDED","object":{}}\n')
  const bug = () => {
    throw new TypeError('a bug')
  }
  t.match(await failed(watch({ onEvent: bug })), { status: 200, reason: 'BadAnswer', cause: { message: 'a bug' } })
  const abort = new AbortController()
  next = (response) => void response.write('{"type":"ADDED","object":{}}\n')
  t.match(await failed(watch({ signal: abort.signal, onEvent: () => abort.abort() })), { reason: 'Aborted' })
})

t.test('who we are', async (t) => {
  const tokens: unknown[] = []
  const { dir, port } = await setUp(t, () => undefined)
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization)
    json(response, tokens.length === 2 ? 401 : 200, {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const user = `{ tokenFile: ${join(dir, 'token')} }`
  const paths = t.testdir({
    config: kubeconfig(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, user),
    token: 'first',
    'ca.crt': 'CA',
  })
  const client = createApiClient({ kubeconfigPath: join(paths, 'config'), userAgent: 'x', logger: silentLogger })
  t.teardown(() => client.close())
  await client.request({ method: 'GET', path: '/x' }).catch((error: unknown) => t.comment(String(error)))
  await client.request({ method: 'GET', path: '/x' })
  t.equal(tokens.length, 3, 'a refused token is read anew and tried once more')

  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }
  const inCluster = await findAccess({ env, serviceAccountDir: paths })
  t.same([inCluster.source, inCluster.server.href], ['in-cluster', 'https://[fd00::1]:6443/'])
  t.same(await inCluster.credentials(), { headers: { authorization: 'Bearer first' }, tls: { ca: 'CA' } })
  const named = await findAccess({ env: { ...env, KUBECONFIG: join(paths, 'config') } })
  t.equal(named.source, join(paths, 'config'), 'KUBECONFIG wins over the Pod')
  await t.rejects(findAccess({ env: { HOME: join(paths, 'nowhere') } }), { message: /kubeconfig .*nowhere.*\.kube.config cannot be read/ })
  await t.rejects(findAccess({ kubeconfigPath: join(paths, 'token'), env: {} }), /kubeconfig/)
  const chosen = await findAccess({ kubeconfigPath: join(paths, 'config'), context: 'x', env: {} })
  t.equal(chosen.server.href, named.server.href)
  const unknown = findAccess({ kubeconfigPath: join(paths, 'config'), context: 'elsewhere', env: {} })
  await t.rejects(unknown, /no cluster for its context "elsewhere"/)
  const lost = createApiClient({ kubeconfigPath: join(paths, 'absent'), userAgent: 'x', logger: silentLogger })
  t.match(await failed(lost.request({ method: 'GET', path: '/x' })), {
    status: 0,
    reason: 'Unreachable',
    message: /no way to the API server/,
  })
  lost.close()
  t.ok(port)
})

t.test('paths and names', async (t) => {
  const table: readonly [Parameters<typeof resourcePath>, string][] = [
    [[NODES, {}], '/api/v1/nodes'],
    [[NODES, { name: 'n1' }], '/api/v1/nodes/n1'],
    [[CONFIG_MAPS, {}], '/api/v1/configmaps'],
    [[CONFIG_MAPS, { namespace: 'a' }], '/api/v1/namespaces/a/configmaps'],
    [[LEASES, { namespace: 'a', name: 'b/../c' }], '/apis/coordination.k8s.io/v1/namespaces/a/leases/b%2F..%2Fc'],
    [[EIPS, { name: 'p', subresource: 'status' }], '/apis/network.kubesphere.io/v1alpha2/eips/p/status'],
  ]
  for (const [given, want] of table) t.equal(resourcePath(...given), want)
  t.throws(() => resourcePath(NODES, { namespace: 'a' }), RangeError)
  t.throws(() => resourcePath(CONFIG_MAPS, { name: 'a' }), RangeError)
  t.same(
    [apiVersionOf(EIPS), resourceName(EIPS), resourceName(NODES)],
    ['network.kubesphere.io/v1alpha2', 'eips.network.kubesphere.io', 'nodes'],
  )
  for (const ref of [{ name: 'a' }, { namespace: 'b', name: 'a' }]) t.same(parseKey(keyOf(ref)), ref)
})

t.test('kinds of errors', async (t) => {
  const error = (status: number, reason: string) => answerError('GET /x', status, JSON.stringify(failure(status, reason)))
  t.same(
    [isNotFound, isConflict, isAlreadyExists, isGone, isUnanswered].map((is) => [is(error(404, 'NotFound')), is(new Error('x'))]),
    [
      [true, false],
      [false, false],
      [false, false],
      [false, false],
      [false, false],
    ],
  )
  t.same([isConflict(error(409, 'AlreadyExists')), isConflict(error(409, 'Conflict'))], [false, true])
  t.same([isAlreadyExists(error(409, 'AlreadyExists')), isGone(error(410, 'Expired'))], [true, true])
  t.match(eventError('watch', 'nothing'), { status: 500 })
})

t.test('lines survive any cut', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((line) => !line.includes('\n'))),
      fc.array(fc.nat(20)),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const got: string[] = []
        const splitter = createLineSplitter((line) => got.push(line))
        let rest = bytes
        for (const cut of cuts) {
          splitter.push(rest.subarray(0, cut))
          rest = rest.subarray(cut)
        }
        splitter.push(rest)
        return JSON.stringify(got) === JSON.stringify(lines)
      },
    ),
  )
  const splitter = createLineSplitter(() => undefined)
  const chunk = Buffer.alloc(2 ** 20, 'a')
  t.throws(() => {
    for (let at = 0; at < 20; at++) splitter.push(chunk)
  }, RangeError)
})
