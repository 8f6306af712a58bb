import { createPublicKey, generateKeyPair, randomBytes } from 'node:crypto'
import forge from 'node-forge'
import { isAddress } from './hosts.ts'

const { pki } = forge

/** A private key and nothing else, as PEM (PKCS #1). node-forge reads no EC keys, so ours are RSA. */
export interface RsaKey {
  readonly privateKeyPem: string
}

/** What one pair of CA and serving certificate ("leaf") is made of. Same order, same certificates. */
export interface CertificateOrder {
  /** Names that the leaf answers to; DNS names, or IP addresses as text. At least one. */
  readonly hosts: readonly string[]
  readonly nowMs: number
  /** From now to the leaf's end. X.509 counts whole seconds: parts of one are cut off. */
  readonly lifetimeMs: number
  readonly authorityKey: RsaKey
  readonly leafKey: RsaKey
  /** Two different numbers from newSerial(). */
  readonly authoritySerial: string
  readonly leafSerial: string
}

/** PEM texts. The CA's key is not here: it signs one leaf and is forgotten, so nobody can ever sign a second one. */
export interface IssuedCertificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const RSA_BITS = 2048
const SERIAL_BYTES = 16
/** API servers whose clock is behind ours must accept the certificate too. */
const MAX_BACKDATE_MS = 5 * 60_000

/** A random positive serial of 128 bits as hexadecimal text; the highest bits are 01, so its DER form is always minimal and positive. */
export function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

/** A new RSA key of 2048 bits, made outside of the main thread. */
export function newKey(): Promise<RsaKey> {
  return new Promise((resolve, reject) => {
    generateKeyPair('rsa', { modulusLength: RSA_BITS }, (error, _publicKey, privateKey) => {
      if (error !== null) reject(error)
      else resolve({ privateKeyPem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() })
    })
  })
}

/** Makes a CA of its own and one leaf that it signs, valid from now on; all keys and serials are new. */
export async function issueCertificates(order: Pick<CertificateOrder, 'hosts' | 'nowMs' | 'lifetimeMs'>): Promise<IssuedCertificates> {
  const [authorityKey, leafKey] = await Promise.all([newKey(), newKey()])
  return buildCertificates({ ...order, authorityKey, leafKey, authoritySerial: newSerial(), leafSerial: newSerial() })
}

/**
 * Builds and signs the two certificates of `order` (SHA-256 with RSA). Both begin a little in the past; the CA outlives its leaf by a
 * tenth, so that a chain never ends by its CA. The CA's name carries its serial: two CAs of one bundle never share a name.
 * Throws RangeError on an order without hosts or with a lifetime under a second (a bug of the caller).
 * Source: RFC 5280 sections 4.1 and 4.2.1.
 */
export function buildCertificates(order: CertificateOrder): IssuedCertificates {
  const [commonName] = order.hosts
  if (commonName === undefined || order.lifetimeMs < 1000) throw new RangeError('an order needs a host and a lifetime of a second')
  const authorityKey = pki.privateKeyFromPem(order.authorityKey.privateKeyPem)
  const authority = draft(order.authorityKey, order.authoritySerial)
  setValidity(authority, order, order.lifetimeMs * 1.1)
  const issuer = subject(`openelb-ca-${order.authoritySerial}`)
  authority.setSubject(issuer)
  authority.setIssuer(issuer)
  authority.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
  ])
  authority.sign(authorityKey, forge.md.sha256.create())

  const leaf = draft(order.leafKey, order.leafSerial)
  setValidity(leaf, order, order.lifetimeMs)
  leaf.setSubject(subject(commonName.slice(0, LONGEST_COMMON_NAME)))
  leaf.setIssuer(issuer)
  leaf.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: authority.generateSubjectKeyIdentifier().getBytes() },
    { name: 'subjectAltName', altNames: order.hosts.map(alternativeName) },
  ])
  leaf.sign(authorityKey, forge.md.sha256.create())
  return { ca: toPem(authority), cert: toPem(leaf), key: order.leafKey.privateKeyPem }
}

/** RFC 5280 appendix A, ub-common-name. The names that count are the alternative ones. */
const LONGEST_COMMON_NAME = 64

const subject = (commonName: string): forge.pki.CertificateField[] => [
  { name: 'organizationName', value: 'openelb' },
  { name: 'commonName', value: commonName },
]

function draft(key: RsaKey, serial: string): forge.pki.Certificate {
  const certificate = pki.createCertificate()
  const publicKey = createPublicKey(key.privateKeyPem).export({ type: 'spki', format: 'pem' }).toString()
  certificate.publicKey = pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = serial
  return certificate
}

function setValidity(certificate: forge.pki.Certificate, { nowMs, lifetimeMs }: CertificateOrder, untilMs: number): void {
  certificate.validity.notBefore = new Date(nowMs - Math.min(MAX_BACKDATE_MS, lifetimeMs / 10))
  certificate.validity.notAfter = new Date(nowMs + untilMs)
}

/** RFC 5280 section 4.2.1.6: type 2 is a DNS name, type 7 an IP address. */
function alternativeName(host: string): object {
  return isAddress(host) ? { type: 7, ip: host } : { type: 2, value: host }
}

/** node-forge ends lines with CR LF; Kubernetes and people expect LF. */
const toPem = (certificate: forge.pki.Certificate): string => pki.certificateToPem(certificate).replaceAll('\r\n', '\n')
