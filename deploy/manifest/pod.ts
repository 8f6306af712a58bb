import { APP_LABEL, APP_LABEL_VALUE, COMPONENT_LABEL } from '../../src/api/names.ts'

/** The parts of Pods that several workloads share. The image's layout is that of lab/image/build.ts. */

/** The labels of every object of one component; Deployments and Services select their Pods by exactly these. */
export const componentLabels = (component: string): Record<string, string> => ({
  [APP_LABEL]: APP_LABEL_VALUE,
  [COMPONENT_LABEL]: component,
})

const NODE = '/usr/local/bin/node'
/** Without a shell in the image, a process is started by its entry file. */
export const command = (entry: string, nodeFlags: readonly string[] = []): string[] => [NODE, ...nodeFlags, `/app/dist/${entry}/main.js`]

/** What every container of ours may do: nothing beyond its own process. The speaker adds one capability. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}

/** The "restricted" Pod Security Standard. 65532 is the user of the image. */
export const RESTRICTED_POD = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
}

const fromField = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })

/** Where a process is: it takes nothing else from the environment. */
export const LOCATION_ENV = [
  fromField('OPENELB_NAMESPACE', 'metadata.namespace'),
  fromField('POD_NAME', 'metadata.name'),
  fromField('POD_IP', 'status.podIP'),
  fromField('NODE_NAME', 'spec.nodeName'),
]

/**
 * Probes on the port that serves metrics. The start probe gives a slow node a minute; after it, /healthz decides about
 * a restart and /readyz about traffic, so a process that waits for the API server is not ready, but is left alone.
 */
export const probes = (port: number) => ({
  startupProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
  livenessProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
  readinessProbe: { httpGet: { path: '/readyz', port }, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
})

/** Node's heap follows the memory limit of its container. */
export const resources = (size: { cpu: string; memory: string; cpuLimit: string; memoryLimit: string }) => ({
  requests: { cpu: size.cpu, memory: size.memory },
  limits: { cpu: size.cpuLimit, memory: size.memoryLimit },
})

/** A cluster of control-plane nodes alone is a cluster too. */
export const CONTROL_PLANE_TOLERATIONS = [
  { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node-role.kubernetes.io/master', operator: 'Exists', effect: 'NoSchedule' },
]
export const CRITICAL_TOLERATION = { key: 'CriticalAddonsOnly', operator: 'Exists' }
export const LINUX = { 'kubernetes.io/os': 'linux' }

/** Two replicas on two nodes where there are two. */
export const spreadOverNodes = (component: string) => [
  {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: componentLabels(component) },
  },
]

/** The image is named by version, so a node that has it need not ask the registry (and air-gapped nodes cannot). */
export const PULL_POLICY = 'IfNotPresent'

/** The Pod of a workload that runs as replicas, off the host's network: the webhook and the allocator. */
export const replicaPod = (account: string, component: string, container: object) => ({
  serviceAccountName: account,
  priorityClassName: 'system-cluster-critical',
  enableServiceLinks: false,
  terminationGracePeriodSeconds: 15,
  nodeSelector: LINUX,
  tolerations: [...CONTROL_PLANE_TOLERATIONS, CRITICAL_TOLERATION],
  topologySpreadConstraints: spreadOverNodes(component),
  securityContext: RESTRICTED_POD,
  containers: [container],
})
