import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { API_PORT, KUBERNETES_SERVICE_ADDRESS, type Layout, labPaths } from './layout.ts'
import { certificatePem } from './x509.ts'

/** A client's or server's certificate and key, both PEM. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** The certificates of one lab, made in memory; files are written for what only reads files. */
export interface Pki {
  readonly authority: string
  issue(commonName: string, organization?: string): Credentials
  /** A kubeconfig for a client certificate or a bearer token; everything is inside it, so it can be copied anywhere. */
  kubeconfig(user: Credentials | { readonly token: string }): string
}

const DAY_MS = 86_400_000
const VALID_DAYS = 365
const AUTHORITY_NAME = 'openelb-lab-ca'

/** Makes the lab's CA, the API server's serving certificate and the key that signs ServiceAccount tokens; writes them under `pki`. */
export function createPki(layout: Layout, now: Date): Pki {
  const paths = labPaths(layout.directory)
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { commonName: AUTHORITY_NAME, privateKey: ca.privateKey }
  const validity = { notBefore: new Date(now.getTime() - DAY_MS), notAfter: new Date(now.getTime() + VALID_DAYS * DAY_MS) }
  const authority = certificatePem(
    { commonName: AUTHORITY_NAME, publicKey: ca.publicKey, serial: serial(), authority: true, ...validity },
    issuer,
  )
  const issue = (commonName: string, more: { organization?: string; dnsNames?: string[]; ipv4Addresses?: string[] }): Credentials => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const certificate = certificatePem(
      { commonName, publicKey: pair.publicKey, serial: serial(), authority: false, ...more, ...validity },
      issuer,
    )
    return { certificate, key: pem(pair.privateKey) }
  }
  mkdirSync(paths.pki, { recursive: true, mode: 0o700 })
  const write = (name: string, text: string) => writeFileSync(`${paths.pki}/${name}`, text, { mode: 0o600 })
  const server = issue('kube-apiserver', {
    dnsNames: ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'],
    ipv4Addresses: [layout.controlPlane.ipv4, KUBERNETES_SERVICE_ADDRESS, '127.0.0.1'],
  })
  const kubeletClient = issue('kube-apiserver-kubelet-client', { organization: 'system:masters' })
  const tokens = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  write('ca.crt', authority)
  write('ca.key', pem(ca.privateKey))
  write('apiserver.crt', server.certificate)
  write('apiserver.key', server.key)
  write('kubelet-client.crt', kubeletClient.certificate)
  write('kubelet-client.key', kubeletClient.key)
  write('service-account.key', tokens.privateKey.export({ type: 'sec1', format: 'pem' }).toString())
  write('service-account.pub', tokens.publicKey.export({ type: 'spki', format: 'pem' }).toString())
  return {
    authority,
    issue: (commonName, organization) => issue(commonName, organization === undefined ? {} : { organization }),
    kubeconfig: (user) => kubeconfigText(`https://${layout.controlPlane.ipv4}:${API_PORT}`, authority, user, layout.name),
  }
}

/** JSON is YAML: client-go and every other client read it. */
export function kubeconfigText(server: string, authority: string, user: Credentials | { readonly token: string }, labName: string): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const name = `openelb-lab-${labName}`
  const credentials =
    'token' in user ? { token: user.token } : { 'client-certificate-data': base64(user.certificate), 'client-key-data': base64(user.key) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(authority) } }],
    users: [{ name, user: credentials }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

function pem(key: KeyObject): string {
  return key.export({ type: 'sec1', format: 'pem' }).toString()
}

function serial(): Uint8Array {
  const bytes = randomBytes(16)
  // The first byte must not be zero: DER wants the shortest form.
  bytes[0] = (bytes[0] ?? 0) | 0x40
  return bytes
}
