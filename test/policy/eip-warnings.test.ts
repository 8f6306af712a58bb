import t from 'tap'
import type { EipSpec } from '../../src/api/eip.ts'
import { validateEipDelete } from '../../src/policy/eip-use.ts'
import { eipWarnings } from '../../src/policy/eip-warnings.ts'
import { readNodeNetwork } from '../../src/policy/node-network.ts'
import { namesUpTo, verdictOf, WARNING_LENGTH } from '../../src/policy/verdict.ts'
import { DEFAULT_EIP, type EipOptions, eipObject } from '../support/policy-objects.ts'

const LAYER2 = { protocol: 'layer2', interface: 'eth0' } as const
const node = (name: string, ...addresses: readonly string[]) =>
  readNodeNetwork({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { podCIDRs: ['10.244.1.0/24'] },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  })
const NODES = [node('n1', '10.1.0.11', 'fd00::11'), node('n2', '10.1.0.12')]

/** The warnings for a new layer 2 Eip with this spec. */
const about = (spec: Partial<EipSpec>, options: EipOptions = {}) =>
  eipWarnings(eipObject('e', { address: '10.9.0.0/24', ...LAYER2, ...spec }, options), undefined, NODES)

t.test('one warning for each thing that is probably not meant, and none for a plain Eip', async (t) => {
  t.same(about({}), [])
  t.same(about({ probe: true, nodeSelectors: [{}], preferredNodes: [{ weight: 1, selector: {} }], interfaces: ['eth*'] }), [])
  t.same(
    about({ addresses: ['fd01::/120'], exclude: ['10.9.0.1'], reservations: [{ address: '10.9.0.9', namespace: 'a', name: 'b' }] }),
    [],
  )
  const table: readonly (readonly [string, Partial<EipSpec>, RegExp, EipOptions?])[] = [
    ['vip', { protocol: 'vip' }, /^spec\.protocol is vip: its addresses are given .* does not announce them \(it announces layer2, bgp\)$/],
    ['bgp beside layer2', { bgp: { med: 1 } }, /^spec\.bgp has no effect with spec\.protocol layer2$/],
    ['bgp without an owner', { protocol: 'bgp', preferredNodes: [{ weight: 1, selector: {} }] }, /^spec\.preferredNodes has no effect/],
    ['multicast', { address: '224.0.0.1' }, /^spec\.address contains addresses of 224\.0\.0\.0\/4: they are multicast/],
    ['link-local', { addresses: ['fe80::1'] }, /^spec\.addresses\[0\] contains addresses of fe80::\/10/],
    [
      'a default that is none',
      {},
      /is "yes", so e is no default Eip: write "true"$/,
      { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': 'yes' } },
    ],
    [
      'a default that is not assigned',
      { autoAssign: false },
      /so e is no default Eip in spite of its annotation/,
      { annotations: DEFAULT_EIP },
    ],
    ['a deprecated field', { usingKnownIPs: true }, /^spec\.usingKnownIPs is deprecated and has no effect$/],
    ['no quota', { quota: { perNamespace: 0 } }, /^spec\.quota\.perNamespace is 0: no Service gets an address$/],
    ['a fence around nobody', { enforceNamespaces: true }, /^spec\.enforceNamespaces is true and the Eip is bound to no namespace/],
    [
      'a fence of labels alone',
      { enforceNamespaces: true, serviceSelector: { matchLabels: { tier: 'web' } } },
      /only spec\.serviceSelector binds the Eip: any namespace gets in/,
    ],
    ['a namespace twice', { namespaces: ['a', 'b', 'a', 'a'] }, /^spec\.namespaces repeats a$/],
    [
      'an exclusion of nothing',
      { exclude: ['10.8.0.1', '10.9.0.1'] },
      /^spec\.exclude takes nothing out by 10\.8\.0\.1: the Eip has no such address$/,
    ],
    [
      'a reservation elsewhere',
      { reservations: [{ address: '10.8.0.1', namespace: 'a', name: 'b' }] },
      /^spec\.reservations keep 10\.8\.0\.1, which no range/,
    ],
    [
      'a reservation of what is never given',
      { avoidBuggyIPs: true, reservations: [{ address: '10.9.0.255', namespace: 'a', name: 'b' }] },
      /^spec\.reservations keep 10\.9\.0\.255, which the Eip never gives/,
    ],
    ['nothing to give', { exclude: ['10.0.0.0/8'] }, /^the Eip gives no address at all/],
    [
      'addresses of nodes',
      { address: '10.1.0.10-10.1.0.20' },
      /^the Eip has addresses of nodes, which no Service gets: 10\.1\.0\.11 \(n1\), 10\.1\.0\.12 \(n2\); /,
    ],
    ['a likely gateway', { address: '10.1.0.250-10.1.0.254' }, /^the network of the nodes often has its gateway at 10\.1\.0\.254: if so/],
    ['addresses of Pods', { address: '10.244.0.0-10.244.1.5' }, /^the Eip has addresses of Pods \(spec\.podCIDRs of n1, n2\)$/],
  ]
  for (const [name, spec, want, options] of table) {
    const warnings = about(spec, options)
    t.equal(warnings.length, 1, `${name}: ${warnings.join(' | ')}`)
    t.match(warnings[0], want, name)
  }
  t.same(
    about({ address: '10.1.0.0/24', exclude: ['10.1.0.1', '10.1.0.11-10.1.0.12', '10.1.0.254'] }),
    [],
    'what is excluded is not warned of',
  )
  t.same(about({ protocol: 'bgp', nodeSelectors: [{}], bgp: { communities: ['no-export'] } }), [])
  t.same(eipWarnings(eipObject('e', 'x'), undefined, NODES), [], 'one that is no pool is refused, and has no warnings')
})

t.test('a warning is said when its reason appears, and not again', async (t) => {
  const plain = eipObject('e', { address: '10.9.0.0/24', ...LAYER2 })
  const deprecated = { ...plain, spec: { ...plain.spec, usingKnownIPs: true } }
  t.equal(eipWarnings(deprecated, plain, []).length, 1)
  t.equal(eipWarnings(deprecated, deprecated, []).length, 0)
  t.equal(eipWarnings({ ...deprecated, spec: { ...deprecated.spec, disable: true } }, deprecated, []).length, 0)
  t.equal(eipWarnings(plain, deprecated, []).length, 0)
})

t.test('addresses in use that leave the ranges are counted, and their Services named', async (t) => {
  const used = { '10.9.0.5': 'shop/web;shop/api', '10.9.1.7': 'shop/db', '10.9.1.8': 'a/b' }
  const before = { ...eipObject('e', { address: '10.9.0.0/24', addresses: ['10.9.1.0/24'], ...LAYER2 }), status: { usage: 3, used } }
  const change = (spec: Partial<EipSpec>) => eipWarnings({ ...before, spec: { ...before.spec, ...spec } }, before, [])
  t.same(change({}), [])
  t.match(change({ addresses: [] }), [
    /^2 addresses in use leave Eip e and stay assigned and announced until released \(spec\.onShrink evict would move their Services\)$/,
    /^Services whose addresses leave Eip e: a\/b, shop\/db$/,
  ])
  t.match(change({ exclude: ['10.9.0.5'] }), [/^1 address in use leaves Eip e and stays/, /leave Eip e: shop\/api, shop\/web$/])
  t.match(change({ exclude: ['10.9.0.5'], onShrink: 'evict' }), [
    /^1 address in use leaves Eip e, and with spec\.onShrink evict its Service moves now: /,
    /shop\/web$/,
  ])
  t.same(change({ addresses: ['10.9.1.0/25'] }), [], 'nobody holds one of those')
})

t.test('deletion', async (t) => {
  const eip = eipObject('e', '10.0.0.1')
  t.same(validateEipDelete(eip), { allowed: true, warnings: [] })
  const used = Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`10.0.0.${at}`, `shop/s${String(at).padStart(2, '0')}`]))
  t.match(validateEipDelete({ ...eip, status: { usage: 14, used } }), {
    allowed: true,
    warnings: [
      /^14 addresses of Eip e stay assigned and announced; /,
      /^Services with an address of Eip e: shop\/s00, .*, shop\/s09 and 4 more$/,
    ],
  })
  const one = validateEipDelete({ ...eip, status: { usage: 1, used: { '10.0.0.1': 'a/b' } } })
  t.match(one, { allowed: true, warnings: [/^1 address of Eip e stays assigned and announced; /, /: a\/b$/] })
  t.equal(validateEipDelete({ ...eip, status: { usage: 1 } }).allowed, true)
})

t.test('no warning is so long that the API server cuts it', async (t) => {
  const name = 'e'.repeat(63)
  const service = (at: number) => `${'n'.repeat(63)}/${'s'.repeat(60)}${at}`
  const used = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`fd00::${(at + 16).toString(16)}`, service(at + 10)]))
  const spec = {
    address: '10.9.0.0/24',
    namespaces: Array.from({ length: 40 }, (_, at) => `${'n'.repeat(61)}${10 + (at % 20)}`),
    exclude: Array.from(
      { length: 256 },
      (_, at) => `2001:db8:1111:2222:3333:4444:5555:${(4096 + at).toString(16)}-2001:db8:1111:2222:3333:4444:5555:ffff`,
    ),
    reservations: Array.from({ length: 99 }, (_, at) => ({
      address: `2001:db8:1111:2222:3333:4444:5555:${(4096 + at).toString(16)}`,
      namespace: 'a',
      name: 'b',
    })),
  }
  const nodes = Array.from({ length: 40 }, (_, at) => node(`${'w'.repeat(200)}${at}`, `10.9.0.${at + 10}`, `10.9.${at}.77`))
  const eip = {
    ...eipObject(name, spec, { annotations: { 'eip.openelb.kubesphere.io/is-default-eip': '"'.repeat(1000) } }),
    status: { usage: 20, used },
  }
  const gone = validateEipDelete(eip)
  const warnings = [...eipWarnings(eip, undefined, nodes), ...(gone.allowed ? gone.warnings : [])]
  t.ok(warnings.length > 7, `${warnings.length} warnings`)
  for (const warning of warnings) t.ok(warning.length <= WARNING_LENGTH, warning)
})

t.test('names up to a number and a length', async (t) => {
  const names = Array.from({ length: 12 }, (_, at) => `n${at}`)
  t.equal(namesUpTo([], 10), '')
  t.equal(namesUpTo(['abc', 'd'], 2), 'ab… and 1 more', 'one is always named')
  t.equal(namesUpTo(['a', 'b'], 100), 'a, b')
  t.equal(namesUpTo(names, 100), 'n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more')
  t.equal(namesUpTo(names, 10), 'n0, n1, n2 and 9 more')
})

t.test('findings: the first refusal decides, and a warning is said once', async (t) => {
  t.same(verdictOf([]), { allowed: true, warnings: [] })
  t.same(verdictOf([{ warn: 'a' }, { warn: 'b' }, { warn: 'a' }]), { allowed: true, warnings: ['a', 'b'] })
  t.same(verdictOf([{ warn: 'a' }, { refuse: 'no', cure: 'do' }, { refuse: 'other', cure: 'x' }]), { allowed: false, message: 'no: do' })
})

t.test('what has no effect with the protocol of the Eip is said', async (t) => {
  const preferredNodes = [{ weight: 1, selector: {} }]
  const [, ...vip] = about({ protocol: 'vip', probe: true, nodeSelectors: [{}], preferredNodes })
  t.same(vip, ['spec.probe has no effect with spec.protocol vip: only layer2 can ask the network'])
  const bgp = about({ protocol: 'bgp', probe: true, nodeSelectors: [{}], preferredNodes })
  t.same(bgp, [
    'spec.probe has no effect with spec.protocol bgp: only layer2 can ask the network',
    'spec.preferredNodes has no effect with spec.protocol bgp',
  ])
})
