import { readFileSync } from 'node:fs'
import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { certgenJobName, imageName } from '../../src/api/names.ts'
import * as keys from '../../src/api/service-annotations.ts'
import { EIP_NAME, PROTOCOL, REQUESTED_ADDRESS, readServiceRequest } from '../../src/api/service-annotations.ts'

const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
function read(annotations: Record<string, string> | undefined, loadBalancerIP?: string) {
  const service = {
    metadata: { ...metadata, ...(annotations && { annotations }) },
    spec: { type: 'LoadBalancer', ...(loadBalancerIP !== undefined && { loadBalancerIP }) },
  }
  const request = readServiceRequest(service)
  if (!request.ok) return { errors: request.error }
  const { address, ignored, ...rest } = request.value
  return { ...rest, ...(address && { address: formatIp(address) }), ignored: ignored.map((entry) => entry.setting) }
}

t.test('grammar and precedence', async (t) => {
  const table = [
    { name: 'no annotations at all', given: undefined, want: { ignored: [] } },
    { name: 'empty values are absent', given: { [EIP_NAME]: '', [REQUESTED_ADDRESS]: ' ', [PROTOCOL]: '' }, ip: '', want: { ignored: [] } },
    { name: 'a named Eip', given: { [EIP_NAME]: 'eip-pool' }, want: { eip: 'eip-pool', ignored: [] } },
    { name: 'space around values', given: { [EIP_NAME]: ' eip-pool\n' }, want: { eip: 'eip-pool', ignored: [] } },
    {
      name: 'the annotation asks for an address',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      want: { address: '10.0.0.3', addressFrom: 'annotation', ignored: [] },
    },
    {
      name: 'the field asks for an address',
      given: {},
      ip: 'FD00::0001',
      want: { address: 'fd00::1', addressFrom: 'spec.loadBalancerIP', ignored: [] },
    },
    {
      name: 'the annotation wins over the field',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      ip: '10.0.0.2',
      want: { address: '10.0.0.3', addressFrom: 'annotation', ignored: ['spec.loadBalancerIP'] },
    },
    {
      name: 'a field that is overridden may be anything',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      ip: 'junk',
      want: { address: '10.0.0.3', addressFrom: 'annotation', ignored: ['spec.loadBalancerIP'] },
    },
    {
      name: 'both say the same',
      given: { [REQUESTED_ADDRESS]: '10.0.0.3' },
      ip: '10.0.0.3',
      want: { address: '10.0.0.3', addressFrom: 'annotation', ignored: [] },
    },
    { name: 'a protocol is a filter', given: { [PROTOCOL]: 'layer2' }, want: { protocol: 'layer2', ignored: [] } },
    {
      name: 'a named Eip makes the protocol void',
      given: { [EIP_NAME]: 'p', [PROTOCOL]: 'layer2' },
      want: { eip: 'p', ignored: [PROTOCOL] },
    },
    { name: 'even a wrong one', given: { [EIP_NAME]: 'p', [PROTOCOL]: 'arp' }, want: { eip: 'p', ignored: [PROTOCOL] } },
  ]
  for (const { name, given, ip, want } of table) t.same(read(given, ip), want, name)
})

t.test('what cannot be read is an error and never "no wish"', async (t) => {
  const table = [
    { given: { [REQUESTED_ADDRESS]: 'not-an-ip' }, setting: REQUESTED_ADDRESS, message: /"not-an-ip" is not an IP address/ },
    { given: { [REQUESTED_ADDRESS]: '10.251.0.161/32' }, setting: REQUESTED_ADDRESS, message: /10\.251\.0\.161\/32/ },
    { given: { [REQUESTED_ADDRESS]: '256.1.1.1' }, setting: REQUESTED_ADDRESS, message: /256/ },
    { given: { [REQUESTED_ADDRESS]: '1'.repeat(1e6) }, setting: REQUESTED_ADDRESS, message: /^.{0,200}$/ },
    { given: { [REQUESTED_ADDRESS]: 'junk' }, ip: '10.0.0.1', setting: REQUESTED_ADDRESS, message: /junk/ },
    { given: {}, ip: '1.2.3.4-', setting: 'spec.loadBalancerIP', message: /^spec\.loadBalancerIP: / },
    { given: { [EIP_NAME]: 'Not A Name' }, setting: EIP_NAME, message: /not the name of an Eip/ },
    { given: { [EIP_NAME]: 'a'.repeat(254) }, setting: EIP_NAME, message: /^.{0,200}$/ },
    { given: { [EIP_NAME]: 'a/b' }, setting: EIP_NAME, message: /a\/b/ },
    { given: { [EIP_NAME]: '-a' }, setting: EIP_NAME, message: /-a/ },
    { given: { [PROTOCOL]: 'arp' }, setting: PROTOCOL, message: /bgp, layer2 or vip/ },
    { given: { [PROTOCOL]: 'Layer2' }, setting: PROTOCOL, message: /Layer2/ },
  ]
  for (const { given, ip, setting, message } of table) {
    t.match(read(given, ip), { errors: [{ setting, message, value: /^.{1,70}$/ }] }, `${setting} ${String(message)}`)
  }
  const all = read({ [EIP_NAME]: 'A', [REQUESTED_ADDRESS]: 'b', [PROTOCOL]: 'c' })
  t.match(all, { errors: [{ setting: EIP_NAME }, { setting: REQUESTED_ADDRESS }] }, 'one error per setting')
})

t.test('docs/annotations.md names every key', async (t) => {
  const page = readFileSync(new URL('../../docs/annotations.md', import.meta.url), 'utf8')
  const texts = Object.values(keys).flatMap((value) =>
    typeof value === 'string' ? [value] : typeof value === 'object' ? Object.values(value) : [],
  )
  t.ok(texts.length > 15)
  for (const text of texts) {
    const prefix = 'node-proxy.openelb.kubesphere.io'
    const isNamed = page.includes(text) || (text.startsWith(prefix) && page.includes(`\`${text.slice(prefix.length)}\``))
    t.ok(isNamed, text)
  }
})

t.test('names of Jobs and images follow the version', async (t) => {
  t.equal(certgenJobName('create', '0.1.0'), 'openelb-admission-create-0-1-0')
  t.equal(certgenJobName('patch', '1.0.0-RC.1+build'), 'openelb-admission-patch-1-0-0-rc-1-build')
  t.match(certgenJobName('create', '10.20.30-alpha.40'), /^[a-z0-9-]{1,57}$/, 'a DNS label, with room for the suffix of a Pod')
  t.equal(imageName('0.1.0'), 'ghcr.io/openelb-ts/openelb:0.1.0')
})
