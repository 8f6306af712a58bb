import t from 'tap'
import { parseIp } from '../../src/addr/ip.ts'
import { parseAddressRange } from '../../src/addr/range.ts'
import { type AddressFacts, addressObstacle, isExcludedBy } from '../../src/policy/address-obstacle.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { pool } from '../support/policy-objects.ts'

const ip = (text: string) => {
  const parsed = parseIp(text)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}
const POOL = pool('p', {
  address: '10.0.0.0/24',
  namespaces: ['shop'],
  enforceNamespaces: true,
  exclude: ['10.0.0.1', '10.0.0.9'],
  avoidBuggyIPs: true,
  reservations: [
    { address: '10.0.0.5', namespace: 'shop', name: 'web' },
    { address: '10.0.0.6', namespace: 'other', name: 'web' },
    { address: '10.0.0.9', namespace: 'shop', name: 'web' },
  ],
})
const facts = (namespace: string, over: Partial<AddressFacts> = {}): AddressFacts => ({
  service: { namespace, name: 'web' },
  applicant: { namespace: { name: namespace, labels: {} }, labels: {} },
  isExcluded: () => false,
  nodeAt: () => undefined,
  ...over,
})
const ask = (address: string, namespace = 'shop', over: Partial<AddressFacts> = {}) =>
  addressObstacle(ip(address), POOL, facts(namespace, over))

t.test('what stands against an address', async (t) => {
  t.equal(ask('10.0.0.7'), undefined)
  t.equal(ask('10.0.0.5'), undefined, 'kept for it')
  t.match(ask('10.0.0.6'), { code: 'AddressReserved', by: 'other/web', pool: 'p', address: '10.0.0.6' })
  t.equal(ask('10.0.0.6', 'other'), undefined, 'a reservation lets it through the fence')
  t.match(ask('10.0.0.7', 'other'), { code: 'PoolNotPermitted', namespace: 'other' })
  t.match(ask('10.0.0.7', 'shop', { applicant: undefined }), { code: 'PoolNotPermitted' }, 'a namespace that nobody knows is kept out')
  t.equal(addressObstacle(ip('10.0.0.7'), { ...POOL, enforceNamespaces: false }, facts('other', { applicant: undefined })), undefined)
  t.match(ask('10.0.0.1'), { code: 'AddressExcluded', by: 'spec.exclude' })
  t.match(ask('10.0.0.255'), { code: 'AddressExcluded', by: 'spec.avoidBuggyIPs' })
  t.match(ask('10.0.0.9'), { code: 'AddressExcluded' }, 'a reservation gives nothing that is never given')
  t.match(ask('10.0.0.7', 'shop', { isExcluded: () => true }), { code: 'AddressExcluded', by: 'the setting exclude' })
  t.match(ask('10.0.0.7', 'shop', { nodeAt: () => 'n1' }), { code: 'AddressOfNode', node: 'n1' })
})

t.test('what the settings exclude', async (t) => {
  const range = parseAddressRange('10.0.0.8/30')
  if (!range.ok) throw new Error(range.error.message)
  const settings = { ...DEFAULT_SETTINGS, exclude: [range.value] }
  t.same(
    ['10.0.0.7', '10.0.0.8', '10.0.0.11', 'fd00::8'].map((text) => isExcludedBy(settings, ip(text))),
    [false, true, true, false],
  )
})
