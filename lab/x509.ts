import { type KeyObject, sign } from 'node:crypto'

/** What a certificate of the lab says. */
export interface CertificateRequest {
  readonly commonName: string
  readonly organization?: string
  readonly publicKey: KeyObject
  readonly serial: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  /** A CA may sign others and serves nothing itself. */
  readonly authority: boolean
  readonly dnsNames?: readonly string[]
  /** IPv4 in dotted form; IPv6 as 16 bytes in hexadecimal is not needed here. */
  readonly ipv4Addresses?: readonly string[]
}

export interface Issuer {
  readonly commonName: string
  readonly privateKey: KeyObject
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const
const CONTEXT = { version: 0xa0, extensions: 0xa3, dnsName: 0x82, ipAddress: 0x87 } as const
const OID = {
  commonName: [0x55, 4, 3],
  organization: [0x55, 4, 10],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  extendedKeyUsage: [0x55, 0x1d, 0x25],
  subjectAltName: [0x55, 0x1d, 0x11],
  serverAuth: [0x2b, 6, 1, 5, 5, 7, 3, 1],
  clientAuth: [0x2b, 6, 1, 5, 5, 7, 3, 2],
} as const

/**
 * A certificate in PEM, signed with ECDSA over P-256 and SHA-256. Written out here because elliptic curves make a lab's
 * dozen keys in milliseconds, and node:crypto makes keys and signatures but no certificates.
 * Source: RFC 5280 section 4.1 (structure) and 4.2.1 (extensions); RFC 5758 section 3.2 (ecdsa-with-SHA256).
 */
export function certificatePem(request: CertificateRequest, issuer: Issuer): string {
  const algorithm = der(TAG.sequence, der(TAG.oid, OID.ecdsaWithSha256))
  const body = der(
    TAG.sequence,
    der(CONTEXT.version, der(TAG.integer, [2])),
    der(TAG.integer, positive(request.serial)),
    algorithm,
    name(issuer.commonName),
    der(TAG.sequence, utcTime(request.notBefore), utcTime(request.notAfter)),
    name(request.commonName, request.organization),
    request.publicKey.export({ type: 'spki', format: 'der' }),
    der(CONTEXT.extensions, der(TAG.sequence, ...extensions(request))),
  )
  const signature = sign('sha256', body, issuer.privateKey)
  const certificate = der(TAG.sequence, body, algorithm, der(TAG.bitString, [0], signature))
  const base64 = Buffer.from(certificate).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${(base64.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
}

function extensions(request: CertificateRequest): Uint8Array[] {
  const names = [
    ...(request.dnsNames ?? []).map((text) => der(CONTEXT.dnsName, Buffer.from(text, 'ascii'))),
    ...(request.ipv4Addresses ?? []).map((text) => der(CONTEXT.ipAddress, text.split('.').map(Number))),
  ]
  // Key usage bits, first is the most significant: a CA signs certificates and lists (bits 5, 6), a leaf signs (bit 0).
  const keyUsage = request.authority ? [1, 0b0000_0110] : [7, 0b1000_0000]
  return [
    extension(OID.basicConstraints, true, der(TAG.sequence, ...(request.authority ? [der(TAG.boolean, [0xff])] : []))),
    extension(OID.keyUsage, true, der(TAG.bitString, keyUsage)),
    ...(request.authority
      ? []
      : [extension(OID.extendedKeyUsage, false, der(TAG.sequence, der(TAG.oid, OID.serverAuth), der(TAG.oid, OID.clientAuth)))]),
    ...(names.length === 0 ? [] : [extension(OID.subjectAltName, false, der(TAG.sequence, ...names))]),
  ]
}

function extension(oid: readonly number[], critical: boolean, value: Uint8Array): Uint8Array {
  return der(TAG.sequence, der(TAG.oid, oid), ...(critical ? [der(TAG.boolean, [0xff])] : []), der(TAG.octetString, value))
}

function name(commonName: string, organization?: string): Uint8Array {
  const part = (oid: readonly number[], text: string) =>
    der(TAG.set, der(TAG.sequence, der(TAG.oid, oid), der(TAG.utf8, Buffer.from(text))))
  return der(TAG.sequence, ...(organization === undefined ? [] : [part(OID.organization, organization)]), part(OID.commonName, commonName))
}

/** `YYMMDDhhmmssZ`: good until 2049 (RFC 5280 section 4.1.2.5.1). */
function utcTime(date: Date): Uint8Array {
  return der(TAG.utcTime, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
}

/** An INTEGER is signed: without a leading zero a set top bit would make it negative. */
function positive(bytes: Uint8Array): Uint8Array {
  return (bytes[0] ?? 0) >= 0x80 ? Uint8Array.from([0, ...bytes]) : bytes
}

/** One element: tag, definite length, content (X.690 section 8.1). */
function der(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const content = Buffer.concat(parts.map((part) => Uint8Array.from(part)))
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  if (length > 0xffff) throw new RangeError(`element of ${length} bytes`)
  return Uint8Array.from([tag, ...size, ...content])
}
