import { COMPONENT, MEMBERLIST_SECRET, PORT, SPEAKER_NAME } from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import {
  CONTAINER_SECURITY,
  CONTROL_PLANE_TOLERATIONS,
  command,
  componentLabels,
  LINUX,
  LOCATION_ENV,
  PULL_POLICY,
  probes,
  resources,
} from './pod.ts'

const LABELS = componentLabels(COMPONENT.speaker)

/**
 * V8 lets a heap grow less before it collects: with 10,000 addresses 180 MiB are resident instead of 201. Answers come from threads that
 * allocate next to nothing, so they pay nothing for it.
 */
export const SPEAKER_NODE_FLAGS = ['--optimize-for-size'] as const

/**
 * Root without rights: NET_RAW opens packet sockets, NET_BIND_SERVICE the port 179 of BGP, and Kubernetes gives an added capability to user 0
 * only (a container of another user starts without it, for there are no ambient capabilities). All others are dropped, nothing can be written,
 * and no program but Node is in the image.
 */
const SECURITY = {
  ...CONTAINER_SECURITY,
  runAsUser: 0,
  runAsGroup: 0,
  runAsNonRoot: false,
  capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'NET_RAW'] },
}

/** One speaker per node, on the node's own network: it answers for addresses there. */
export function speakerDaemonSet({ namespace, image }: Installation): ManifestObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: SPEAKER_NAME, namespace, labels: LABELS },
    spec: {
      selector: { matchLabels: LABELS },
      // One after the other, so that the others can take over the addresses of the one that restarts.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: SPEAKER_NAME,
          priorityClassName: 'system-node-critical',
          enableServiceLinks: false,
          hostNetwork: true,
          terminationGracePeriodSeconds: 15,
          nodeSelector: LINUX,
          tolerations: CONTROL_PLANE_TOLERATIONS,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [speakerContainer(image)],
        },
      },
    },
  }
}

function speakerContainer(image: string): object {
  return {
    name: 'speaker',
    image,
    imagePullPolicy: PULL_POLICY,
    command: command('src/speaker', SPEAKER_NODE_FLAGS),
    args: ['--enable-layer2=true', `--metrics-addr=:${PORT.speakerMetrics}`, `--membership-secret=${MEMBERLIST_SECRET}`],
    env: LOCATION_ENV,
    // The port of membership is not named: MetalLB's speakers name it too, and beside them our Pods would not be scheduled at all.
    ports: [{ name: 'metrics', containerPort: PORT.speakerMetrics, protocol: 'TCP' }],
    ...probes(PORT.speakerMetrics),
    // Three threads: with one CPU the kernel would hold up heartbeats and answers whenever the main thread has much to do.
    resources: resources({ cpu: '50m', memory: '160Mi', cpuLimit: '2', memoryLimit: '384Mi' }),
    securityContext: SECURITY,
  }
}
