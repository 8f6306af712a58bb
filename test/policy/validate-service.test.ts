import fc from 'fast-check'
import t from 'tap'
import { formatIp } from '../../src/addr/ip.ts'
import { parseAddressRange } from '../../src/addr/range.ts'
import { knownPools } from '../../src/policy/known-pools.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { type ServiceFacts, validateService } from '../../src/policy/validate-service.ts'
import { type Verdict, WARNING_LENGTH } from '../../src/policy/verdict.ts'
import { DEFAULT_EIP, pool, type ServiceOptions, serviceObject } from '../support/policy-objects.ts'

const EIP = 'eip.openelb.kubesphere.io/v1alpha2'
const IP = 'eip.openelb.kubesphere.io/v1alpha1'
const PROTOCOL = 'protocol.openelb.kubesphere.io/v1alpha1'
const DUAL = 'openelb.io/addresses'
const FACTS: ServiceFacts = {
  settings: DEFAULT_SETTINGS,
  ownNamespace: 'openelb-system',
  namespaceLabels: (name) => (name === 'unknown' ? undefined : { 'kubernetes.io/metadata.name': name }),
  nodeAt: (ip) => (formatIp(ip) === '10.251.2.11' ? 'n1' : undefined),
  pools: knownPools([
    pool('dflt', '10.251.0.160/30', { annotations: DEFAULT_EIP }),
    pool('p1', '10.251.0.150-10.251.0.152'),
    pool('off', { address: '10.251.0.180', disable: true }),
    pool('going', '10.251.0.190', { deleting: true }),
    pool('six', 'fd00::/120'),
    pool('dual', { address: '10.251.1.0/24', addresses: ['fd01::/120'], exclude: ['10.251.1.1'], avoidBuggyIPs: true }),
    pool('kept', {
      address: '10.251.2.0/24',
      reservations: [
        { address: '10.251.2.5', namespace: 'shop', name: 'web' },
        { address: '10.251.2.6', namespace: 'default', name: 'web' },
      ],
    }),
    pool('fenced', {
      address: '10.251.3.0/24',
      namespaces: ['shop'],
      enforceNamespaces: true,
      reservations: [{ address: '10.251.3.6', namespace: 'default', name: 'web' }],
    }),
    pool('shut', { address: '10.251.5.0/24', namespaces: ['shop'], enforceNamespaces: true }),
    pool('by-label', { address: '10.251.4.0/24', namespaceSelector: { team: 'a' }, enforceNamespaces: true }),
    pool('tiers', {
      address: '10.251.6.0/24',
      namespaces: ['default'],
      serviceSelector: { matchLabels: { tier: 'web' } },
      enforceNamespaces: true,
    }),
  ]),
}

const opted = (annotations: Record<string, string>, spec: ServiceOptions['spec'] = {}) =>
  serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': 'openelb', ...annotations }, spec })
const told = (verdict: Verdict): string => (verdict.allowed ? ['allowed', ...verdict.warnings].join(' | ') : verdict.message)

const TABLE: readonly { readonly name: string; readonly given: ReturnType<typeof serviceObject>; readonly want: RegExp }[] = [
  { name: 'nothing asked for', given: opted({}), want: /^allowed$/ },
  { name: 'an Eip', given: opted({ [EIP]: 'p1' }), want: /^allowed$/ },
  { name: 'what the allocator writes itself', given: opted({ 'openelb.io/decided-on': 'x' }), want: /^allowed$/ },
  {
    name: 'a misspelt key of ours',
    given: opted({ 'openelb.io/address': '10.251.0.151' }),
    want: /^allowed \| the annotation openelb\.io\/address is not one that OpenELB reads; there are openelb\.io\/addresses, .*, openelb\.io\/bgp-med$/,
  },
  {
    name: 'a misspelt key of the original',
    given: opted({ 'eip.openelb.kubesphere.io/v1alpha3': 'p1' }),
    want: /^allowed \| the annotation eip\.openelb\.kubesphere\.io\/v1alpha3 is not one that OpenELB reads; there are eip\.openelb/,
  },
  {
    name: 'how its addresses are announced',
    given: opted({
      'openelb.io/bgp-communities': '65000:1, large:65000:1:2,no-export',
      'openelb.io/bgp-peers': 'tor-1,tor-2',
      'openelb.io/bgp-local-pref': '200',
      'openelb.io/bgp-med': '0',
    }),
    want: /^allowed$/,
  },
  {
    name: 'a community that is none',
    given: opted({ 'openelb.io/bgp-communities': '65000:1,no-exprt' }),
    want: /^openelb\.io\/bgp-communities: "no-exprt" is no community: write 65000:1, /,
  },
  {
    name: 'a peer that can have no such name',
    given: opted({ 'openelb.io/bgp-peers': 'Tor 1' }),
    want: /^openelb\.io\/bgp-peers: "Tor 1" is no name: /,
  },
  {
    name: 'a MED that is too great',
    given: opted({ 'openelb.io/bgp-med': '4294967296' }),
    want: /^openelb\.io\/bgp-med: "4294967296" is no number: write 0 to 4294967295/,
  },
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
  {
    name: 'dual stack, and an Eip of one family',
    given: opted({ [EIP]: 'six' }, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' }),
    want: /^allowed \| Eip six has no IPv4 address: the Service gets IPv6 alone$/,
  },
  {
    name: 'both or none, and an Eip of one family',
    given: opted({ [EIP]: 'six' }, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }),
    want: /^service can't use different family eip: Eip six is IPv6 alone, and ipFamilyPolicy RequireDualStack .*; name two Eips joined by ","/,
  },
  {
    name: 'both or none, from two Eips',
    given: opted({ [EIP]: 'six,p1' }, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }),
    want: /^allowed$/,
  },
  {
    name: 'both or none, from one',
    given: opted({ [EIP]: 'dual' }, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }),
    want: /^allowed$/,
  },
  {
    name: 'both or none, and the second Eip comes later',
    given: opted({ [EIP]: 'six,later' }, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }),
    want: /^allowed \| Eip later does not exist: /,
  },
  {
    name: 'two Eips of the other family',
    given: opted({ [EIP]: 'p1,dflt' }, { ipFamilies: ['IPv6'] }),
    want: /: Eips p1, dflt are IPv4 and the Service serves IPv6/,
  },
  {
    name: 'one address of each family',
    given: opted({ [DUAL]: '10.251.1.9,fd01::9' }, { ipFamilies: ['IPv4', 'IPv6'] }),
    want: /^allowed$/,
  },
  { name: 'the same, of one Eip', given: opted({ [EIP]: 'dual', [DUAL]: 'fd01::9,10.251.1.9' }), want: /^allowed$/ },
  {
    name: 'one of them outside',
    given: opted({ [EIP]: 'dual', [DUAL]: '10.251.1.9,fd02::9' }),
    want: /^the specified ip:fd02::9 is beyond the range of eip\[dual:10\.251\.1\.0\/24,fd01::\/120\]/,
  },
  { name: 'an address of the second Eip', given: opted({ [EIP]: 'p1,dual', [IP]: '10.251.1.9' }), want: /^allowed$/ },
  {
    name: 'outside of an Eip, beside one that comes later',
    given: opted({ [EIP]: 'p1,later', [IP]: '10.251.1.9' }),
    want: /^allowed \| Eip later does not exist/,
  },
  {
    name: 'an excluded address',
    given: opted({ [IP]: '10.251.1.1' }),
    want: /^the specified ip:10\.251\.1\.1 of eip:dual is never given, by spec\.exclude: ask for another/,
  },
  { name: 'an edge', given: opted({ [IP]: '10.251.1.255' }), want: /is never given, by spec\.avoidBuggyIPs/ },
  {
    name: 'kept for another',
    given: opted({ [EIP]: 'kept', [IP]: '10.251.2.5' }),
    want: /^the specified ip:10\.251\.2\.5 of eip:kept is reserved for shop\/web: /,
  },
  { name: 'kept for it', given: opted({ [IP]: '10.251.2.6' }), want: /^allowed$/ },
  {
    name: 'an address of a node',
    given: opted({ [IP]: '10.251.2.11' }),
    want: /^the specified ip:10\.251\.2\.11 is an address of node n1: /,
  },
  { name: 'fenced, by name', given: opted({ [EIP]: 'shut' }), want: /^eip:shut is not for Services of the namespace default: / },
  { name: 'fenced, by address', given: opted({ [IP]: '10.251.3.5' }), want: /^eip:fenced is not for Services of the namespace default: / },
  {
    name: 'fenced, and bound',
    given: serviceObject({ namespace: 'shop', annotations: { [EIP]: 'fenced', [IP]: '10.251.3.5' } }),
    want: /^allowed$/,
  },
  { name: 'fenced, and kept for it', given: opted({ [EIP]: 'fenced', [IP]: '10.251.3.6' }), want: /^allowed$/ },
  { name: 'fenced, and another one is not', given: opted({ [EIP]: 'shut,p1' }), want: /^allowed$/ },
  {
    name: 'fenced by labels, which can come',
    given: opted({ [EIP]: 'by-label' }),
    want: /^allowed \| Eip by-label is fenced, and the namespace default lacks the labels/,
  },
  ...[{ [EIP]: 'tiers' }, { [IP]: '10.251.6.5' }, { [EIP]: 'shut,tiers' }].map((asked) => ({
    name: `fenced by labels of the Service: ${Object.values(asked)}`,
    given: opted(asked),
    want: /^allowed \| Eip tiers is fenced, and the Service lacks the labels of its serviceSelector: it gets an address once it has them$/,
  })),
  {
    name: 'fenced by labels of the Service, and it has them',
    given: serviceObject({ annotations: { [EIP]: 'tiers' }, labels: { tier: 'web' } }),
    want: /^allowed$/,
  },
  {
    name: 'fenced by labels of the Service, and the namespace is another one',
    given: serviceObject({ namespace: 'shop', annotations: { [EIP]: 'tiers' } }),
    want: /^eip:tiers is not for Services of the namespace shop: /,
  },
  {
    name: 'fenced, in a namespace that is not known yet',
    given: serviceObject({ namespace: 'unknown', annotations: { [IP]: '10.251.4.5' } }),
    want: /^allowed \| Eip by-label is fenced/,
  },
  {
    name: 'Local without a selector',
    given: opted({}, { externalTrafficPolicy: 'Local' }),
    want: /^allowed \| externalTrafficPolicy is Local and the Service has no selector/,
  },
  { name: 'Local with one', given: opted({}, { externalTrafficPolicy: 'Local', selector: { a: 'b' } }), want: /^allowed$/ },
  { name: 'a protocol alone', given: opted({ [PROTOCOL]: 'bgp' }), want: /^allowed \| the annotation protocol\..* is deprecated/ },
  {
    name: 'MetalLB, not read',
    given: opted({ 'metallb.io/loadBalancerIPs': 'junk' }),
    want: /^allowed \| the annotation metallb\.io\/loadBalancerIPs is not read: compat in ConfigMap openelb-config does not name metallb$/,
  },
  {
    name: 'a key that is too long',
    given: opted({ 'openelb.io/allow-shared-ip': 'k'.repeat(1_000_000) }),
    want: /is longer than 128 characters/,
  },
  { name: 'two addresses of one family', given: opted({ [DUAL]: '10.251.1.9,10.251.1.8' }), want: /is a second IPv4 address/ },
  ...['OpenELB', 'true', '', ' openelb', 'Enabled'].map((value) => ({
    name: `opting in by ${JSON.stringify(value)}`,
    given: serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': value } }),
    want: /^allowed \| the annotation lb\.kubesphere\.io\/v1alpha1 is ".*", which opts out: write "openelb", or remove it$/,
  })),
  ...['none', 'false', 'porter', 'my-own-lb'].map((value) => ({
    name: `opting out by ${value}`,
    given: serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': value } }),
    want: /^allowed$/,
  })),
  {
    name: 'an address of the other family',
    given: opted({ [IP]: 'fd00::1' }, { ipFamilies: ['IPv4'] }),
    want: /^service can't use different family eip: fd00::1 is IPv6/,
  },
  { name: 'not ours', given: serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': 'x', [IP]: 'junk' } }), want: /^allowed$/ },
  { name: 'of a foreign class', given: opted({ [IP]: 'junk' }, { loadBalancerClass: 'example.com/x' }), want: /^allowed$/ },
  { name: 'adopted, with a bad address', given: serviceObject({ annotations: { [IP]: 'junk' } }), want: /"junk" is not an IP address/ },
  { name: 'a megabyte', given: opted({ [IP]: '1'.repeat(1_000_000) }), want: /too long for an IP address/ },
]

t.test('creation', async (t) => {
  for (const { name, given, want } of TABLE) {
    const message = told(validateService(given, undefined, FACTS))
    t.match(message, want, name)
    t.ok(message.length < 500, `${name}: not too long`)
    for (const warning of message.split(' | ').slice(1)) t.ok(warning.length <= WARNING_LENGTH, `${name}: a warning that is not cut`)
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

t.test('of a change only what it adds is judged', async (t) => {
  const bad = opted({ [EIP]: 'p1', [IP]: '10.251.0.200' })
  const local = { ...bad, spec: { ...bad.spec, externalTrafficPolicy: 'Local' as const } }
  t.match(told(validateService(local, bad, FACTS)), /^allowed \| externalTrafficPolicy is Local[^|]*$/, 'its old fault is no reason')
  t.equal(told(validateService(bad, local, FACTS)), 'allowed')
  t.match(told(validateService(opted({ [EIP]: 'p1', [IP]: '10.251.0.201' }), bad, FACTS)), /beyond the range/, 'another fault is one')
  const late = opted({ [EIP]: 'later' })
  t.equal(told(validateService(opted({ [EIP]: 'later', a: 'b' }), late, FACTS)), 'allowed', 'a warning is said once')
  const near = (value: string) => serviceObject({ annotations: { 'lb.kubesphere.io/v1alpha1': value } })
  t.match(told(validateService(near('True'), near('openelb'), FACTS)), /which opts out/)
  t.equal(told(validateService({ ...near('True'), spec: { type: 'LoadBalancer', selector: { a: 'b' } } }, near('True'), FACTS)), 'allowed')
})

t.test('settings: what they exclude, and whose annotations they have read', async (t) => {
  const range = parseAddressRange('10.251.1.8/30')
  if (!range.ok) throw new Error(range.error.message)
  const settings = { ...DEFAULT_SETTINGS, compat: ['metallb', 'kube-vip'] as const, exclude: [range.value] }
  const asks = (annotations: Record<string, string>) => told(validateService(opted(annotations), undefined, { ...FACTS, settings }))
  t.match(asks({ [IP]: '10.251.1.9' }), /^the specified ip:10\.251\.1\.9 of eip:dual is never given, by the setting exclude: /)
  t.equal(asks({ 'metallb.io/loadBalancerIPs': '10.251.1.20,fd01::5' }), 'allowed')
  t.match(asks({ 'metallb.io/loadBalancerIPs': 'junk' }), /^metallb\.io\/loadBalancerIPs: "junk" is not an IP address/)
  const ignored = opted({ 'kube-vip.io/ignore': 'true', [IP]: 'junk' })
  t.equal(told(validateService(ignored, undefined, { ...FACTS, settings })), 'allowed', 'it opts out')
  t.match(told(validateService(opted({ [IP]: 'junk' }), ignored, { ...FACTS, settings })), /"junk" is not an IP address/, 'and no longer')
  t.match(asks({ 'metallb.io/address-pool': 'later' }), /^allowed \| Eip later does not exist/)
  t.match(asks({ 'kube-vip.io/loadbalancerIPs': '0.0.0.0' }), /^allowed \| .* is ignored because OpenELB asks no DHCP server/)
  t.match(
    asks({ [DUAL]: '10.251.1.20', 'kube-vip.io/loadbalancerIPs': '10.251.1.21' }),
    /^allowed \| the annotation kube-vip\.io\/loadbalancerIPs is ignored because/,
  )
})

t.test('any text in any annotation gives an answer of bounded length', async (t) => {
  const keys = fc.constantFrom(
    EIP,
    IP,
    PROTOCOL,
    DUAL,
    'openelb.io/allow-shared-ip',
    'metallb.io/loadBalancerIPs',
    'lb.kubesphere.io/v1alpha1',
  )
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string().map((unit) => unit.repeat(50_000)),
    fc.constantFrom('p1', 'six,p1', 'openelb'),
  )
  const result = fc.check(
    fc.property(fc.dictionary(keys, text), (annotations) => told(validateService(opted(annotations), undefined, FACTS)).length < 3000),
    { numRuns: 50 },
  )
  t.notOk(result.failed, String(fc.defaultReportMessage(result)))
})
