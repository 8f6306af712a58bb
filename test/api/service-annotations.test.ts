import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
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
