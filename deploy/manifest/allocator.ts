import { COMPONENT, CONTROLLER_NAME, PORT } from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { CONTAINER_SECURITY, command, componentLabels, LOCATION_ENV, PULL_POLICY, probes, replicaPod, resources } from './pod.ts'

const LABELS = componentLabels(COMPONENT.controller)

/** Two replicas: the leader allocates, the other one has everything in memory and waits for the Lease. */
export function allocatorDeployment({ namespace, image }: Installation): ManifestObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: CONTROLLER_NAME, namespace, labels: LABELS },
    spec: {
      replicas: 2,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: replicaPod(CONTROLLER_NAME, COMPONENT.controller, allocatorContainer(image)),
      },
    },
  }
}

/** Under this limit Node would choose 1 MiB for new objects; with ten thousand Services 8 MiB save a fifth of the processor time of a start. */
export const ALLOCATOR_NODE_FLAGS = ['--max-semi-space-size=8'] as const

/** Memory grows with Services: about a kilobyte each, in the cache and in the ledger. */
function allocatorContainer(image: string): object {
  return {
    name: 'controller',
    image,
    imagePullPolicy: PULL_POLICY,
    command: command('src/allocator', ALLOCATOR_NODE_FLAGS),
    args: [`--metrics-addr=:${PORT.controllerMetrics}`],
    env: LOCATION_ENV,
    ports: [{ name: 'metrics', containerPort: PORT.controllerMetrics, protocol: 'TCP' }],
    ...probes(PORT.controllerMetrics),
    resources: resources({ cpu: '50m', memory: '96Mi', cpuLimit: '1', memoryLimit: '512Mi' }),
    securityContext: CONTAINER_SECURITY,
  }
}
