/** The webhook's processes behind a real API server: what a person reads after `kubectl apply`, and what two replicas admit at once. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { issueCertificates } from '../../certgen/certificates.ts'
import { serviceHosts } from '../../certgen/hosts.ts'
import { mutatingConfiguration, validatingConfiguration } from '../../deploy/manifest/admission.ts'
import type { ManifestObject } from '../../deploy/manifest/installation.ts'
import { rbacObjects, WEBHOOK_RIGHTS } from '../../deploy/manifest/rbac.ts'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import type { ConfigMapObject, ServiceObject } from '../../src/api/core-objects.ts'
import type { EipObject } from '../../src/api/eip.ts'
import { ADMISSION_NAME, EIP_ADMISSION_CONFIG_MAP, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import { type ApiClient, ApiError, createApiClient } from '../../src/kube/client.ts'
import { createObject, deleteObject, findObject, getObject, listObjects, patchObject } from '../../src/kube/objects.ts'
import { BGP_CONFS, BGP_PEERS, CONFIG_MAPS, EIPS, type Resource, SECRETS, SERVICES } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { type Balancer, startBalancer, startWebhook, type WebhookProcess } from '../support/webhook-process.ts'

const NAMESPACE = 'openelb-system'
const INSTALLATION = { namespace: NAMESPACE, image: 'none', version: '0.0.0' }
const DENIED = 'admission webhook "validate.eip.network.kubesphere.io" denied the request: '
const YEAR_MS = 365 * 86_400_000

interface World {
  readonly cluster: Cluster
  readonly api: ApiClient
  readonly balancer: Balancer
  readonly kubeconfig: string
  webhooks: WebhookProcess[]
}

async function until(what: string, check: () => Promise<boolean> | boolean, timeoutMs = 20_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
}

const certificate = (cluster: Cluster) =>
  issueCertificates({ hosts: [...serviceHosts(NAMESPACE), cluster.hostAddress], nowMs: Date.now(), lifetimeMs: YEAR_MS })

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** The configurations of the manifest, pointed at this host. */
function configurations(url: string, ca: string): object[] {
  return [mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION)].map((configuration) => ({
    ...configuration,
    webhooks: (configuration['webhooks'] as { clientConfig: { service: { path: string } } }[]).map((webhook) => ({
      ...webhook,
      clientConfig: { url: `${url}${webhook.clientConfig.service.path}`, caBundle: base64(ca) },
    })),
  }))
}

async function apply(cluster: Cluster, ...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) })
}

async function build(): Promise<World> {
  const cluster = await startControlPlane()
  await cluster.kubectl(['apply', '-f', new URL('../../deploy/crds', import.meta.url).pathname])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: WEBHOOK_SERVICE_ACCOUNT, namespace: NAMESPACE } }
  const rights: ManifestObject[] = rbacObjects(INSTALLATION, WEBHOOK_RIGHTS)
  await apply(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, account, ...rights)
  const kubeconfig = await cluster.serviceAccountKubeconfig(NAMESPACE, WEBHOOK_SERVICE_ACCOUNT)
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
  const balancer = await startBalancer(cluster.hostAddress)
  return { cluster, api, balancer, kubeconfig, webhooks: [] }
}

const eip = (name: string, spec: object, annotations: Readonly<Record<string, string>> = {}) => ({
  metadata: { name, annotations },
  spec: { protocol: 'bgp', ...spec },
})
const DEFAULT = { 'eip.openelb.kubesphere.io/is-default-eip': 'true' }

const service = (name: string, annotations: Readonly<Record<string, string>> = {}, spec: object = {}, namespace = 'default') => ({
  metadata: { name, namespace, ...(Object.keys(annotations).length > 0 && { annotations }) },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
})

/** `created`, or the API server's sentence. */
async function attempt(api: ApiClient, resource: Resource, object: { metadata: { name: string; namespace?: string } }): Promise<string> {
  try {
    await createObject(api, resource, object)
    return 'created'
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return error.message.replace(/^POST \S+: \d+ /, '')
  }
}

t.setTimeout(240_000)
const world = await build()
const { cluster, api, balancer } = world
t.teardown(async () => {
  if (process.env['SHOW_LOGS']) for (const { lines } of world.webhooks) for (const line of lines) console.error(JSON.stringify(line).slice(0, 400))
  await Promise.all(world.webhooks.map((webhook) => webhook.stop('SIGKILL')))
  await balancer.close()
  api.close()
  await cluster.down()
})

t.test('a process without its Secret is not ready; it serves as soon as the Secret is there', async (t) => {
  world.webhooks = await Promise.all([startWebhook(world.kubeconfig, [], { POD_NAME: 'one' }), startWebhook(world.kubeconfig, [], { POD_NAME: 'two' })])
  const [first] = world.webhooks
  if (first === undefined) throw new Error('no process')
  await delay(300)
  const before = await first.ready()
  t.notOk(before.ok)
  t.match(before.text, /\[-\]certificate failed: Secret openelb-admission is not there yet/)
  const { ca, cert, key } = await certificate(cluster)
  await createObject(api, SECRETS, { metadata: { name: ADMISSION_NAME, namespace: NAMESPACE }, data: { ca: base64('x'), cert: base64('garbage'), key: base64(key) } })
  await until('garbage is told', () => first.lines.some(({ msg }) => msg.startsWith('Secret openelb-admission cannot be served')))
  t.notOk((await first.ready()).ok)
  // The renewal replaces a Secret that is of no use; ours, with the host's address, is put in its place.
  await patchObject(api, SECRETS, { name: ADMISSION_NAME, namespace: NAMESPACE }, { data: { ca: base64(ca), cert: base64(cert), key: base64(key) } }, { type: 'merge' })
  await until('both are ready', async () => (await Promise.all(world.webhooks.map((webhook) => webhook.ready()))).every(({ ok }) => ok))
  balancer.target(world.webhooks.map(({ port }) => port))
  await apply(cluster, ...configurations(`https://${cluster.hostAddress}:${balancer.port}`, ca))
  await until('the API server asks the webhook', async () => (await attempt(api, EIPS, eip('probe', { address: 'xxxx' }))).startsWith('admission webhook'))
  t.end()
})

t.test('Eips', async (t) => {
  t.equal(await attempt(api, EIPS, eip('e-range', { address: '10.251.0.60-10.251.0.69' })), 'created')
  t.equal(await attempt(api, EIPS, eip('e-single', { address: '10.251.0.50' })), 'created')
  console.log(await attempt(api, EIPS, eip('e', { address: '10.251.0.61' })))
  console.log(await attempt(api, EIPS, eip('e', { address: '10.251.0.69-10.251.0.61' })))
  t.end()
})

t.test('64 Eips at once', async (t) => {
  const started = performance.now()
  const results = await Promise.all(Array.from({ length: 64 }, (_, i) => attempt(api, EIPS, eip(`race-${i}`, { address: `10.60.0.${i}-10.60.0.200` }))))
  console.log(performance.now() - started, results.filter((r) => r === 'created').length, results.slice(0, 4))
  t.equal(results.filter((result) => result === 'created').length, 1)
  t.equal((await listObjects<EipObject>(api, EIPS)).filter(({ metadata }) => metadata.name.startsWith('race-')).length, 1)
  t.end()
})
