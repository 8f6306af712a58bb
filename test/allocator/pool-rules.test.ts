import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { claim, type EipOptions, eip, type FactsOptions, facts, ip, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const p = (over: EipOptions = {}) => eip('p', '10.0.0.0/30', over)
const heldBy = (holder: string, ...addresses: readonly string[]): AddressClaimObject[] =>
  addresses.map((address) => claim(address, 'p', holder))
const shown = (...ingress: string[]): ServiceOptions => ({
  label: 'p',
  ingress,
  condition: { status: 'True', reason: 'Allocated', message: '' },
})
const contested = (of: AddressClaimObject): AddressClaimObject => ({
  ...of,
  status: {
    conditions: [
      { type: 'AddressConflict', status: 'True', reason: 'ForeignMac', message: '', lastTransitionTime: '2026-11-21T00:00:00Z' },
    ],
  },
})

interface Row {
  readonly name: string
  readonly given?: ServiceOptions
  readonly facts: FactsOptions
  readonly want: string
}

t.test('a conflict on an address that a Service holds has no end that could be named', async (t) => {
  const given = (holder: string) =>
    decide(
      facts(service('s', { address: '10.0.0.1', ports: [{ port: 81 }] }), {
        eips: [p()],
        claims: heldBy(holder, '10.0.0.1').map(contested),
      }),
    )
  t.match(given('o'), { refusals: [{ code: 'AddressConflict', until: undefined }] })
  t.match(
    given('s'),
    { refusals: [{ code: 'AddressConflict', until: '2026-11-21T00:10:00Z' }] },
    'its own claim goes, and time begins to help',
  )
})

const FREE: readonly Row[] = [
  {
    name: 'a second range is used when the first is full',
    facts: { eips: [p({ addresses: ['10.1.0.5'] })], claims: heldBy('o', '10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3') },
    want: 'claim 10.1.0.5 of p (free)',
  },
  {
    name: 'an address of a second range by request',
    given: { address: '10.1.0.5' },
    facts: { eips: [p({ addresses: ['10.1.0.5'] })] },
    want: 'claim 10.1.0.5 of p (request)',
  },
  {
    name: 'excluded addresses are passed over',
    facts: { eips: [p({ exclude: ['10.0.0.0-10.0.0.1'] })] },
    want: 'claim 10.0.0.2 of p (free)',
  },
  {
    name: 'an excluded address is refused',
    given: { address: '10.0.0.1' },
    facts: { eips: [p({ exclude: ['10.0.0.0-10.0.0.1'] })] },
    want: 'nothing, refused AddressExcluded',
  },
  {
    name: 'the settings exclude for every pool',
    facts: { eips: [p()], settings: { exclude: [{ family: 'IPv4', first: ip('10.0.0.0').value, last: ip('10.0.0.2').value }] } },
    want: 'claim 10.0.0.3 of p (free)',
  },
  { name: 'avoidBuggyIPs passes over .0', facts: { eips: [p({ avoidBuggyIPs: true })] }, want: 'claim 10.0.0.1 of p (free)' },
  {
    name: 'avoidBuggyIPs refuses .0 by request',
    given: { address: '10.0.0.0' },
    facts: { eips: [p({ avoidBuggyIPs: true })] },
    want: 'nothing, refused AddressExcluded',
  },
  {
    name: 'a pool of nothing but buggy addresses is full',
    facts: { eips: [eip('p', '10.0.0.255-10.0.1.0', { avoidBuggyIPs: true })] },
    want: 'nothing, refused PoolExhausted',
  },
  { name: 'order last', facts: { eips: [p({ order: 'last' })] }, want: 'claim 10.0.0.3 of p (free)' },
  {
    name: 'order last over two ranges',
    facts: { eips: [p({ order: 'last', addresses: ['10.1.0.0/31'] })] },
    want: 'claim 10.1.0.1 of p (free)',
  },
  {
    name: 'order least-recently-released: what nobody had comes first',
    facts: { eips: [p({ order: 'least-recently-released' })], released: ['10.0.0.1', '10.0.0.0'] },
    want: 'claim 10.0.0.2 of p (free)',
  },
  {
    name: 'order least-recently-released: then what is free for the longest',
    facts: {
      eips: [p({ order: 'least-recently-released' })],
      claims: heldBy('o', '10.0.0.2', '10.0.0.3'),
      released: ['10.0.0.1', '10.0.0.0'],
    },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'an address of a node is passed over',
    facts: { eips: [p()], obstacles: { nodeOf: ({ value }) => (value === ip('10.0.0.0').value ? 'n1' : undefined) } },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'an address of a node is refused',
    given: { address: '10.0.0.0' },
    facts: { eips: [p()], obstacles: { nodeOf: () => 'n1' } },
    want: 'nothing, refused AddressOfNode',
  },
  {
    name: 'an address set aside is passed over',
    facts: {
      eips: [p()],
      obstacles: { setAsideUntil: ({ value }) => (value === ip('10.0.0.0').value ? '2026-11-21T00:10:00Z' : undefined) },
    },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'an address set aside is refused',
    given: { address: '10.0.0.0' },
    facts: { eips: [p()], obstacles: { setAsideUntil: () => '2026-11-21T00:10:00Z' } },
    want: 'nothing, refused AddressConflict',
  },
]

const BOUND: readonly Row[] = [
  {
    name: 'a Service by its labels',
    given: { labels: { tier: 'web' } },
    facts: { eips: [p({ serviceSelector: { matchLabels: { tier: 'web' } } })] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'a Service with other labels',
    given: { labels: { tier: 'db' } },
    facts: { eips: [p({ serviceSelector: { matchLabels: { tier: 'web' } } })] },
    want: 'nothing, refused NoDefaultPool',
  },
  {
    name: 'both parts of a binding must hold',
    given: { labels: { tier: 'web' } },
    facts: { eips: [p({ namespaces: ['other'], serviceSelector: {} })] },
    want: 'nothing, refused NoDefaultPool',
  },
  {
    name: 'a namespace by a LabelSelector',
    facts: {
      eips: [p({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] } })],
      labels: { team: 'b' },
    },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'autoAssign false gives nothing by itself',
    facts: { eips: [p({ autoAssign: false, isDefault: true })] },
    want: 'nothing, refused NoDefaultPool',
  },
  {
    name: 'autoAssign false gives to those who name it',
    given: { eip: 'p' },
    facts: { eips: [p({ autoAssign: false })] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'without a fence a name is enough',
    given: { eip: 'p' },
    facts: { eips: [p({ namespaces: ['other'] })] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'a fence keeps out who names the pool',
    given: { eip: 'p' },
    facts: { eips: [p({ namespaces: ['other'], enforceNamespaces: true })] },
    want: 'nothing, refused PoolNotPermitted',
  },
  {
    name: 'a fence keeps out who asks for an address',
    given: { address: '10.0.0.1' },
    facts: { eips: [p({ namespaces: ['other'], enforceNamespaces: true })] },
    want: 'nothing, refused PoolNotPermitted',
  },
  {
    name: 'a fence keeps out who shows an address',
    given: { ...shown('10.0.0.1'), eip: 'p' },
    facts: { eips: [p({ namespaces: ['other'], enforceNamespaces: true })] },
    want: 'nothing, refused PoolNotPermitted',
  },
  {
    name: 'a fence takes nothing from who holds an address',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ namespaces: ['other'], enforceNamespaces: true })], claims: heldBy('s', '10.0.0.1') },
    want: 'keep 10.0.0.1 of p',
  },
  {
    name: 'of several named Eips the first with room',
    given: { eip: 'p, q' },
    facts: { eips: [p({ disable: true }), eip('q', '10.2.0.0/30')] },
    want: 'claim 10.2.0.0 of q (free)',
  },
  {
    name: 'several named Eips, none with room',
    given: { eip: 'q,p' },
    facts: { eips: [p({ disable: true })] },
    want: 'nothing, refused PoolNotFound',
  },
  {
    name: 'an address in the second of the named Eips',
    given: { eip: 'q,p', address: '10.0.0.2' },
    facts: { eips: [p(), eip('q', '10.2.0.0/30')] },
    want: 'claim 10.0.0.2 of p (request)',
  },
]

const PROMISED: readonly Row[] = [
  {
    name: 'an address reserved for another is passed over',
    facts: { eips: [p({ isDefault: true, reservations: [{ address: '10.0.0.0', namespace: 'default', name: 'o' }] })] },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'an address reserved for another is refused',
    given: { address: '10.0.0.0' },
    facts: { eips: [p({ reservations: [{ address: '10.0.0.0', namespace: 'default', name: 'o' }] })] },
    want: 'nothing, refused AddressReserved',
  },
  {
    name: 'a reserved address is given to whom it is reserved for',
    facts: { eips: [p({ isDefault: true, reservations: [{ address: '10.0.0.2', namespace: 'default', name: 's' }] })] },
    want: 'claim 10.0.0.2 of p (reservation)',
  },
  {
    name: 'a reservation is a permission',
    facts: {
      eips: [
        p({
          autoAssign: false,
          namespaces: ['other'],
          enforceNamespaces: true,
          reservations: [{ address: '10.0.0.2', namespace: 'default', name: 's' }],
        }),
      ],
    },
    want: 'claim 10.0.0.2 of p (reservation)',
  },
  {
    name: 'a reserved address that somebody holds: another one',
    facts: {
      eips: [p({ isDefault: true, reservations: [{ address: '10.0.0.0', namespace: 'default', name: 's' }] })],
      claims: heldBy('o', '10.0.0.0'),
    },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'the quota of a namespace',
    given: { eip: 'p' },
    facts: { eips: [p({ quota: { perNamespace: 1 } })], claims: heldBy('o', '10.0.0.0') },
    want: 'nothing, refused QuotaExceeded',
  },
  {
    name: 'the quota holds for what the status shows, too: statuses can be patched',
    given: { eip: 'p', ...shown('10.0.0.2') },
    facts: { eips: [p({ quota: { perNamespace: 1 } })], claims: heldBy('o', '10.0.0.0') },
    want: 'nothing, refused QuotaExceeded',
  },
  ...['', '10.0.0.2'].map(
    (address): Row => ({
      name: `a reservation is a permission beyond the quota${address && ', also for whoever asks for its address'}`,
      given: address === '' ? {} : { address },
      facts: {
        eips: [p({ quota: { perNamespace: 1 }, reservations: [{ address: '10.0.0.2', namespace: 'default', name: 's' }] })],
        claims: heldBy('o', '10.0.0.0'),
      },
      want: `claim 10.0.0.2 of p (${address === '' ? 'reservation' : 'request'})`,
    }),
  ),
  {
    name: 'the reservation of a shown address opens no excluded one',
    given: { eip: 'p', ...shown('10.0.0.2') },
    facts: { eips: [p({ exclude: ['10.0.0.2'], reservations: [{ address: '10.0.0.2', namespace: 'default', name: 's' }] })] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'nor that of a node',
    given: { eip: 'p', ...shown('10.0.0.2') },
    facts: {
      eips: [p({ reservations: [{ address: '10.0.0.2', namespace: 'default', name: 's' }] })],
      obstacles: { nodeOf: ({ value }) => (value === ip('10.0.0.2').value ? 'n1' : undefined) },
    },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'a move inside the quota',
    given: { address: '10.0.0.3', ...shown('10.0.0.0') },
    facts: { eips: [p({ quota: { perNamespace: 1 } })], claims: heldBy('s', '10.0.0.0') },
    want: 'claim 10.0.0.3 of p (request)',
  },
  {
    name: 'the quota is used up: the next pool',
    facts: { eips: [p({ quota: { perNamespace: 0 }, namespaces: ['default'] }), eip('q', '10.2.0.0/30', { namespaces: ['default'] })] },
    want: 'claim 10.2.0.0 of q (free)',
  },
  {
    name: 'a smaller quota takes nothing away',
    given: shown('10.0.0.0'),
    facts: { eips: [p({ quota: { perNamespace: 0 } })], claims: heldBy('s', '10.0.0.0') },
    want: 'keep 10.0.0.0 of p',
  },
]

const SHRUNK: readonly Row[] = [
  {
    name: 'an address that is excluded now stays',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.1'] })], claims: heldBy('s', '10.0.0.1') },
    want: 'keep 10.0.0.1 of p',
  },
  {
    name: 'an address of a range that is gone stays',
    given: { eip: 'p', ...shown('10.9.0.1') },
    facts: { eips: [p()], claims: heldBy('s', '10.9.0.1') },
    want: 'keep 10.9.0.1 of p',
  },
  {
    name: 'an address of a range that another Eip has now is its',
    given: shown('10.9.0.1'),
    facts: { eips: [p(), eip('q', '10.9.0.0/24')], claims: heldBy('s', '10.9.0.1') },
    want: 'amend 10.9.0.1 to q bgp -',
  },
  {
    name: 'evict moves',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.1'], onShrink: 'evict' })], claims: heldBy('s', '10.0.0.1') },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'evict moves also what the Eip noted, as after a restart',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.1'], onShrink: 'evict' })], claims: heldBy('s', '10.0.0.1'), remembered: ['10.0.0.1'] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'what the Eip noted and evicts is not claimed again',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.1'], onShrink: 'evict' })], remembered: ['10.0.0.1'] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'evict without another address takes it',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.0/30'], onShrink: 'evict' })], claims: heldBy('s', '10.0.0.1') },
    want: 'nothing, refused PoolExhausted, drop 10.0.0.1',
  },
  {
    name: 'reinstalled: an excluded address is not taken back by its status alone',
    given: { eip: 'p', ...shown('10.0.0.1') },
    facts: { eips: [p({ exclude: ['10.0.0.1'] })] },
    want: 'claim 10.0.0.0 of p (free)',
  },
  {
    name: 'a contested address that is not on show yet',
    given: { eip: 'p' },
    facts: { eips: [p()], claims: heldBy('s', '10.0.0.0').map(contested) },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'a contested address that is asked for and not on show yet',
    given: { address: '10.0.0.1' },
    facts: { eips: [p()], claims: heldBy('s', '10.0.0.1').map(contested) },
    want: 'nothing, refused AddressConflict, drop 10.0.0.1',
  },
  {
    name: 'nobody comes to share a contested address',
    given: { address: '10.0.0.1', ports: [{ port: 81 }] },
    facts: { eips: [p()], claims: heldBy('o', '10.0.0.1').map(contested) },
    want: 'nothing, refused AddressConflict',
  },
  {
    name: 'a contested address on show',
    given: { eip: 'p', ...shown('10.0.0.0') },
    facts: { eips: [p()], claims: heldBy('s', '10.0.0.0').map(contested) },
    want: 'keep 10.0.0.0 of p',
  },
]

for (const { name, given, facts: with_, want } of [...FREE, ...BOUND, ...PROMISED, ...SHRUNK]) {
  const by = given ?? {}
  // Rows about the pool itself need not say how the Service comes to it.
  const asks = by.eip === undefined && by.address === undefined && with_.eips?.length === 1 && FREE.some((row) => row.name === name)
  t.test(name, async (t) => {
    t.equal(brief(decide(facts(service('s', asks ? { ...by, eip: 'p' } : by), with_))), want)
  })
}

t.test('order hash: the same Service gets the same address again, others are spread', async (t) => {
  const wide = eip('p', '10.0.0.0/24', { order: 'hash' })
  const addressOf = (name: string) => {
    const decision = decide(facts(service(name, { eip: 'p' }), { eips: [wide] }))
    return decision.kind === 'claim' ? decision.spec.address : brief(decision)
  }
  t.equal(addressOf('a'), addressOf('a'))
  const spread = new Set(Array.from({ length: 64 }, (_, at) => addressOf(`s${at}`)))
  t.ok(spread.size > 40, `64 Services, ${spread.size} addresses`)
})

t.test('order hash walks around the whole pool', async (t) => {
  const full = Array.from({ length: 255 }, (_, at) => claim(`10.0.0.${at}`, 'p', `o${at}`))
  for (const name of ['a', 'b', 'c']) {
    const decision = decide(facts(service(name, { eip: 'p' }), { eips: [eip('p', '10.0.0.0/24', { order: 'hash' })], claims: full }))
    t.equal(brief(decision), 'claim 10.0.0.255 of p (free)')
  }
})

t.test('a draining address is told', async (t) => {
  const decision = decide(
    facts(service('s', { eip: 'p', ...shown('10.0.0.1') }), { eips: [p({ exclude: ['10.0.0.1'] })], claims: heldBy('s', '10.0.0.1') }),
  )
  t.match(decision, { desired: { condition: { status: 'True', reason: 'Allocated', message: /Eip p gives 10\.0\.0\.1 no more/ } } })
})

t.test('what would have served the Service is told', async (t) => {
  const eips = [
    p({ namespaces: ['other'] }),
    eip('q', '10.2.0.0/30', { autoAssign: false }),
    eip('r', '10.3.0.0/30', { isDefault: true, disable: true }),
  ]
  const decision = decide(facts(service('s'), { eips }))
  t.match(decision, {
    desired: { condition: { message: /\(p is bound to other namespaces or Services; q has autoAssign false; r is disabled\)/ } },
  })
})
