import { GROUP, VERSION } from '../../src/api/group.ts'
import { ADMISSION_NAME, COMPONENT, PORT, WEBHOOK, WEBHOOK_PATH } from '../../src/api/names.ts'
import { LOAD_BALANCER_CLASS } from '../../src/api/service-annotations.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { componentLabels } from './pod.ts'

/**
 * The webhook configurations. Two rules keep a cluster safe from its own webhooks: those on Services are courtesy
 * (`Ignore`, never kube-system, never our own namespace), and those on our kinds (`Fail`) let deletions and our own
 * processes pass. certgen writes the caBundle; the manifest has none, so that a re-apply leaves it alone.
 */

type WebhookName = keyof typeof WEBHOOK

const TIMEOUT_SECONDS = 5
const NOT_DELETING = { name: 'not-deleting', expression: '!has(object.metadata.deletionTimestamp)' }
const LOAD_BALANCER = { name: 'load-balancer', expression: 'has(object.spec.type) && object.spec.type == "LoadBalancer"' }
const EIP_IN_USE = {
  name: 'in-use',
  expression: 'has(oldObject.status) && has(oldObject.status.usage) && oldObject.status.usage > 0',
}
/** A class names its implementation for life; a foreign one opts out always. */
const NO_FOREIGN_CLASS = {
  name: 'no-foreign-class',
  expression: `!has(object.spec.loadBalancerClass) || object.spec.loadBalancerClass == "${LOAD_BALANCER_CLASS}"`,
}

const notOurselves = (namespace: string) => ({
  name: 'not-ourselves',
  expression: `!request.userInfo.username.startsWith("system:serviceaccount:${namespace}:")`,
})

const serviceNamespaces = (namespace: string) => ({
  matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', namespace] }],
})

const metadata = { name: ADMISSION_NAME, labels: componentLabels(COMPONENT.admission) }

export function mutatingConfiguration(installation: Installation): ManifestObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata,
    webhooks: [{ ...serviceWebhook(installation, 'mutatingService'), reinvocationPolicy: 'Never' }],
  }
}

export function validatingConfiguration(installation: Installation): ManifestObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata,
    webhooks: [
      // The admission of Eips writes its compare-and-swap object, except for dry runs.
      ownKindWebhook(installation, 'validatingEip', 'eips', 'NoneOnDryRun'),
      deletionWebhook(installation),
      ownKindWebhook(installation, 'validatingBgpConf', 'bgpconfs', 'None'),
      ownKindWebhook(installation, 'validatingBgpPeer', 'bgppeers', 'None'),
      serviceWebhook(installation, 'validatingService'),
    ],
  }
}

function webhook({ namespace }: Installation, name: WebhookName): Record<string, unknown> {
  return {
    name: WEBHOOK[name],
    clientConfig: { service: { name: ADMISSION_NAME, namespace, path: WEBHOOK_PATH[name], port: PORT.webhookService } },
    admissionReviewVersions: ['v1'],
    matchPolicy: 'Equivalent',
    timeoutSeconds: TIMEOUT_SECONDS,
  }
}

function serviceWebhook(installation: Installation, name: WebhookName): Record<string, unknown> {
  return {
    ...webhook(installation, name),
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['services'], operations: ['CREATE', 'UPDATE'], scope: 'Namespaced' }],
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    namespaceSelector: serviceNamespaces(installation.namespace),
    matchConditions: [LOAD_BALANCER, NO_FOREIGN_CLASS, NOT_DELETING, notOurselves(installation.namespace)],
  }
}

function ownKindWebhook(installation: Installation, name: WebhookName, plural: string, sideEffects: string): Record<string, unknown> {
  return {
    ...webhook(installation, name),
    rules: [{ apiGroups: [GROUP], apiVersions: [VERSION], resources: [plural], operations: ['CREATE', 'UPDATE'], scope: 'Cluster' }],
    failurePolicy: 'Fail',
    sideEffects,
    matchConditions: [NOT_DELETING, notOurselves(installation.namespace)],
  }
}

/** Warns of addresses in use and never refuses, so its absence must not stop a deletion either. Unused Eips are not sent. */
function deletionWebhook(installation: Installation): Record<string, unknown> {
  return {
    ...webhook(installation, 'deletingEip'),
    rules: [{ apiGroups: [GROUP], apiVersions: [VERSION], resources: ['eips'], operations: ['DELETE'], scope: 'Cluster' }],
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    matchConditions: [EIP_IN_USE, notOurselves(installation.namespace)],
  }
}
