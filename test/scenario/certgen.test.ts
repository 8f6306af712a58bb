/** certgen and the webhook's renewal on a real API server, each with the rights of the manifest and no others. */
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { issueCertificates } from '../../certgen/certificates.ts'
import { createCertificateCluster } from '../../certgen/cluster.ts'
import { readConfig } from '../../certgen/config.ts'
import { serviceHosts } from '../../certgen/hosts.ts'
import { inspect } from '../../certgen/inspection.ts'
import { runVerb } from '../../certgen/reconcile.ts'
import { DEFAULT_KEY_NAMES, readStored, writeStored } from '../../certgen/secret.ts'
import { mutatingConfiguration, validatingConfiguration } from '../../deploy/manifest/admission.ts'
import { CERTGEN_RIGHTS, rbacObjects, WEBHOOK_RIGHTS } from '../../deploy/manifest/rbac.ts'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import type { SecretObject } from '../../src/api/core-objects.ts'
import { ADMISSION_NAME, MEMBERLIST_SECRET, WEBHOOK, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import { type ApiClient, createApiClient } from '../../src/kube/client.ts'
import { createObject, deleteObject, getObject, replaceObject } from '../../src/kube/objects.ts'
import { MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS } from '../../src/kube/resources.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { createLogger, describeError, silentLogger } from '../../src/runtime/logger.ts'
import { ecCertificates } from '../support/ec-certificates.ts'
import { kindsServed } from '../support/kinds-served.ts'
import { startBalancer, startWebhook } from '../support/webhook-process.ts'

const NAMESPACE = 'openelb-system'
const INSTALLATION = { namespace: NAMESPACE, image: 'none', version: '0.0.0' }
const MAIN = fileURLToPath(new URL('../../certgen/main.ts', import.meta.url))
const HOSTS = serviceHosts(NAMESPACE)
const SECRET = { namespace: NAMESPACE, name: ADMISSION_NAME }
const HOUR_MS = 3_600_000

t.setTimeout(300_000)
const cluster = await startControlPlane()
t.teardown(() => cluster.down())
const api: ApiClient = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
t.teardown(() => api.close())
await install(cluster)
const kubeconfig = await cluster.serviceAccountKubeconfig(NAMESPACE, CERTGEN_RIGHTS.account)
const account: ApiClient = createApiClient({ kubeconfigPath: kubeconfig, userAgent: 'certgen', logger: silentLogger })
t.teardown(() => account.close())

async function install(cluster: Cluster): Promise<void> {
  const accounts = [CERTGEN_RIGHTS, WEBHOOK_RIGHTS].flatMap((rights) => [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: rights.account, namespace: NAMESPACE } },
    ...rbacObjects(INSTALLATION, rights),
  ])
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, ...accounts)
  await cluster.kubectl(['apply', '-f', new URL('../../deploy/crds', import.meta.url).pathname])
  await kindsServed(cluster)
}

function apply(...items: readonly object[]): Promise<string> {
  return cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
}

interface Ended {
  readonly code: number | null
  readonly text: string
}

/** The same without a process of its own, which costs seconds on a busy machine. Both have the ServiceAccount's rights. */
async function certgen(...args: readonly string[]): Promise<Ended> {
  const config = readConfig([...args, `--namespace=${NAMESPACE}`], {})
  if (!config.ok) return { code: 2, text: config.error }
  if (config.value.verb === 'help' || config.value.verb === 'version') throw new RangeError('nothing to run')
  let text = ''
  const logger = createLogger({ format: 'text', level: 'info', write: (line) => (text += line) })
  const { webhookName, validating, mutating } = { webhookName: '', validating: false, mutating: false, ...config.value }
  const view = createCertificateCluster({ client: account, namespace: NAMESPACE, webhookName, validating, mutating })
  try {
    await runVerb(config.value, { cluster: view, logger, clock: systemClock }, Math.random)
    return { code: 0, text }
  } catch (error) {
    return { code: 1, text: text + describeError(error) }
  }
}

/** Runs certgen from the sources as its ServiceAccount, until it ends. */
function certgenProcess(...args: readonly string[]): Promise<Ended> {
  const all = [MAIN, ...args, `--namespace=${NAMESPACE}`, `--kubeconfig=${kubeconfig}`, '--log-format=text']
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })))
}

const secret = (name: string = ADMISSION_NAME) => getObject<SecretObject>(api, SECRETS, { namespace: NAMESPACE, name })
const stored = async () => readStored((await secret()).data ?? {}, DEFAULT_KEY_NAMES)
const sound = async (hosts = HOSTS) => inspect(await stored(), { hosts, nowMs: Date.now() })
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Puts a Secret in place of whatever is there. */
async function put(name: string, content: Readonly<Record<string, string>>): Promise<void> {
  await deleteObject(api, SECRETS, { namespace: NAMESPACE, name })
  await createObject(api, SECRETS, { metadata: { namespace: NAMESPACE, name }, data: content })
}

interface Configuration {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
  readonly webhooks: readonly {
    readonly name: string
    readonly failurePolicy: string
    readonly clientConfig: { readonly caBundle?: string }
  }[]
}
const configurations = () =>
  Promise.all([VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS].map((kind) => getObject<Configuration>(api, kind, { name: ADMISSION_NAME })))
const published = async () =>
  (await configurations()).flatMap(({ webhooks }) =>
    webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString()),
  )

async function until(what: string, check: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
}

t.test('create', async (t) => {
  t.test('makes both Secrets, and a second run changes nothing', async (t) => {
    const ended = await certgenProcess('create', `--host=${ADMISSION_NAME},extra.example`)
    t.equal(ended.code, 0, ended.text)
    t.ok((await sound([...HOSTS, 'extra.example'])).ok)
    t.equal(Buffer.from((await secret(MEMBERLIST_SECRET)).data?.['key'] ?? '', 'base64').toString().length, 44, '32 bytes as base64 text')
    const versions = async () => [(await secret()).metadata.resourceVersion, (await secret(MEMBERLIST_SECRET)).metadata.resourceVersion]
    const before = await versions()
    t.match(await certgen('create'), { code: 0, text: /is kept/ })
    t.same(await versions(), before)
  })

  t.test('eight at once leave one sound Secret', async (t) => {
    for (const name of [ADMISSION_NAME, MEMBERLIST_SECRET]) await deleteObject(api, SECRETS, { namespace: NAMESPACE, name })
    const ended = await Promise.all(Array.from({ length: 8 }, () => certgen('create')))
    for (const { code, text } of ended) t.equal(code, 0, text)
    t.equal(ended.filter(({ text }) => text.includes('has a new CA')).length, 1, 'one of them made it')
    t.ok((await sound()).ok)
  })

  const rsa = await issueCertificates({ hosts: HOSTS, nowMs: Date.now() - 2 * HOUR_MS, lifetimeMs: HOUR_MS })
  const fresh = await issueCertificates({ hosts: HOSTS, nowMs: Date.now(), lifetimeMs: HOUR_MS })
  const ec = ecCertificates(HOSTS)
  const table = [
    { name: 'an expired one', given: rsa, says: /expired at/ },
    {
      name: 'an EC one of kube-webhook-certgen with the names of the original',
      given: ecCertificates(['openelb-controller.openelb-system.svc']),
      says: /lacks the names/,
    },
    { name: "another's key", given: { ...fresh, key: ec.key }, says: /key belongs to another/ },
    { name: 'a foreign CA', given: { ...fresh, ca: ec.ca }, says: /no valid CA of its bundle/ },
    { name: 'garbage', given: { ca: 'x', cert: '\u0000', key: '{}' }, says: /ca cannot be read/ },
    { name: 'an empty Secret', given: { ca: '', cert: '', key: '' }, says: /lacks ca, cert, key/ },
  ]
  for (const { name, given, says } of table) {
    t.test(`replaces ${name}`, async (t) => {
      await put(ADMISSION_NAME, { ...writeStored({}, given, DEFAULT_KEY_NAMES), mine: base64('stays') })
      t.match(await certgen('create'), { code: 0, text: says })
      t.ok((await sound()).ok)
      t.equal((await secret()).data?.['mine'], base64('stays'), 'foreign keys of the Secret stay')
    })
  }

  t.test('keeps a sound EC one', async (t) => {
    await put(ADMISSION_NAME, writeStored({}, ec, DEFAULT_KEY_NAMES))
    t.match(await certgen('create'), { code: 0, text: /is kept/ })
    t.same(await stored(), ec)
  })

  t.test("a speakers' key of the original is replaced, another one is kept", async (t) => {
    await put(MEMBERLIST_SECRET, { key: base64('openelb-speakers') })
    t.match(await certgen('create'), { code: 0 })
    t.not((await secret(MEMBERLIST_SECRET)).data?.['key'], base64('openelb-speakers'))
    await put(MEMBERLIST_SECRET, { key: base64('chosen by the user') })
    t.match(await certgen('create'), { code: 0 })
    t.equal((await secret(MEMBERLIST_SECRET)).data?.['key'], base64('chosen by the user'))
  })

  t.test('says what is wrong', async (t) => {
    t.match(await certgenProcess('create', '--hots=x'), { code: 2, text: /no flag --hots; did you mean --host\?/ })
    t.match(await certgen('create', '--host=a_b'), { code: 2, text: /--host: "a_b" is neither/ })
    t.match(await certgen('make'), { code: 2, text: /no verb "make"/ })
    t.match(await certgenProcess('create', '--help'), { code: 0, text: /--secret-name=NAME/ })
    t.match(await certgen('create', '--secret-name=other', '--timeout=3s'), { code: 1, text: /secrets "other" is forbidden/ })
  })
})

t.test('patch', async (t) => {
  t.test('names the configurations that are missing, and waits for them', async (t) => {
    t.match(await certgen('patch', '--timeout=1s'), {
      code: 1,
      text: /no ValidatingWebhookConfiguration\/openelb-admission and no Mutating/,
    })
    const running = certgenProcess('patch')
    await delay(1500)
    await apply(mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION))
    t.match(await running, { code: 0 })
    const { ca } = await stored()
    for (const bundle of await published()) t.equal(bundle, ca)
  })

  t.test('a second run and a re-apply of the manifest change nothing', async (t) => {
    const before = await configurations()
    t.match(await certgen('patch', `--webhook-name=${ADMISSION_NAME}`, '--patch-mutating=true'), { code: 0, text: /trust the CA already/ })
    await apply(mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION))
    t.same(await configurations(), before)
  })

  t.test('the failure policy is written when asked for, and never for Services', async (t) => {
    t.match(await certgen('patch', '--patch-failure-policy=Ignore'), { code: 0 })
    t.ok((await configurations()).every(({ webhooks }) => webhooks.every(({ failurePolicy }) => failurePolicy === 'Ignore')))
    t.match(await certgen('patch', '--patch-failure-policy=Fail'), { code: 0 })
    const policies = (await configurations()).flatMap(({ webhooks }) =>
      webhooks.map(({ name, failurePolicy }) => [name, failurePolicy] as const),
    )
    t.same(Object.fromEntries(policies), {
      [WEBHOOK.validatingEip]: 'Fail',
      [WEBHOOK.deletingEip]: 'Fail',
      [WEBHOOK.validatingBgpConf]: 'Fail',
      [WEBHOOK.validatingBgpPeer]: 'Fail',
      [WEBHOOK.validatingService]: 'Ignore',
      [WEBHOOK.mutatingService]: 'Ignore',
    })
  })

  t.test('one of the two kinds alone', async (t) => {
    await deleteObject(api, MUTATING_WEBHOOKS, { name: ADMISSION_NAME })
    t.match(await certgen('patch', '--timeout=1s'), { code: 1, text: /no MutatingWebhookConfiguration/ })
    t.match(await certgen('patch', '--patch-mutating=false'), { code: 0 })
    await apply(mutatingConfiguration(INSTALLATION))
    t.match(await certgen('patch'), { code: 0 })
  })
})

t.test('renew', async (t) => {
  t.match(await certgen('renew'), { code: 0, text: /nothing is left to do/ }, 'young: nothing to do')
  const before = await stored()
  t.match(await certgen('renew', '--force', '--settle-time=1s'), { code: 0, text: /published the bundle.*the new certificate is served/s })
  const after = await stored()
  t.not(after.cert, before.cert)
  t.equal(after.next, undefined)
  t.ok(after.ca.endsWith(before.ca), 'the old CA stays in the bundle')
  t.same([...new Set(await published())], [after.ca])
  t.ok((await sound()).ok)
})

t.test('the webhook rotates its certificate under load, and restores what was taken away', async (t) => {
  const balancer = await startBalancer(cluster.hostAddress)
  t.teardown(() => balancer.close())
  const url = `https://${cluster.hostAddress}:${balancer.port}`
  await pointAt(url)
  await deleteObject(api, SECRETS, SECRET)
  t.match(await certgen('create', `--host=${cluster.hostAddress}`, '--certificate-lifetime=5m'), { code: 0 })
  t.match(await certgen('patch'), { code: 0 })

  const account = await cluster.serviceAccountKubeconfig(NAMESPACE, WEBHOOK_SERVICE_ACCOUNT)
  // Renewed every ten seconds, and so far from its end that a slow machine does not decide about the order of things.
  const flags = ['--certificate-lifetime=5m', '--renew-before=290s', '--settle-time=3s', '--drain-time=0s']
  const start = (name: string) => startWebhook(account, flags, { OPENELB_NAMESPACE: NAMESPACE, POD_NAME: name })
  const webhooks = await Promise.all([start('webhook-a'), start('webhook-b')])
  t.teardown(() => Promise.all(webhooks.map((webhook) => webhook.stop('SIGKILL'))))
  for (const webhook of webhooks) await until('the webhook is ready', async () => (await webhook.ready()).ok)
  balancer.target(webhooks.map(({ port }) => port))

  const load = startLoad()
  const serials = new Set<string>()
  await until(
    'three certificates were served',
    async () => {
      serials.add(new X509Certificate((await stored()).cert).serialNumber)
      return serials.size >= 3
    },
    90_000,
  )
  await delay(1000)
  const { asked, failed } = await load.stop()
  if (failed.length > 0) for (const { lines } of webhooks) t.comment(lines.filter(({ msg }) => /CA|certificate/.test(msg)))
  t.same(failed, [], `none of ${asked} admissions failed`)
  t.ok(asked > 20, `${asked} admissions were asked for`)

  const { metadata } = await getObject<Configuration>(api, MUTATING_WEBHOOKS, { name: ADMISSION_NAME })
  await replaceObject(api, MUTATING_WEBHOOKS, { ...urlConfiguration(mutatingConfiguration(INSTALLATION), url), metadata })
  await until('the caBundle is back', async () => new Set(await published()).size === 1, 10_000)

  await deleteObject(api, SECRETS, SECRET)
  const told = () => webhooks.some(({ lines }) => lines.some(({ msg }) => msg.includes('kubectl create secret generic openelb-admission')))
  await until('the log says what to do about the Secret', async () => told())
  await cluster.kubectl(['create', 'secret', 'generic', ADMISSION_NAME, '-n', NAMESPACE])
  await until('an empty Secret is filled', async () => (await sound()).ok)
  await until('and published', async () => (await published()).every((bundle) => bundle !== '') && new Set(await published()).size === 1)
})

/** The configurations of the manifest, with webhooks on this host and no caBundle. */
async function pointAt(url: string): Promise<void> {
  for (const [kind, manifest] of [
    [MUTATING_WEBHOOKS, mutatingConfiguration(INSTALLATION)],
    [VALIDATING_WEBHOOKS, validatingConfiguration(INSTALLATION)],
  ] as const) {
    await deleteObject(api, kind, { name: ADMISSION_NAME })
    await createObject(api, kind, { ...urlConfiguration(manifest, url), metadata: { name: ADMISSION_NAME } })
  }
}

function urlConfiguration(manifest: Readonly<Record<string, unknown>>, url: string): object {
  const webhooks = manifest['webhooks'] as readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[]
  return {
    ...manifest,
    webhooks: webhooks.map((webhook) => ({ ...webhook, clientConfig: { url: `${url}${webhook.clientConfig.service.path}` } })),
  }
}

/** Asks for the admission of an Eip (a dry run, failurePolicy Fail) again and again, each time on a new connection now and then. */
function startLoad() {
  const failed: string[] = []
  let asked = 0
  let going = true
  const path = '/apis/network.kubesphere.io/v1alpha2/eips'
  const body = {
    apiVersion: 'network.kubesphere.io/v1alpha2',
    kind: 'Eip',
    metadata: { generateName: 'load-' },
    spec: { address: '192.0.2.0/28', protocol: 'bgp' },
  }
  const running = (async () => {
    while (going) {
      asked++
      await api.request({ method: 'POST', path, query: { dryRun: 'All' }, body }).catch((error: Error) => failed.push(error.message))
      await delay(100)
    }
  })()
  return {
    async stop() {
      going = false
      await running
      return { asked, failed }
    },
  }
}
