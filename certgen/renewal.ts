import type { IssuedCertificates } from './certificates.ts'
import { type Defect, explainDefect, hostsOf, inspect, type Leaf, livingAuthorities, parseCertificates } from './inspection.ts'
import type { StoredCertificates } from './secret.ts'

/** One webhook of a configuration in the cluster and the CA bundle that API servers trust for it. */
export interface PublishedBundle {
  /** `ValidatingWebhookConfiguration/openelb-admission`, for instance. */
  readonly configuration: string
  readonly webhook: string
  /** PEM text; empty when there is none. */
  readonly ca: string
}

/** Everything that decides the next step. Times are milliseconds since 1970, spans are milliseconds. */
export interface RenewalFacts {
  readonly stored: StoredCertificates
  readonly published: readonly PublishedBundle[]
  /** Names that the served certificate must have. */
  readonly hosts: readonly string[]
  readonly nowMs: number
  /** How long before its end a certificate is renewed. Without it: when two thirds of its life are over. */
  readonly renewBeforeMs?: number
  /** How long every configuration has carried exactly `stored.ca`; undefined when that was never seen. */
  readonly publishedForMs?: number
  /** How long that must have been before the new certificate is served: other API servers read the configurations with a delay. */
  readonly settleMs: number
  /** Renew now, whatever the age. */
  readonly force?: boolean
}

export type MakeNewReason = { readonly code: 'DUE'; readonly notAfterMs: number } | { readonly code: 'FORCED' } | Defect

/**
 * What to do next, one write at most. Each step is safe to repeat and leaves a Secret from which the same plan goes on, so a crash
 * between any two writes costs nothing.
 */
export type RenewalStep =
  | { readonly kind: 'nothing'; readonly untilMs: number; readonly leaf: Leaf }
  /** `serve` is `at-once` only where the present certificate is of no use to anybody. */
  | {
      readonly kind: 'make-new'
      readonly reason: MakeNewReason
      readonly serve: 'after-publishing' | 'at-once'
      readonly hosts: readonly string[]
    }
  | { readonly kind: 'publish-bundle'; readonly ca: string; readonly stale: readonly PublishedBundle[] }
  | { readonly kind: 'wait-for-bundle-published'; readonly waitMs: number }
  | { readonly kind: 'serve-new-leaf'; readonly store: StoredCertificates }
  | { readonly kind: 'drop-old-ca'; readonly store: StoredCertificates; readonly dropped: number }

/**
 * Decides the next step of a renewal. The order never changes: the bundle of old and new CA goes into the Secret together with the
 * waiting pair, from there into every configuration, is seen there for `settleMs`, and only then is the new certificate served.
 * An old CA leaves the bundle when it has expired, and so after its only certificate has.
 */
export function planRenewal(facts: RenewalFacts): RenewalStep {
  const { stored, nowMs } = facts
  const current = inspect(stored, facts)
  if (stored.next !== undefined) return planWithNext(facts, stored.next, current.ok ? undefined : current.error)
  if (!current.ok) return makeNew(facts, current.error, current.error)
  if (facts.force) return makeNew(facts, { code: 'FORCED' })
  const dueMs = renewalTimeMs(current.value, facts.renewBeforeMs)
  if (nowMs >= dueMs) return makeNew(facts, { code: 'DUE', notAfterMs: current.value.notAfterMs })
  const dropped = countAuthorities(stored.ca) - livingAuthorities(stored.ca, nowMs).length
  if (dropped > 0) return { kind: 'drop-old-ca', store: { ...stored, ca: livingAuthorities(stored.ca, nowMs).join('') }, dropped }
  return publish(facts) ?? { kind: 'nothing', untilMs: Math.min(dueMs, firstExpiryMs(stored.ca)), leaf: current.value }
}

/** When a certificate is renewed: two thirds through its life, or `renewBeforeMs` ahead of its end. */
export function renewalTimeMs(leaf: Pick<Leaf, 'notBeforeMs' | 'notAfterMs'>, renewBeforeMs?: number): number {
  return leaf.notAfterMs - (renewBeforeMs ?? (leaf.notAfterMs - leaf.notBeforeMs) / 3)
}

/** The Secret after the step `make-new`, with the certificates that were issued for it. CAs that still live stay in the bundle. */
export function storeNew(
  stored: StoredCertificates,
  serve: 'after-publishing' | 'at-once',
  { ca, cert, key }: IssuedCertificates,
  nowMs: number,
): StoredCertificates {
  const bundle = [ca, ...livingAuthorities(stored.ca, nowMs)].join('')
  return serve === 'at-once' ? { ca: bundle, cert, key } : { ca: bundle, cert: stored.cert, key: stored.key, next: { cert, key } }
}

/** One sentence for the log. */
export function explainReason(reason: MakeNewReason): string {
  switch (reason.code) {
    case 'DUE':
      return `the certificate ends at ${new Date(reason.notAfterMs).toISOString()} and two thirds of its life, or its renewal time, are over`
    case 'FORCED':
      return 'it was asked for'
    default:
      return explainDefect(reason)
  }
}

function planWithNext(facts: RenewalFacts, next: NonNullable<StoredCertificates['next']>, defect: Defect | undefined): RenewalStep {
  const { ca, cert, key } = { ca: facts.stored.ca, ...next }
  const waiting = inspect({ ca, cert, key }, facts)
  if (!waiting.ok) return makeNew(facts, defect ?? waiting.error, defect)
  const serve: RenewalStep = { kind: 'serve-new-leaf', store: { ca, cert, key } }
  if (defect !== undefined && isUseless(defect)) return serve
  const step = publish(facts)
  if (step !== undefined) return step
  const leftMs = facts.settleMs - (facts.publishedForMs ?? 0)
  return leftMs > 0 ? { kind: 'wait-for-bundle-published', waitMs: leftMs } : serve
}

/** `defect` is what is wrong with the certificate that is served now; undefined when it is sound and is renewed all the same. */
function makeNew(facts: RenewalFacts, reason: MakeNewReason, defect?: Defect): RenewalStep {
  const hosts = [...new Set([...facts.hosts, ...hostsOf(facts.stored.cert)])]
  return { kind: 'make-new', reason, serve: defect !== undefined && isUseless(defect) ? 'at-once' : 'after-publishing', hosts }
}

/** Whether nobody can use a certificate with this defect. One that only lacks a name still serves the others. */
const isUseless = (defect: Defect): boolean => defect.code !== 'MISSING_HOSTS'

function publish({ stored, published }: RenewalFacts): RenewalStep | undefined {
  const stale = published.filter(({ ca }) => ca.trim() !== stored.ca.trim())
  return stale.length === 0 ? undefined : { kind: 'publish-bundle', ca: stored.ca, stale }
}

function countAuthorities(ca: string): number {
  const bundle = parseCertificates(ca, 'ca')
  return bundle.ok ? bundle.value.length : 0
}

function firstExpiryMs(ca: string): number {
  const bundle = parseCertificates(ca, 'ca')
  return bundle.ok ? Math.min(...bundle.value.map(({ x509 }) => x509.validToDate.getTime() + 1)) : 0
}
