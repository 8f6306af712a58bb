import t from 'tap'
import type { EipSpec } from '../../src/api/eip.ts'
import { needsSerialAdmission, type OtherEip, toOtherEip, validateEip } from '../../src/policy/validate-eip.ts'
import type { Verdict } from '../../src/policy/verdict.ts'
import { DEFAULT_EIP, eipObject } from '../support/policy-objects.ts'

/** Everything before the cure, which is what OpenELB prints and people look for. */
const text = (verdict: Verdict): string =>
  verdict.allowed ? ['allowed', ...verdict.warnings].join(' | ') : (verdict.message.split(': ')[0] ?? '')
const OTHERS: readonly OtherEip[] = [
  toOtherEip(eipObject('e-range', '10.251.0.60-10.251.0.69')),
  toOtherEip(eipObject('e-single', '10.251.0.50')),
  toOtherEip(eipObject('broken', 'xxxx')),
]
const DEFAULT_OTHER = toOtherEip(eipObject('dflt', '10.9.0.0/24', { annotations: DEFAULT_EIP }))
const INTERFACE = 'if protocol is layer2 or vip, interface should not be empty'

const CREATE: readonly { readonly spec: string | (Partial<EipSpec> & { readonly address: string }); readonly want: string }[] = [
  ...[
    '',
    'xxxx',
    '10.251.0.130-10.251.0.120',
    '10.251.0.1-10.251.0.2-10.251.0.3',
    '10.251.0.120 - 10.251.0.121',
    ' 10.251.0.120',
    '10.251.0.120,10.251.0.121',
    '10.251.0.120/33',
    '10.251.0.120/255.255.255.252',
    '10.251.0.120-fd00:251::200',
    '256.1.1.1',
    '1.2.3.4-',
    '-1.2.3.4',
    '1.2.3.4/',
    '01.2.3.4',
    'fd00::/129',
    'fe80::1%eth0',
    'x'.repeat(1_000_000),
  ].map((spec) => ({ spec, want: 'invalid eip address format' })),
  ...['10.251.0.120', '10.251.0.120/32', '10.251.0.120/31', '10.251.0.121/29', '10.0.0.0/8', 'fd00::/64', 'fd00::1-fd00::1'].map(
    (spec) => ({ spec, want: spec === '10.0.0.0/8' ? 'eip address overlap with e-range' : 'allowed' }),
  ),
  { spec: '10.251.0.69-10.251.0.80', want: 'eip address overlap with e-range' },
  { spec: '10.251.0.50/32', want: 'eip address overlap with e-single' },
  { spec: '0.0.0.0/1', want: 'eip address overlap with e-range' },
  { spec: '0.0.0.0/0', want: 'eip address overlap with e-range' },
  { spec: { address: '10.251.0.120', protocol: 'layer2' }, want: INTERFACE },
  { spec: { address: '10.251.0.120', protocol: 'vip', interface: '' }, want: INTERFACE },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'nosuch0' }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'can_reach:10.251.0.1' }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'can_reach:gateway' }, want: 'spec.interface is not valid' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: ' eth0' }, want: 'spec.interface is not valid' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'a-link-with-a-long-name' }, want: 'spec.interface is not valid' },
  { spec: { address: '10.251.0.120', protocol: 'bgp', interface: 'eth0' }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'eth*,can_reach:10.251.0.1, bond0' }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interfaces: ['bond0', 'eth*'] }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'eth0', interfaces: ['bond0'] }, want: 'allowed' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interfaces: [] }, want: INTERFACE },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'eth[0-3]' }, want: 'spec.interface is not valid' },
  { spec: { address: '10.251.0.120', protocol: 'layer2', interfaces: ['eth0', 'eth 1'] }, want: 'spec.interfaces[1] is not valid' },
  {
    spec: { address: '10.251.0.120', protocol: 'layer2', interfaces: Array.from({ length: 16 }, (_, at) => `a-link-number-${at % 10}`) },
    want: 'allowed',
  },
  {
    spec: { address: '10.251.0.120', protocol: 'layer2', interface: 'e', interfaces: Array<string>(16).fill('a-link-of-name*') },
    want: 'spec.interface and spec.interfaces have 257 characters together',
  },
  { spec: { address: '10.251.0.120', nodeSelectors: [{}, { matchLabels: { rack: 'a' } }], probe: true }, want: 'allowed' },
  {
    spec: { address: '10.251.0.120', nodeSelectors: [{}, { matchExpressions: [{ key: 'rack', operator: 'In' }] }] },
    want: 'spec.nodeSelectors[1] is not valid',
  },
  { spec: { address: '10.251.0.120', preferredNodes: [{ weight: 100, selector: {} }] }, want: 'allowed' },
  {
    spec: {
      address: '10.251.0.120',
      preferredNodes: [{ weight: 1, selector: { matchExpressions: [{ key: 'rack', operator: 'Exists', values: ['a'] }] } }],
    },
    want: 'spec.preferredNodes[0].selector is not valid',
  },
  { spec: { address: '10.251.0.120', priority: -5, usingKnownIPs: true }, want: 'allowed' },
  { spec: '224.0.0.1', want: 'allowed' },
  { spec: { address: '10.0.0.1', addresses: ['fd00::/64', '10.0.1.0/24'] }, want: 'allowed' },
  { spec: { address: '10.0.0.1', addresses: ['10.251.0.40-10.251.0.50'] }, want: 'eip address overlap with e-single' },
  { spec: { address: '10.0.0.1', addresses: ['10.0.1.0/24', 'x'] }, want: 'spec.addresses[1] is not valid' },
  { spec: { address: '10.0.0.0/24', addresses: ['10.0.0.255'] }, want: 'spec.addresses[0] overlaps with spec.address' },
  { spec: { address: '10.0.0.1', addresses: ['10.0.1.0/24', '10.0.0.0/16'] }, want: 'spec.addresses[1] overlaps with spec.address' },
  { spec: { address: '10.0.0.1', addresses: ['10.0.1.0/24', '10.0.1.0'] }, want: 'spec.addresses[1] overlaps with spec.addresses[0]' },
  { spec: { address: '10.0.0.1', exclude: ['10.0.0.300'] }, want: 'spec.exclude[0] is not valid' },
  {
    spec: { address: '10.0.0.1', reservations: [{ address: '10.0.0.1/32', namespace: 'a', name: 'b' }] },
    want: 'spec.reservations[0].address is not valid',
  },
  {
    spec: { address: 'fd00::/64', reservations: ['fd00::1', 'fd00:0::0001'].map((address) => ({ address, namespace: 'a', name: 'b' })) },
    want: 'spec.reservations[1] keeps fd00::1, as spec.reservations[0] does',
  },
  { spec: { address: '10.0.0.1', namespaceSelector: { a: 1 } as never }, want: 'spec.namespaceSelector is not valid' },
  {
    spec: { address: '10.0.0.1', serviceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    want: 'spec.serviceSelector is not valid',
  },
  { spec: { address: '10.0.0.1', interface: 'eth0', addresses: ['fd00::1'], protocol: 'layer2' }, want: 'allowed' },
]

t.test('creation', async (t) => {
  for (const { spec, want } of CREATE) {
    t.equal(text(validateEip(eipObject('e', spec), undefined, OTHERS)), want, JSON.stringify(spec).slice(0, 80))
  }
  const named = (length: number) => text(validateEip(eipObject('e'.repeat(length), '10.0.0.1'), undefined, []))
  t.equal(named(63), 'allowed')
  t.equal(named(64), 'the name of the Eip has 64 characters')
  const whole = validateEip(eipObject('e', '10.251.0.50/32'), undefined, OTHERS)
  t.match(whole, { message: /no other Eip has \(that one has 10\.251\.0\.50\), / })
  const line = validateEip(eipObject('e', '10.0.0.1\n\u001b[31m'), undefined, [])
  t.match(line, { message: /^invalid eip address format: "10\.0\.0\.1\\n\\u001b\[31m" is not/ }, 'no raw control characters')
})

t.test('a second default', async (t) => {
  for (const value of ['true', 'TRUE', 'True']) {
    const eip = eipObject('e', '10.0.0.1', { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': value } })
    t.equal(text(validateEip(eip, undefined, [DEFAULT_OTHER])), 'already exists a default EIP', value)
    t.equal(text(validateEip(eip, undefined, OTHERS)), 'allowed')
    t.equal(text(validateEip(eip, eipObject('e', '10.0.0.1'), [DEFAULT_OTHER])), 'already exists a default EIP', `${value}, by a change`)
    t.equal(text(validateEip(eip, eip, [DEFAULT_OTHER])), 'allowed', 'it was the default before')
  }
  for (const value of ['yes', 'false', '']) {
    const eip = eipObject('e', '10.0.0.1', { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': value } })
    t.ok(validateEip(eip, undefined, [DEFAULT_OTHER]).allowed, value)
  }
})

t.test('changes', async (t) => {
  const before = eipObject('e', { address: '10.251.0.50', protocol: 'bgp' })
  const change = (spec: Partial<EipSpec>, from = before) => text(validateEip({ ...from, spec: { ...from.spec, ...spec } }, from, []))
  t.equal(change({ address: '10.251.0.51' }), 'the address field is not allowed to be modified')
  t.equal(change({ address: '10.251.0.50/32' }), 'the address field is not allowed to be modified', 'the same addresses, written otherwise')
  t.equal(change({ protocol: 'layer2' }), INTERFACE)
  t.equal(change({ protocol: 'layer2', interface: 'eth0', disable: true, priority: 7, namespaces: ['a'] }), 'allowed')
  t.equal(change({ protocol: 'layer2', interface: 'can_reach:x' }), 'spec.interface is not valid')
  const layer2 = eipObject('e', { address: '10.251.0.50', protocol: 'layer2', interface: 'eth0' })
  t.equal(change({ interface: '' }, layer2), INTERFACE)
  t.equal(change({ interface: '', interfaces: ['eth0'] }, layer2), 'allowed')
  t.equal(change({ interfaces: ['eth 0'] }, layer2), 'spec.interfaces[0] is not valid')
  t.equal(change({ nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] }, layer2), 'spec.nodeSelectors[0] is not valid')
  // These slipped in while the webhook was away.
  const noInterface = eipObject('e', { address: '10.251.0.50', protocol: 'layer2' })
  t.equal(change({ disable: true }, noInterface), 'allowed')
  t.equal(change({ interface: 'eth0' }, noInterface), 'allowed')
  const badAddress = eipObject('e', { address: 'xxxx' })
  t.equal(change({ disable: true }, badAddress), 'allowed')
  t.equal(change({ protocol: 'layer2' }, badAddress), 'allowed', 'its address is what must be mended, by another Eip')
  t.equal(change({ priority: 3 }, eipObject('e', { address: '10.0.0.1', protocol: 'layer2', interface: 'a link' })), 'allowed')
})

t.test('cures', async (t) => {
  const message = (verdict: Verdict) => (verdict.allowed ? '' : verdict.message)
  t.match(message(validateEip(eipObject('e', '10.0.0.9-10.0.0.1'), undefined, [])), /write 10\.0\.0\.1-10\.0\.0\.9/)
  t.match(message(validateEip(eipObject('e', '10.251.0.60'), undefined, OTHERS)), /or delete that Eip first/)
  const coming = OTHERS.map((other) => ({ ...other, pending: true }))
  t.match(message(validateEip(eipObject('e', '10.251.0.60'), undefined, coming)), /being stored at this moment; try again/)
  t.ok(message(validateEip(eipObject('e', 'x'.repeat(1_000_000)), undefined, [])).length < 400)
})

t.test('what must not pass one another', async (t) => {
  const plain = eipObject('e', '10.0.0.1')
  const dflt = eipObject('e', '10.0.0.1', { annotations: DEFAULT_EIP })
  t.ok(needsSerialAdmission(plain, undefined))
  t.ok(needsSerialAdmission(dflt, plain))
  t.notOk(needsSerialAdmission(dflt, dflt))
  t.notOk(needsSerialAdmission(plain, dflt))
})

t.test('changes of ranges', async (t) => {
  const before = eipObject('e', { address: '10.0.0.0/24', addresses: ['10.0.1.0/24'] })
  const change = (spec: Partial<EipSpec>, from = before) => {
    const eip = { ...from, spec: { ...from.spec, ...spec } }
    return `${needsSerialAdmission(eip, from) ? 'serial' : 'alone'} ${text(validateEip(eip, from, OTHERS))}`
  }
  t.equal(change({ addresses: ['10.0.1.0/24', 'fd00::/64'] }), 'serial allowed')
  t.equal(change({ addresses: ['10.0.1.0/23'] }), 'alone spec.addresses[0] overlaps with spec.address', '10.0.1.0/23 begins at 10.0.0.0')
  t.equal(change({ addresses: ['10.0.1.0/24', '10.251.0.60'] }), 'serial eip address overlap with e-range')
  t.equal(change({ addresses: ['10.0.1.0/25'] }), 'alone allowed', 'fewer addresses concern nobody else')
  t.equal(change({ addresses: [] }), 'alone allowed')
  t.equal(change({ addresses: ['10.0.1.0-10.0.1.255'] }), 'alone allowed', 'the same, written otherwise')
  t.equal(change({ exclude: ['10.0.0.1'] }), 'alone allowed')
  t.equal(change({ addresses: ['nonsense'] }), 'alone spec.addresses[0] is not valid')
  // These slipped in while the webhook was away.
  const overlapping = eipObject('e', { address: '10.251.0.50', addresses: ['10.0.1.0/24'] })
  t.equal(change({ disable: true }, overlapping), 'alone allowed')
  t.equal(change({ addresses: ['10.0.1.0/24', '10.0.2.0/24'] }, overlapping), 'serial allowed', 'what it takes in addition is free')
  t.equal(change({ addresses: ['10.0.1.0/24', '10.251.0.61'] }, overlapping), 'serial eip address overlap with e-range')
  const broken = eipObject('e', { address: '10.0.0.1', addresses: ['x'], exclude: ['y'] })
  t.equal(change({ disable: true }, broken), 'alone allowed')
  t.equal(change({ addresses: ['z'] }, broken), 'alone spec.addresses[0] is not valid', 'another fault')
  t.equal(change({ addresses: [], exclude: ['y'] }, broken), 'alone spec.exclude[0] is not valid', 'a fault that the first one hid')
  t.equal(change({ addresses: [], exclude: [] }, broken), 'alone allowed')
  const twice = eipObject('e', { address: '10.0.0.1', addresses: ['10.0.0.1'] })
  t.equal(change({ disable: true }, twice), 'alone allowed')
})

t.test('an Eip that is no pool speaks for its addresses all the same', async (t) => {
  const other = toOtherEip(eipObject('broken', { address: '10.0.0.1', protocol: 'layer2', addresses: ['x', '10.0.1.0/24'] }))
  t.equal(text(validateEip(eipObject('e', '10.0.1.7'), undefined, [other])), 'eip address overlap with broken')
  const many = toOtherEip(eipObject('many', { address: '10.0.0.1', addresses: Array.from({ length: 9 }, (_, at) => `10.0.1.${at}`) }))
  t.match(validateEip(eipObject('e', '10.0.1.7'), undefined, [many]), {
    message: /10\.0\.0\.1, 10\.0\.1\.0, 10\.0\.1\.1, 10\.0\.1\.2 and 6 more/,
  })
})
