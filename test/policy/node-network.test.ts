import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { primaryFamily, readNodeNetwork } from '../../src/policy/node-network.ts'
import { isServed, PROTOCOLS } from '../../src/policy/served-protocols.ts'

const metadata = { name: 'n1', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
const node = (...addresses: readonly (readonly [string, string])[]) =>
  readNodeNetwork({
    apiVersion: 'v1',
    kind: 'Node',
    metadata,
    spec: { podCIDRs: ['10.244.0.0/24', 'nonsense', 'fd00:244::/64'] },
    status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
  })

t.test('the addresses of a node', async (t) => {
  const read = node(['InternalIP', '10.0.0.1'], ['Hostname', '10.0.0.2'], ['ExternalIP', 'FD00::0001'], ['InternalIP', 'node.example.com'])
  t.same(read.addresses.map(formatIp), ['10.0.0.1', 'fd00::1'], 'names of hosts are none')
  t.equal(read.podRanges.length, 2)
  t.same(
    readNodeNetwork({ apiVersion: 'v1', kind: 'Node', metadata }),
    { name: 'n1', addresses: [], podRanges: [] },
    'one that has said nothing yet',
  )
})

t.test('the primary family is that of the first address', async (t) => {
  t.equal(primaryFamily([]), undefined)
  t.equal(primaryFamily([node()]), undefined)
  t.equal(primaryFamily([node(), node(['InternalIP', 'fd00::1'], ['InternalIP', '10.0.0.1'])]), 'IPv6')
  t.equal(primaryFamily([node(['InternalIP', '10.0.0.1'], ['InternalIP', 'fd00::1'])]), 'IPv4')
})

t.test('which protocols are announced', async (t) => {
  for (const name of ['layer2', 'bgp', 'vip'] as const) t.equal(isServed(name), PROTOCOLS[name] === 'served', name)
})
