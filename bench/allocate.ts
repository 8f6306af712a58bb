/**
 * How fast Services get their addresses, beside the floor: the same two writes per Service (create the claim, patch services/status), made
 * by the same client with the same concurrency on the same API server, in the same run, with nothing to decide.
 *
 * Two figures. `waiting`: the Services exist and wait for their Eip; the clock runs from the creation of the Eip to the last address on show.
 * `live`: the Services are created while the allocator runs; the clock runs from the first creation, so creating them is in it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Cluster, startControlPlane } from '../lab/cluster.ts'
import { claimName, holdersText } from '../src/api/address-claim.ts'
import type { ServiceObject } from '../src/api/core-objects.ts'
import { ALLOCATED_CONDITION, EIP_NAME, OPT_IN } from '../src/api/service-annotations.ts'
import { type ApiClient, createApiClient } from '../src/kube/client.ts'
import { createInformer, type Informer } from '../src/kube/informer.ts'
import { createObject, deleteObject, listObjects } from '../src/kube/objects.ts'
import { ADDRESS_CLAIMS, EIPS, NAMESPACES, resourcePath, SERVICES } from '../src/kube/resources.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import { startAllocator } from '../test/support/allocator-process.ts'

/** As the allocator's. */
const CONCURRENCY = 16
const TIMEOUT_MS = 600_000

interface Bench {
  readonly cluster: Cluster
  readonly api: ApiClient
  readonly services: Informer<ServiceObject>
  readonly count: number
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`not within ${TIMEOUT_MS} ms: ${what}`)
    await delay(5)
  }
}

const shown = (service: ServiceObject): boolean => (service.status?.loadBalancer?.ingress ?? []).length > 0
const inNamespace = ({ services }: Bench, namespace: string): ServiceObject[] =>
  [...services.values()].filter(({ metadata }) => metadata.namespace === namespace)
const allShown = (bench: Bench, namespace: string): boolean => inNamespace(bench, namespace).filter(shown).length === bench.count

async function makeServices(
  { api, count }: Bench,
  namespace: string,
  annotations: Readonly<Record<string, string>>,
  spec: object,
): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `s${at}`)
  const ports = [{ port: 80 }]
  await inParallel(names, (name) =>
    createObject(api, SERVICES, { metadata: { namespace, name, annotations }, spec: { type: 'LoadBalancer', ports, ...spec } } as {
      metadata: { name: string }
    }),
  )
}

const removeAll = async (bench: Bench, namespace: string): Promise<void> => {
  await inParallel(inNamespace(bench, namespace), ({ metadata }) => deleteObject(bench.api, SERVICES, { namespace, name: metadata.name }))
}

/** The two writes, bare, on Services of another load balancer's class. Seconds. */
async function floor(bench: Bench): Promise<number> {
  const { api } = bench
  const namespace = 'floor'
  await makeServices(bench, namespace, {}, { loadBalancerClass: 'example.com/floor' })
  await until('the Services are seen', () => inNamespace(bench, namespace).length === bench.count)
  const services = inNamespace(bench, namespace)
  const numbered = services.map((service, at) => ({ service, value: 0x0a63_0000n + BigInt(at) }))
  const seconds = await timed(async () => {
    await inParallel(numbered, ({ service, value }) => writeTwice(api, service, value))
    await until('the floor is shown', () => allShown(bench, namespace))
  })
  await removeAll(bench, namespace)
  await inParallel(numbered, ({ value }) => deleteObject(api, ADDRESS_CLAIMS, { name: claimName({ family: 'IPv4', value }) }))
  return seconds
}

async function writeTwice(api: ApiClient, service: ServiceObject, value: bigint): Promise<void> {
  const { namespace = '', name, uid, resourceVersion } = service.metadata
  const address = claimName({ family: 'IPv4', value })
  const holders = [{ namespace, name, uid, ports: [{ protocol: 'TCP' as const, port: 80 }] }]
  const spec = { address, service: holdersText(holders), eip: 'floor', protocol: 'bgp', holders }
  await createObject(api, ADDRESS_CLAIMS, { metadata: { name: address }, spec } as { metadata: { name: string } })
  const condition = { type: ALLOCATED_CONDITION, status: 'True', reason: 'Allocated', message: `${address} of Eip floor` }
  const status = {
    loadBalancer: { ingress: [{ ip: address }] },
    conditions: [{ ...condition, lastTransitionTime: '2026-11-21T00:00:00Z' }],
  }
  const body = { metadata: { resourceVersion, uid, labels: { [EIP_NAME]: 'floor' } }, status }
  const path = resourcePath(SERVICES, { namespace, name, subresource: 'status' })
  await api.request({ method: 'PATCH', path, body, contentType: 'application/strategic-merge-patch+json' })
}

const poolOf = (round: number): string => `10.${10 + round}.0.0/18`
const wish = (eip: string) => ({ [OPT_IN]: 'openelb', [EIP_NAME]: eip })

/** Services that wait for their Eip. Seconds from its creation. */
async function waiting(bench: Bench, round: number): Promise<number> {
  const namespace = 'waiting'
  const eip = `waiting-${round}`
  await makeServices(bench, namespace, wish(eip), {})
  const refused = ({ status }: ServiceObject) => status?.conditions?.some(({ reason }) => reason === 'PoolNotFound') === true
  await until('all wait', () => inNamespace(bench, namespace).filter(refused).length === bench.count)
  const seconds = await timed(async () => {
    await createObject(bench.api, EIPS, { metadata: { name: eip }, spec: { address: poolOf(2 * round) } } as { metadata: { name: string } })
    await until('all have addresses', () => allShown(bench, namespace))
  })
  await removeAll(bench, namespace)
  return seconds
}

/** Services that are created while the allocator runs. Seconds from the first creation. */
async function live(bench: Bench, round: number): Promise<number> {
  const namespace = 'live'
  const eip = `live-${round}`
  await createObject(bench.api, EIPS, { metadata: { name: eip }, spec: { address: poolOf(2 * round + 1) } } as {
    metadata: { name: string }
  })
  const seconds = await timed(async () => {
    await makeServices(bench, namespace, wish(eip), {})
    await until('all have addresses', () => allShown(bench, namespace))
  })
  await removeAll(bench, namespace)
  return seconds
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const rounded = (value: number): number => Number(value.toFixed(3))

async function released(bench: Bench): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS
  while ((await listObjects(bench.api, ADDRESS_CLAIMS)).length > 0 && performance.now() < endMs) await delay(100)
}

async function measure(bench: Bench, rounds: number): Promise<object> {
  const figures = { floor: [] as number[], waiting: [] as number[], live: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    figures.floor.push(await floor(bench))
    const allocator = await startAllocator(bench.cluster.kubeconfig, 'bench', ['--leader-elect=false', '--log-level=info'])
    try {
      figures.waiting.push(await waiting(bench, round))
      await released(bench)
      figures.live.push(await live(bench, round))
      await released(bench)
    } finally {
      await allocator.stop()
    }
  }
  const [value, base] = [median(figures.waiting), median(figures.floor)]
  return {
    name: 'allocate',
    unit: 's',
    services: bench.count,
    concurrency: CONCURRENCY,
    rounds,
    value: rounded(value),
    floor: rounded(base),
    ratio: rounded(value / base),
    servicesPerSecond: Math.round(bench.count / value),
    live: rounded(median(figures.live)),
    all: { floor: figures.floor.map(rounded), waiting: figures.waiting.map(rounded), live: figures.live.map(rounded) },
  }
}

/** `--services N` (1000) and `--rounds N` (3, medians). Gives the figures as one JSON object. */
export async function run(argv: readonly string[]): Promise<object> {
  const options = { services: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '3' } } as const
  const { values } = parseArgs({ args: [...argv], options })
  const [count, rounds] = [Number(values.services), Number(values.rounds)]
  if (!(count >= 1 && count <= 16_000) || !(rounds >= 1 && rounds <= 20)) throw new RangeError('--services 1 to 16000, --rounds 1 to 20')
  const cluster = await startControlPlane()
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'bench', logger: silentLogger })
  const services = createInformer<ServiceObject>({ client: api, resource: SERVICES, logger: silentLogger })
  try {
    await cluster.kubectl(['apply', '--server-side', '-f', fileURLToPath(new URL('../deploy/crds', import.meta.url))])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
    for (const name of ['openelb-system', 'floor', 'waiting', 'live']) await createObject(api, NAMESPACES, { metadata: { name } })
    services.start()
    await services.whenSynced()
    return await measure({ cluster, api, services, count }, rounds)
  } finally {
    await services.close()
    api.close()
    await cluster.down()
  }
}
