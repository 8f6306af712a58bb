import { createHash } from 'node:crypto'
import { ADMISSION_NAME, CERTIFICATE_SECRET, COMPONENT, CONTROLLER_NAME, certgenJobName } from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import {
  CONTAINER_SECURITY,
  CONTROL_PLANE_TOLERATIONS,
  command,
  componentLabels,
  LINUX,
  PULL_POLICY,
  RESTRICTED_POD,
  resources,
} from './pod.ts'

const LABELS = componentLabels(COMPONENT.certgen)
/** Retries of a Pod that fails; kubelet waits longer before each, about 20 minutes in all. */
const BACKOFF_LIMIT = 10

/** The names that the API server may call the webhooks by. kubelet fills in $(POD_NAMESPACE). */
const HOSTS = [ADMISSION_NAME, CONTROLLER_NAME].flatMap((name) => [name, `${name}.$(POD_NAMESPACE)`, `${name}.$(POD_NAMESPACE).svc`])

const ARGS = {
  create: ['create', `--host=${HOSTS.join(',')}`, '--namespace=$(POD_NAMESPACE)', `--secret-name=${CERTIFICATE_SECRET}`],
  patch: [
    'patch',
    `--webhook-name=${ADMISSION_NAME}`,
    '--namespace=$(POD_NAMESPACE)',
    '--patch-mutating=true',
    '--patch-validating=true',
    `--secret-name=${CERTIFICATE_SECRET}`,
  ],
} as const

/**
 * The two Jobs that make the certificate and publish its CA. Kubernetes refuses any change of a Job's Pods, so the name
 * carries the version and a digest of what the Job runs: a changed Job is another Job, and `kubectl apply` of a newer
 * manifest works. They stay `Completed`; no time to live removes them, since a re-apply would run them again.
 */
export function certgenJobs(installation: Installation): ManifestObject[] {
  return (['create', 'patch'] as const).map((verb) => {
    const spec = jobSpec(installation, verb)
    const digest = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 8)
    const name = certgenJobName(verb, `${installation.version}-${digest}`)
    return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: installation.namespace, labels: LABELS }, spec }
  })
}

function jobSpec({ image }: Installation, verb: keyof typeof ARGS): object {
  return {
    backoffLimit: BACKOFF_LIMIT,
    template: {
      metadata: { labels: LABELS },
      spec: {
        serviceAccountName: ADMISSION_NAME,
        priorityClassName: 'system-cluster-critical',
        restartPolicy: 'OnFailure',
        enableServiceLinks: false,
        nodeSelector: LINUX,
        tolerations: CONTROL_PLANE_TOLERATIONS,
        securityContext: RESTRICTED_POD,
        containers: [
          {
            name: verb,
            image,
            imagePullPolicy: PULL_POLICY,
            command: command('certgen'),
            args: ARGS[verb],
            env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
            resources: resources({ cpu: '50m', memory: '64Mi', cpuLimit: '1', memoryLimit: '256Mi' }),
            securityContext: CONTAINER_SECURITY,
          },
        ],
      },
    },
  }
}
