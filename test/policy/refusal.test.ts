import { readFileSync } from 'node:fs'
import t from 'tap'
import { explainRefusal, REFUSAL_CODES, type Refusal, type SharingObstacle, type Wake } from '../../src/policy/refusal.ts'

interface Row {
  readonly given: Refusal
  /** What OpenELB prints, where it prints something; else our own words. All of it stands before the cure. */
  readonly text: string
  readonly event: 'AssignIPFailed' | 'ConstructRequest'
  readonly wakesOn: readonly Wake[]
}

const ANY: Wake = { on: 'any-pool' }
const p1: Wake = { on: 'pool', pool: 'p1' }

const TABLE: readonly Row[] = [
  { given: { code: 'PoolNotFound', pool: 'p1' }, text: 'Eip.network.kubesphere.io "p1" not found', event: 'AssignIPFailed', wakesOn: [p1] },
  { given: { code: 'PoolDisabled', pool: 'p1' }, text: 'no avliable eip, err:eip:p1 is disabled', event: 'AssignIPFailed', wakesOn: [p1] },
  { given: { code: 'PoolDeleted', pool: 'p1' }, text: 'no avliable eip, err:eip:p1 is deleting', event: 'AssignIPFailed', wakesOn: [p1] },
  {
    given: { code: 'PoolDeleted', pool: 'p1', held: '10.0.0.7' },
    text: 'Eip.network.kubesphere.io "p1" not found',
    event: 'AssignIPFailed',
    wakesOn: [ANY],
  },
  {
    given: { code: 'PoolExhausted', pools: ['p1'] },
    text: 'no avliable eip, err:no suitable ip to allocate',
    event: 'AssignIPFailed',
    wakesOn: [p1, { on: 'released-in', pool: 'p1' }, ANY],
  },
  {
    given: { code: 'PoolExhausted', pools: ['p1'], family: 'IPv6' },
    text: 'no avliable eip, err:no suitable ip to allocate',
    event: 'AssignIPFailed',
    wakesOn: [p1, { on: 'released-in', pool: 'p1', family: 'IPv6' }, ANY],
  },
  {
    given: { code: 'PoolNotPermitted', pool: 'p1', namespace: 'shop' },
    text: 'no avliable eip, err:eip:p1 is not for Services of the namespace shop',
    event: 'AssignIPFailed',
    wakesOn: [p1, { on: 'namespace', namespace: 'shop' }],
  },
  {
    given: { code: 'QuotaExceeded', pools: ['p1', 'p2'], namespace: 'shop', limit: 3 },
    text: 'no avliable eip, err:the namespace shop holds 3 addresses of p1, p2, all that spec.quota.perNamespace lets it',
    event: 'AssignIPFailed',
    wakesOn: [
      p1,
      { on: 'quota', pool: 'p1', namespace: 'shop' },
      { on: 'pool', pool: 'p2' },
      { on: 'quota', pool: 'p2', namespace: 'shop' },
      ANY,
    ],
  },
  {
    given: { code: 'PoolOverlap', pool: 'p1', with: 'p0' },
    text: 'no avliable eip, err:eip:p1 is not ready, eip address overlap with p0',
    event: 'AssignIPFailed',
    wakesOn: [p1, { on: 'pool', pool: 'p0' }],
  },
  {
    given: { code: 'PoolInvalid', pool: 'p1', detail: 'invalid eip address format' },
    text: 'no avliable eip, err:eip:p1 is not ready, invalid eip address format',
    event: 'AssignIPFailed',
    wakesOn: [p1],
  },
  {
    given: { code: 'NoDefaultPool', namespace: 'shop' },
    text: 'failed to construct allocate request: no available default eip found',
    event: 'ConstructRequest',
    wakesOn: [ANY, { on: 'namespace', namespace: 'shop' }],
  },
  {
    given: { code: 'NoDefaultPool', namespace: 'shop', near: [{ pool: 'p1', why: 'is bound to other namespaces' }] },
    text: 'failed to construct allocate request: no available default eip found (p1 is bound to other namespaces)',
    event: 'ConstructRequest',
    wakesOn: [ANY, { on: 'namespace', namespace: 'shop' }],
  },
  {
    given: { code: 'RequestInvalid', field: 'protocol', value: 'arp', detail: 'protocol: "arp" is not a protocol' },
    text: 'failed to construct allocate request: protocol: "arp" is not a protocol',
    event: 'ConstructRequest',
    wakesOn: [],
  },
  {
    given: { code: 'AddressInvalid', field: 'spec.loadBalancerIP', value: 'not-an-ip' },
    text: 'failed to construct allocate request: spec.loadBalancerIP is "not-an-ip", which is no IP address',
    event: 'ConstructRequest',
    wakesOn: [],
  },
  {
    given: { code: 'AddressOutsidePool', address: '10.251.0.200', pool: 'p1', range: '10.251.0.150-10.251.0.152' },
    text: 'no avliable eip, err:the specified ip:10.251.0.200 is beyond the range of eip[p1:10.251.0.150-10.251.0.152]',
    event: 'AssignIPFailed',
    wakesOn: [p1],
  },
  {
    given: { code: 'AddressInNoPool', address: '10.251.0.200' },
    text: 'failed to construct allocate request: no available eip was found containing the ip:[10.251.0.200]',
    event: 'ConstructRequest',
    wakesOn: [ANY],
  },
  {
    given: { code: 'AddressTaken', address: '10.0.0.7', by: 'shop/web' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 is held by shop/web',
    event: 'AssignIPFailed',
    wakesOn: [
      { on: 'address-released', address: '10.0.0.7' },
      { on: 'service', service: 'shop/web' },
    ],
  },
  {
    given: { code: 'AddressTaken', address: '10.0.0.7', by: 'shop/web;shop/api' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 is held by shop/web;shop/api',
    event: 'AssignIPFailed',
    wakesOn: [
      { on: 'address-released', address: '10.0.0.7' },
      { on: 'service', service: 'shop/web' },
      { on: 'service', service: 'shop/api' },
    ],
  },
  {
    given: { code: 'AddressExcluded', address: '10.0.0.7', pool: 'p1', by: 'spec.exclude' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 of eip:p1 is never given, by spec.exclude',
    event: 'AssignIPFailed',
    wakesOn: [p1],
  },
  {
    given: { code: 'AddressReserved', address: '10.0.0.7', pool: 'p1', by: 'shop/web' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 of eip:p1 is reserved for shop/web',
    event: 'AssignIPFailed',
    wakesOn: [p1],
  },
  {
    given: { code: 'AddressOfNode', address: '10.0.0.7', node: 'n1' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 is an address of node n1',
    event: 'AssignIPFailed',
    wakesOn: [{ on: 'node', node: 'n1' }],
  },
  {
    given: { code: 'AddressConflict', address: '10.0.0.7', until: '2026-01-01T00:10:00Z' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 is used by another host of the network',
    event: 'AssignIPFailed',
    wakesOn: [{ on: 'address-released', address: '10.0.0.7' }],
  },
  {
    given: { code: 'AddressConflict', address: '10.0.0.8' },
    text: 'no avliable eip, err:the specified ip:10.0.0.8 is used by another host of the network',
    event: 'AssignIPFailed',
    wakesOn: [{ on: 'address-released', address: '10.0.0.8' }],
  },
  {
    given: { code: 'AddressProbing', address: '10.0.0.7', pool: 'p1' },
    text: 'the network is being asked whether 10.0.0.7 is in use (spec.probe of the Eip p1)',
    event: 'AssignIPFailed',
    wakesOn: [{ on: 'address-released', address: '10.0.0.7' }],
  },
  {
    given: { code: 'PortClash', address: '10.0.0.7', by: 'shop/web', port: 'TCP/80' },
    text: 'no avliable eip, err:the specified ip:10.0.0.7 is held by shop/web, which uses the port TCP/80 too',
    event: 'AssignIPFailed',
    wakesOn: [
      { on: 'address-released', address: '10.0.0.7' },
      { on: 'service', service: 'shop/web' },
    ],
  },
  ...(['key', 'policy', 'selector'] as const).map(
    (why): Row => ({
      given: { code: 'SharingRefused', address: '10.0.0.7', by: 'shop/web', why },
      text: 'no avliable eip, err:the specified ip:10.0.0.7 is held by shop/web, which does not share it',
      event: 'AssignIPFailed',
      wakesOn: [
        { on: 'address-released', address: '10.0.0.7' },
        { on: 'service', service: 'shop/web' },
      ],
    }),
  ),
  {
    given: { code: 'DualStackIncomplete', family: 'IPv6', required: true, because: { code: 'PoolNotFound', pool: 'p1' } },
    text: 'no IPv6 address, and ipFamilyPolicy RequireDualStack takes both or none: Eip.network.kubesphere.io "p1" not found',
    event: 'AssignIPFailed',
    wakesOn: [p1],
  },
  {
    given: { code: 'DualStackIncomplete', family: 'IPv4', required: false, because: { code: 'AddressInNoPool', address: '10.0.0.7' } },
    text: 'no IPv4 address: failed to construct allocate request: no available eip was found containing the ip:[10.0.0.7]',
    event: 'ConstructRequest',
    wakesOn: [ANY],
  },
  {
    given: { code: 'FamilyMismatch', pool: 'p1', family: 'IPv6', serves: ['IPv4'] },
    text: "service can't use different family eip",
    event: 'AssignIPFailed',
    wakesOn: [ANY],
  },
  {
    given: { code: 'ProtocolMismatch', protocol: 'vip', pools: ['p1'] },
    text: 'failed to construct allocate request: no available eip was found for the protocol vip',
    event: 'ConstructRequest',
    wakesOn: [ANY],
  },
]

t.test('texts, event words and what wakes', async (t) => {
  for (const { given, text, event, wakesOn } of TABLE) {
    const told = explainRefusal(given)
    t.equal(told.message, `${text}: ${told.cure}`, given.code)
    t.ok(told.cure.length > 10, `${given.code} has a cure`)
    t.equal(told.reason, given.code)
    t.equal(told.eventReason, event, `${given.code} as an event`)
    t.same(told.wakesOn, wakesOn, `${given.code} wakes`)
    t.match(told.reason, /^[A-Z][A-Za-z]*$/, 'Kubernetes takes it as the reason of a condition')
  }
  t.same(new Set(TABLE.map(({ given }) => given.code)), new Set(REFUSAL_CODES), 'the table has every code')
})

t.test('of the Eips that nearly serve five are named, and the others counted', async (t) => {
  const near = Array.from({ length: 7 }, (_, at) => ({ pool: `p${at}`, why: 'is full' }))
  t.match(explainRefusal({ code: 'NoDefaultPool', namespace: 'a', near }).message, /\(p0 is full; .*; p4 is full, and 2 more\)/)
})

t.test('what stands against sharing has its own cure', async (t) => {
  const cure = (why: SharingObstacle) => explainRefusal({ code: 'SharingRefused', address: '10.0.0.7', by: 'a/b', why }).cure
  t.match(cure('key'), /annotation openelb\.io\/allow-shared-ip/)
  t.match(cure('policy'), /same externalTrafficPolicy/)
  t.match(cure('selector'), /same selector, or externalTrafficPolicy Cluster/)
})

t.test('a text of a megabyte is cut', async (t) => {
  const long = 'x'.repeat(1_000_000)
  for (const given of [
    { code: 'PoolNotFound', pool: long },
    { code: 'AddressInvalid', field: 'spec.loadBalancerIP', value: long },
    { code: 'AddressOutsidePool', address: '10.0.0.1', pool: 'p', range: long },
  ] as const satisfies readonly Refusal[]) {
    t.ok(explainRefusal(given).message.length < 400, given.code)
  }
})

t.test('docs/errors.md has one row for every code, with its event', async (t) => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z]\w+)` \| `?(\w[\w ]*)`? \|/gm)].map(([, code = '', event = '']) => [code, event])
  t.equal(rows.length, new Set(rows.map(([code]) => code)).size, 'no code twice')
  const eventOf = ({ given }: Row) => (given.code === 'DualStackIncomplete' ? 'that of its cause' : explainRefusal(given).eventReason)
  t.same(Object.fromEntries(rows), Object.fromEntries(TABLE.map((row) => [row.given.code, eventOf(row)])))
})
