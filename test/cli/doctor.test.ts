import t from 'tap'
import { issueCertificates } from '../../certgen/certificates.ts'
import type { KubernetesObject } from '../../src/api/core-objects.ts'
import { KINDS } from '../../src/api/kinds.ts'
import { EIP_NAME, OPT_IN } from '../../src/api/service-annotations.ts'
import { fieldPaths } from '../../src/cli/doctor/check-api.ts'
import { auditLedger } from '../../src/cli/doctor/check-ledger.ts'
import { readKubeProxy } from '../../src/cli/doctor/check-network.ts'
import { someOf } from '../../src/cli/doctor/finding.ts'
import { doctor } from '../../src/cli/verbs/doctor.ts'
import type { CustomResourceDefinitionObject, WebhookConfigurationObject } from '../../src/cli/workload-objects.ts'
import { type FakeOptions, fakeCluster, NOW_MS, runVerb } from './support/fake-cluster.ts'
import { claim, condition, configMap, daemonSet, deployment, eip, lease, meta, node, OWN, service, workloads } from './support/objects.ts'

const DAY_MS = 86_400_000
const HOST = 'openelb-admission.openelb-system.svc'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

type Issued = Awaited<ReturnType<typeof issueCertificates>>
const issue = (agedMs: number, lifetimeMs: number, host = HOST): Promise<Issued> =>
  issueCertificates({ hosts: [host], nowMs: NOW_MS - agedMs, lifetimeMs })
const good = await issue(DAY_MS, 90 * DAY_MS)

const secret = ({ ca, cert, key }: Issued): KubernetesObject & { data: Record<string, string> } => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta('openelb-admission', OWN),
  data: { ca: base64(ca), cert: base64(cert), key: base64(key) },
})
const configuration = (kind: string, ca: string | undefined): WebhookConfigurationObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind,
  metadata: meta('openelb-admission'),
  webhooks: [
    {
      name: `of.${kind.toLowerCase()}`,
      clientConfig: { ...(ca !== undefined && { caBundle: base64(ca) }), service: { namespace: OWN, name: 'openelb-admission' } },
    },
  ],
})
const configurations = (ca: string | undefined) =>
  ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map((kind) => configuration(kind, ca))

type Definition = CustomResourceDefinitionObject
const definitions = KINDS.map((kind) => ({
  ...(kind.crd() as Definition),
  metadata: meta(kind.crdName),
  status: { conditions: [{ type: 'Established', status: 'True' }] },
})) as readonly Definition[]

const healthy: readonly KubernetesObject[] = [
  ...definitions,
  ...workloads,
  lease('controller-1', '2026-11-21T00:00:58Z'),
  secret(good),
  ...configurations(good.ca),
  eip('pool', '10.0.0.0/29'),
  claim('10.0.0.2', 'a', { owner: 'n1' }),
  service('a', { shows: ['10.0.0.2'] }),
  node('n1', '192.168.0.1'),
]
const without = (...kinds: string[]): readonly KubernetesObject[] =>
  healthy.filter(({ kind, metadata }) => !kinds.includes(kind) && !kinds.includes(metadata.name))

async function examine(objects: readonly KubernetesObject[], options: FakeOptions = {}) {
  const cluster = fakeCluster({ objects, ...options })
  return { ...(await runVerb(doctor, [], cluster)), cluster }
}

t.test('a healthy cluster has nothing but OK', async (t) => {
  const { out, code, cluster } = await examine(healthy)
  t.equal(code, 0, out)
  t.match(out, /\n\n\d+ OK, 0 WARN, 0 FAIL\n$/)
  for (const check of [
    'api server',
    'kinds',
    'your rights',
    'allocator',
    'webhook',
    'speaker',
    'leader',
    'webhooks',
    'certificate',
    'settings',
    'kube-proxy',
    'pools',
    'ledger',
    'services',
  ]) {
    t.match(out, new RegExp(`^OK {4}${check} `, 'm'))
  }
  t.equal(cluster.waitedMs, 0, 'nothing to look at twice')
  t.match(JSON.parse((await runVerb(doctor, ['-o', 'json'], fakeCluster({ objects: healthy }))).out), {
    healthy: true,
    checks: [{ level: 'OK', check: 'api server' }],
  })
  t.match(await runVerb(doctor, ['x'], fakeCluster()), { code: 2 })
})

t.test('no API server is one finding', async (t) => {
  const { out, code } = await examine([], { away: true })
  t.equal(code, 1)
  t.match(out, /^FAIL {2}api server {3}the API server cannot be reached: connect ECONNREFUSED;.*\n\n0 OK, 0 WARN, 1 FAIL\n$/)
})

t.test('an empty cluster lacks everything, and each line has its cure', async (t) => {
  const { out, code } = await examine([])
  t.equal(code, 1)
  for (const lacks of [
    /kinds +eips\.network\.kubesphere\.io is not installed/,
    /allocator +it is not installed in openelb-system/,
    /leader +no leader/,
    /webhooks +a webhook configuration openelb-admission is missing/,
    /pools +there is no Eip/,
  ])
    t.match(out, lacks)
  t.match(out, /-> kubectl apply -f deploy\/openelb\.yaml/)
})

const [old, ...others] = definitions
const changed = (change: (version: Definition['spec']['versions'][number]) => object): readonly KubernetesObject[] => [
  ...without('CustomResourceDefinition'),
  ...others,
  ...(old === undefined ? [] : [{ ...old, spec: { ...old.spec, versions: old.spec.versions.map(change) } } as KubernetesObject]),
]

t.test('the kinds of another version are found by their fields', async (t) => {
  const withField = { openAPIV3Schema: { type: 'object', properties: { spec: { properties: { novel: {} } } } } }
  t.match(
    (await examine(changed((version) => ({ ...version, schema: withField })))).out,
    /FAIL {2}kinds +bgpconfs\.network\.kubesphere\.io is of an older version: it lacks apiVersion, .* and \d+ more\n +-> kubectl apply/,
  )
  const merged = (version: Definition['spec']['versions'][number]) => {
    const schema = version.schema?.openAPIV3Schema as { properties: Record<string, unknown> }
    return {
      ...version,
      schema: { openAPIV3Schema: { ...schema, properties: { ...schema.properties, novel: { items: { properties: { x: {} } } } } } },
    }
  }
  t.match((await examine(changed(merged))).out, /WARN {2}kinds +bgpconfs.* newer version than this program: it has novel, novel\[\]\.x\n/)
  t.match((await examine(changed((version) => ({ ...version, served: false })))).out, /does not serve and store v1alpha2/)
  const unborn = [...without('CustomResourceDefinition'), ...definitions.map(({ status: _, ...rest }) => rest as KubernetesObject)]
  t.match((await examine(unborn)).out, /eips\.network\.kubesphere\.io is not established/)
  t.same(
    [...fieldPaths({ properties: { metadata: { properties: { a: {} } }, a: { additionalProperties: { properties: { b: {} } } } } })],
    ['a', 'a.*.b'],
  )
  t.match((await examine(healthy, { version: 'v1.29.3' })).out, /FAIL {2}api server +it is v1\.29\.3\n +-> OpenELB needs v1\.30/)
})

t.test('what you may not do is a warning with the commands that need it', async (t) => {
  const forbidden = [
    'secrets',
    'nodes',
    'customresourcedefinitions.apiextensions.k8s.io',
    'configmaps',
    'leases.coordination.k8s.io',
    'validatingwebhookconfigurations.admissionregistration.k8s.io',
    'deployments.apps',
  ]
  const { out, code } = await examine(healthy, { forbidden })
  t.equal(code, 0, out)
  t.match(out, /WARN {2}your rights {2}you may not get secrets openelb-admission in openelb-system, which status, doctor need\n/)
  t.match(out, /you may not list nodes, which explain, whatif, doctor need/)
  for (const unknown of [
    /kinds +eips.*: you may not read it/,
    /leader +it is unknown/,
    /webhooks +their configurations are unknown/,
    /allocator +its state is unknown/,
    /settings +they are unknown/,
    /kube-proxy +its mode is unknown/,
    /pools +whether they contain addresses of nodes is unknown/,
  ])
    t.match(out, unknown)
  const blind = await examine(healthy, { forbidden: ['services'] })
  t.match(blind, { code: 1, out: /FAIL {2}addresses +services is forbidden/ })
  t.match((await examine(healthy, { forbidden: ['secrets'] })).out, /WARN {2}certificate +Secret openelb-admission is unknown/)
})

t.test('processes: how many are ready', async (t) => {
  const { out, code } = await examine([
    ...without('Deployment', 'DaemonSet'),
    deployment('openelb-controller', 1, 2),
    deployment('openelb-admission', 0, 2),
    daemonSet(0, 0),
  ])
  t.equal(code, 1)
  t.match(out, /WARN {2}allocator +1\/2 of its Pods are ready\n +-> kubectl -n openelb-system get pods -l component=controller/)
  t.match(out, /FAIL {2}webhook +none of its Pods is ready/)
  t.match(out, /WARN {2}speaker +it has no Pods/)
})

t.test('a Lease that looks stale gets a second look', async (t) => {
  const stale = [...without('Lease'), lease('controller-1', '2026-11-20T23:00:00Z')]
  const dead = await examine(stale)
  t.match(dead, {
    code: 1,
    out: /FAIL {2}leader +no leader: controller-1 renewed its Lease 61m ago: addresses that are given stay/,
    cluster: { waitedMs: 3000 },
  })
  const objects = [...stale]
  let reads = 0
  const renewing = await examine(objects, {
    objects,
    beforeRead: (resource) => {
      if (resource === 'leases.coordination.k8s.io' && ++reads === 2)
        objects.splice(
          objects.findIndex(({ kind }) => kind === 'Lease'),
          1,
          lease('controller-1', '2026-11-20T23:00:02Z'),
        )
    },
  })
  t.match(renewing, {
    code: 0,
    out: /WARN {2}leader +controller-1 leads; its clock and that of this machine are about 61m apart\n +-> set the clocks/,
  })
})

t.test('the certificate that is served must be trusted and young', async (t) => {
  const other = await issue(DAY_MS, 90 * DAY_MS)
  const withSecret = (of: Issued, ca: string | undefined = of.ca) => [
    ...without('Secret', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'),
    secret(of),
    ...configurations(ca),
  ]
  t.match(
    (await examine(withSecret(good, other.ca))).out,
    /FAIL {2}webhooks +MutatingWebhookConfiguration of\.mutatingwebhookconfiguration does not trust the certificate that is served: its certificate was issued by/,
  )
  t.match(
    (await examine([...without('MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'), ...configurations(undefined)])).out,
    /of\.mutatingwebhookconfiguration, of\.validatingwebhookconfiguration have no caBundle/,
  )
  t.match(
    (await examine(withSecret(await issue(DAY_MS, 90 * DAY_MS, 'elsewhere')))).out,
    /lacks the names openelb-admission\.openelb-system\.svc/,
  )
  t.match(
    (await examine(withSecret(await issue(80 * DAY_MS, 90 * DAY_MS)))).out,
    /WARN {2}certificate +it ends in 10d and was not renewed in time/,
  )
  t.match(
    (await examine(withSecret(await issue(91 * DAY_MS, 90 * DAY_MS)))).out,
    /FAIL {2}certificate +Secret openelb-admission: its certificate expired at/,
  )
  t.match((await examine(without('Secret'))).out, /FAIL {2}certificate +Secret openelb-admission does not exist/)
})

t.test('pools: what gives nothing, and what should not be given', async (t) => {
  const objects = [
    ...without('Eip', 'Node'),
    eip('pool', '10.0.0.2', { created: '2026-01-01T00:00:00Z' }),
    eip('twin', '10.0.0.0/30'),
    eip('bad', 'nonsense'),
    eip('far', '10.9.0.0/24', { protocol: 'vip' }),
    eip('new', '10.8.0.0/24', { conditions: [] }),
    eip('sick', '10.7.0.0/24', { conditions: [condition('Ready', 'False', 'Other', 'is sick')] }),
    node('n1', '10.8.0.9'),
    node('n2', 'not-an-address'),
  ]
  const { out, code } = await examine(objects)
  t.equal(code, 1)
  t.match(out, /FAIL {2}pools +Eip twin overlaps with the older pool and gives nothing/)
  t.match(out, /FAIL {2}pools +Eip bad: invalid eip address format/)
  t.match(out, /WARN {2}pools +Eip far: no speaker announces vip yet/)
  t.match(out, /WARN {2}pools +the allocator has not seen Eip new yet/)
  t.match(out, /FAIL {2}pools +Eip sick: is sick/)
  t.match(out, /WARN {2}pools +Eip pool has given all it has \(1\), and no Service waits/)
  t.match(out, /WARN {2}pools +Eip new contains 10\.8\.0\.9 of node n1\n +-> name them in spec\.exclude/)
})

t.test('services: who waits, and who opted out by a slip', async (t) => {
  const annotated = (name: string, value: string) => service(name, { annotations: { [OPT_IN]: value } })
  const objects = [
    ...healthy,
    service('w', { waits: ['PoolExhausted', 'no room'] }),
    annotated('caps', 'OpenELB'),
    annotated('empty', ''),
    annotated('yes', 'true'),
    annotated('out', 'none'),
    annotated('other', 'metallb'),
  ]
  const { out, code } = await examine(objects)
  t.equal(code, 0)
  t.match(out, /WARN {2}services +default\/w waits: PoolExhausted: no room\n +-> openelb explain service default\/w/)
  for (const [name, value] of [
    ['caps', 'OpenELB'],
    ['empty', ''],
    ['yes', 'true'],
  ])
    t.match(out, `default/${name} has the annotation ${OPT_IN}: "${value}", which opts out`)
  for (const name of ['out', 'other']) t.notMatch(out, `default/${name} has`)
})

t.test('settings and kube-proxy', async (t) => {
  const proxy = (conf: string) => configMap('kube-proxy', 'kube-system', { 'config.conf': conf })
  t.match(
    (await examine([...healthy, configMap('openelb-config', OWN, { adopt: 'all' })])).out,
    /FAIL {2}settings +ConfigMap openelb-system\/openelb-config: adopt is "all"/,
  )
  t.match(
    (await examine([...healthy, proxy('mode: ipvs\nipvs: {strictARP: false}')])).out,
    /FAIL {2}kube-proxy +mode ipvs without strictARP/,
  )
  t.match((await examine([...healthy, proxy('mode: ipvs\nipvs: {strictARP: true}')])).out, /OK {4}kube-proxy +mode ipvs, strictARP/)
  t.same(readKubeProxy(proxy('mode: ""')), { mode: 'iptables', strictArp: false })
  t.equal(readKubeProxy(proxy('a: [')), undefined)
  t.equal(readKubeProxy(undefined), undefined)
})

const audit = (objects: {
  readonly eips?: ReturnType<typeof eip>[]
  readonly claims?: ReturnType<typeof claim>[]
  readonly services?: ReturnType<typeof service>[]
}) =>
  auditLedger(
    { eips: objects.eips ?? [eip('pool', '10.0.0.0/24')], claims: objects.claims ?? [], services: objects.services ?? [], excluded: [] },
    NOW_MS,
  ).map(({ level, says }) => `${level} ${says}`)

t.test('the ledger: every contradiction is named once', async (t) => {
  t.same(audit({ claims: [claim('10.0.0.1', 'a')], services: [service('a', { shows: ['10.0.0.1'] })] }), [])
  t.same(audit({ claims: [claim('10.0.0.1', 'a')] }), ['FAIL 10.0.0.1 is held by default/a, which does not exist'])
  t.same(audit({ claims: [claim('10.0.0.1', [])] }), ['FAIL 10.0.0.1 is held by nobody, which does not exist'])
  t.same(audit({ claims: [claim('10.0.0.1', ['a', 'b'])], services: [service('a', { shows: ['10.0.0.1'] })] }), [
    'WARN 10.0.0.1 is shared with default/b, which does not exist',
  ])
  t.same(audit({ claims: [claim('10.0.0.1', 'a')], services: [service('a')] }), ['WARN default/a holds 10.0.0.1 and does not show it'])
  t.same(
    audit({ claims: [claim('10.0.0.1', 'a', { created: '2026-11-21T00:00:30Z' })], services: [service('a')] }),
    [],
    'it may be half-way',
  )
  t.same(audit({ services: [service('a', { shows: ['10.0.0.1'] })] }), ['FAIL default/a shows 10.0.0.1 without a claim'])
  t.same(
    audit({ services: [service('a', { shows: ['10.0.0.1'] }), service('b', { shows: ['10.0.0.1'] })], claims: [claim('10.0.0.1', 'a')] }),
    ['FAIL default/a and default/b show 10.0.0.1, and default/b has no claim on it'],
  )
  t.same(
    audit({
      services: [service('a', { shows: ['10.0.0.1'] }), service('b', { shows: ['10.0.0.1'] })],
      claims: [claim('10.0.0.1', ['a', 'b'])],
    }),
    [],
    'sharing',
  )
  t.same(audit({ eips: [], claims: [claim('10.0.0.1', 'a')], services: [service('a', { shows: ['10.0.0.1'] })] }), [
    'WARN 10.0.0.1 of default/a: Eip pool does not exist',
  ])
  const named = { ...claim('10.0.0.1', 'a'), metadata: meta('nonsense') }
  t.same(audit({ claims: [named], services: [service('a')] }), ['WARN AddressClaim nonsense has the name of no address'])
})

t.test('the ledger: another load balancer’s addresses are its own business', async (t) => {
  const foreign = (name: string) => ({
    ...service(name, { shows: ['203.0.113.1'], labels: {} }),
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
  })
  t.same(audit({ services: [foreign('a'), foreign('b')] }), [])
  const labelled = { ...foreign('a'), metadata: { ...meta('a', 'default'), labels: { [EIP_NAME]: 'pool' } } }
  t.equal(audit({ services: [labelled, foreign('b')] }).length, 1)
})

t.test('a contradiction counts when it is there twice', async (t) => {
  const broken = [...healthy, claim('10.0.0.3', 'late')]
  const lasting = await examine(broken)
  t.match(lasting, {
    code: 1,
    out: /FAIL {2}ledger +10\.0\.0\.3 is held by default\/late, which does not exist\n +-> openelb release 10\.0\.0\.3/,
    cluster: { waitedMs: 3000 },
  })
  const objects = [...broken]
  let lists = 0
  const passing = await examine(objects, {
    beforeRead: (resource) => {
      if (resource === 'services' && ++lists === 2) objects.push(service('late', { shows: ['10.0.0.3'] }))
    },
  })
  t.match(passing, { code: 0, out: /OK {4}ledger +2 claims, no contradiction that lasts/ })
})

t.test('a long list is cut', async (t) => {
  t.equal(someOf(['a', 'b']), 'a, b')
  t.equal(someOf([...'abcdefg']), 'a, b, c, d, e and 2 more')
})
