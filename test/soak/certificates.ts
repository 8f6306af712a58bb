/** CA and serving certificate are exchanged again and again while admissions run: none fails. */
import { setTimeout as delay } from 'node:timers/promises'
import { ADMISSION_NAME } from '../../src/api/names.ts'
import { createInformer } from '../../src/kube/informer.ts'
import { VALIDATING_WEBHOOKS } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { type AdmissionWorld, startAdmissionWorld } from '../support/admission-world.ts'
import { until } from '../support/until.ts'
import { handshake, prepareLoad, startLoad } from './support/admission-load.ts'
import { count, createProgress, type Progress, readOptions } from './support/soak.ts'

export const describe = 'Exchanges CA and serving certificate of the webhooks again and again under admissions: no failed request.'

export const flags = {
  duration: { kind: 'duration', default: 300_000, minMs: 10_000, description: 'How long admissions run.' },
  every: { kind: 'duration', default: 30_000, minMs: 4000, description: 'How often the certificates are exchanged.' },
  rate: count(100, 1, 'How many admissions are asked for per second.'),
} as const

export interface CertificatesOptions {
  readonly durationMs: number
  /** It is over as soon as so many certificates were met, too. */
  readonly enough?: number
  readonly everyMs: number
  readonly rate: number
  readonly progress: Progress
}

export interface CertificatesResult {
  readonly passed: boolean
  /** Admissions through the API server. */
  readonly asked: number
  readonly perSecond: number
  /** Sentences, at most 50. */
  readonly failed: readonly string[]
  /** TLS connections that were made beside, with the bundle of some time ago. */
  readonly handshakes: number
  /** How many different certificates they met. */
  readonly certificates: number
  /** How often a webhook was exchanged for another. */
  readonly rolled: number
}

const LIFETIME_MS = 3_600_000
const MOST_TOLD = 50
const HANDSHAKE_EVERY_MS = 100
const ROLL_EVERY = 2

/** Flags of a webhook that renews every so often by itself. */
export const renewing = (everyMs: number): readonly string[] => [
  `--certificate-lifetime=${LIFETIME_MS}ms`,
  `--renew-before=${LIFETIME_MS - everyMs}ms`,
  `--settle-time=${settleMs(everyMs)}ms`,
  '--drain-time=1s',
]
const settleMs = (everyMs: number): number => Math.min(10_000, Math.round(everyMs / 2))
/** How far behind the bundle a connection is: well within what the renewal allows for, since this process may be late itself. */
const lateMs = (everyMs: number): number => settleMs(everyMs) / 4

interface Bundle {
  readonly sinceMs: number
  readonly ca: string
}

/** Follows the bundle as API servers do, and gives the one that a late one would know: that of `behindMs` ago. */
function followBundle({ api }: AdmissionWorld) {
  const bundles: Bundle[] = []
  const informer = createInformer<{ webhooks: { clientConfig: { caBundle?: string } }[] }>({
    client: api,
    resource: VALIDATING_WEBHOOKS,
    fieldSelector: `metadata.name=${ADMISSION_NAME}`,
    logger: silentLogger,
  })
  informer.subscribe(({ after }) => {
    const ca = Buffer.from(after?.webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString()
    if (ca !== '' && ca !== bundles.at(-1)?.ca) bundles.push({ sinceMs: performance.now(), ca })
  })
  informer.start()
  return {
    asOf: (behindMs: number): string | undefined => bundles.findLast(({ sinceMs }) => sinceMs <= performance.now() - behindMs)?.ca,
    close: () => informer.close(),
  }
}

/** Connects anew all the time, since the API server keeps its connections. */
function startHandshakes({ cluster, balancer }: AdmissionWorld, bundle: ReturnType<typeof followBundle>, behindMs: number) {
  const serials = new Set<string>()
  const failed: string[] = []
  let made = 0
  let going = true
  const running = (async () => {
    while (going) {
      const ca = bundle.asOf(behindMs)
      if (ca !== undefined) {
        made++
        const target = { host: cluster.hostAddress, port: balancer.port, ca }
        await handshake(target).then(
          (serial) => serials.add(serial),
          (error: Error) => failed.push(`${new Date().toISOString()} a fresh connection: ${error.message}`),
        )
      }
      await delay(HANDSHAKE_EVERY_MS)
    }
  })()
  return {
    serials,
    failed,
    made: () => made,
    stop: async () => {
      going = false
      await running
    },
  }
}

/** Rotates for `durationMs`; the world has its manifest applied, and nothing else. */
export async function rotate(world: AdmissionWorld, options: CertificatesOptions): Promise<CertificatesResult> {
  const { durationMs, enough = Number.POSITIVE_INFINITY, everyMs, rate, progress } = options
  await world.certify(`--certificate-lifetime=${LIFETIME_MS}ms`)
  await world.serve(2, renewing(everyMs))
  const isAdmitted = () =>
    prepareLoad(world.api).then(
      () => true,
      () => false,
    )
  await until('an Eip is admitted', isAdmitted)
  const bundle = followBundle(world)
  const handshakes = startHandshakes(world, bundle, lateMs(everyMs))
  const load = startLoad(world.api, rate)
  const startedMs = performance.now()
  const elapsedMs = () => performance.now() - startedMs
  let rolled = 0
  let seen = 0
  try {
    while (elapsedMs() < durationMs && seen < enough) {
      await delay(200)
      if (handshakes.serials.size === seen) continue
      seen = handshakes.serials.size
      progress(`certificate ${seen}: ${load.asked} admissions and ${handshakes.made()} fresh connections, ${load.failed.length} failed`)
      if (seen % ROLL_EVERY !== 0) continue
      await world.roll(renewing(everyMs))
      rolled++
    }
  } finally {
    await Promise.all([load.stop(), handshakes.stop(), bundle.close()])
  }
  const failed = [...load.failed, ...handshakes.failed]
  const perSecond = Math.round(load.asked / (elapsedMs() / 1000))
  const figures = { asked: load.asked, perSecond, handshakes: handshakes.made(), certificates: seen, rolled }
  return { passed: failed.length === 0, ...figures, failed: failed.slice(0, MOST_TOLD) }
}

export async function run(argv: readonly string[]): Promise<object> {
  const { duration, every, rate } = readOptions(argv, flags)
  const world = await startAdmissionWorld()
  try {
    await world.apply()
    return await rotate(world, { durationMs: duration, everyMs: every, rate, progress: createProgress('certificates') })
  } finally {
    await world.close()
  }
}
