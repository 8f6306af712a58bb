import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** CA, certificate and EC key as kube-webhook-certgen makes them, by openssl; valid for `days` from now (negative: expired). PEM texts. */
export function ecCertificates(hosts: readonly string[], days = 99): { ca: string; cert: string; key: string } {
  const dir = mkdtempSync(join(tmpdir(), 'certgen-'))
  const at = (name: string) => join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  try {
    openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca'), '-subj', '/O=nil1', '-days', '100')
    openssl('req', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', '/O=nil2')
    writeFileSync(at('extensions'), `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}\nbasicConstraints=critical,CA:FALSE\n`)
    const issuer = ['-CA', at('ca'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('extensions')]
    openssl('x509', '-req', '-in', at('csr'), ...issuer, '-days', String(days), '-out', at('cert'))
    const read = (name: string) => readFileSync(at(name), 'utf8')
    return { ca: read('ca'), cert: read('cert'), key: read('key') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}
