import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { judgePreflight } from '../preflight.ts'
import type { Finding } from '../speaker-report.ts'
import { type PreflightSubject, readPreflightFacts } from './preflight-facts.ts'

export interface PreflightWatch {
  /** What was found at the last look; empty before the first. */
  findings(): readonly Finding[]
  /** Idempotent. */
  close(): void
}

interface Options {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Asked at each look. */
  readonly subject: () => PreflightSubject
  /** Put before the paths that are read. */
  readonly root?: string
}

const EVERY_MS = 60_000
/** The addresses of this node are known a moment after its start. */
const FIRST_LOOKS_MS = [0, 10_000] as const

/** Looks at this node's kernel now and every minute. Says in the log what is new and what is over, and never throws. */
export function watchPreflight({ clock, logger, metrics, subject, root = '' }: Options): PreflightWatch {
  const problem = metrics.gauge(
    'openelb_preflight_problem',
    'Something about the kernel of this node spoils layer 2; the report says what.',
    ['check', 'severity'],
  )
  let findings: readonly Finding[] = []
  let timer: Timer | undefined
  let closed = false
  let looks = 0
  const look = async (): Promise<void> => {
    try {
      const found = judgePreflight(await readPreflightFacts(subject(), root))
      if (closed) return
      say(logger, findings, found)
      findings = found
      problem.reset()
      for (const { check, severity } of found) if (severity !== 'ok') problem.set({ check, severity }, 1)
    } catch (error) {
      logger.warn('the kernel of this node could not be looked at', { error })
    }
    lookIn(FIRST_LOOKS_MS[looks] ?? EVERY_MS)
  }
  const lookIn = (ms: number): void => {
    if (closed) return
    looks += 1
    timer = clock.setTimer(ms, () => void look())
  }
  lookIn(FIRST_LOOKS_MS[0])
  return {
    findings: () => findings,
    close() {
      closed = true
      timer?.cancel()
    },
  }
}

function say(logger: Logger, before: readonly Finding[], after: readonly Finding[]): void {
  const isIn = (list: readonly Finding[], { message }: Finding): boolean => list.some((one) => one.message === message)
  for (const finding of after) {
    if (finding.severity !== 'ok' && !isIn(before, finding)) logger.warn(finding.message, { check: finding.check, cure: finding.cure })
  }
  for (const finding of before) {
    if (finding.severity !== 'ok' && !isIn(after, finding)) logger.info('mended', { check: finding.check, was: finding.message })
  }
}
