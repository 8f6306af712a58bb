/**
 * Admission reviews per second over TLS on 16 kept connections, answered by the webhook's process where the API server has thousands of
 * Services and hundreds of Eips, beside an empty fastify server over TLS that gets the same requests. Both stay up for the whole run; rounds
 * alternate, the median counts. `cpuUs` is the time that the server's process itself computes per review: it says the same on a busy machine,
 * where reviews per second do not.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type IssuedCertificates, issueCertificates } from '../certgen/certificates.ts'
import { serviceHosts } from '../certgen/hosts.ts'
import { CERTIFICATE_SECRET, CERTIFICATE_SECRET_KEYS, DEFAULT_NAMESPACE, WEBHOOK_PATH } from '../src/api/names.ts'
import { IS_DEFAULT_EIP } from '../src/api/service-annotations.ts'
import { createObject, deleteObject } from '../src/kube/objects.ts'
import { EIPS, SECRETS } from '../src/kube/resources.ts'
import { type Aim, type BenchResult, count, createProgress, readOptions } from './support/bench.ts'
import { type Daemon, startDaemon } from './support/daemon.ts'
import { median, quantile, rounded, spread } from './support/figures.ts'
import { type BenchLab, withLab } from './support/lab.ts'
import { cpuSeconds } from './support/process-usage.ts'
import { askOnce, load, reviewBody, type Target } from './support/review-load.ts'
import { createServices } from './support/services.ts'
import { inParallel, until } from './support/waiting.ts'

export const summary = 'Admission reviews per second, beside an empty fastify server over TLS.'
export const flags = {
  services: count(10_000, 0, 16_000, 'Services in the API server.'),
  eips: count(200, 1, 4000, 'Eips in the API server.'),
  connections: count(16, 1, 256, 'Kept connections.'),
  rounds: count(3, 1, 20, 'Rounds of each side.'),
  seconds: count(3, 1, 60, 'Length of a round.'),
}

const PATH = WEBHOOK_PATH.mutatingService
const DAY_MS = 86_400_000

/** Eips that are bound to namespaces, and as the last one the default Eip, which serves the Service of the reviews. */
function eipOf(at: number, isLast: boolean) {
  const annotations = { [IS_DEFAULT_EIP]: String(isLast) }
  const spec = { address: `100.${64 + (at >> 8)}.${at & 255}.0/24`, protocol: 'bgp', ...(!isLast && { namespaces: [`team-${at}`] }) }
  return { metadata: { name: `admit-${at}`, annotations }, spec }
}

/** The webhook's process, once it answers and its answer adopts the Service. */
async function startWebhook(lab: BenchLab, certificates: IssuedCertificates, host: string): Promise<{ daemon: Daemon; target: Target }> {
  const { ca, certificate, privateKey } = CERTIFICATE_SECRET_KEYS
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const secret = { [ca]: base64(certificates.ca), [certificate]: base64(certificates.cert), [privateKey]: base64(certificates.key) }
  await createObject(lab.api, SECRETS, { metadata: { name: CERTIFICATE_SECRET, namespace: DEFAULT_NAMESPACE }, data: secret })
  const args = ['--webhook-port=0', '--webhook-host=127.0.0.1', '--metrics-addr=127.0.0.1:0', '--drain-time=0s']
  const options = { account: lab.account, args, identity: 'bench', folder: lab.cluster.logs, startMessage: 'webhook started' }
  const daemon = await startDaemon('webhook', options)
  const { port } = await daemon.said('webhook started')
  const target: Target = { port: Number(port), path: PATH, ca: certificates.ca, host }
  let answer = ''
  await until('the webhook adopts a Service', async () => {
    answer = await askOnce(target).catch((error: Error) => error.message)
    return answer.includes('"patch"')
  }).catch(async (error: unknown) => {
    await daemon.stop()
    throw new Error(`the webhook answered ${answer}`, { cause: error })
  })
  return { daemon, target }
}

async function startFloor({ cert, key }: IssuedCertificates): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(fileURLToPath(new URL('support/floor-server.ts', import.meta.url)), [PATH], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.send({ cert, key })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the floor ended')))
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number]
  return { child, port }
}

export interface AdmitOptions {
  readonly eips: number
  readonly connections: number
  readonly rounds: number
  readonly seconds: number
}

interface Side {
  readonly target: Target
  readonly pid: number
  readonly rates: number[]
  readonly latenciesMs: number[]
  readonly cpuUs: number[]
}

async function measureSide(side: Side, { connections, seconds }: AdmitOptions): Promise<void> {
  const beforeS = cpuSeconds(side.pid)
  const { measured, answered } = await load(side.target, connections, seconds * 1000)
  side.cpuUs.push((1e6 * (cpuSeconds(side.pid) - beforeS)) / answered)
  side.rates.push(measured.length / seconds)
  side.latenciesMs.push(...measured)
}

/** `services` says how many the caller has put into the API server. */
export async function measure(lab: BenchLab, services: number, options: AdmitOptions): Promise<BenchResult> {
  const names = Array.from({ length: options.eips }, (_, at) => eipOf(at, at === options.eips - 1))
  await inParallel(names, (eip) => createObject(lab.api, EIPS, eip))
  await lab.namespace('shop')
  const hosts = serviceHosts(DEFAULT_NAMESPACE)
  const [host = CERTIFICATE_SECRET] = hosts
  const certificates = await issueCertificates({ hosts, nowMs: Date.now(), lifetimeMs: 365 * DAY_MS })
  const { daemon, target } = await startWebhook(lab, certificates, host)
  const floor = await startFloor(certificates)
  const sideOf = (of: Target, pid: number): Side => ({ target: of, pid, rates: [], latenciesMs: [], cpuUs: [] })
  const ours = sideOf(target, daemon.pid)
  const bare = sideOf({ ...target, port: floor.port }, floor.child.pid ?? 0)
  try {
    for (let at = 0; at < options.rounds; at++) {
      for (const side of at % 2 === 0 ? [ours, bare] : [bare, ours]) await measureSide(side, options)
      lab.progress(`round ${at + 1} of ${options.rounds}: ${Math.round(ours.rates.at(-1) ?? 0)} reviews per second`)
    }
  } finally {
    floor.child.kill()
    await daemon.stop()
  }
  await inParallel(names, ({ metadata }) => deleteObject(lab.api, EIPS, { name: metadata.name }))
  return resultOf(services, options, ours, bare)
}

function resultOf(services: number, options: AdmitOptions, ours: Side, bare: Side): BenchResult {
  const [value, floor] = [median(ours.rates), median(bare.rates)]
  const [ratio, p99] = [value / floor, quantile(ours.latenciesMs, 0.99)]
  const figures = { value: rounded(value, 0), floor: rounded(floor, 0), unit: 'reviews/s', ratio: rounded(ratio) }
  const bareP99 = quantile(bare.latenciesMs, 0.99)
  const aims: readonly Aim[] = [
    { figure: `admit, ${services} Services, ${options.eips} Eips`, ...figures, aim: 'ratio >= 0.6', met: ratio >= 0.6 },
    {
      figure: 'admit, p99',
      value: rounded(p99),
      floor: rounded(bareP99),
      unit: 'ms',
      ratio: rounded(p99 / bareP99),
      aim: '< 10 ms',
      met: p99 < 10,
    },
  ]
  return {
    name: 'admit',
    ...figures,
    aims,
    services,
    ...options,
    cpuUs: { webhook: rounded(median(ours.cpuUs), 1), floor: rounded(median(bare.cpuUs), 1) },
    requestBytes: reviewBody().length,
    latencyMs: { webhook: spread(ours.latenciesMs), floor: spread(bare.latenciesMs) },
  }
}

export async function run(argv: readonly string[]): Promise<BenchResult> {
  const { services, ...options } = readOptions(argv, flags)
  return withLab(createProgress('admit'), async (lab) => {
    await lab.namespace('present')
    await createServices(lab, 'present', services, 'floor')
    return measure(lab, services, options)
  })
}
