import t from 'tap'
import { knownPools } from '../../src/policy/known-pools.ts'
import type { Pool } from '../../src/policy/pool.ts'
import { DEFAULT_SETTINGS } from '../../src/policy/settings.ts'
import { type AdmissionRequest, type PatchStep, readDeadline, readReview, writeReview } from '../../src/webhook/admission.ts'
import { reviewBgpConf } from '../../src/webhook/admit/bgp-conf.ts'
import { reviewBgpPeer } from '../../src/webhook/admit/bgp-peer.ts'
import { mutateService, reviewService, type ServiceReviewFacts } from '../../src/webhook/admit/service.ts'
import { readConfig, USAGE } from '../../src/webhook/config.ts'
import { DEFAULT_EIP, pool, type ServiceOptions, serviceObject } from '../support/policy-objects.ts'

const OPT_IN = 'lb.kubesphere.io/v1alpha1'
const EIP = 'eip.openelb.kubesphere.io/v1alpha2'
const IP = 'eip.openelb.kubesphere.io/v1alpha1'
const PROTOCOL = 'protocol.openelb.kubesphere.io/v1alpha1'
const FULL = { [OPT_IN]: 'openelb', [EIP]: 'eip-pool', [PROTOCOL]: 'layer2' }

const DEFAULT = pool(
  'eip-pool',
  { address: '10.251.0.240-10.251.0.250', protocol: 'layer2', interface: 'eth0' },
  { annotations: DEFAULT_EIP },
)
const DUAL = pool(
  'dual',
  { address: '10.8.0.0/28', addresses: ['fd00::/124'], protocol: 'layer2', interface: 'eth0' },
  { annotations: DEFAULT_EIP },
)
const BOUND = pool('bound', { address: '10.9.0.0/28', namespaces: ['bound'], namespaceSelector: { team: 'a' } })

type FactOptions = Partial<Omit<ServiceReviewFacts, 'pools'>> & { readonly pools?: readonly Pool[] }

const facts = ({ pools = [DEFAULT], ...over }: FactOptions = {}): ServiceReviewFacts => ({
  settings: DEFAULT_SETTINGS,
  pools: knownPools(pools),
  ownNamespace: 'openelb-system',
  nodeAt: () => undefined,
  primaryFamily: undefined,
  namespaceLabels: (name) => ({ 'kubernetes.io/metadata.name': name, ...(name === 'team-a' && { team: 'a' }) }),
  ...over,
})

const create = (object: unknown, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  uid: 'r',
  operation: 'CREATE',
  object,
  ...more,
})

/** The annotations of a Service after a patch of "add" steps (RFC 6902, RFC 6901). */
function patched(object: ReturnType<typeof serviceObject>, steps: readonly PatchStep[] | undefined): Record<string, string> | undefined {
  let annotations: Record<string, string> | undefined = object.metadata.annotations && { ...object.metadata.annotations }
  for (const { path, value } of steps ?? []) {
    const key = path.slice('/metadata/annotations/'.length).replaceAll('~1', '/').replaceAll('~0', '~')
    if (path === '/metadata/annotations') annotations = { ...(value as Record<string, string>) }
    else if (annotations === undefined) throw new Error('the API server refuses to add below what is not there')
    else annotations[key] = String(value)
  }
  return annotations
}

const TABLE: readonly {
  readonly name: string
  readonly given: ServiceOptions
  readonly facts?: FactOptions
  readonly want: unknown
}[] = [
  { name: 'a bare one', given: {}, want: FULL },
  { name: 'opted in', given: { annotations: { [OPT_IN]: 'openelb' } }, want: FULL },
  { name: 'with annotations of its own', given: { annotations: { 'a/b~c': '1' } }, want: { 'a/b~c': '1', ...FULL } },
  { name: 'complete', given: { annotations: { ...FULL, [EIP]: 'other' } }, want: { ...FULL, [EIP]: 'other' } },
  { name: 'an Eip of its own', given: { annotations: { [EIP]: 'other' } }, want: { [EIP]: 'other', [OPT_IN]: 'openelb' } },
  { name: 'an address of its own', given: { annotations: { [IP]: '10.0.0.1' } }, want: { [IP]: '10.0.0.1', [OPT_IN]: 'openelb' } },
  { name: 'loadBalancerIP', given: { spec: { loadBalancerIP: '10.0.0.1' } }, want: { [OPT_IN]: 'openelb' } },
  { name: 'an address that cannot be read', given: { annotations: { [IP]: 'junk' } }, want: { [IP]: 'junk', [OPT_IN]: 'openelb' } },
  { name: 'the same protocol', given: { annotations: { [PROTOCOL]: 'layer2' } }, want: FULL },
  { name: 'another protocol', given: { annotations: { [PROTOCOL]: 'bgp' } }, want: { [PROTOCOL]: 'bgp', [OPT_IN]: 'openelb' } },
  { name: 'another family', given: { spec: { ipFamilies: ['IPv6'] } }, want: { [OPT_IN]: 'openelb' } },
  { name: 'dual stack', given: { spec: { ipFamilies: ['IPv4', 'IPv6'] } }, want: FULL },
  { name: 'dual stack, the other family first', given: { spec: { ipFamilies: ['IPv6', 'IPv4'] } }, want: { [OPT_IN]: 'openelb' } },
  { name: 'both families or none', given: { spec: { ipFamilyPolicy: 'RequireDualStack' } }, want: { [OPT_IN]: 'openelb' } },
  {
    name: 'both families or none, from one Eip',
    given: { spec: { ipFamilyPolicy: 'RequireDualStack' } },
    facts: { pools: [DUAL] },
    want: { ...FULL, [EIP]: 'dual' },
  },
  { name: 'a cluster of the same family', given: {}, facts: { primaryFamily: 'IPv4' }, want: FULL },
  { name: 'a cluster of the other family', given: {}, facts: { primaryFamily: 'IPv6' }, want: { [OPT_IN]: 'openelb' } },
  {
    name: 'an Eip in the words of MetalLB',
    given: { annotations: { 'metallb.io/address-pool': 'p' } },
    facts: { settings: { ...DEFAULT_SETTINGS, compat: ['metallb'] } },
    want: { 'metallb.io/address-pool': 'p', [OPT_IN]: 'openelb' },
  },
  {
    name: 'the same, not read',
    given: { annotations: { 'metallb.io/address-pool': 'p' } },
    want: { 'metallb.io/address-pool': 'p', ...FULL },
  },
  { name: 'another value', given: { annotations: { [OPT_IN]: 'other' } }, want: { [OPT_IN]: 'other' } },
  { name: 'a foreign class', given: { spec: { loadBalancerClass: 'example.com/x' } }, want: undefined },
  { name: 'our class', given: { spec: { loadBalancerClass: 'openelb.io/openelb' } }, want: undefined },
  { name: 'ClusterIP', given: { spec: { type: 'ClusterIP' } }, want: undefined },
  { name: 'kube-system', given: { namespace: 'kube-system' }, want: undefined },
  { name: 'beside us', given: { namespace: 'openelb-system' }, want: undefined },
  { name: 'no default Eip', given: {}, facts: { pools: [BOUND] }, want: undefined },
  {
    name: 'no default Eip, opted in',
    given: { annotations: { [OPT_IN]: 'openelb' } },
    facts: { pools: [] },
    want: { [OPT_IN]: 'openelb' },
  },
  {
    name: 'as in 0.6',
    given: { annotations: { [OPT_IN]: 'openelb' } },
    facts: { settings: { ...DEFAULT_SETTINGS, adopt: 'annotated' } },
    want: { [OPT_IN]: 'openelb' },
  },
  { name: 'a namespace bound by name', given: { namespace: 'bound' }, facts: { pools: [DEFAULT, BOUND] }, want: { [OPT_IN]: 'openelb' } },
  { name: 'a namespace bound by label', given: { namespace: 'team-a' }, facts: { pools: [DEFAULT, BOUND] }, want: { [OPT_IN]: 'openelb' } },
  { name: 'another namespace', given: { namespace: 'team-b' }, facts: { pools: [DEFAULT, BOUND] }, want: FULL },
  {
    name: 'a bound pool that is disabled',
    given: { namespace: 'bound' },
    facts: { pools: [DEFAULT, { ...BOUND, disabled: true }] },
    want: FULL,
  },
  {
    name: 'a namespace that is not known yet, and a selector',
    given: { namespace: 'new' },
    facts: { pools: [DEFAULT, BOUND], namespaceLabels: () => undefined },
    want: { [OPT_IN]: 'openelb' },
  },
  { name: 'a namespace that is not known yet', given: { namespace: 'new' }, facts: { namespaceLabels: () => undefined }, want: FULL },
]

t.test('annotations that are filled in', async (t) => {
  for (const { name, given, facts: over, want } of TABLE) {
    const object = serviceObject(given)
    const answer = mutateService(create(object), facts(over))
    t.ok(answer.allowed, `${name}: never refused`)
    const annotations = patched(object, answer.patch)
    t.same(annotations, want, name)
    const again = { ...object, metadata: { ...object.metadata, ...(annotations && { annotations }) } }
    t.same(mutateService(create(again), facts(over)).patch ?? [], [], `${name}: asked again`)
  }
})

/** Older than DEFAULT, and in its way. */
const older = (spec: object = {}, options: object = {}) =>
  pool('older', { address: '10.251.0.248-10.251.1.10', ...spec }, { created: '2025-01-01T00:00:00Z', ...options })

t.test('an Eip that overlaps an older one, which only an absent webhook lets in, gives nothing and keeps nobody out', async (t) => {
  const filled = (pools: readonly Pool[], annotations?: Record<string, string>) => {
    const object = serviceObject(annotations === undefined ? {} : { annotations })
    return patched(object, mutateService(create(object), facts({ pools })).patch)
  }
  t.same(filled([DEFAULT, older()]), undefined, 'its being the default adopts nobody')
  t.same(filled([DEFAULT, older()], { [OPT_IN]: 'openelb' }), { [OPT_IN]: 'openelb' }, 'and it is not written as the default')
  t.same(filled([DEFAULT, older({}, { annotations: DEFAULT_EIP })]), { ...FULL, [EIP]: 'older', [PROTOCOL]: 'bgp' }, 'the older one is')
  const late = pool('late', { address: '10.251.0.250', namespaces: ['default'] }, { created: '2026-02-01T00:00:00Z' })
  t.same(filled([DEFAULT, late]), FULL, 'its binding counts for nothing')

  const review = (annotations: Record<string, string>, pools: readonly Pool[]) =>
    reviewService(create(serviceObject({ annotations: { [OPT_IN]: 'openelb', ...annotations } })), facts({ pools }))
  const fenced = pool(
    'fenced',
    { address: '10.251.0.240/28', namespaces: ['shop'], enforceNamespaces: true },
    { created: '2026-02-01T00:00:00Z' },
  )
  const excluding = pool('excluding', { address: '10.251.0.245', exclude: ['10.251.0.245'] }, { created: '2026-02-01T00:00:00Z' })
  t.same(
    review({ [IP]: '10.251.0.245' }, [fenced, excluding, DEFAULT]),
    { allowed: true, warnings: [] },
    'its fence and exclusions neither',
  )
  t.match(
    review({ [IP]: '10.251.0.245' }, [{ ...fenced, created: '2025-01-01T00:00:00Z' }, DEFAULT]),
    { allowed: false },
    'those of the older do',
  )
  t.same(
    review({ [EIP]: 'eip-pool' }, [DEFAULT, older()]),
    {
      allowed: true,
      warnings: ['Eip eip-pool overlaps older: the Service gets an address once one of the two is deleted'],
    },
    'whoever names it is told',
  )
  t.same(review({ [EIP]: 'older' }, [DEFAULT, older()]), { allowed: true, warnings: [] })
})

t.test('only when a Service becomes a LoadBalancer', async (t) => {
  const object = serviceObject()
  const update = (oldObject: unknown) => mutateService(create(object, { operation: 'UPDATE', oldObject }), facts()).patch ?? []
  t.same(update(object), [], 'it is one already')
  t.equal(update(serviceObject({ spec: { type: 'ClusterIP' } })).length, 1, 'it was a ClusterIP')
  t.same(update('junk'), [], 'nobody knows what it was')
  const going = { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  t.same(mutateService(create(going), facts()).patch ?? [], [], 'it is being deleted')
  t.same(mutateService(create(null, { operation: 'DELETE', oldObject: object }), facts()), { allowed: true, warnings: [] })
  const { namespace: _namespace, ...metadata } = object.metadata
  const late = mutateService(create({ ...object, metadata }, { namespace: 'kube-system' }), facts())
  t.same(late.patch ?? [], [], 'the namespace of the request counts where the object has none')
})

t.test('the validating side', async (t) => {
  const bad = serviceObject({ annotations: { [OPT_IN]: 'openelb', [IP]: 'junk' } })
  t.match(reviewService(create(bad), facts()), { allowed: false, message: /"junk" is not an IP address/ })
  t.ok(reviewService(create(bad, { operation: 'UPDATE', oldObject: bad }), facts()).allowed)
  t.ok(reviewService(create(null, { operation: 'DELETE', oldObject: bad }), facts()).allowed)
  t.match(reviewService(create({ metadata: { annotations: 7 } }), facts()), {
    allowed: false,
    message: /^the Service cannot be read: metadata\.annotations/,
  })
  const going = { ...bad, metadata: { ...bad.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  t.ok(reviewService(create(going), facts()).allowed)
})

t.test('BGP kinds', async (t) => {
  const object = (kind: string, spec: unknown) => ({
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind,
    metadata: { name: 'default' },
    spec,
  })
  t.match(reviewBgpConf(create(object('BgpConf', { as: 0 }))), { allowed: false, message: /^spec\.as is 0/ })
  t.match(reviewBgpConf(create(object('BgpConf', { as: 'x' }))), { allowed: false, message: /^the BgpConf cannot be read: spec\.as / })
  t.match(reviewBgpConf(create(object('BgpConf', undefined))), { allowed: true, warnings: [/spec\.as is missing/] })
  const same = object('BgpConf', { as: 0 })
  t.ok(reviewBgpConf(create(same, { operation: 'UPDATE', oldObject: same })).allowed)
  t.ok(reviewBgpConf(create(null, { operation: 'DELETE', oldObject: same })).allowed)
  t.match(reviewBgpPeer(create(object('BgpPeer', {})), []), { allowed: false, message: /^spec\.conf is missing/ })
  t.match(reviewBgpPeer(create(7), []), { allowed: false, message: /^the BgpPeer cannot be read/ })
  t.ok(reviewBgpPeer(create(null, { operation: 'DELETE' }), []).allowed)
})

t.test('reviews on the wire', async (t) => {
  const body = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'r-1', operation: 'CREATE', object: {}, oldObject: null },
  }
  const review = readReview(body)
  if (!review.ok) throw new Error(review.error)
  const write = (answer: Parameters<typeof writeReview>[1]) => writeReview(review.value, answer)
  const head = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }
  t.same(write({ allowed: true, warnings: [], patch: [] }), { ...head, response: { uid: 'r-1', allowed: true } })
  t.same(write({ allowed: true, warnings: ['w'] }), { ...head, response: { uid: 'r-1', allowed: true, warnings: ['w'] } })
  t.same(write({ allowed: false, message: 'no: why' }), {
    ...head,
    response: { uid: 'r-1', allowed: false, status: { code: 403, reason: 'Forbidden', message: 'no: why' } },
  })
  const steps = [{ op: 'add', path: '/metadata/annotations', value: FULL }] as const
  t.match(write({ allowed: true, warnings: [], patch: steps }), {
    response: { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(steps)).toString('base64') },
  })
  const sentence = (value: unknown) => {
    const read = readReview(value)
    return read.ok ? 'ok' : read.error
  }
  t.equal(sentence({ ...body, apiVersion: 'admission.k8s.io/v1beta1' }), 'ok')
  t.match(sentence(undefined), /^this is no AdmissionReview/)
  t.match(sentence({ ...body, apiVersion: 'v1' }), /apiVersion/)
  t.match(sentence({ ...body, request: { ...body.request, uid: '' } }), /request\.uid/)
  t.match(sentence({ ...body, request: { ...body.request, operation: 'PATCH' } }), /request\.operation/)
  for (const [timeout, budgetMs] of [
    ['5s', 4000],
    ['500ms', 400],
    ['1s', 800],
    [undefined, 8000],
    ['soon', 8000],
    ['10ms', 100],
  ] as const) {
    t.equal(readDeadline(timeout).budgetMs, budgetMs, String(timeout))
  }
})

t.test('the command line', async (t) => {
  const read = (argv: readonly string[], env = {}) => {
    const config = readConfig(argv, env)
    return config.ok ? config.value : config.error
  }
  t.match(read([]), {
    kind: 'run',
    namespace: 'openelb-system',
    podName: '',
    metricsAddress: { port: 50054 },
    flags: { 'webhook-port': 9443 },
    warnings: [],
  })
  t.match(read(['--webhook-port=1', '--metrics-addr=0'], { OPENELB_NAMESPACE: 'elb', POD_NAME: 'p' }), {
    namespace: 'elb',
    podName: 'p',
    metricsAddress: undefined,
  })
  t.match(read(['--webhook-cert-dir=/x', '--leader-elect', '--v=4']), { warnings: [/webhook-cert-dir/, /leader-elect/, /--v/] })
  t.match(read(['--adopt=class', '--compat=kube-vip,metallb']), { unset: { adopt: 'class', compat: ['metallb', 'kube-vip'], exclude: [] } })
  t.match(read(['--adopt=all']), /--adopt=all.*default-eip, annotated or class|--adopt/)
  t.equal(read(['--compat=cilium']), '--compat is "cilium"; it may name metallb and kube-vip, separated by commas')
  t.match(read(['--webhok-port=1']), /--webhok-port.*--webhook-port/)
  t.match(read(['--metrics-addr=x']), /--metrics-addr/)
  t.match(read(['--webhook-port=70000']), /--webhook-port=70000/)
  t.match(read(['serve']), /"serve" is not expected/)
  t.same(read(['version']), { kind: 'print', text: 'version' })
  t.same(read(['--help']), { kind: 'print', text: 'help' })
  t.match(USAGE, /--drain-time/)
})
