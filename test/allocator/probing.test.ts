/** spec.probe: an address is shown when a speaker has found that nobody else uses it. */
import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import type { AddressClaimObject } from '../../src/api/address-claim.ts'
import { claim, type EipOptions, eip, type FactsOptions, facts, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const pool = (over: EipOptions = {}) =>
  eip('p', '10.0.0.0/30', { protocol: 'layer2', interface: 'eth0', probe: true, isDefault: true, ...over })
const OF_POOL = { protocol: 'layer2', interface: 'eth0' } as const
const held = (address: string, holder: string, status?: AddressClaimObject['status'], probe = true): AddressClaimObject => ({
  ...claim(address, 'p', holder, { ...OF_POOL, ...(probe && { probe }) }),
  ...(status !== undefined && { status }),
})
const conflict = [
  { type: 'AddressConflict', status: 'True', reason: 'AddressInUse', message: '', lastTransitionTime: '2026-11-21T00:00:00Z' },
] as const
const owner = { node: 'n1', interface: 'eth0', epoch: 1, since: '2026-11-21T00:00:00Z' }
const showing = (...ingress: string[]): ServiceOptions => ({
  label: 'p',
  ingress,
  condition: { status: 'True', reason: 'Allocated', message: '' },
})

const ROWS: readonly { name: string; given?: ServiceOptions; facts: FactsOptions; want: string }[] = [
  { name: 'a new claim', facts: { eips: [pool()] }, want: 'claim 10.0.0.0 of p (free)' },
  {
    name: 'a claim that nobody asked about yet',
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's')] },
    want: 'nothing, refused AddressProbing',
  },
  {
    name: 'while a speaker asks',
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's', { phase: 'Probing' })] },
    want: 'nothing, refused AddressProbing',
  },
  {
    name: 'nobody answered',
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's', { phase: 'Active', owner })] },
    want: 'keep 10.0.0.0 of p',
  },
  {
    name: 'somebody answered: another address is claimed, and asked about in its turn',
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's', { phase: 'Probing', conditions: conflict })] },
    want: 'claim 10.0.0.1 of p (free)',
  },
  {
    name: 'the other address is held: the first one goes',
    facts: {
      eips: [pool()],
      claims: [held('10.0.0.0', 's', { phase: 'Probing', conditions: conflict }), held('10.0.0.1', 's')],
    },
    want: 'nothing, refused AddressProbing, drop 10.0.0.0',
  },
  {
    name: 'the Service asks for another address: the one on show stays until that is found free',
    given: { ...showing('10.0.0.0'), address: '10.0.0.2' },
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's', { phase: 'Active', owner }), held('10.0.0.2', 's')] },
    want: 'keep 10.0.0.0 of p, refused AddressProbing',
  },
  {
    name: 'and then goes',
    given: { ...showing('10.0.0.0'), address: '10.0.0.2' },
    facts: {
      eips: [pool()],
      claims: [held('10.0.0.0', 's', { phase: 'Active', owner }), held('10.0.0.2', 's', { phase: 'Active', owner })],
    },
    want: 'keep 10.0.0.2 of p, drop 10.0.0.0',
  },
  {
    name: 'an address that is on show is not taken away for a question',
    given: showing('10.0.0.0'),
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's')] },
    want: 'keep 10.0.0.0 of p',
  },
  {
    name: 'probing switched on later asks nothing about what is held',
    facts: { eips: [pool()], claims: [held('10.0.0.0', 's', undefined, false)] },
    want: 'keep 10.0.0.0 of p',
  },
  {
    name: 'by BGP there is nobody to ask',
    facts: { eips: [pool({ protocol: 'bgp' })], claims: [claim('10.0.0.0', 'p', 's', { probe: true, interface: 'eth0' })] },
    want: 'keep 10.0.0.0 of p',
  },
]

t.test('what a Service gets while the network is asked', async (t) => {
  for (const { name, given, facts: of, want } of ROWS) t.equal(brief(decide(facts(service('s', given), of))), want, name)
})

t.test('the claim says whether the network is to be asked', async (t) => {
  const claimed = (over: EipOptions, given?: ServiceOptions) => {
    const decision = decide(facts(service('s', given), { eips: [pool(over)] }))
    return decision.kind === 'claim' ? decision.spec.probe : brief(decision)
  }
  t.equal(claimed({}), true)
  t.equal(claimed({ probe: false }), undefined)
  t.equal(claimed({ protocol: 'bgp' }), undefined)
  t.equal(claimed({}, showing('10.0.0.1')), undefined, 'not for an address that the Service shows already')
})

t.test('a claim that is brought up to date keeps what it says about probing', async (t) => {
  const decision = decide(facts(service('s'), { eips: [pool({ interface: 'eth1' })], claims: [held('10.0.0.0', 's')] }))
  t.match(decision, { kind: 'amend', spec: { interface: 'eth1', probe: true } })
})
