import { APP_LABEL, APP_LABEL_VALUE, COMPONENT, COMPONENT_LABEL } from '../src/api/names.ts'
import { type ApiClient, ApiError } from '../src/kube/client.ts'
import { createObject, findObject, patchObject, replaceObject } from '../src/kube/objects.ts'
import { MUTATING_WEBHOOKS, type Resource, SECRETS, VALIDATING_WEBHOOKS } from '../src/kube/resources.ts'
import type { PublishedBundle } from './renewal.ts'
import type { SecretContent } from './secret.ts'

/** Who the changes are of, in managedFields. */
const FIELD_MANAGER = 'openelb-certgen'

/** A Secret as it was read: writing it back with `resourceVersion` is a compare-and-swap. */
export interface SecretVersion {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string }
  readonly content: SecretContent
}

/** `Fail` or `Ignore`, as in a webhook's `failurePolicy`. */
export type FailurePolicy = 'Fail' | 'Ignore'

/** What stands in the configurations now. */
export interface Published {
  readonly bundles: readonly PublishedBundle[]
  /** Configurations that were looked for and do not exist, as `Kind/name`. */
  readonly absent: readonly string[]
}

/** What certgen reads and writes in a cluster. Every rejection is an ApiError. No call waits for anything but one answer each. */
export interface CertificateCluster {
  readSecret(name: string): Promise<SecretVersion | undefined>
  /** Creates the Secret when `version` is undefined (reason AlreadyExists), else replaces that version (reason Conflict). */
  writeSecret(name: string, version: SecretVersion | undefined, content: SecretContent): Promise<void>
  readPublished(): Promise<Published>
  /**
   * Writes `ca`, and the policy when one is given, into every webhook that has something else; gives the configurations it changed.
   * The policy is never written to webhooks on Services: an admission that is away must not stop the Services of a cluster.
   */
  publish(ca: string, failurePolicy?: FailurePolicy): Promise<readonly string[]>
}

interface WebhookConfiguration {
  readonly metadata: { readonly name: string }
  readonly webhooks?: readonly Webhook[]
}

interface Webhook {
  readonly name: string
  readonly clientConfig: { readonly caBundle?: string }
  readonly failurePolicy?: string
  readonly rules?: readonly { readonly resources?: readonly string[] }[]
}

export interface CertificateClusterOptions {
  readonly client: ApiClient
  readonly namespace: string
  /** Name of the webhook configurations, and which of the two kinds are meant. */
  readonly webhookName: string
  readonly validating: boolean
  readonly mutating: boolean
  readonly signal?: AbortSignal
}

/** Creates the view of one installation: its namespace and its webhook configurations. */
export function createCertificateCluster(options: CertificateClusterOptions): CertificateCluster {
  const { client, namespace, webhookName, signal } = options
  const call = signal === undefined ? {} : { signal }
  const resources = [...(options.validating ? [VALIDATING_WEBHOOKS] : []), ...(options.mutating ? [MUTATING_WEBHOOKS] : [])]
  const readConfigurations = () =>
    Promise.all(
      resources.map(async (resource) => {
        const configuration = await findObject<WebhookConfiguration>(client, resource, { name: webhookName }, call)
        return {
          resource,
          title: `${resource.kind}/${webhookName}`,
          webhooks: configuration?.webhooks ?? [],
          exists: configuration !== undefined,
        }
      }),
    )
  return {
    async readSecret(name) {
      const secret = await findObject<RawSecret>(client, SECRETS, { namespace, name }, call)
      return secret === undefined ? undefined : { ...secret, content: secret.data ?? {} }
    },
    async writeSecret(name, version, content) {
      const write = { ...call, fieldManager: FIELD_MANAGER }
      if (version === undefined) {
        await createObject(client, SECRETS, { metadata: { name, namespace, labels: LABELS }, type: 'Opaque', data: content }, write)
        return
      }
      const { content: _before, ...secret } = version
      await replaceObject(client, SECRETS, { ...secret, data: content }, write)
    },
    async readPublished() {
      const configurations = await readConfigurations()
      return {
        bundles: configurations.flatMap(({ title, webhooks }) =>
          webhooks.map(({ name, clientConfig }) => ({ configuration: title, webhook: name, ca: decode(clientConfig.caBundle) })),
        ),
        absent: configurations.flatMap(({ title, exists }) => (exists ? [] : [title])),
      }
    },
    async publish(ca, failurePolicy) {
      const changed: string[] = []
      for (const { resource, title, webhooks } of await readConfigurations()) {
        const patch = webhooks.flatMap((webhook, at) => operations(webhook, at, ca, failurePolicy))
        if (patch.length === 0) continue
        await patchConfiguration(client, resource, webhookName, patch, call)
        changed.push(title)
      }
      return changed
    },
  }
}

const LABELS = { [APP_LABEL]: APP_LABEL_VALUE, [COMPONENT_LABEL]: COMPONENT.certgen }

interface RawSecret {
  readonly metadata: SecretVersion['metadata']
  readonly data?: SecretContent
}

const decode = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString()

/**
 * The JSON patch (RFC 6902) for one webhook: only the fields that differ, and a test that the place still belongs to this webhook, so
 * that a list which changed in between is refused and not mixed up.
 */
function operations(webhook: Webhook, at: number, ca: string, failurePolicy: FailurePolicy | undefined): readonly object[] {
  const path = `/webhooks/${at}`
  const caBundle = Buffer.from(ca).toString('base64')
  const policyMayChange = failurePolicy !== undefined && !isForServices(webhook) && webhook.failurePolicy !== failurePolicy
  const changes = [
    ...(webhook.clientConfig.caBundle === caBundle ? [] : [{ op: 'add', path: `${path}/clientConfig/caBundle`, value: caBundle }]),
    ...(policyMayChange ? [{ op: 'add', path: `${path}/failurePolicy`, value: failurePolicy }] : []),
  ]
  return changes.length === 0 ? [] : [{ op: 'test', path: `${path}/name`, value: webhook.name }, ...changes]
}

const isForServices = ({ rules = [] }: Webhook): boolean =>
  rules.some(({ resources = [] }) =>
    resources.some((resource) => ['services', 'services/status', 'services/*', '*', '*/*'].includes(resource)),
  )

async function patchConfiguration(
  client: ApiClient,
  resource: Resource,
  name: string,
  patch: readonly object[],
  call: { readonly signal?: AbortSignal },
): Promise<void> {
  try {
    await patchObject(client, resource, { name }, patch, { ...call, type: 'json', fieldManager: FIELD_MANAGER })
  } catch (error) {
    // A test that fails is answered by 422 without a reason; for us it is the same as a conflict.
    const moved = error instanceof ApiError && error.status === 422 && /test/i.test(error.message)
    throw moved ? new ApiError(`${resource.kind}/${name} changed meanwhile`, { status: 409, reason: 'Conflict', cause: error }) : error
  }
}
