import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import { claim, eip, type FactsOptions, facts, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const dual = eip('p', '10.0.0.0/30', { addresses: ['fd00::/126'], isDefault: true })
const four = eip('p', '10.0.0.0/30', { namespaces: ['default'] })
const six = eip('q', 'fd00::/126', { namespaces: ['default'] })
const both = { ipFamilies: ['IPv4', 'IPv6'] } as const
const prefer: ServiceOptions = { ...both, ipFamilyPolicy: 'PreferDualStack' }
const require: ServiceOptions = { ...both, ipFamilyPolicy: 'RequireDualStack' }
const v4 = claim('10.0.0.0', 'p', 's')
const v6 = claim('fd00::', 'p', 's')
const shown = (...ingress: string[]): ServiceOptions => ({
  label: 'p',
  ingress,
  condition: { status: 'True', reason: 'Allocated', message: '' },
})

interface Row {
  readonly name: string
  readonly given: ServiceOptions
  readonly facts: FactsOptions
  readonly want: string
}

const ROWS: readonly Row[] = [
  { name: 'one dual pool: the primary family first', given: require, facts: { eips: [dual] }, want: 'claim 10.0.0.0 of p (free)' },
  { name: 'one dual pool: then the other', given: require, facts: { eips: [dual], claims: [v4] }, want: 'claim fd00:: of p (free)' },
  { name: 'one dual pool: both', given: require, facts: { eips: [dual], claims: [v4, v6] }, want: 'keep 10.0.0.0+fd00:: of p' },
  {
    name: 'IPv6 as the primary family',
    given: { ...require, ipFamilies: ['IPv6', 'IPv4'] },
    facts: { eips: [dual], claims: [v4, v6] },
    want: 'keep fd00::+10.0.0.0 of p',
  },
  { name: 'two bound pools', given: require, facts: { eips: [four, six], claims: [v4] }, want: 'claim fd00:: of q (free)' },
  {
    name: 'two named pools',
    given: { ...require, eip: 'p,q' },
    facts: { eips: [four, six], claims: [v4] },
    want: 'claim fd00:: of q (free)',
  },
  {
    name: 'two addresses',
    given: { ...require, annotations: { 'openelb.io/addresses': '10.0.0.2,fd00::2' } },
    facts: { eips: [dual], claims: [claim('10.0.0.2', 'p', 's')] },
    want: 'claim fd00::2 of p (request)',
  },
  { name: 'Require without one family: nothing', given: require, facts: { eips: [four] }, want: 'nothing, refused IPv6:FamilyMismatch' },
  {
    name: 'Require, the second family ran out after the first was claimed: that one goes',
    given: require,
    facts: { eips: [four, six], claims: [v4, ...['fd00::', 'fd00::1', 'fd00::2', 'fd00::3'].map((a) => claim(a, 'q', 'o'))] },
    want: 'nothing, refused IPv6:PoolExhausted, drop 10.0.0.0',
  },
  {
    name: 'Require on a Service that shows one address: it stays',
    given: { ...require, ...shown('10.0.0.0') },
    facts: { eips: [four], claims: [v4] },
    want: 'keep 10.0.0.0 of p, refused IPv6:FamilyMismatch',
  },
  {
    name: 'Require, reinstalled with one address on show: it is taken back',
    given: { ...require, ...shown('10.0.0.2') },
    facts: { eips: [four] },
    want: 'claim 10.0.0.2 of p (status)',
  },
  {
    name: 'a family added later keeps the first address',
    given: { ...require, ...shown('10.0.0.0') },
    facts: { eips: [dual], claims: [v4] },
    want: 'claim fd00:: of p (free)',
  },
  {
    name: 'Prefer with one family in the pools',
    given: prefer,
    facts: { eips: [four], claims: [v4] },
    want: 'keep 10.0.0.0 of p, refused IPv6:FamilyMismatch',
  },
  { name: 'Prefer with only the second family', given: prefer, facts: { eips: [six] }, want: 'claim fd00:: of q (free)' },
  { name: 'Prefer without any', given: prefer, facts: { eips: [] }, want: 'nothing, refused IPv4:NoDefaultPool+IPv6:NoDefaultPool' },
  { name: 'single stack takes one', given: { ipFamilies: ['IPv6'] }, facts: { eips: [dual] }, want: 'claim fd00:: of p (free)' },
  {
    name: 'a family given up',
    given: { ipFamilies: ['IPv4'], ...shown('10.0.0.0', 'fd00::') },
    facts: { eips: [dual], claims: [v4, v6] },
    want: 'keep 10.0.0.0 of p, drop fd00::',
  },
  {
    name: 'an address of a family that the Service lacks',
    given: { ipFamilies: ['IPv4'], address: 'fd00::2' },
    facts: { eips: [dual] },
    want: 'nothing, refused FamilyMismatch',
  },
  { name: 'no families stated: one address', given: {}, facts: { eips: [dual], claims: [v4] }, want: 'keep 10.0.0.0 of p' },
]

for (const { name, given, facts: with_, want } of ROWS) {
  t.test(name, async (t) => {
    t.equal(brief(decide(facts(service('s', given), with_))), want)
  })
}

const conditionOf = (given: ServiceOptions, with_: FactsOptions) => {
  const decision = decide(facts(service('s', given), with_))
  return decision.kind === 'settle' ? decision.desired.condition : brief(decision)
}

t.test('a missing family is told', async (t) => {
  t.match(conditionOf(prefer, { eips: [four], claims: [v4] }), {
    status: 'True',
    reason: 'Allocated',
    message: /^10\.0\.0\.0 of Eip p; no IPv6 address: service can't use different family eip/,
  })
  t.match(conditionOf(require, { eips: [four] }), {
    status: 'False',
    reason: 'DualStackIncomplete',
    message: /^no IPv6 address, and ipFamilyPolicy RequireDualStack takes both or none: /,
  })
  t.match(conditionOf({ ...require, ...shown('10.0.0.0') }, { eips: [four], claims: [v4] }), {
    status: 'False',
    message: /until then the Service keeps 10\.0\.0\.0$/,
  })
})

t.test('one family may be announced by layer 2 and the other by BGP, and either may change', async (t) => {
  const wire = eip('p', '10.0.0.0/30', { namespaces: ['default'], protocol: 'layer2', interface: 'eth0' })
  const routed = eip('q', 'fd00::/126', { namespaces: ['default'], protocol: 'bgp' })
  const onWire = claim('10.0.0.0', 'p', 's', { protocol: 'layer2', interface: 'eth0' })
  const decision = decide(facts(service('s', require), { eips: [wire, routed], claims: [onWire] }))
  t.match(decision, { kind: 'claim', spec: { address: 'fd00::', protocol: 'bgp', eip: 'q' } })
  const asWire = { eips: [wire, routed], claims: [onWire, claim('fd00::', 'q', 's', { protocol: 'layer2', interface: 'eth0' })] }
  t.equal(brief(decide(facts(service('s', { ...require, ...shown('10.0.0.0', 'fd00::') }), asWire))), 'amend fd00:: to q bgp -')
})
