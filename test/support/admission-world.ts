/** An API server with the objects of our manifest, and webhooks on this host that it asks, with certificates that certgen made. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mutatingConfiguration, validatingConfiguration } from '../../deploy/manifest/admission.ts'
import type { ManifestObject } from '../../deploy/manifest/installation.ts'
import { customResourceDefinitions, manifestObjects } from '../../deploy/manifest/manifest.ts'
import { CERTGEN_RIGHTS } from '../../deploy/manifest/rbac.ts'
import { type Cluster, startControlPlane } from '../../lab/cluster.ts'
import { ADMISSION_NAME, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import { type ApiClient, createApiClient } from '../../src/kube/client.ts'
import { deleteObject } from '../../src/kube/objects.ts'
import { MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS } from '../../src/kube/resources.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { kindsServed } from './kinds-served.ts'
import { until } from './until.ts'
import { type Balancer, startBalancer, startWebhook, type WebhookProcess } from './webhook-process.ts'

export const OWN = 'openelb-system'
const INSTALLATION = { namespace: OWN, image: 'none', version: '0.0.0' }
const CERTGEN = fileURLToPath(new URL('../../certgen/main.ts', import.meta.url))
const CERTGEN_LIMIT_MS = 60_000

export interface AdmissionWorld {
  readonly cluster: Cluster
  readonly api: ApiClient
  /** In front of all webhooks; the configurations name it. */
  readonly balancer: Balancer
  /** Those that the balancer asks. */
  readonly webhooks: readonly WebhookProcess[]
  /** `kubectl apply` of the manifest, with webhooks on this host. */
  apply(): Promise<void>
  /** What its Jobs do: certificates are made and published. */
  certify(...flags: readonly string[]): Promise<void>
  /** Runs certgen as its ServiceAccount. Rejects with its output unless it ends with code 0. */
  certgen(...args: readonly string[]): Promise<string>
  /** Starts `count` webhooks with these flags and asks them alone once they are ready; those before are ended once they are asked no more. */
  serve(count: number, flags?: readonly string[]): Promise<void>
  /** Exchanges one webhook for a new one, as a rolling update does. */
  roll(flags?: readonly string[]): Promise<void>
  /** Ends all webhooks; the API server finds nobody. */
  silence(): Promise<void>
  /** `kubectl delete` of both configurations and of the Secret. */
  removeAdmission(): Promise<void>
  close(): Promise<void>
}

/** The configurations of the manifest, pointed at this host; `caBundle` is certgen's. */
function configurations(url: string): ManifestObject[] {
  return [mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION)].map((configuration) => ({
    ...configuration,
    webhooks: (configuration['webhooks'] as { clientConfig: { service: { path: string } } }[]).map((webhook) => ({
      ...webhook,
      clientConfig: { url: `${url}${webhook.clientConfig.service.path}` },
    })),
  }))
}

async function applyManifest(cluster: Cluster, url: string): Promise<void> {
  const apply = (items: readonly object[]) =>
    cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    })
  await apply(customResourceDefinitions())
  await kindsServed(cluster)
  const others = manifestObjects(INSTALLATION).filter(({ kind }) => !/WebhookConfiguration$|CustomResourceDefinition$/.test(String(kind)))
  await apply([...others, ...configurations(url)])
}

function runCertgen(kubeconfig: string, args: readonly string[]): Promise<string> {
  const all = [CERTGEN, ...args, `--namespace=${OWN}`, `--kubeconfig=${kubeconfig}`, '--log-format=text']
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'], timeout: CERTGEN_LIMIT_MS })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
  return new Promise((resolve, reject) =>
    child.once('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`certgen ${args[0]} ended with ${code}: ${text}`)))),
  )
}

export async function startAdmissionWorld(): Promise<AdmissionWorld> {
  const cluster = await startControlPlane()
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
  const balancer = await startBalancer(cluster.hostAddress)
  let webhooks: readonly WebhookProcess[] = []
  let started = 0
  const start = async (flags: readonly string[]): Promise<WebhookProcess> => {
    const account = await cluster.serviceAccountKubeconfig(OWN, WEBHOOK_SERVICE_ACCOUNT)
    const process = await startWebhook(account, flags, { OPENELB_NAMESPACE: OWN, POD_NAME: `webhook-${++started}` })
    await until('the webhook is ready', async () => (await process.ready()).ok)
    return process
  }
  /** As with Pods: the new one is asked, the old one no more, and only then does that end. */
  const replace = async (next: readonly WebhookProcess[]): Promise<void> => {
    const leaving = webhooks.filter((each) => !next.includes(each))
    webhooks = next
    balancer.turnTo(next.map(({ port }) => port))
    await Promise.all(leaving.map((each) => each.stop()))
  }
  const certgen = async (...args: readonly string[]) =>
    runCertgen(await cluster.serviceAccountKubeconfig(OWN, CERTGEN_RIGHTS.account), args)
  return {
    cluster,
    api,
    balancer,
    get webhooks() {
      return webhooks
    },
    apply: () => applyManifest(cluster, `https://${cluster.hostAddress}:${balancer.port}`),
    async certify(...flags) {
      await certgen('create', `--host=${cluster.hostAddress}`, ...flags)
      await certgen('patch')
    },
    certgen,
    serve: async (count, flags = []) => replace(await Promise.all(Array.from({ length: count }, () => start(flags)))),
    roll: async (flags = []) => replace([...webhooks.slice(1), await start(flags)]),
    async silence() {
      await replace([])
      balancer.target([])
    },
    async removeAdmission() {
      for (const kind of [VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS]) await deleteObject(api, kind, { name: ADMISSION_NAME })
      await deleteObject(api, SECRETS, { namespace: OWN, name: ADMISSION_NAME })
    },
    async close() {
      await Promise.all(webhooks.map((each) => each.stop('SIGKILL')))
      await balancer.close()
      api.close()
      await cluster.down()
    },
  }
}
