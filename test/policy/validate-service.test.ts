import t from 'tap'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { validateService } from '../../src/policy/validate-service.ts'
import type { Verdict } from '../../src/policy/verdict.ts'
import { DEFAULT_EIP, pool, type ServiceOptions, serviceObject } from '../support/policy-objects.ts'

const EIP = 'eip.openelb.kubesphere.io/v1alpha2'
const IP = 'eip.openelb.kubesphere.io/v1alpha1'
const PROTOCOL = 'protocol.openelb.kubesphere.io/v1alpha1'
const FACTS = {
  settings: DEFAULT_SETTINGS,
  ownNamespace: 'openelb-system',
  pools: [
    pool('dflt', '10.251.0.160/30', { annotations: DEFAULT_EIP }),
    pool('p1', '10.251.0.150-10.251.0.152'),
    pool('off', { address: '10.251.0.180', disable: true }),
    pool('going', '10.251.0.190', { deleting: true }),
    pool('six', 'fd00::/120'),
  ],
} as const

const opted = (annotations: Record<string, string>, spec: ServiceOptions['spec'] = {}) =>
  serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': 'openelb', ...annotations }, spec })
const told = (verdict: Verdict): string => (verdict.allowed ? ['allowed', ...verdict.warnings].join(' | ') : verdict.message)

const TABLE = [
  { name: 'nothing asked for', given: opted({}), want: /^allowed$/ },
  { name: 'an Eip', given: opted({ [EIP]: 'p1' }), want: /^allowed$/ },
  { name: 'an Eip and an address of it', given: opted({ [EIP]: 'p1', [IP]: '10.251.0.152' }), want: /^allowed$/ },
  { name: 'loadBalancerIP in a pool', given: opted({}, { loadBalancerIP: '10.251.0.151' }), want: /^allowed$/ },
  {
    name: 'an address outside of the Eip',
    given: opted({ [EIP]: 'p1', [IP]: '10.251.0.200' }),
    want: /^the specified ip:10\.251\.0\.200 is beyond the range of eip\[p1:10\.251\.0\.150-10\.251\.0\.152\]: ask for/,
  },
  {
    name: 'loadBalancerIP outside of the Eip',
    given: opted({ [EIP]: 'p1' }, { loadBalancerIP: '10.251.0.200' }),
    want: /^the specified ip:10\.251\.0\.200 is beyond/,
  },
  {
    name: 'an address in no pool',
    given: opted({ [IP]: '10.251.0.200' }),
    want: /^allowed \| no Eip contains 10\.251\.0\.200: the Service gets it once one does$/,
  },
  { name: 'the protocol of the named Eip, as the webhook writes it', given: opted({ [EIP]: 'p1', [PROTOCOL]: 'bgp' }), want: /^allowed$/ },
  {
    name: 'a protocol beside an Eip that does not exist yet',
    given: opted({ [EIP]: 'nosuch', [PROTOCOL]: 'layer2' }),
    want: /^allowed \| Eip nosuch does not exist/,
  },
  {
    name: 'an Eip that does not exist',
    given: opted({ [EIP]: 'nosuch' }),
    want: /^allowed \| Eip nosuch does not exist: the Service gets an address once it does$/,
  },
  { name: 'a disabled Eip', given: opted({ [EIP]: 'off' }), want: /^allowed \| Eip off is disabled: / },
  { name: 'an address of a disabled Eip', given: opted({ [IP]: '10.251.0.180' }), want: /^allowed \| Eip off is disabled: / },
  { name: 'an Eip that goes', given: opted({ [EIP]: 'going' }), want: /^allowed \| Eip going is being deleted: / },
  {
    name: 'no address at all',
    given: opted({ [IP]: 'not-an-ip' }),
    want: /^eip\.openelb\.kubesphere\.io\/v1alpha1: "not-an-ip" is not an IP address .*: correct it/,
  },
  { name: 'a prefix for an address', given: opted({ [IP]: '10.251.0.161/32' }), want: /"10\.251\.0\.161\/32" is not an IP address/ },
  { name: 'a bad loadBalancerIP', given: opted({}, { loadBalancerIP: '256.1.1.1' }), want: /^spec\.loadBalancerIP: "256\.1\.1\.1" is not/ },
  { name: 'a bad Eip name', given: opted({ [EIP]: 'Not_A_Name' }), want: /is not the name of an Eip/ },
  { name: 'a bad protocol', given: opted({ [PROTOCOL]: 'arp' }), want: /"arp" is not a protocol \(bgp, layer2 or vip\)/ },
  {
    name: 'a protocol beside an Eip',
    given: opted({ [EIP]: 'p1', [PROTOCOL]: 'layer2' }),
    want: /^allowed \| the annotation protocol\..* is ignored because an Eip is named/,
  },
  {
    name: 'an Eip of the other family',
    given: opted({ [EIP]: 'six' }, { ipFamilies: ['IPv4'] }),
    want: /^service can't use different family eip: Eip six is IPv6 and the Service serves IPv4/,
  },
  { name: 'dual stack', given: opted({ [EIP]: 'six' }, { ipFamilies: ['IPv4', 'IPv6'] }), want: /^allowed$/ },
  {
    name: 'an address of the other family',
    given: opted({ [IP]: 'fd00::1' }, { ipFamilies: ['IPv4'] }),
    want: /^service can't use different family eip: fd00::1 is IPv6/,
  },
  { name: 'not ours', given: serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': 'x', [IP]: 'junk' } }), want: /^allowed$/ },
  { name: 'of a foreign class', given: opted({ [IP]: 'junk' }, { loadBalancerClass: 'example.com/x' }), want: /^allowed$/ },
  { name: 'adopted, with a bad address', given: serviceObject({ annotations: { [IP]: 'junk' } }), want: /"junk" is not an IP address/ },
  { name: 'a megabyte', given: opted({ [IP]: '1'.repeat(1_000_000) }), want: /too long for an IP address/ },
] as const

t.test('creation', async (t) => {
  for (const { name, given, want } of TABLE) {
    const message = told(validateService(given, undefined, FACTS))
    t.match(message, want, name)
    t.ok(message.length < 500, `${name}: not too long`)
  }
})

t.test('what is stored stays editable', async (t) => {
  const bad = opted({ [EIP]: 'p1', [IP]: '10.251.0.200' })
  const labelled = { ...bad, metadata: { ...bad.metadata, labels: { a: 'b' } } }
  t.equal(told(validateService(labelled, bad, FACTS)), 'allowed')
  t.match(told(validateService(bad, opted({ [EIP]: 'p1' }), FACTS)), /beyond the range/, 'a change that asks for it')
  t.match(told(validateService(bad, { ...bad, spec: { type: 'ClusterIP' } }, FACTS)), /beyond the range/, 'a change of type')
  t.equal(told(validateService({ ...bad, spec: { type: 'ClusterIP' } }, bad, FACTS)), 'allowed', 'away from it')
})
