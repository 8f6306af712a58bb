/** What the webhook counts. The names are part of what users rely on: docs/admission.md lists them. */
import type { Metrics } from '../runtime/metrics.ts'
import type { ReviewRecord } from './server.ts'

export interface ReviewMetrics {
  review(record: ReviewRecord): void
  /** One more look at the other Eips was needed. */
  eipRetry(why: 'conflict' | 'wait' | 'error'): void
}

/** Seconds; an answer that reads the API server takes some milliseconds, and none is waited for longer than 30 s. */
const BUCKETS_SEC = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Registers the metrics. */
export function createReviewMetrics(metrics: Pick<Metrics, 'counter' | 'histogram'>): ReviewMetrics {
  const reviews = metrics.counter('openelb_admission_reviews_total', 'Admission reviews answered.', ['webhook', 'operation', 'outcome'])
  const seconds = metrics.histogram('openelb_admission_duration_seconds', 'Time to the answer of a review.', BUCKETS_SEC, ['webhook'])
  const retries = metrics.counter('openelb_admission_eip_retries_total', 'Repeated looks at the other Eips, by cause.', ['cause'])
  return {
    review({ webhook, operation, outcome, durationMs }) {
      reviews.inc({ webhook, operation, outcome })
      seconds.observe({ webhook }, durationMs / 1000)
    },
    eipRetry: (cause) => retries.inc({ cause }),
  }
}
