import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import t from 'tap'
import { kubeconfigText } from '../../lab/pki.ts'
import { certificatePem } from '../../lab/x509.ts'

const notBefore = new Date('2026-11-20T00:00:00Z')
const notAfter = new Date('2027-11-21T00:00:00Z')
const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const issuer = { commonName: 'lab-ca', privateKey: ca.privateKey }
const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const serial = Uint8Array.from([0xff, 1, 2, 3])
const authority = new X509Certificate(
  certificatePem({ commonName: 'lab-ca', publicKey: ca.publicKey, serial, notBefore, notAfter, authority: true }, issuer),
)

t.test('the authority signs itself and may sign others', async (t) => {
  t.equal(authority.ca, true)
  t.equal(authority.verify(ca.publicKey), true)
  t.equal(authority.subject, 'CN=lab-ca')
  t.equal(authority.serialNumber, 'FF010203', 'positive, though its first bit is set')
})

t.test('a leaf carries its names, its group and its dates, and is signed by the authority', async (t) => {
  const dnsNames = ['kubernetes', 'kubernetes.default.svc']
  const request = {
    commonName: 'system:node:n1',
    organization: 'system:nodes',
    publicKey: leaf.publicKey,
    serial,
    notBefore,
    notAfter,
    authority: false,
  }
  const found = new X509Certificate(certificatePem({ ...request, dnsNames, ipv4Addresses: ['10.96.0.1'] }, issuer))
  t.equal(found.verify(ca.publicKey), true)
  t.equal(found.verify(leaf.publicKey), false)
  t.equal(found.checkIssued(authority), true)
  t.equal(found.ca, false)
  t.equal(found.subject, 'O=system:nodes\nCN=system:node:n1')
  t.equal(found.subjectAltName, 'DNS:kubernetes, DNS:kubernetes.default.svc, IP Address:10.96.0.1')
  t.equal(new Date(found.validTo).getTime(), notAfter.getTime())
  t.equal(new Date(found.validFrom).getTime(), notBefore.getTime())
  t.equal(found.checkPrivateKey(leaf.privateKey), true)
})

t.test('a kubeconfig holds all it needs', async (t) => {
  const config = JSON.parse(kubeconfigText('https://10.250.0.1:6443', 'CA', { token: 'secret' }, 'x'))
  t.match(config, {
    'current-context': 'openelb-lab-x',
    clusters: [{ cluster: { server: 'https://10.250.0.1:6443', 'certificate-authority-data': 'Q0E=' } }],
    users: [{ user: { token: 'secret' } }],
  })
})
