import { createPrivateKey, X509Certificate } from 'node:crypto'
import { err, ok, type Result } from '../src/result.ts'
import { isAddress } from './hosts.ts'

/** A serving certificate that was read and checked. Times are milliseconds since 1970. */
export interface Leaf {
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Every DNS name and IP address that it answers to. */
  readonly hosts: readonly string[]
  /** SHA-256 of the DER form, as hexadecimal pairs joined by colons. */
  readonly fingerprint: string
}

/** Why a CA, a certificate and a key are of no use together. Closed: explainDefect has a sentence for each. */
export type Defect =
  | { readonly code: 'ABSENT'; readonly missing: readonly string[] }
  | { readonly code: 'UNREADABLE'; readonly part: 'ca' | 'cert' | 'key'; readonly cause: string }
  | { readonly code: 'KEY_MISMATCH' }
  | { readonly code: 'UNTRUSTED'; readonly issuer: string }
  | { readonly code: 'NOT_YET_VALID'; readonly notBeforeMs: number }
  | { readonly code: 'EXPIRED'; readonly notAfterMs: number }
  | { readonly code: 'MISSING_HOSTS'; readonly missing: readonly string[] }

/** One sentence for people. */
export function explainDefect(defect: Defect): string {
  switch (defect.code) {
    case 'ABSENT':
      return `it lacks ${defect.missing.join(', ')}`
    case 'UNREADABLE':
      return `its ${defect.part} cannot be read: ${defect.cause}`
    case 'KEY_MISMATCH':
      return 'its key belongs to another certificate'
    case 'UNTRUSTED':
      return `its certificate was issued by ${JSON.stringify(defect.issuer)}, and no valid CA of its bundle has signed it`
    case 'NOT_YET_VALID':
      return `its certificate is valid only from ${new Date(defect.notBeforeMs).toISOString()} on`
    case 'EXPIRED':
      return `its certificate expired at ${new Date(defect.notAfterMs).toISOString()}`
    case 'MISSING_HOSTS':
      return `its certificate lacks the names ${defect.missing.join(', ')}`
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** Longer chains of intermediate certificates than this are nobody's intent. */
const LONGEST_CHAIN = 5

/**
 * Reads all certificates of a PEM text, in its order. UNREADABLE when there is none, or when one of them is not X.509.
 * The texts keep their form; `pem` ends with a line feed.
 */
export function parseCertificates(
  pem: string,
  part: 'ca' | 'cert',
): Result<readonly { readonly pem: string; readonly x509: X509Certificate }[], Defect> {
  const blocks = pem.match(PEM_CERTIFICATE) ?? []
  if (blocks.length === 0) return err({ code: 'UNREADABLE', part, cause: 'there is no PEM certificate in it' })
  try {
    return ok(blocks.map((block) => ({ pem: `${block}\n`, x509: new X509Certificate(block) })))
  } catch (error) {
    return err({ code: 'UNREADABLE', part, cause: reason(error) })
  }
}

/**
 * Checks that `cert` (a leaf, and perhaps intermediates) can be served with `key` at `nowMs` to clients that trust the bundle `ca` and
 * ask for any of `hosts`. Keys of every kind that node:crypto reads will do: existing Secrets hold EC keys.
 * A defect is the first one in the order of the union. Source: RFC 5280 section 6, as far as our own chains need it.
 */
export function inspect(
  { ca, cert, key }: { readonly ca: string; readonly cert: string; readonly key: string },
  { hosts, nowMs }: { readonly hosts: readonly string[]; readonly nowMs: number },
): Result<Leaf, Defect> {
  const missing = Object.entries({ ca, cert, key }).flatMap(([name, text]) => (text.trim() === '' ? [name] : []))
  if (missing.length > 0) return err({ code: 'ABSENT', missing })
  const bundle = parseCertificates(ca, 'ca')
  if (!bundle.ok) return bundle
  const chain = parseCertificates(cert, 'cert')
  if (!chain.ok) return chain
  const [leaf, ...intermediates] = chain.value.map(({ x509 }) => x509)
  if (leaf === undefined) return err({ code: 'ABSENT', missing: ['cert'] })
  const keyDefect = checkKey(leaf, key)
  if (keyDefect !== undefined) return err(keyDefect)
  const { notBeforeMs, notAfterMs } = validity(leaf)
  if (nowMs > notAfterMs) return err({ code: 'EXPIRED', notAfterMs })
  if (nowMs < notBeforeMs) return err({ code: 'NOT_YET_VALID', notBeforeMs })
  const roots = bundle.value.map(({ x509 }) => x509).filter((root) => root.ca && isCurrent(root, nowMs))
  if (!isTrusted(leaf, intermediates, roots)) return err({ code: 'UNTRUSTED', issuer: leaf.issuer.replaceAll('\n', ', ') })
  const absent = hosts.filter((host) => !answersTo(leaf, host))
  if (absent.length > 0) return err({ code: 'MISSING_HOSTS', missing: absent })
  return ok({ notBeforeMs, notAfterMs, hosts: namesOf(leaf), fingerprint: leaf.fingerprint256 })
}

/**
 * The CAs of a bundle that somebody may still need at `nowMs`: those not expired. A CA of ours outlives its only leaf a little, so an
 * expired one has no leaf left. An unreadable bundle has none. Doubles are dropped.
 */
export function livingAuthorities(ca: string, nowMs: number): readonly string[] {
  const bundle = parseCertificates(ca, 'ca')
  if (!bundle.ok) return []
  const living = bundle.value.filter(({ x509 }) => validity(x509).notAfterMs >= nowMs)
  return [...new Set(living.map(({ pem }) => pem))]
}

/** The names of a certificate, whatever its state; none when it cannot be read. */
export function hostsOf(cert: string): readonly string[] {
  const chain = parseCertificates(cert, 'cert')
  const leaf = chain.ok ? chain.value[0] : undefined
  return leaf === undefined ? [] : namesOf(leaf.x509)
}

function checkKey(leaf: X509Certificate, key: string): Defect | undefined {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key)) ? undefined : { code: 'KEY_MISMATCH' }
  } catch (error) {
    return { code: 'UNREADABLE', part: 'key', cause: reason(error) }
  }
}

/** Walks from `leaf` up through `intermediates` until one of `roots` has signed. */
function isTrusted(leaf: X509Certificate, intermediates: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  let at = leaf
  for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
    const child = at
    if (roots.some((root) => signed(root, child))) return true
    const next = intermediates.find(
      (candidate) => candidate.fingerprint256 !== child.fingerprint256 && candidate.ca && signed(candidate, child),
    )
    if (next === undefined) return false
    at = next
  }
  return false
}

/** checkIssued compares names and key identifiers, verify the signature. */
function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

const validity = (certificate: X509Certificate) => ({
  notBeforeMs: certificate.validFromDate.getTime(),
  notAfterMs: certificate.validToDate.getTime(),
})

function isCurrent(certificate: X509Certificate, nowMs: number): boolean {
  const { notBeforeMs, notAfterMs } = validity(certificate)
  return nowMs >= notBeforeMs && nowMs <= notAfterMs
}

/** Kubernetes reads the alternative names only, never the common name. */
function answersTo(leaf: X509Certificate, host: string): boolean {
  try {
    return (isAddress(host) ? leaf.checkIP(host) : leaf.checkHost(host, { subject: 'never' })) !== undefined
  } catch {
    return false // node:crypto throws on a host that is no name at all, and no certificate answers to that
  }
}

function namesOf(leaf: X509Certificate): readonly string[] {
  const entries = leaf.subjectAltName?.split(', ') ?? []
  return entries.flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
}

/** node:crypto's messages end with a list of C functions; the first line is enough. */
const reason = (error: unknown): string => (error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
