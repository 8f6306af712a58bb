/** The serving certificate, as certgen keeps it in a Secret. */
import { explainDefect, inspect } from '../../certgen/inspection.ts'
import type { SecretObject } from '../api/core-objects.ts'
import { CERTIFICATE_SECRET_KEYS } from '../api/names.ts'
import { err, ok, type Result } from '../result.ts'

/** What TLS serves. Texts are PEM; times are milliseconds since 1970. */
export interface ServingCertificate {
  readonly cert: string
  readonly key: string
  readonly notAfterMs: number
  readonly fingerprint: string
}

/**
 * Reads the Secret. It must hold a certificate and its key that are valid now and signed by a CA of the same Secret; which names the
 * certificate carries is certgen's business. Error: a sentence that starts with "it".
 */
export function readCertificate(secret: SecretObject, nowMs: number): Result<ServingCertificate, string> {
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
  const cert = text(CERTIFICATE_SECRET_KEYS.certificate)
  const key = text(CERTIFICATE_SECRET_KEYS.privateKey)
  const leaf = inspect({ ca: text(CERTIFICATE_SECRET_KEYS.ca), cert, key }, { hosts: [], nowMs })
  if (!leaf.ok) return err(explainDefect(leaf.error))
  return ok({ cert, key, notAfterMs: leaf.value.notAfterMs, fingerprint: leaf.value.fingerprint })
}
