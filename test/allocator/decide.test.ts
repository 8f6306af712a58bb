import t from 'tap'
import { decide } from '../../src/allocator/decide.ts'
import { LAYER2_NODE, OPT_IN, PROTOCOL } from '../../src/api/service-annotations.ts'
import { claim, type EipOptions, eip, type FactsOptions, facts, type ServiceOptions, service } from '../support/allocator-objects.ts'
import { brief } from '../support/decision-brief.ts'

const p1 = (over: EipOptions = {}) => eip('p1', '192.168.1.0/30', over)
const p2 = (over: EipOptions = {}) => eip('p2', '192.168.2.0/30', over)
const dflt = (over: EipOptions = {}) => eip('dflt', '192.168.9.0/30', { isDefault: true, ...over })
const condition = { status: 'True', reason: 'Allocated', message: '192.168.1.0 of Eip p1' } as const
const shown = { label: 'p1', ingress: ['192.168.1.0'], condition }

interface Row {
  readonly name: string
  readonly given?: ServiceOptions
  readonly facts?: FactsOptions
  readonly want: string
}

const full = ['192.168.1.0', '192.168.1.1', '192.168.1.2', '192.168.1.3'].map((address, at) => claim(address, 'p1', `x${at}`))

/** What we do and OpenELB does not, and every way to be refused. OpenELB's own cases are in contract.test.ts. */
const OURS: readonly Row[] = [
  {
    name: 'a full bound pool is followed by the next bound one',
    facts: { eips: [p1({ namespaces: ['default'] }), p2({ namespaces: ['default'], priority: 1 })], claims: full },
    want: 'claim 192.168.2.0 of p2 (free)',
  },
  {
    name: 'full bound pools never fall back to the default',
    facts: { eips: [p1({ namespaces: ['default'] }), dflt()], claims: full },
    want: 'nothing, refused PoolExhausted',
  },
  {
    name: 'a better pool does not move a held address',
    given: shown,
    facts: {
      eips: [p1({ priority: 9, namespaces: ['default'] }), p2({ namespaces: ['default'] })],
      claims: [claim('192.168.1.0', 'p1', 's')],
    },
    want: 'keep 192.168.1.0 of p1',
  },
  {
    name: 'a disabled pool keeps its holders',
    given: { eip: 'p1', ...shown },
    facts: { eips: [p1({ disable: true })], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'keep 192.168.1.0 of p1',
  },
  {
    name: 'a disabled pool gives nothing new',
    given: { eip: 'p1' },
    facts: { eips: [p1({ disable: true })] },
    want: 'nothing, refused PoolDisabled',
  },
  { name: 'a disabled default pool is none', facts: { eips: [dflt({ disable: true })] }, want: 'nothing, refused NoDefaultPool' },
  {
    name: 'an unmet wish keeps the old address',
    given: { eip: 'p1', label: 'p2', ingress: ['192.168.2.1'], condition },
    facts: { eips: [p1(), p2()], claims: [...full, claim('192.168.2.1', 'p2', 's')] },
    want: 'keep 192.168.2.1 of p2, refused PoolExhausted',
  },
  {
    name: 'an unreadable address keeps the old one',
    given: { address: 'not-an-ip', ...shown },
    facts: { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'keep 192.168.1.0 of p1, refused AddressInvalid',
  },
  {
    name: 'an unreadable address is never "any"',
    given: { address: '192.168.1.0/32' },
    facts: { eips: [dflt()] },
    want: 'nothing, refused AddressInvalid',
  },
  { name: 'an unreadable Eip name', given: { eip: 'A_B' }, facts: { eips: [dflt()] }, want: 'nothing, refused RequestInvalid' },
  {
    name: 'an address outside of the named Eip',
    given: { eip: 'p1', address: '192.168.2.1' },
    facts: { eips: [p1(), p2()] },
    want: 'nothing, refused AddressOutsidePool',
  },
  { name: 'an address in no Eip', given: { address: '10.0.0.1' }, facts: { eips: [p1()] }, want: 'nothing, refused AddressInNoPool' },
  {
    name: 'an address that is held',
    given: { address: '192.168.1.1' },
    facts: { eips: [p1()], claims: full },
    want: 'nothing, refused PortClash',
  },
  {
    name: 'a pool of the wrong family',
    given: { eip: 'six', ipFamilies: ['IPv4'] },
    facts: { eips: [eip('six', 'fd00::/126')] },
    want: 'nothing, refused FamilyMismatch',
  },
  {
    name: 'a pool whose addresses are all excluded is of the right family',
    given: { eip: 'p', ipFamilies: ['IPv4'] },
    facts: { eips: [eip('p', '10.0.0.0/30', { exclude: ['10.0.0.0/24'] })] },
    want: 'nothing, refused PoolExhausted',
  },
  {
    name: 'an address of the wrong family',
    given: { address: 'fd00::1', ipFamilies: ['IPv4'] },
    facts: { eips: [eip('six', 'fd00::/126')] },
    want: 'nothing, refused FamilyMismatch',
  },
  {
    name: 'an IPv6 address',
    given: { eip: 'six', ipFamilies: ['IPv6'] },
    facts: { eips: [eip('six', 'fd00::/126')] },
    want: 'claim fd00:: of six (free)',
  },
  {
    name: 'the protocol annotation filters',
    given: { annotations: { [PROTOCOL]: 'layer2' } },
    facts: { eips: [dflt()] },
    want: 'nothing, refused ProtocolMismatch',
  },
  {
    name: 'the protocol annotation is void beside a named Eip',
    given: { eip: 'p1', annotations: { [PROTOCOL]: 'layer2' } },
    facts: { eips: [p1()] },
    want: 'claim 192.168.1.0 of p1 (free)',
  },
  {
    name: 'an overlapping younger Eip gives nothing',
    given: { eip: 'young' },
    facts: { eips: [p1(), eip('young', '192.168.1.2-192.168.1.9', { created: '2026-02-01T00:00:00Z' })] },
    want: 'nothing, refused PoolOverlap',
  },
  {
    name: 'an Eip that cannot be read gives nothing',
    given: { eip: 'bad' },
    facts: { eips: [eip('bad', '1.2.3.4-')] },
    want: 'nothing, refused PoolInvalid',
  },
  {
    name: 'a layer2 Eip without interface gives nothing',
    given: { eip: 'bad' },
    facts: { eips: [eip('bad', '1.2.3.4', { protocol: 'layer2' })] },
    want: 'nothing, refused PoolInvalid',
  },
  {
    name: 'a deleting Eip gives nothing',
    given: { eip: 'p1' },
    facts: { eips: [p1({ deleting: true })] },
    want: 'nothing, refused PoolDeleted',
  },
  {
    name: 'its deleted Eip: the Service keeps its address',
    given: { eip: 'p1', ...shown },
    facts: { eips: [], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'keep 192.168.1.0 of p1, refused PoolDeleted',
  },
  {
    name: 'a deleted Eip comes back under another name and takes the claim back',
    given: shown,
    facts: { eips: [eip('again', '192.168.1.0/29')], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'amend 192.168.1.0 to again bgp -',
  },
  {
    name: 'a deleted Eip comes back with another range: who names it stays, as after a change of its ranges',
    given: { eip: 'p1', ...shown },
    facts: { eips: [eip('p1', '192.168.3.0/30')], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'keep 192.168.1.0 of p1',
  },
  {
    name: 'a deleted Eip comes back with another range: who names none stays',
    given: shown,
    facts: { eips: [eip('p1', '192.168.3.0/30')], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'keep 192.168.1.0 of p1',
  },
  {
    name: 'the protocol of the Eip changes: the claim follows',
    given: shown,
    facts: { eips: [p1({ protocol: 'layer2', interface: 'eth0' })], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'amend 192.168.1.0 to p1 layer2 eth0',
  },
  {
    name: 'the ports of the Service change: the claim follows',
    given: { ...shown, ports: [{ port: 443 }] },
    facts: { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'amend 192.168.1.0 to p1 bgp -',
  },
  {
    name: 'died in the middle of a move: the fitting one stays',
    given: { eip: 'p2', ...shown },
    facts: { eips: [p1(), p2()], claims: [claim('192.168.1.0', 'p1', 's'), claim('192.168.2.0', 'p2', 's')] },
    want: 'keep 192.168.2.0 of p2, drop 192.168.1.0',
  },
  {
    name: 'two fitting claims: the one on show stays',
    given: { label: 'p2', ingress: ['192.168.2.0'] },
    facts: { eips: [p1(), p2()], claims: [claim('192.168.1.0', 'p1', 's'), claim('192.168.2.0', 'p2', 's')] },
    want: 'keep 192.168.2.0 of p2, drop 192.168.1.0',
  },
  {
    name: 'reinstalled: the address on show is taken back',
    given: { ingress: ['192.168.9.2'] },
    facts: { eips: [dflt()] },
    want: 'claim 192.168.9.2 of dflt (status)',
  },
  {
    name: 'migrated from OpenELB, in a pool that is disabled by now',
    given: { eip: 'p1', label: 'p1', ingress: ['192.168.1.2'], finalizers: ['finalizer.lb.kubesphere.io/v1alpha1'] },
    facts: { eips: [p1({ disable: true })] },
    want: 'claim 192.168.1.2 of p1 (status)',
  },
  {
    name: "migrated from OpenELB, known only by the Eip's status",
    given: { eip: 'p1' },
    facts: { eips: [p1()], remembered: ['192.168.1.3'] },
    want: 'claim 192.168.1.3 of p1 (status)',
  },
  {
    name: 'the address on show was given to another meanwhile',
    given: { ingress: ['192.168.9.2'] },
    facts: { eips: [dflt()], claims: [claim('192.168.9.2', 'dflt', 'x')] },
    want: 'claim 192.168.9.0 of dflt (free)',
  },
  {
    name: 'the address on show is not the one asked for',
    given: { address: '192.168.9.1', ingress: ['192.168.9.2'] },
    facts: { eips: [dflt()] },
    want: 'claim 192.168.9.1 of dflt (request)',
  },
  {
    name: 'a bare Service is adopted by the default Eip',
    given: { optIn: false },
    facts: { eips: [dflt()] },
    want: 'claim 192.168.9.0 of dflt (free)',
  },
  {
    name: 'a bare Service in our own namespace is not',
    given: { optIn: false, namespace: 'openelb-system' },
    facts: { eips: [dflt()] },
    want: 'leave: protected-namespace',
  },
  {
    name: 'a bare Service that another program serves is not',
    given: { optIn: false, ingress: ['203.0.113.9'] },
    facts: { eips: [dflt()] },
    want: 'leave: served-by-another',
  },
  { name: 'a bare Service without a default Eip', given: { optIn: false }, facts: { eips: [p1()] }, want: 'leave: no-default-eip' },
  {
    name: 'a bare Service whose adoption stopped after the claim',
    given: { optIn: false },
    facts: { eips: [dflt()], claims: [claim('192.168.9.1', 'dflt', 's')] },
    want: 'keep 192.168.9.1 of dflt',
  },
  {
    name: 'a bare Service whose default Eip went away before its adoption was written is not opted out',
    given: { optIn: false },
    facts: { eips: [dflt({ disable: true })], claims: [claim('192.168.9.1', 'dflt', 's')] },
    want: 'release 192.168.9.1 leave ingress',
  },
  {
    name: "OpenELB's Service without annotations, after our claim",
    given: { optIn: false, label: 'dflt', ingress: ['192.168.9.1'] },
    facts: { eips: [dflt()], claims: [claim('192.168.9.1', 'dflt', 's')] },
    want: 'keep 192.168.9.1 of dflt',
  },
  {
    name: 'opted out',
    given: { optIn: 'none', ...shown },
    facts: { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] },
    want: 'release 192.168.1.0 clear',
  },
  { name: 'opted out, nothing of ours on it', given: { optIn: 'none' }, facts: { eips: [dflt()] }, want: 'leave: opted-out' },
  {
    name: 'a foreign class is left alone, label or not',
    given: { loadBalancerClass: 'example.com/other', label: 'p1', ingress: ['192.168.1.0'] },
    facts: { eips: [p1()] },
    want: 'leave: foreign-class',
  },
  {
    name: 'our class needs no annotation',
    given: { optIn: false, loadBalancerClass: 'openelb.io/openelb' },
    facts: { eips: [dflt()], adopt: 'class' },
    want: 'claim 192.168.9.0 of dflt (free)',
  },
  {
    name: 'a stricter setting takes nothing away',
    given: shown,
    facts: { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')], adopt: 'class' },
    want: 'keep 192.168.1.0 of p1',
  },
  { name: 'a stricter setting gives nothing new', facts: { eips: [dflt()], adopt: 'class' }, want: 'leave: not-opted-in' },
  { name: 'a Namespace that is not known yet', facts: { eips: [dflt()], labels: 'unknown' }, want: 'await namespace' },
  {
    name: 'a finalizer of OpenELB on a Service that is not ours',
    given: { type: 'ClusterIP', optIn: false, finalizers: ['finalizer.lb.kubesphere.io/v1alpha1'] },
    want: 'release  leave ingress',
  },
]

for (const { name, given, facts: with_, want } of OURS) {
  t.test(name, async (t) => {
    const decision = decide(facts(service('s', given), with_ ?? {}))
    t.equal(brief(decision), want)
  })
}

t.test('what an adopted Service is told', async (t) => {
  const claims = [claim('192.168.9.1', 'dflt', 's')]
  const settled = (eips: FactsOptions['eips'], given: ServiceOptions) => {
    const decision = decide(facts(service('s', given), { eips: eips ?? [], claims }))
    return decision.kind === 'settle' ? decision.desired.annotations : decision
  }
  t.same(settled([dflt()], { optIn: false }), { [OPT_IN]: 'openelb', 'eip.openelb.kubesphere.io/v1alpha2': 'dflt', [PROTOCOL]: 'bgp' })
  t.same(
    settled([dflt(), p1({ namespaces: ['default'] })], { optIn: false }),
    { [OPT_IN]: 'openelb' },
    'a bound namespace decides later on, too',
  )
  t.same(settled([dflt()], { optIn: false, address: '192.168.9.1' }), { [OPT_IN]: 'openelb' })
  t.same(settled([dflt()], {}), undefined, 'a Service that opts in keeps its annotations as written')
})

t.test('the owner of layer 2 is shown, and only there', async (t) => {
  const owned = (protocol: 'layer2' | 'bgp') => ({
    ...claim('192.168.1.0', 'p1', 's', { protocol, ...(protocol === 'layer2' && { interface: 'eth0' }) }),
    status: { owner: { node: 'n1', interface: 'eth0', epoch: 1, since: '2026-11-21T00:00:00Z' } },
  })
  const nodes = (protocol: 'layer2' | 'bgp') => {
    const eips = [p1({ protocol, ...(protocol === 'layer2' && { interface: 'eth0' }) })]
    const decision = decide(facts(service('s', shown), { eips, claims: [owned(protocol)] }))
    return decision.kind === 'settle' ? decision.desired.nodes : brief(decision)
  }
  t.equal(nodes('layer2'), 'n1')
  t.equal(nodes('bgp'), undefined)
  t.match(LAYER2_NODE, /^layer2\./)
})

t.test('the condition says why', async (t) => {
  const conditionOf = (given: ServiceOptions, with_: FactsOptions) => {
    const decision = decide(facts(service('s', given), with_))
    return decision.kind === 'settle' ? decision.desired.condition : decision
  }
  t.match(conditionOf({ eip: 'p1' }, { eips: [p1()], claims: full }), {
    status: 'False',
    reason: 'PoolExhausted',
    message: /^no avliable eip, err:no suitable ip to allocate: /,
  })
  t.match(conditionOf({ eip: 'p1', ...shown }, { claims: [claim('192.168.1.0', 'p1', 's')] }), {
    status: 'True',
    reason: 'PoolDeleted',
    message: /keeps 192\.168\.1\.0/,
  })
  t.match(conditionOf({ eip: 'no', ...shown }, { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] }), {
    status: 'False',
    reason: 'PoolNotFound',
    message: /until then the Service keeps 192\.168\.1\.0$/,
  })
  const contrary = { eip: 'p1', annotations: { [PROTOCOL]: 'layer2' }, ...shown }
  t.match(conditionOf(contrary, { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] }), {
    status: 'True',
    reason: 'Allocated',
    message: /^192\.168\.1\.0 of Eip p1; the annotation protocol.* is ignored/,
  })
  const agreeing = { eip: 'p1', annotations: { [PROTOCOL]: 'bgp' }, ...shown }
  t.match(conditionOf(agreeing, { eips: [p1()], claims: [claim('192.168.1.0', 'p1', 's')] }), { message: '192.168.1.0 of Eip p1' })
})
