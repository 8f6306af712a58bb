import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import { readWish, toHolder } from '../../src/allocator/request.ts'
import { type AddressClaimObject, holdersText } from '../../src/api/address-claim.ts'
import type { ServiceObject } from '../../src/api/core-objects.ts'
import { claim, eip, type FactsOptions, facts, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const p = eip('p', '10.0.0.0/30', { isDefault: true })
const port = (number: number, protocol: 'TCP' | 'UDP' = 'TCP') => ({ ports: [{ port: number, protocol }] })

const holderOf = (of: ServiceObject) => {
  const wish = readWish(of, [])
  return toHolder(of, wish.ok ? wish.value.sharing : undefined)
}
/** The claim of .1, held by these Services. */
function heldBy(...services: readonly ServiceObject[]): AddressClaimObject {
  const holders = services.map(holderOf)
  return claim('10.0.0.1', 'p', 'o', { holders, service: holdersText(holders) })
}
const other = (options: ServiceOptions) => service('o', { address: '10.0.0.1', ...options })
const web = { app: 'web' }

interface Row {
  readonly name: string
  readonly holder: ServiceOptions
  readonly asks: ServiceOptions
  readonly want: string
}

const join = 'join 10.0.0.1 of p beside default/o (request)'
const ROWS: readonly Row[] = [
  {
    name: 'the same namespace, the same address, other ports: shared, as in OpenELB',
    holder: port(80),
    asks: { address: '10.0.0.1', ...port(81) },
    want: join,
  },
  {
    name: 'the same number of another protocol is another port',
    holder: port(53),
    asks: { address: '10.0.0.1', ...port(53, 'UDP') },
    want: join,
  },
  { name: 'the same port', holder: port(80), asks: { address: '10.0.0.1', ...port(80) }, want: 'nothing, refused PortClash' },
  {
    name: 'another namespace without a key',
    holder: { namespace: 'a', ...port(80) },
    asks: { address: '10.0.0.1', ...port(81) },
    want: 'nothing, refused AddressTaken',
  },
  {
    name: 'another namespace, the same key',
    holder: { namespace: 'a', sharingKey: 'k', ...port(80) },
    asks: { address: '10.0.0.1', sharingKey: 'k', ...port(81) },
    want: 'join 10.0.0.1 of p beside a/o (request)',
  },
  {
    name: 'another namespace, a guessed key',
    holder: { namespace: 'a', sharingKey: 'k', ...port(80) },
    asks: { address: '10.0.0.1', sharingKey: 'guess', ...port(81) },
    want: 'nothing, refused SharingRefused',
  },
  {
    name: 'a key that only one states',
    holder: { sharingKey: 'k', ...port(80) },
    asks: { address: '10.0.0.1', ...port(81) },
    want: 'nothing, refused SharingRefused',
  },
  {
    name: 'a key without an address: beside its like',
    holder: { sharingKey: 'k', ...port(80) },
    asks: { sharingKey: 'k', ...port(81) },
    want: 'join 10.0.0.1 of p beside default/o (shared)',
  },
  {
    name: 'a key without an address, the ports clash: a free one',
    holder: { sharingKey: 'k', ...port(80) },
    asks: { sharingKey: 'k', ...port(80) },
    want: 'claim 10.0.0.0 of p (free)',
  },
  { name: 'no wish at all never shares', holder: port(80), asks: port(81), want: 'claim 10.0.0.0 of p (free)' },
  {
    name: 'Local beside Cluster',
    holder: port(80),
    asks: { address: '10.0.0.1', localTo: web, ...port(81) },
    want: 'nothing, refused SharingRefused',
  },
  {
    name: 'Local beside Local, the same selector',
    holder: { localTo: web, ...port(80) },
    asks: { address: '10.0.0.1', localTo: web, ...port(81) },
    want: join,
  },
  {
    name: 'Local beside Local, another selector',
    holder: { localTo: web, ...port(80) },
    asks: { address: '10.0.0.1', localTo: { app: 'api' }, ...port(81) },
    want: 'nothing, refused SharingRefused',
  },
]

for (const { name, holder, asks, want } of ROWS) {
  t.test(name, async (t) => {
    t.equal(brief(decide(facts(service('s', asks), { eips: [p], claims: [heldBy(other(holder))] }))), want)
  })
}

t.test('who changes so that it clashes leaves, and the other stays', async (t) => {
  const was = service('s', { address: '10.0.0.1', ...port(81) })
  const with_: FactsOptions = { eips: [p], claims: [heldBy(other(port(80)), was)] }
  const decisionOf = (of: ServiceObject) => brief(decide(facts(of, with_)))
  t.equal(decisionOf(service('s', { address: '10.0.0.1', ...port(80) })), 'nothing, refused PortClash, drop 10.0.0.1')
  t.equal(decisionOf(other(port(80))), 'keep 10.0.0.1 of p')
  t.equal(decisionOf(service('s', { address: '10.0.0.1', ...port(82) })), 'amend 10.0.0.1 to p bgp -', 'another port that is free')
  t.equal(decisionOf(service('s', { address: '10.0.0.1', sharingKey: 'k', ...port(81) })), 'nothing, refused SharingRefused, drop 10.0.0.1')
})

t.test('who holds an address alone may change its key and its ports', async (t) => {
  const decision = decide(
    facts(service('s', { eip: 'p', sharingKey: 'k', ...port(80) }), { eips: [p], claims: [claim('10.0.0.1', 'p', 's')] }),
  )
  t.equal(brief(decision), 'amend 10.0.0.1 to p bgp -')
})

t.test('what OpenELB let share is taken over, unless the ports clash', async (t) => {
  const with_: FactsOptions = {
    eips: [p],
    claims: [heldBy(other({ namespace: 'a', localTo: web, ...port(80) }))],
    remembered: ['10.0.0.1'],
  }
  const asks = { address: '10.0.0.1', label: 'p', ingress: ['10.0.0.1'] }
  t.equal(brief(decide(facts(service('s', { ...asks, ...port(81) }), with_))), 'join 10.0.0.1 of p beside a/o (status)')
  t.equal(brief(decide(facts(service('s', { ...asks, ...port(80) }), with_))), 'nothing, refused AddressTaken')
})

t.test('and stays as long as nothing about it changes', async (t) => {
  const strange = other({ namespace: 'a', localTo: web, ...port(80) })
  const own = service('s', { address: '10.0.0.1', label: 'p', ingress: ['10.0.0.1'], ...port(81) })
  t.equal(brief(decide(facts(own, { eips: [p], claims: [heldBy(strange, own)] }))), 'keep 10.0.0.1 of p')
})

t.test('the status of a Service is no record', async (t) => {
  const asks = { address: '10.0.0.1', label: 'p', ingress: ['10.0.0.1'], ...port(81) }
  const claims = [heldBy(other({ namespace: 'a', ...port(80) }))]
  t.equal(brief(decide(facts(service('s', asks), { eips: [p], claims }))), 'nothing, refused AddressTaken')
})

t.test('64 Services hold one address, not 65', async (t) => {
  const many = Array.from({ length: 64 }, (_, at) => service(`o${at}`, port(1000 + at)))
  const claims = [heldBy(...many)]
  t.equal(brief(decide(facts(service('s', { address: '10.0.0.1', ...port(80) }), { eips: [p], claims }))), 'nothing, refused AddressTaken')
})

t.test('a key of another namespace leads past no quota', async (t) => {
  const held = heldBy(service('o', { address: '10.0.0.1', namespace: 'shop', sharingKey: 'k' }))
  const asks = service('s', { sharingKey: 'k', ...port(81) })
  const withQuota = (perNamespace: number) =>
    brief(decide(facts(asks, { eips: [eip('p', '10.0.0.0/30', { isDefault: true, quota: { perNamespace } })], claims: [held] })))
  t.equal(withQuota(1), 'join 10.0.0.1 of p beside shop/o (shared)')
  t.equal(withQuota(0), 'nothing, refused QuotaExceeded')
})

t.test('a quota counts a shared address once', async (t) => {
  const tight = eip('p', '10.0.0.0/30', { quota: { perNamespace: 1 } })
  const claims = [heldBy(other(port(80)))]
  t.equal(brief(decide(facts(service('s', { address: '10.0.0.1', ...port(81) }), { eips: [tight], claims }))), join)
})
