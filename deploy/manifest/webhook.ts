import { ADMISSION_NAME, COMPONENT, CONTROLLER_NAME, PORT, WEBHOOK_SERVICE_ACCOUNT } from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { CONTAINER_SECURITY, command, componentLabels, LOCATION_ENV, PULL_POLICY, probes, replicaPod, resources } from './pod.ts'

const LABELS = componentLabels(COMPONENT.admission)

/** Two replicas, and never none during a roll-out: Eips cannot be changed while nobody answers. */
export function webhookDeployment({ namespace, image }: Installation): ManifestObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: ADMISSION_NAME, namespace, labels: LABELS },
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: LABELS },
        spec: replicaPod(WEBHOOK_SERVICE_ACCOUNT, COMPONENT.admission, webhookContainer(image)),
      },
    },
  }
}

function webhookContainer(image: string): object {
  return {
    name: 'webhook',
    image,
    imagePullPolicy: PULL_POLICY,
    command: command('src/webhook'),
    args: [`--webhook-port=${PORT.webhook}`, `--metrics-addr=:${PORT.admissionMetrics}`],
    env: LOCATION_ENV,
    ports: [
      { name: 'webhook', containerPort: PORT.webhook, protocol: 'TCP' },
      { name: 'metrics', containerPort: PORT.admissionMetrics, protocol: 'TCP' },
    ],
    ...probes(PORT.admissionMetrics),
    resources: resources({ cpu: '50m', memory: '96Mi', cpuLimit: '1', memoryLimit: '256Mi' }),
    securityContext: CONTAINER_SECURITY,
  }
}

/**
 * The webhooks' Service, under two names: that of our webhook configurations, and the one that OpenELB 0.6's point to,
 * so that an upgrade in place is never without an answer.
 */
export function webhookServices({ namespace }: Installation): ManifestObject[] {
  return [ADMISSION_NAME, CONTROLLER_NAME].map((name) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: LABELS },
    spec: {
      selector: LABELS,
      ports: [{ name: 'webhook', port: PORT.webhookService, targetPort: PORT.webhook, protocol: 'TCP' }],
    },
  }))
}

/** Keeps one replica while nodes are drained. */
export function disruptionBudget({ namespace }: Installation, name: string, component: string): ManifestObject {
  const labels = componentLabels(component)
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace, labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  }
}
