import { readFileSync } from 'node:fs'
import t from 'tap'
import { explainRefusal, REFUSAL_CODES, type Refusal, type Wake } from '../../src/policy/refusal.ts'

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
    wakesOn: [{ on: 'address-released', address: '10.0.0.7' }],
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
  const rows = [...readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8').matchAll(/^\| `([A-Z]\w+)` \| `(\w+)` \|/gm)]
  const documented = new Map(rows.map(([, code = '', event = '']) => [code, event]))
  t.same(Object.fromEntries(documented), Object.fromEntries(TABLE.map(({ given }) => [given.code, explainRefusal(given).eventReason])))
})
