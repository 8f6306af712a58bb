/**
 * Admission reviews per second over TLS on 16 kept connections, beside an empty fastify server over TLS that gets the same requests.
 * Both servers are child processes of their own and stay up for the whole run; rounds alternate, the median counts. `cpuUs` is the time
 * that the server's process itself computes per review: it says the same on a busy machine, where reviews per second do not.
 *
 *   npm run bench -- admit [--connections=16] [--rounds=3] [--seconds=3]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { connect, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { type IssuedCertificates, issueCertificates } from '../certgen/certificates.ts'
import { toPool } from '../src/policy/pool.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { parseFlags } from '../src/runtime/flags.ts'
import { createMetrics } from '../src/runtime/metrics.ts'
import { createProcessLogger, UsageError } from '../src/runtime/process.ts'
import { mutateService, type ServiceReviewFacts } from '../src/webhook/admit/service.ts'
import { createReviewMetrics } from '../src/webhook/metrics.ts'
import { createApp, startServer } from '../src/webhook/server.ts'
import type { BenchResult } from './main.ts'

const PATH = '/validate-network-kubesphere-io-v1alpha2-svc'
const POOLS = 32
const WARM_UP_MS = 500

/** What the API server sends for a Service as Helm charts write them: some labels, managed fields, a port or two. */
function reviewBody(): string {
  const labels = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`app.kubernetes.io/label-${at}`, `value-${at}`]))
  const fields = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f:field-${at}`, { '.': {}, 'f:inner': {} }]))
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'web',
      namespace: 'shop',
      creationTimestamp: null,
      labels,
      managedFields: [{ manager: 'kubectl', operation: 'Update', fieldsV1: fields }],
    },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 },
        { name: 'https', protocol: 'TCP', port: 443, targetPort: 8443 },
      ],
      selector: { app: 'web' },
      sessionAffinity: 'None',
      externalTrafficPolicy: 'Cluster',
    },
    status: { loadBalancer: {} },
  }
  const request = {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    kind: { group: '', version: 'v1', kind: 'Service' },
    resource: { group: '', version: 'v1', resource: 'services' },
    name: 'web',
    namespace: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'system:serviceaccount:shop:deployer', groups: ['system:serviceaccounts', 'system:authenticated'] },
    object,
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  }
  return JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request })
}

function facts(): ServiceReviewFacts {
  const pools = Array.from({ length: POOLS }, (_, at) => {
    const annotations = { 'eip.openelb.kubesphere.io/is-default-eip': String(at === POOLS - 1) }
    const metadata = { name: `pool-${at}`, uid: `${at}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', annotations }
    const pool = toPool({ apiVersion: '', kind: 'Eip', metadata, spec: { address: `10.${at}.0.0/16`, namespaces: [`team-${at}`] } })
    if (!pool.ok) throw new Error(pool.error.message)
    return pool.value
  })
  return { settings: { adopt: 'default-eip' }, pools, ownNamespace: 'openelb-system', namespaceLabels: () => ({ a: 'b' }) }
}

/** The webhook with its log and its metrics; only what it knows of the cluster is made up. */
async function serveWebhook({ cert, key }: IssuedCertificates): Promise<number> {
  const known = facts()
  const app = createApp({
    routes: [{ name: 'mutating', path: PATH, admit: (request) => mutateService(request, known) }],
    logger: createProcessLogger('webhook', 'json', 'info'),
    clock: systemClock,
    onReview: createReviewMetrics(createMetrics()).review,
    isLeaving: () => false,
  })
  const server = await startServer(app, { host: '127.0.0.1', port: 0 })
  server.setCertificate({ cert, key })
  return server.port
}

async function serveFloor({ cert, key }: IssuedCertificates): Promise<number> {
  const app = Fastify({ https: { cert, key, minVersion: 'TLSv1.2' } })
  app.post(PATH, async () => ({}))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

type Side = 'webhook' | 'floor'
interface Child {
  readonly process: ChildProcess
  readonly port: number
}

async function startChild(side: Side, certificates: IssuedCertificates): Promise<Child> {
  const child = fork(fileURLToPath(import.meta.url), [side], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  child.send(certificates)
  const [port] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`the ${side} ended`))),
  ])) as [number]
  return { process: child, port }
}

/** Microseconds of processor time that the child has used. */
async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [usedUs] = (await once(child, 'message')) as [number]
  return usedUs
}

/** One connection that asks again as soon as it has the answer. */
async function ask(socket: TLSSocket, request: Buffer, endMs: number, latenciesMs: number[]): Promise<void> {
  let buffered: Buffer = Buffer.alloc(0)
  for (;;) {
    const startMs = performance.now()
    if (startMs >= endMs) return
    socket.write(request)
    let length = Number.POSITIVE_INFINITY
    while (buffered.length < length) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
      if (length === Number.POSITIVE_INFINITY) length = answerLength(buffered)
    }
    buffered = buffered.subarray(length)
    latenciesMs.push(performance.now() - startMs)
  }
}

function answerLength(bytes: Buffer): number {
  const head = bytes.indexOf('\r\n\r\n')
  if (head < 0) return Number.POSITIVE_INFINITY
  const text = bytes.toString('latin1', 0, head)
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`the answer is ${text.split('\r\n')[0]}`)
  return head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1])
}

/** Latencies in milliseconds of the answers of one round; `answered` counts those of the warm-up too. */
async function round(port: number, ca: string, connections: number, durationMs: number): Promise<{ measured: number[]; answered: number }> {
  const body = reviewBody()
  const head = `POST ${PATH}?timeout=5s HTTP/1.1\r\nHost: openelb-admission\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  const request = Buffer.from(head + body)
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: '127.0.0.1', port, ca, servername: 'openelb-admission' })
      await once(socket, 'secureConnect')
      return socket
    }),
  )
  try {
    const warmUp: number[] = []
    await Promise.all(sockets.map((socket) => ask(socket, request, performance.now() + WARM_UP_MS, warmUp)))
    const latenciesMs: number[] = []
    const endMs = performance.now() + durationMs
    await Promise.all(sockets.map((socket) => ask(socket, request, endMs, latenciesMs)))
    return { measured: latenciesMs, answered: warmUp.length + latenciesMs.length }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? 0
const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits))

const FLAGS = {
  connections: { kind: 'integer', default: 16, min: 1, max: 256, description: 'Kept connections.' },
  rounds: { kind: 'integer', default: 3, min: 1, max: 20, description: 'Rounds of each side.' },
  seconds: { kind: 'integer', default: 3, min: 1, max: 60, description: 'Length of a round.' },
} as const

/** Runs the bench. Aim: ratio >= 0.5. */
export async function run(argv: readonly string[]): Promise<BenchResult> {
  const parsed = parseFlags(argv, FLAGS)
  if (!parsed.ok) throw new UsageError(parsed.error.message)
  const { connections, rounds, seconds } = parsed.value.values
  const certificates = await issueCertificates({ hosts: ['openelb-admission'], nowMs: Date.now(), lifetimeMs: 86_400_000 })
  const sides = { webhook: await startChild('webhook', certificates), floor: await startChild('floor', certificates) }
  const rates: Record<Side, number[]> = { webhook: [], floor: [] }
  const latenciesMs: Record<Side, number[]> = { webhook: [], floor: [] }
  const cpuUs: Record<Side, number[]> = { webhook: [], floor: [] }
  try {
    for (let at = 0; at < rounds; at++) {
      for (const side of at % 2 === 0 ? (['webhook', 'floor'] as const) : (['floor', 'webhook'] as const)) {
        const beforeUs = await cpuOf(sides[side].process)
        const { measured, answered } = await round(sides[side].port, certificates.ca, connections, seconds * 1000)
        cpuUs[side].push(((await cpuOf(sides[side].process)) - beforeUs) / answered)
        rates[side].push(measured.length / seconds)
        latenciesMs[side].push(...measured)
      }
    }
  } finally {
    for (const { process: child } of Object.values(sides)) child.kill()
  }
  const [value, floor] = [median(rates.webhook), median(rates.floor)]
  const latency = (side: Side) => ({
    p50Ms: rounded(quantile(latenciesMs[side], 0.5), 2),
    p99Ms: rounded(quantile(latenciesMs[side], 0.99), 2),
  })
  return {
    name: 'admit',
    value: rounded(value),
    floor: rounded(floor),
    unit: 'reviews/s',
    ratio: rounded(value / floor, 3),
    cpuUs: { webhook: rounded(median(cpuUs.webhook), 1), floor: rounded(median(cpuUs.floor), 1) },
    ...{
      connections,
      rounds,
      seconds,
      requestBytes: reviewBody().length,
      latency: { webhook: latency('webhook'), floor: latency('floor') },
    },
  }
}

// As a child: the certificate comes as a message, the port goes back as one.
const [, self, side] = process.argv
if (process.send !== undefined && self === fileURLToPath(import.meta.url)) {
  const [certificates] = (await once(process, 'message')) as [IssuedCertificates]
  process.send(await (side === 'webhook' ? serveWebhook(certificates) : serveFloor(certificates)))
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.once('disconnect', () => process.exit(0))
}
