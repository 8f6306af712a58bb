import { execFileSync } from 'node:child_process'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { connect, createServer, type TlsOptions } from 'node:tls'
import t from 'tap'
import { buildCertificates, issueCertificates, newKey, newSerial } from '../../certgen/certificates.ts'
import { parseHosts, serviceHosts } from '../../certgen/hosts.ts'
import { explainDefect, hostsOf, inspect, livingAuthorities } from '../../certgen/inspection.ts'
import { ecCertificates } from '../support/ec-certificates.ts'

// Made first: it must be valid already at NOW.
const ec = ecCertificates(serviceHosts('openelb-system'))
const NOW = Date.now()
const HOUR = 3_600_000
const HOSTS = [...serviceHosts('openelb-system'), '192.0.2.7', 'fd00::7']
const [SERVED] = HOSTS
const issued = await issueCertificates({ hosts: HOSTS, nowMs: NOW, lifetimeMs: HOUR })
const other = await issueCertificates({ hosts: HOSTS, nowMs: NOW, lifetimeMs: HOUR })

t.test('openssl verifies what node-forge signed, strictly and under every name', async (t) => {
  const dir = t.testdir({ 'ca.pem': issued.ca, 'leaf.pem': issued.cert, 'other.pem': other.ca })
  const verify = (ca: string, ...args: string[]) =>
    execFileSync('openssl', ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(dir, ca), ...args, join(dir, 'leaf.pem')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  for (const host of serviceHosts('openelb-system')) t.match(verify('ca.pem', '-verify_hostname', host), /: OK/, host)
  t.match(verify('ca.pem', '-verify_ip', 'fd00::7'), /: OK/)
  t.throws(() => verify('ca.pem', '-verify_hostname', 'openelb-admission.elsewhere.svc'), 'another namespace')
  t.throws(() => verify('other.pem'), 'another CA')
})

t.test('a TLS handshake succeeds with the bundle of old and new CA, and with neither a foreign CA nor a foreign name', async (t) => {
  const handshake = async (server: TlsOptions, ca: string, servername: string): Promise<string> => {
    const listener = createServer(server).listen(0, '127.0.0.1')
    await new Promise((resolve) => listener.once('listening', resolve))
    listener.on('tlsClientError', () => undefined)
    try {
      const { port } = listener.address() as { port: number }
      return await new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ca, servername }, () => {
          resolve(socket.authorized ? 'trusted' : String(socket.authorizationError))
          socket.destroy()
        })
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      })
    } finally {
      listener.close()
    }
  }
  const name = 'openelb-admission.openelb-system.svc'
  t.equal(await handshake(issued, issued.ca, name), 'trusted')
  t.equal(await handshake(issued, other.ca + issued.ca, name), 'trusted', 'the new CA first')
  t.equal(await handshake(other, other.ca + issued.ca, name), 'trusted')
  t.match(await handshake(issued, other.ca, name), /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/)
  t.equal(await handshake(issued, issued.ca, 'elsewhere.example'), 'ERR_TLS_CERT_ALTNAME_INVALID')
})

t.test('shape of the certificates', async (t) => {
  const ca = new X509Certificate(issued.ca)
  const leaf = new X509Certificate(issued.cert)
  t.equal(ca.ca, true)
  t.equal(leaf.ca, false)
  t.match(ca.subject, /CN=openelb-ca-[0-9a-f]{32}$/, 'a name of its own')
  t.equal(leaf.issuer, ca.subject)
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'serverAuth and nothing else')
  t.equal(leaf.publicKey.asymmetricKeyType, 'rsa')
  t.equal(leaf.publicKey.asymmetricKeyDetails?.modulusLength, 2048)
  t.not(leaf.serialNumber, ca.serialNumber)
  t.ok(leaf.validFromDate.getTime() < NOW, 'begins a little earlier, for clocks that are behind')
  t.equal(leaf.validToDate.getTime(), Math.floor((NOW + HOUR) / 1000) * 1000)
  t.ok(ca.validToDate > leaf.validToDate, 'the CA outlives its leaf')
  t.notSame(createPublicKey(issued.key).export({ type: 'spki', format: 'der' }), ca.publicKey.export({ type: 'spki', format: 'der' }))
  t.notMatch(JSON.stringify(Object.keys(issued)), /caKey/, 'nobody can sign a second certificate')
  for (let run = 0; run < 200; run++) t.match(newSerial(), /^[4-7][0-9a-f]{31}$/)
})

t.test('a lifetime beyond 2050 and a long first name are still sound', async (t) => {
  const [authorityKey, leafKey] = await Promise.all([newKey(), newKey()])
  const host = `openelb-admission.${'n'.repeat(63)}.svc`
  const century = buildCertificates({
    hosts: [host],
    nowMs: NOW,
    lifetimeMs: 100 * 365 * 24 * HOUR,
    authorityKey,
    leafKey,
    authoritySerial: newSerial(),
    leafSerial: newSerial(),
  })
  t.equal(inspect(century, { hosts: [host], nowMs: NOW + 50 * 365 * 24 * HOUR }).ok, true)
  t.throws(
    () => buildCertificates({ hosts: [], nowMs: NOW, lifetimeMs: HOUR, authorityKey, leafKey, authoritySerial: '01', leafSerial: '02' }),
    RangeError,
  )
})

const BROKEN = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const table: readonly {
  readonly name: string
  readonly given: Partial<typeof issued>
  readonly hosts?: readonly string[]
  readonly atMs?: number
  readonly want: string
  readonly says?: RegExp
}[] = [
  { name: 'fresh', given: {}, want: 'ok' },
  { name: 'in the bundle of a renewal', given: { ca: other.ca + issued.ca }, want: 'ok' },
  { name: 'an EC pair of kube-webhook-certgen', given: ec, hosts: serviceHosts('openelb-system'), want: 'ok' },
  { name: 'an EC pair that lacks a name', given: ec, hosts: ['other.svc'], want: 'MISSING_HOSTS', says: /lacks the names other\.svc$/ },
  { name: 'no parts', given: { ca: '', cert: ' ', key: '' }, want: 'ABSENT', says: /lacks ca, cert, key$/ },
  { name: 'no key', given: { key: '' }, want: 'ABSENT', says: /lacks key$/ },
  { name: 'garbage as CA', given: { ca: 'garbage' }, want: 'UNREADABLE', says: /its ca cannot be read: there is no PEM/ },
  { name: 'PEM that is no certificate', given: { cert: BROKEN }, want: 'UNREADABLE', says: /its cert cannot be read/ },
  { name: 'one broken CA in a bundle', given: { ca: issued.ca + BROKEN }, want: 'UNREADABLE' },
  { name: 'garbage as key', given: { key: 'garbage' }, want: 'UNREADABLE', says: /its key cannot be read/ },
  { name: "another certificate's key", given: { key: other.key }, want: 'KEY_MISMATCH' },
  { name: 'an EC key for an RSA certificate', given: { key: ec.key }, want: 'KEY_MISMATCH' },
  { name: 'another CA', given: { ca: other.ca }, want: 'UNTRUSTED', says: /openelb-ca-/ },
  { name: 'a leaf as CA', given: { ca: issued.cert }, want: 'UNTRUSTED' },
  { name: 'expired', given: {}, atMs: NOW + HOUR + 1000, want: 'EXPIRED', says: /expired at \d{4}-/ },
  { name: 'from the future', given: {}, atMs: NOW - HOUR, want: 'NOT_YET_VALID' },
  { name: 'a name of another namespace', given: {}, hosts: serviceHosts('other'), want: 'MISSING_HOSTS' },
  { name: 'an address that it has', given: {}, hosts: ['192.0.2.7', 'FD00:0::7'], want: 'ok' },
  { name: 'an address that it lacks', given: {}, hosts: ['192.0.2.8'], want: 'MISSING_HOSTS' },
  { name: 'a host that is none', given: {}, hosts: ['a b\0'], want: 'MISSING_HOSTS' },
]
for (const { name, given, hosts = HOSTS, atMs = NOW, want, says } of table) {
  t.test(`inspect: ${name}`, async (t) => {
    const found = inspect({ ...issued, ...given }, { hosts, nowMs: atMs })
    t.equal(found.ok ? 'ok' : found.error.code, want)
    if (says !== undefined) t.match(found.ok ? '' : explainDefect(found.error), says)
  })
}

t.test('bundles and names', async (t) => {
  t.same(livingAuthorities(issued.ca + other.ca + issued.ca, NOW), [issued.ca, other.ca], 'doubles are dropped')
  t.same(livingAuthorities(issued.ca, NOW + HOUR + 60_000), [issued.ca], 'alive a little longer than its leaf')
  t.same(livingAuthorities(issued.ca, NOW + 2 * HOUR), [])
  t.same(livingAuthorities('garbage', NOW), [])
  t.same(hostsOf(issued.cert).slice(0, 2), [SERVED, 'openelb-admission.openelb-system'])
  t.same(hostsOf('garbage'), [])
  t.same(parseHosts(' a.b ,,192.0.2.1, *.x '), { ok: true, value: ['a.b', '192.0.2.1', '*.x'] })
  t.same(parseHosts(''), { ok: true, value: [] })
  for (const bad of ['256.1.1.1', '1.2.3', 'a_b', '-a', 'a b', ':::', `${'a'.repeat(64)}`, 'https://a'])
    t.same(parseHosts(`ok,${bad}`), { ok: false, error: bad })
})
