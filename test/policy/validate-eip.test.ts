import t from 'tap'
import type { EipSpec } from '../../src/api/eip.ts'
import { needsSerialAdmission, type OtherEip, toOtherEip, validateEip, validateEipDelete } from '../../src/policy/validate-eip.ts'
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
  { spec: { address: '10.251.0.120', priority: -5, usingKnownIPs: true }, want: 'allowed' },
  {
    spec: '224.0.0.1',
    want: 'allowed | spec.address contains addresses of 224.0.0.0/4: they are multicast addresses, so no client reaches a Service by them',
  },
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

t.test('a default annotation that says neither true nor false', async (t) => {
  const eip = (value: string) => eipObject('e', '10.0.0.1', { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': value } })
  const said = 'allowed | the annotation eip.openelb.kubesphere.io/is-default-eip is "yes", so e is no default Eip: write "true"'
  t.equal(text(validateEip(eip('yes'), undefined, [])), said)
  t.equal(text(validateEip(eip('yes'), eip('true'), [])), said)
  t.equal(text(validateEip(eip('yes'), eip('yes'), [])), 'allowed', 'said once')
  for (const value of ['', 'FALSE', 'true']) t.equal(text(validateEip(eip(value), undefined, [])), 'allowed', value)
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

t.test('deletion', async (t) => {
  t.same(validateEipDelete(eipObject('e', '10.0.0.1')), { allowed: true, warnings: [] })
  const verdict = validateEipDelete({ ...eipObject('e', '10.0.0.1'), status: { usage: 2 } })
  t.match(verdict, { allowed: true, warnings: [/^2 addresses of Eip e stay assigned and announced; /] })
  const one = validateEipDelete({ ...eipObject('e', '10.0.0.1'), status: { usage: 1 } })
  t.match(one, { allowed: true, warnings: [/^1 address of Eip e stays assigned and announced; /] })
})
