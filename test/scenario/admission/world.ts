/** A real API server that asks webhook processes of ours, and what the chapters of the admission suite do with it. */
import { setTimeout as delay } from 'node:timers/promises'
import { issueCertificates } from '../../../certgen/certificates.ts'
import { serviceHosts } from '../../../certgen/hosts.ts'
import { mutatingConfiguration, validatingConfiguration } from '../../../deploy/manifest/admission.ts'
import type { ManifestObject } from '../../../deploy/manifest/installation.ts'
import { rbacObjects, WEBHOOK_RIGHTS } from '../../../deploy/manifest/rbac.ts'
import { type Cluster, startControlPlane } from '../../../lab/cluster.ts'
import { WEBHOOK_SERVICE_ACCOUNT } from '../../../src/api/names.ts'
import { type ApiClient, ApiError, createApiClient } from '../../../src/kube/client.ts'
import { createObject } from '../../../src/kube/objects.ts'
import type { Resource } from '../../../src/kube/resources.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { kindsServed } from '../../support/kinds-served.ts'
import { type Balancer, startBalancer, type WebhookProcess } from '../../support/webhook-process.ts'

export const NAMESPACE = 'openelb-system'
const INSTALLATION = { namespace: NAMESPACE, image: 'none', version: '0.0.0' }
export const DENIED = 'admission webhook "validate.eip.network.kubesphere.io" denied the request: '
const YEAR_MS = 365 * 86_400_000

export interface World {
  readonly cluster: Cluster
  readonly api: ApiClient
  readonly balancer: Balancer
  readonly kubeconfig: string
  webhooks: WebhookProcess[]
}

export async function until(what: string, check: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
}

export const certificate = (cluster: Cluster) =>
  issueCertificates({ hosts: [...serviceHosts(NAMESPACE), cluster.hostAddress], nowMs: Date.now(), lifetimeMs: YEAR_MS })

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** The configurations of the manifest, pointed at this host. */
export function configurations(url: string, ca: string): object[] {
  return [mutatingConfiguration(INSTALLATION), validatingConfiguration(INSTALLATION)].map((configuration) => ({
    ...configuration,
    webhooks: (configuration['webhooks'] as { clientConfig: { service: { path: string } } }[]).map((webhook) => ({
      ...webhook,
      clientConfig: { url: `${url}${webhook.clientConfig.service.path}`, caBundle: base64(ca) },
    })),
  }))
}

export async function apply(cluster: Cluster, ...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) })
}

export async function build(): Promise<World> {
  const cluster = await startControlPlane()
  await cluster.kubectl(['apply', '-f', new URL('../../../deploy/crds', import.meta.url).pathname])
  await kindsServed(cluster)
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: WEBHOOK_SERVICE_ACCOUNT, namespace: NAMESPACE } }
  const rights: ManifestObject[] = rbacObjects(INSTALLATION, WEBHOOK_RIGHTS)
  await apply(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, account, ...rights)
  const kubeconfig = await cluster.serviceAccountKubeconfig(NAMESPACE, WEBHOOK_SERVICE_ACCOUNT)
  const api = createApiClient({ kubeconfigPath: cluster.kubeconfig, userAgent: 'test', logger: silentLogger })
  const balancer = await startBalancer(cluster.hostAddress)
  return { cluster, api, balancer, kubeconfig, webhooks: [] }
}

export const eip = (name: string, spec: object, annotations: Readonly<Record<string, string>> = {}) => ({
  metadata: { name, annotations },
  spec: { protocol: 'bgp', ...spec },
})
export const DEFAULT = { 'eip.openelb.kubesphere.io/is-default-eip': 'true' }

export const service = (name: string, annotations: Readonly<Record<string, string>> = {}, spec: object = {}, namespace = 'default') => ({
  metadata: { name, namespace, ...(Object.keys(annotations).length > 0 && { annotations }) },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
})

/** `created`, or the API server's sentence. */
export async function attempt(
  api: ApiClient,
  resource: Resource,
  object: { metadata: { name: string; namespace?: string } },
): Promise<string> {
  try {
    await createObject(api, resource, object)
    return 'created'
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return error.message.replace(/^POST \S+: \d+ /, '')
  }
}

/** `kubectl apply` of one object, as its user reads it: `created`, or the error. Warnings come first, one per line. */
export async function kubectlApply(cluster: Cluster, object: object): Promise<string> {
  const { stdout, stderr } = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(object) })
  return [stderr.trim(), stdout.trim()].filter((text) => text !== '').join('\n')
}
export const ofKind = (kind: string, name: string, spec: object, annotations: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'network.kubesphere.io/v1alpha2',
  kind,
  metadata: { name, ...(Object.keys(annotations).length > 0 && { annotations }) },
  spec,
})
