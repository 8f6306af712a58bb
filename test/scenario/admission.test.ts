/** The webhook's processes behind a real API server: what a person reads after `kubectl apply`, and what two replicas admit at once. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { ConfigMapObject, SecretObject, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ADMISSION_NAME, EIP_ADMISSION_CONFIG_MAP } from '../../src/api/names.ts'
import { createObject, deleteObject, getObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { CONFIG_MAPS, EIPS, NAMESPACES, SECRETS, SERVICES } from '../../src/kube/resources.ts'
import { startWebhook } from '../support/webhook-process.ts'
import { eipRules } from './admission/eip-rules.ts'
import { serviceRules } from './admission/service-rules.ts'
import {
  apply,
  attempt,
  base64,
  build,
  certificate,
  configurations,
  DEFAULT,
  DENIED,
  eip,
  kubectlApply,
  NAMESPACE,
  ofKind,
  service,
  until,
} from './admission/world.ts'

const SECRET = { name: ADMISSION_NAME, namespace: NAMESPACE }

t.setTimeout(420_000)
const world = await build()
const { cluster, api, balancer } = world
async function tearDown(): Promise<void> {
  await Promise.all(world.webhooks.map((webhook) => webhook.stop('SIGKILL')))
  await balancer.close()
  api.close()
  await cluster.down()
}
t.teardown(tearDown)

await t.test('a process without its Secret is not ready; it serves as soon as the Secret is there', async (t) => {
  world.webhooks = await Promise.all([
    startWebhook(world.kubeconfig, [], { POD_NAME: 'one' }),
    startWebhook(world.kubeconfig, [], { POD_NAME: 'two' }),
  ])
  const [first] = world.webhooks
  if (first === undefined) throw new Error('no process')
  await delay(300)
  const before = await first.ready()
  t.notOk(before.ok)
  t.match(before.text, /\[-\]certificate failed: Secret openelb-admission is not there yet/)
  const { ca, cert, key } = await certificate(cluster)
  await createObject(api, SECRETS, {
    metadata: { name: ADMISSION_NAME, namespace: NAMESPACE },
    data: { ca: base64('x'), cert: base64('garbage'), key: base64(key) },
  })
  await until('garbage is told', () => first.lines.some(({ msg }) => msg.startsWith('Secret openelb-admission cannot be served')))
  t.notOk((await first.ready()).ok)
  // The renewal replaces a Secret that is of no use; ours, with the host's address, is put in its place.
  await writeSecret({ ca, cert, key })
  await until('both are ready', async () => (await Promise.all(world.webhooks.map((webhook) => webhook.ready()))).every(({ ok }) => ok))
  balancer.target(world.webhooks.map(({ port }) => port))
  await apply(cluster, ...configurations(`https://${cluster.hostAddress}:${balancer.port}`, ca))
  await until('the API server asks the webhook', async () =>
    (await attempt(api, EIPS, eip('probe', { address: 'xxxx' }))).startsWith('admission webhook'),
  )
})

if (!t.passing()) {
  // Nothing below can pass, and would only wait.
  await tearDown()
  process.exit(1)
}

t.test('Eips: the words of OpenELB', async (t) => {
  t.equal(await attempt(api, EIPS, eip('e-range', { address: '10.251.0.60-10.251.0.69' })), 'created')
  t.equal(await attempt(api, EIPS, eip('e-single', { address: '10.251.0.50' })), 'created')
  t.equal(
    await attempt(api, EIPS, eip('dflt', { address: '10.251.0.240-10.251.0.250', protocol: 'layer2', interface: 'eth0' }, DEFAULT)),
    'created',
  )
  const bad = [
    '',
    'xxxx',
    '10.251.0.130-10.251.0.120',
    '10.251.0.1-10.251.0.2-10.251.0.3',
    '10.251.0.120 - 10.251.0.121',
    '10.251.0.120,10.251.0.121',
    '10.251.0.120/33',
    '10.251.0.120/255.255.255.252',
    '10.251.0.120-fd00:251::200',
    '256.1.1.1',
    '1.2.3.4-',
  ]
  const table: readonly [string, object, string][] = [
    ...bad.map((address) => [address, eip('e', { address }), 'invalid eip address format: '] as [string, object, string]),
    ['a range', eip('e', { address: '10.251.0.69-10.251.0.80' }), 'eip address overlap with e-range: '],
    ['the same address', eip('e', { address: '10.251.0.50/32' }), 'eip address overlap with e-single: '],
    ['half of all', eip('e', { address: '0.0.0.0/1' }), 'eip address overlap with '],
    [
      'no interface',
      eip('e', { address: '10.1.0.1', protocol: 'layer2' }),
      'if protocol is layer2 or vip, interface should not be empty: ',
    ],
    ['no interface', eip('e', { address: '10.1.0.1', protocol: 'vip' }), 'if protocol is layer2 or vip, interface should not be empty: '],
    [
      'a second default',
      eip('e', { address: '10.1.0.1' }, { 'eip.openelb.kubesphere.io/is-default-eip': 'TRUE' }),
      'already exists a default EIP: ',
    ],
  ]
  for (const [name, object, want] of table) {
    const message = await attempt(api, EIPS, object as Parameters<typeof attempt>[2])
    t.ok(message.startsWith(`${DENIED}${want}`), `${name}: ${message}`)
  }
  t.match(await attempt(api, EIPS, eip('e', { address: 'x'.repeat(1_000_000) })), /spec\.address: Too long/)
  t.match(await attempt(api, EIPS, eip('n'.repeat(64), { address: '10.1.0.1' })), /the name of the Eip has 64 characters/)
  t.match(await attempt(api, EIPS, eip('e', { address: '10.1.0.1', protocol: 'arp' })), /spec\.protocol: Unsupported value: "arp"/)
  const refusal = await kubectlApply(cluster, ofKind('Eip', 'e', { address: '10.251.0.61', protocol: 'bgp' }))
  t.match(
    refusal,
    /^Error from server \(Forbidden\): error when creating "STDIN": admission webhook "validate\.eip\.network\.kubesphere\.io" denied/,
  )
})

t.test('Eips: changes', async (t) => {
  const change = async (name: string, patch: object): Promise<string> => {
    const changed = patchObject(api, EIPS, { name }, patch, { type: 'merge' })
    return changed.then(
      () => 'changed',
      (error: Error) => error.message.replace(/^PATCH \S+: \d+ /, ''),
    )
  }
  const fixed = `${DENIED}the address field is not allowed to be modified: `
  t.ok((await change('e-single', { spec: { address: '10.251.0.51' } })).startsWith(fixed))
  t.ok((await change('e-single', { spec: { address: '10.251.0.50/32' } })).startsWith(fixed))
  t.ok(
    (await change('e-single', { spec: { protocol: 'layer2' } })).startsWith(
      `${DENIED}if protocol is layer2 or vip, interface should not be empty: `,
    ),
  )
  t.ok(
    (await change('dflt', { spec: { interface: null } })).startsWith(
      `${DENIED}if protocol is layer2 or vip, interface should not be empty: `,
    ),
  )
  t.ok((await change('e-single', { metadata: { annotations: DEFAULT } })).startsWith(`${DENIED}already exists a default EIP: it is dflt; `))
  t.equal(
    await change('e-single', { spec: { protocol: 'layer2', interface: 'eth0', priority: 3, namespaces: ['a'], disable: true } }),
    'changed',
  )
  t.equal(await change('e-single', { spec: { disable: false } }), 'changed')
  t.equal(await change('dflt', { metadata: { labels: { a: 'b' } } }), 'changed')
})

const FULL = {
  'lb.kubesphere.io/v1alpha1': 'openelb',
  'eip.openelb.kubesphere.io/v1alpha2': 'dflt',
  'protocol.openelb.kubesphere.io/v1alpha1': 'layer2',
}
const OPT_IN = { 'lb.kubesphere.io/v1alpha1': 'openelb' }

t.test('Services: what is filled in', async (t) => {
  await createObject(api, NAMESPACES, { metadata: { name: 'bound', labels: { team: 'a' } } })
  t.equal(await attempt(api, EIPS, eip('bound', { address: '10.252.0.0/28', namespaceSelector: { team: 'a' } })), 'created')
  const annotationsOf = async (object: ReturnType<typeof service>) => {
    const { metadata } = await createObject<ServiceObject>(api, SERVICES, object as unknown as ServiceObject)
    return metadata.annotations
  }
  await until('the webhooks know the default', async () => {
    const stored = await annotationsOf(service(`wait-${Math.random().toString(36).slice(2)}`))
    return stored !== undefined
  })
  t.same(await annotationsOf(service('bare')), FULL)
  t.same(await annotationsOf(service('opted', OPT_IN)), FULL)
  t.same(await annotationsOf(service('own', { ...OPT_IN, 'eip.openelb.kubesphere.io/v1alpha2': 'e-range' })), {
    ...OPT_IN,
    'eip.openelb.kubesphere.io/v1alpha2': 'e-range',
  })
  t.same(await annotationsOf(service('asks', {}, { loadBalancerIP: '10.251.0.61' })), OPT_IN)
  t.same(await annotationsOf(service('bound', {}, {}, 'bound')), OPT_IN, 'a pool is bound to its namespace')
  t.same(await annotationsOf(service('other', { 'lb.kubesphere.io/v1alpha1': 'other' })), { 'lb.kubesphere.io/v1alpha1': 'other' })
  t.same(await annotationsOf(service('foreign', {}, { loadBalancerClass: 'example.com/other' })), undefined)
  t.same(await annotationsOf(service('system', {}, {}, 'kube-system')), undefined)
  t.same(await annotationsOf(service('cluster', {}, { type: 'ClusterIP' })), undefined)
  const grown = await patchObject<ServiceObject>(
    api,
    SERVICES,
    { name: 'cluster', namespace: 'default' },
    { spec: { type: 'LoadBalancer' } },
    { type: 'merge' },
  )
  t.same(grown.metadata.annotations, FULL, 'it becomes a LoadBalancer')
  const bared = await patchObject<ServiceObject>(
    api,
    SERVICES,
    { name: 'cluster', namespace: 'default' },
    { metadata: { annotations: null } },
    { type: 'merge' },
  )
  t.same(bared.metadata.annotations, undefined, 'what its owner removed does not come back')
})

t.test('Services: what is refused, and what waits', async (t) => {
  const asks = (annotations: Readonly<Record<string, string>>, spec: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    ...service('asks-for', { ...OPT_IN, ...annotations }, spec),
  })
  const denied = 'admission webhook "validate.service.network.kubesphere.io" denied the request: '
  const EIP = 'eip.openelb.kubesphere.io/v1alpha2'
  const IP = 'eip.openelb.kubesphere.io/v1alpha1'
  t.ok((await kubectlApply(cluster, asks({ [IP]: 'not-an-ip' }))).includes(`${denied}${IP}: "not-an-ip" is not an IP address`))
  t.ok(
    (await kubectlApply(cluster, asks({ [EIP]: 'e-range', [IP]: '10.251.0.200' }))).includes(
      `${denied}the specified ip:10.251.0.200 is beyond the range of eip[e-range:`,
    ),
  )
  t.ok((await kubectlApply(cluster, asks({ [EIP]: 'Not A Name' }))).includes('is not the name of an Eip'))
  const waits = await kubectlApply(cluster, asks({ [EIP]: 'later' }))
  t.match(waits, /^Warning: Eip later does not exist: the Service gets an address once it does\nservice\/asks-for created$/)
  const nowhere = await kubectlApply(cluster, asks({ [IP]: '10.99.0.1' }))
  t.match(nowhere, /^Warning: no Eip contains 10\.99\.0\.1: .*\nservice\/asks-for configured$/)
})

t.test('Eips of several ranges', (t) => eipRules(t, world))
t.test('Services: every source of a request', (t) => serviceRules(t, world))

t.test('BGP kinds', async (t) => {
  const conf = await kubectlApply(cluster, ofKind('BgpConf', 'default', { as: 0 }))
  t.match(conf, /admission webhook "validate\.bgpconf\.network\.kubesphere\.io" denied the request: spec\.as is 0, which is no AS number: /)
  t.match(
    await kubectlApply(cluster, ofKind('BgpConf', 'other', { as: 65001 })),
    /^Warning: the BgpConf other has no effect.*\nbgpconf\S+ created$/,
  )
  const peer = await kubectlApply(cluster, ofKind('BgpPeer', 'none', {}))
  t.match(peer, /admission webhook "validate\.bgppeer\.network\.kubesphere\.io" denied the request: spec\.conf is missing: /)
  const router = { conf: { neighborAddress: '10.251.0.31', peerAs: 65000 } }
  t.match(await kubectlApply(cluster, ofKind('BgpPeer', 'router', router)), /created$/)
  await until('the second peer is seen as such', async () =>
    (await kubectlApply(cluster, ofKind('BgpPeer', 'router-2', { conf: { ...router.conf, peerAs: 65002 } }))).includes(
      'has the neighbour 10.251.0.31 already',
    ),
  )
})

t.test('an Eip in use is deleted with a warning, an unused one without a word', async (t) => {
  for (const [name, usage] of [
    ['used', 2],
    ['unused', 0],
  ] as const) {
    t.equal(await attempt(api, EIPS, eip(name, { address: `10.65.${usage}.0/30` })), 'created')
    await patchObject(
      api,
      EIPS,
      { name },
      { status: { usage, ...(usage > 0 && { used: { '10.65.2.0': 'shop/web;a/b', '10.65.2.1': 'shop/web' } }) } },
      { type: 'merge', subresource: 'status' },
    )
    const { code, stderr } = await cluster.tryKubectl(['delete', 'eip', name])
    t.equal(code, 0)
    t.match(
      stderr,
      usage > 0
        ? /^Warning: 2 addresses of Eip used stay assigned and announced; .*\nWarning: Services with an address of Eip used: a\/b, shop\/web\n/
        : /^$/,
    )
  }
})

t.test('of 64 overlapping Eips, created at once through two processes, one is admitted', async (t) => {
  const results = await Promise.all(
    Array.from({ length: 64 }, (_, at) => attempt(api, EIPS, eip(`race-${at}`, { address: `10.60.0.${at}-10.60.0.200` }))),
  )
  t.equal(results.filter((result) => result === 'created').length, 1)
  for (const result of new Set(results)) t.match(result, /^created$|eip address overlap with race-\d+: |cannot be compared/)
  const stored = await listObjects<EipObject>(api, EIPS)
  t.equal(stored.filter(({ metadata }) => metadata.name.startsWith('race-')).length, 1)
  for (const webhook of world.webhooks) {
    t.ok(
      webhook.lines.some(({ msg, operation }) => operation === 'CREATE' && msg.includes('eip address overlap with race-')),
      `process ${webhook.pid} was asked`,
    )
  }
})

t.test('of 16 Eips that want to be the default one becomes it', async (t) => {
  await deleteObject(api, EIPS, { name: 'dflt' })
  const results = await Promise.all(
    Array.from({ length: 16 }, (_, at) => attempt(api, EIPS, eip(`d-${at}`, { address: `10.61.0.${at}` }, DEFAULT))),
  )
  t.equal(results.filter((result) => result === 'created').length, 1)
})

t.test('a dry run leaves no trace', async (t) => {
  const version = async () =>
    (await getObject<ConfigMapObject>(api, CONFIG_MAPS, { namespace: NAMESPACE, name: EIP_ADMISSION_CONFIG_MAP })).metadata.resourceVersion
  const before = await version()
  const dry = await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], {
    input: JSON.stringify(ofKind('Eip', 'dry', { address: '10.62.0.1' })),
  })
  t.match(dry, /created \(server dry run\)/)
  t.equal(await version(), before)
  t.equal(await attempt(api, EIPS, eip('wet', { address: '10.62.0.1' })), 'created')
  t.not(await version(), before)
})

t.test('an Eip that was created and deleted a moment ago holds nobody up', async (t) => {
  for (const name of ['one', 'two', 'three']) {
    t.equal(await attempt(api, EIPS, eip(name, { address: '10.63.0.0/24' })), 'created')
    await deleteObject(api, EIPS, { name })
  }
})

t.test('the certificate is exchanged without a refused request', async (t) => {
  const next = await certificate(cluster)
  const { ca, cert, key } = await readSecret()
  // In the order of every renewal: first the API server trusts both CAs, then the new certificate is served.
  await writeSecret({ ca: `${ca}${next.ca}`, cert, key })
  const published = async () =>
    (
      await cluster.kubectl([
        'get',
        'validatingwebhookconfigurations',
        ADMISSION_NAME,
        '-o',
        'jsonpath={.webhooks[*].clientConfig.caBundle}',
      ])
    ).split(' ')
  await until('both CAs are published', async () =>
    (await published()).every((bundle) => Buffer.from(bundle, 'base64').toString().includes(next.ca.trim())),
  )
  await delay(1000)
  let asking = true
  const failures: string[] = []
  const load = (async () => {
    while (asking) {
      const answer = await attempt(api, EIPS, eip('e', { address: '10.251.0.61' }))
      if (!answer.startsWith(DENIED)) failures.push(answer)
    }
  })()
  await writeSecret({ ca: `${ca}${next.ca}`, cert: next.cert, key: next.key })
  await until('both serve it', () =>
    world.webhooks.every(({ lines }) => lines.filter(({ msg }) => msg === 'serving a new certificate').length >= 2),
  )
  // New connections, so that the new certificate is seen.
  balancer.target(world.webhooks.map(({ port }) => port))
  await delay(1000)
  asking = false
  await load
  t.same(
    failures.filter((failure) => !/EOF|connection reset|broken pipe/.test(failure)),
    [],
    'only connections that the test itself cut may fail',
  )
})

t.test('one process goes and another comes, under load, and no request fails', async (t) => {
  const answers: string[] = []
  let asking = true
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (asking) answers.push(await attempt(api, EIPS, eip('e', { address: '10.251.0.61' })))
    }),
  )
  const next = await startWebhook(world.kubeconfig, [], { POD_NAME: 'next' })
  await until('the new one is ready', async () => (await next.ready()).ok)
  const [leaver, ...others] = world.webhooks
  world.webhooks = [next, ...others]
  // As with Pods: the new address is there, the old one is taken out, and only then does the process end.
  balancer.turnTo(world.webhooks.map(({ port }) => port))
  t.equal(await leaver?.stop(), 0)
  asking = false
  await load
  t.ok(answers.length > 10, `${answers.length} requests`)
  t.same(
    answers.filter((answer) => !answer.startsWith(DENIED)),
    [],
  )
})

t.test('with the webhook away Services go through and Eips do not; it comes back', async (t) => {
  const codes = await Promise.all(world.webhooks.map((webhook) => webhook.stop()))
  const complaints = world.webhooks.flatMap(({ lines }) => lines.filter(({ msg }) => msg.startsWith('shutdown step')).map(({ msg }) => msg))
  t.same({ codes, complaints }, { codes: [0, 0], complaints: [] }, 'SIGTERM ends them well')
  balancer.target([])
  const bare = await createObject<ServiceObject>(api, SERVICES, service('meanwhile') as unknown as ServiceObject)
  t.equal(bare.metadata.annotations, undefined)
  t.match(await attempt(api, EIPS, eip('e', { address: '10.64.0.1' })), /failed calling webhook "validate\.eip\.network\.kubesphere\.io"/)
  t.equal(await deleteObject(api, EIPS, { name: 'wet' }), 'deleted', 'deleting is never stopped')
  world.webhooks = [await startWebhook(world.kubeconfig, ['--drain-time=100ms'], { POD_NAME: 'three' })]
  await until('it is ready', async () => (await world.webhooks[0]?.ready())?.ok === true)
  balancer.target(world.webhooks.map(({ port }) => port))
  await until('Eips are admitted again', async () => (await attempt(api, EIPS, eip('e', { address: '10.64.0.1' }))) === 'created')
})

interface SecretData {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

async function readSecret(): Promise<SecretData> {
  const { data = {} } = await getObject<SecretObject>(api, SECRETS, SECRET)
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString()
  return { ca: text('ca'), cert: text('cert'), key: text('key') }
}

async function writeSecret({ ca, cert, key }: SecretData): Promise<void> {
  await patchObject(api, SECRETS, SECRET, { data: { ca: base64(ca), cert: base64(cert), key: base64(key) } }, { type: 'merge' })
}
