/** Which certificate is served. A new one is taken at once; one that cannot be served leaves the last good one in place. */
import type { SecretObject } from '../api/core-objects.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { readCertificate, type ServingCertificate } from './certificate.ts'

export interface CertificateHolderOptions {
  readonly secretName: string
  /** Puts the certificate into use. A throw means that TLS cannot use it. */
  readonly serve: (certificate: ServingCertificate) => void
  readonly clock: Clock
  readonly logger: Logger
}

export interface CertificateHolder {
  /** Called with each version of the Secret, and with undefined when it is deleted. */
  offer(secret: SecretObject | undefined): void
  /** Why no valid certificate is being served, as a sentence that starts with the Secret; undefined when one is. */
  problem(): string | undefined
  /** Stops trying. Idempotent. */
  close(): void
}

/** A certificate can become valid with time alone; nothing else would tell. */
const RETRY_MS = 30_000

export function createCertificateHolder({ secretName, serve, clock, logger }: CertificateHolderOptions): CertificateHolder {
  let served: ServingCertificate | undefined
  let why = 'is not there yet; certgen makes it'
  let retry: Timer | undefined
  const offer = (secret: SecretObject | undefined): void => {
    retry?.cancel()
    const read = secret === undefined ? ({ ok: false, error: 'it is gone' } as const) : readCertificate(secret, clock.nowMs())
    const failure = read.ok ? use(read.value) : read.error
    if (failure === undefined) return
    why = `cannot be served: ${failure}`
    const instead = served === undefined ? 'there is no other one' : 'the last good certificate stays in use'
    logger.error(`Secret ${secretName} ${why}; ${instead}`)
    if (secret !== undefined) retry = clock.setTimer(RETRY_MS, () => offer(secret))
  }
  const use = (certificate: ServingCertificate): string | undefined => {
    if (certificate.fingerprint === served?.fingerprint) return undefined
    try {
      serve(certificate)
    } catch (error) {
      return describeError(error)
    }
    served = certificate
    const notAfter = new Date(certificate.notAfterMs).toISOString()
    logger.info('serving a new certificate', { secret: secretName, fingerprint: certificate.fingerprint, notAfter })
    return undefined
  }
  return {
    offer,
    problem: () => {
      if (served === undefined) return `Secret ${secretName} ${why}`
      return clock.nowMs() > served.notAfterMs ? `the certificate of Secret ${secretName} has expired` : undefined
    },
    close: () => retry?.cancel(),
  }
}
