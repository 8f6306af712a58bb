import { connect as dialTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { issueCertificates } from '../../certgen/certificates.ts'
import { parseIp } from '../../src/addr/ip.ts'
import type { ConfigMapObject, NodeObject, SecretObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { createMetrics } from '../../src/runtime/metrics.ts'
import { createCertificateHolder } from '../../src/webhook/certificate-holder.ts'
import { createFacts } from '../../src/webhook/facts.ts'
import { createReviewMetrics } from '../../src/webhook/metrics.ts'
import { createApp, startServer } from '../../src/webhook/server.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { DEFAULT_EIP, eipObject } from '../support/policy-objects.ts'

const DAY_MS = 86_400_000
const ISSUED_MS = Date.parse('2026-01-01T00:00:00Z')

interface Line {
  readonly level: string
  readonly msg: string
}
function recordLines() {
  const lines: Line[] = []
  return { lines, logger: createLogger({ format: 'json', level: 'debug', write: (line) => void lines.push(JSON.parse(line) as Line) }) }
}

const review = (over: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { uid: 'r-1', operation: 'CREATE', name: 'x', object: {}, ...over },
})

function buildApp(leaving = { yes: false }) {
  const { lines, logger } = recordLines()
  const metrics = createMetrics({ processMetrics: false })
  const app = createApp({
    routes: [
      { name: 'good', path: '/good', admit: () => ({ allowed: true, warnings: [] }) },
      { name: 'bad', path: '/bad', admit: async () => ({ allowed: false, message: 'no: because' }) },
      {
        name: 'broken',
        path: '/broken',
        admit: () => {
          throw new Error('a bug')
        },
      },
    ],
    logger,
    clock: systemClock,
    onReview: createReviewMetrics(metrics).review,
    isLeaving: () => leaving.yes,
  })
  return { app, lines, metrics }
}

t.test('requests', async (t) => {
  const { app, lines, metrics } = buildApp()
  t.teardown(() => app.close())
  const post = (url: string, payload: unknown, contentType = 'application/json') =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': contentType },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    })
  const good = await post('/good?timeout=5s', review())
  t.equal(good.statusCode, 200)
  t.same(good.json(), { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'r-1', allowed: true } })
  t.match((await post('/bad', review())).json(), {
    response: { uid: 'r-1', allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no: because' } },
  })
  t.match(lines, [
    { msg: 'allowed', level: 'debug' },
    { msg: 'refused: no: because', level: 'info' },
  ])
  t.equal((await post('/broken', review())).statusCode, 500, 'a bug is not an answer: failurePolicy decides')
  t.match(lines.at(-1), { level: 'error', msg: /\/broken was not answered/ })
  for (const [name, url, payload, type, status] of [
    ['not JSON', '/good', '{', 'application/json', 400],
    ['empty', '/good', '', 'application/json', 400],
    ['no review', '/good', { a: 1 }, 'application/json', 400],
    ['null', '/good', 'null', 'application/json', 400],
    ['another content type', '/good', '<a/>', 'application/xml', 415],
    ['too large', '/good', review({ object: 'x'.repeat(9 * 1024 * 1024) }), 'application/json', 413],
    ['large, but an object may be so', '/good', review({ object: 'x'.repeat(3 * 1024 * 1024) }), 'application/json', 200],
    ['a prototype is a field like others', '/good', '{"__proto__": {"x": 1}}', 'application/json', 400],
    [
      'a prototype in a map',
      '/good',
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","__proto__":{"uid":7}}}',
      'application/json',
      200,
    ],
    ['nobody there', '/nowhere', review(), 'application/json', 404],
  ] as const) {
    t.equal((await post(url, payload, type)).statusCode, status, name)
  }
  t.equal((await app.inject({ method: 'GET', url: '/good' })).statusCode, 404)
  const text = await metrics.registry.metrics()
  t.match(text, /openelb_admission_reviews_total\{webhook="good",operation="CREATE",outcome="allowed"\} 3/)
  t.match(text, /openelb_admission_reviews_total\{webhook="bad",operation="CREATE",outcome="refused"\} 1/)
  t.match(text, /openelb_admission_reviews_total\{webhook="broken",operation="CREATE",outcome="error"\} 1/)
})

t.test('no connection is closed before the API server closes it itself, also none on which no request came yet', async (t) => {
  const { app } = buildApp()
  t.teardown(() => app.close())
  // The API server's client keeps idle connections for 90 s.
  const { keepAliveTimeout, headersTimeout, requestTimeout } = app.server
  for (const [name, ms] of Object.entries({ keepAliveTimeout, headersTimeout, requestTimeout })) t.ok(ms > 90_000, `${name} is ${ms} ms`)
})

const secret = ({ ca, cert, key }: { ca: string; cert: string; key: string }): SecretObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'openelb-admission', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  data: Object.fromEntries(Object.entries({ ca, cert, key }).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
})
const issue = (nowMs: number, lifetimeMs = 30 * DAY_MS) => issueCertificates({ hosts: ['localhost'], nowMs, lifetimeMs })

t.test('the certificate', async (t) => {
  const [first, second, later] = await Promise.all([issue(ISSUED_MS), issue(ISSUED_MS), issue(ISSUED_MS + 2 * DAY_MS)])
  const clock = createManualClock(ISSUED_MS)
  const { lines, logger } = recordLines()
  const served: string[] = []
  let refusal: Error | undefined
  const serve = ({ cert }: { cert: string }) => {
    if (refusal !== undefined) throw refusal
    served.push(cert)
  }
  const holder = createCertificateHolder({ secretName: 'openelb-admission', serve, clock, logger })
  t.match(holder.problem(), /^Secret openelb-admission is not there yet; certgen makes it$/)
  holder.offer(secret({ ca: 'x', cert: 'y', key: 'z' }))
  t.match(holder.problem(), /^Secret openelb-admission cannot be served: its ca cannot be read/)
  holder.offer(secret({ ...first, key: second.key }))
  t.match(holder.problem(), /its key belongs to another certificate/)
  holder.offer(secret(first))
  t.equal(holder.problem(), undefined)
  holder.offer(secret(first))
  t.same(served, [first.cert], 'the same one is not taken twice')
  holder.offer(secret({ ca: '', cert: '', key: '' }))
  t.match(lines.at(-1), { level: 'error', msg: /it lacks ca, cert, key; the last good certificate stays in use$/ })
  t.equal(holder.problem(), undefined)
  holder.offer(undefined)
  t.match(lines.at(-1)?.msg, /it is gone; the last good/)
  refusal = new Error('TLS says no')
  holder.offer(secret(second))
  t.match(lines.at(-1)?.msg, /cannot be served: TLS says no/)
  refusal = undefined
  await clock.advance(30_000)
  t.equal(served.at(-1), second.cert, 'it is tried again')
  holder.offer(secret(later))
  t.equal(served.at(-1), second.cert, 'not valid yet')
  await clock.advance(2 * DAY_MS)
  t.equal(served.at(-1), later.cert, 'time alone made it valid')
  await clock.advance(31 * DAY_MS)
  t.match(holder.problem(), /has expired/)
  holder.offer(secret(first))
  t.match(lines.at(-1)?.msg, /its certificate expired at/)
  holder.close()
})

t.test('a certificate is changed while connections are open', async (t) => {
  const nowMs = Date.now()
  const [first, second] = await Promise.all([issue(nowMs), issue(nowMs)])
  const leaving = { yes: false }
  const { app } = buildApp(leaving)
  const server = await startServer(app, { host: '127.0.0.1', port: 0 })
  const dial = (ca: string, options: object = {}) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', ca, ...options }, () => resolve(socket))
      socket.on('error', reject)
      t.teardown(() => socket.destroy())
    })
  const ask = (socket: TLSSocket) =>
    new Promise<string>((resolve) => {
      const body = JSON.stringify(review())
      socket.once('data', (data) => resolve(data.toString().split('\r\n')[0] ?? ''))
      socket.write(`POST /good HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
  await t.rejects(dial(first.ca), 'no certificate, no handshake')
  server.setCertificate(first)
  const old = await dial(first.ca)
  t.equal(await ask(old), 'HTTP/1.1 200 OK')
  server.setCertificate(second)
  t.equal(await ask(await dial(second.ca)), 'HTTP/1.1 200 OK')
  t.equal(await ask(old), 'HTTP/1.1 200 OK', 'the open connection goes on')
  await t.rejects(dial(first.ca), /certificate/)
  await t.rejects(dial(second.ca, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }), 'nothing below TLS 1.2')
  t.throws(() => server.setCertificate({ cert: 'x', key: 'y' }))
  t.equal(await ask(await dial(second.ca)), 'HTTP/1.1 200 OK', 'a bad one changes nothing')
  const ended = new Promise((resolve) => old.once('close', resolve))
  leaving.yes = true
  t.equal(await ask(old), 'HTTP/1.1 200 OK', 'while it leaves it still answers')
  await ended
  const late = await dial(second.ca)
  t.equal(await ask(late), 'HTTP/1.1 200 OK', 'and takes connections')
  if (!late.closed) await new Promise((resolve) => late.once('close', resolve))
  await dial(second.ca)
  const silent = dialTcp(server.port)
  await new Promise((resolve) => silent.once('connect', resolve))
  await server.close()
  await server.close()
  t.pass('connections without a request do not hold it up')
})

/** An informer that a test fills. */
function watched<T extends { readonly metadata: { readonly name: string } }>() {
  const objects = new Map<string, T>()
  const listeners = new Set<(change: { before: T | undefined; after: T | undefined }) => void>()
  const set = (name: string, after: T | undefined) => {
    const before = objects.get(name)
    if (after === undefined) objects.delete(name)
    else objects.set(name, after)
    for (const listener of listeners) listener({ before, after })
  }
  return {
    get: (key: string) => objects.get(key),
    values: () => objects.values(),
    subscribe: (listener: (change: { before: T | undefined; after: T | undefined }) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    set,
  }
}

t.test('facts', async (t) => {
  const { lines, logger } = recordLines()
  const clock = createManualClock()
  const eips = watched<EipObject>()
  const namespaces = watched<{ metadata: SecretObject['metadata'] }>()
  const nodes = watched<NodeObject>()
  const settings = watched<ConfigMapObject>()
  const facts = createFacts({
    eips,
    namespaces,
    nodes,
    settings,
    unset: { ...DEFAULT_SETTINGS, compat: ['metallb'] },
    ownNamespace: 'elb',
    clock,
    logger,
  })
  const meta = { name: 'openelb-config', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
  const configure = (data: Record<string, string>) =>
    settings.set('openelb-config', { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta, data })
  t.match(facts.serviceFacts(), {
    settings: { adopt: 'default-eip', compat: ['metallb'] },
    pools: { all: [], active: [] },
    ownNamespace: 'elb',
  })
  eips.set('a', eipObject('a', '10.0.0.1', { annotations: DEFAULT_EIP }))
  eips.set('b', eipObject('b', 'junk'))
  t.same(
    facts.serviceFacts().pools.all.map(({ name }) => name),
    ['a'],
    'an Eip that cannot be read is no pool',
  )
  t.equal(facts.serviceFacts().pools, facts.serviceFacts().pools, 'read once per change')
  configure({ adopt: 'class' })
  t.match(facts.serviceFacts().settings, { adopt: 'class', compat: ['metallb'] })
  configure({ adopt: 'class', compat: '' })
  t.match(facts.serviceFacts().settings, { adopt: 'class', compat: [] })
  configure({ adopt: 'everything' })
  t.equal(facts.serviceFacts().settings.adopt, 'class', 'a typing error changes nothing')
  t.match(lines.at(-1), { level: 'error', msg: /openelb-config is not valid/ })
  settings.set('openelb-config', undefined)
  t.equal(facts.serviceFacts().settings.adopt, 'default-eip', 'no ConfigMap: what the flags say')
  t.equal(facts.serviceFacts().namespaceLabels('x'), undefined)
  namespaces.set('x', { metadata: { ...meta, name: 'x' } })
  t.same(facts.serviceFacts().namespaceLabels('x'), {})
  const before = facts.serviceFacts().pools
  eips.set('a', { ...eipObject('a', '10.0.0.1', { annotations: DEFAULT_EIP, resourceVersion: '2' }) })
  t.equal(facts.serviceFacts().pools, before, 'a status is written with every address that is given, and makes no other pool')
  eips.set('late', eipObject('late', '10.0.0.1'))
  t.equal(facts.serviceFacts().pools.rivalOf('late'), 'a')
  eips.set('late', undefined)
  t.same([facts.nodes(), facts.serviceFacts().primaryFamily], [[], undefined])
  const node = (name: string, ...addresses: readonly string[]): NodeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...meta, name },
    spec: { podCIDRs: ['10.244.0.0/24', 'junk'] },
    status: { addresses: [{ type: 'Hostname', address: '10.9.9.9' }, ...addresses.map((address) => ({ type: 'InternalIP', address }))] },
  })
  nodes.set('n2', node('n2', 'fd00::2', '10.1.0.2'))
  t.equal(facts.serviceFacts().primaryFamily, 'IPv6')
  nodes.set('n1', node('n1', '10.1.0.1'))
  const at = (text: string) => {
    const ip = parseIp(text)
    return ip.ok ? facts.serviceFacts().nodeAt(ip.value) : 'no address'
  }
  t.same(['10.1.0.1', 'FD00::0002', '10.9.9.9', '10.1.0.3'].map(at), ['n1', 'n2', undefined, undefined])
  t.equal(facts.serviceFacts().primaryFamily, 'IPv4', 'of the first node by name')
  t.equal(facts.nodes()[0]?.podRanges.length, 1)
  eips.set('a', undefined)
  t.same([...facts.deletedEips()], ['uid-late', 'uid-a'])
  await clock.advance(60_000)
  t.same([...facts.deletedEips()], [])
})
