import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import type { ManifestObject } from '../../deploy/manifest/installation.ts'
import { manifestObjects } from '../../deploy/manifest/manifest.ts'

const NAMESPACE = 'openelb-system'
const IMAGE = 'registry.example/openelb:1.2.3'
const objects = manifestObjects({ namespace: NAMESPACE, image: IMAGE, version: '1.2.3' })
const SHIPPED = fileURLToPath(new URL('../../deploy/openelb.yaml', import.meta.url))

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: number }
}
interface Container {
  readonly name: string
  readonly image: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly resources?: { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> }
  readonly securityContext?: Record<string, unknown>
}
interface PodTemplate {
  readonly metadata: { readonly labels: Record<string, string> }
  readonly spec: {
    readonly serviceAccountName: string
    readonly hostNetwork?: boolean
    readonly restartPolicy?: string
    readonly nodeSelector: Record<string, string>
    readonly tolerations: readonly { readonly key: string }[]
    readonly priorityClassName?: string
    readonly topologySpreadConstraints?: readonly object[]
    readonly securityContext: Record<string, unknown>
    readonly containers: readonly Container[]
  }
}
interface Workload extends ManifestObject {
  readonly spec: {
    readonly replicas?: number
    readonly ttlSecondsAfterFinished?: number
    readonly selector?: { readonly matchLabels: Record<string, string> }
    readonly template: PodTemplate
  }
}
interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}
interface Webhook {
  readonly name: string
  readonly clientConfig: {
    readonly service: { readonly name: string; readonly namespace: string; readonly path: string; readonly port: number }
    readonly caBundle?: string
  }
  readonly rules: readonly { readonly resources: readonly string[]; readonly operations: readonly string[] }[]
  readonly failurePolicy: string
  readonly sideEffects: string
  readonly timeoutSeconds: number
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[]
  readonly namespaceSelector?: {
    readonly matchExpressions: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[]
  }
}

const ofKind = (...kinds: string[]) => objects.filter(({ kind }) => kinds.includes(kind))
const names = (kind: string) => ofKind(kind).map(({ metadata }) => metadata.name)
const workloads = ofKind('Deployment', 'DaemonSet', 'Job').map((object) => object as Workload)
const daemons = workloads.filter(({ kind }) => kind !== 'Job')
const webhooks = ofKind('ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration').flatMap(
  (object) => object['webhooks'] as Webhook[],
)

t.test('names are those that people and scripts rely on', async (t) => {
  t.same(names('Namespace'), ['openelb-system'])
  t.same(names('Deployment'), ['openelb-admission', 'openelb-controller'])
  t.same(names('DaemonSet'), ['openelb-speaker'])
  t.same(names('Service'), ['openelb-admission', 'openelb-controller'])
  t.same(names('ServiceAccount').sort(), ['openelb-admission', 'openelb-controller', 'openelb-speaker', 'openelb-webhook'])
  t.same(names('ConfigMap'), ['openelb-config'])
  t.same(names('ValidatingWebhookConfiguration'), ['openelb-admission'])
  t.same(names('MutatingWebhookConfiguration'), ['openelb-admission'])
  t.same(names('PodDisruptionBudget').sort(), ['openelb-admission', 'openelb-controller'])
  t.same(names('CustomResourceDefinition').sort(), [
    'addressclaims.network.kubesphere.io',
    'bgpconfs.network.kubesphere.io',
    'bgppeers.network.kubesphere.io',
    'eips.network.kubesphere.io',
  ])
  const [create, patch] = names('Job')
  t.match(create, /^openelb-admission-create-1-2-3-[0-9a-f]{8}$/)
  t.match(patch, /^openelb-admission-patch-1-2-3-[0-9a-f]{8}$/)
  t.same(names('Secret'), [], 'secrets are made in the cluster, never shipped')
  t.same(
    webhooks.map(({ name, clientConfig }) => [name, clientConfig.service.path]),
    [
      ['validate.eip.network.kubesphere.io', '/validate-network-kubesphere-io-v1alpha2-eip'],
      ['delete.eip.network.kubesphere.io', '/validate-network-kubesphere-io-v1alpha2-eip'],
      ['validate.bgpconf.network.kubesphere.io', '/validate-network-kubesphere-io-v1alpha2-bgpconf'],
      ['validate.bgppeer.network.kubesphere.io', '/validate-network-kubesphere-io-v1alpha2-bgppeer'],
      ['validate.service.network.kubesphere.io', '/validate-v1-service'],
      ['mutating.eip.network.kubesphere.io', '/validate-network-kubesphere-io-v1alpha2-svc'],
    ],
  )
})

t.test('every object is labelled, and lies in our namespace or in none', async (t) => {
  for (const { kind, metadata } of objects) {
    if (metadata.namespace !== undefined) t.equal(metadata.namespace, NAMESPACE, `${kind} ${metadata.name}`)
    if (kind !== 'CustomResourceDefinition') t.equal(metadata.labels?.['app'], 'openelb', `${kind} ${metadata.name}`)
  }
  const keys = objects.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`)
  t.equal(new Set(keys).size, keys.length, 'no object twice')
})

t.test('workloads', async (t) => {
  const components: Record<string, string> = {
    'openelb-admission': 'admission',
    'openelb-controller': 'controller',
    'openelb-speaker': 'speaker',
  }
  for (const { kind, metadata, spec } of workloads) {
    const where = `${kind} ${metadata.name}`
    const pod = spec.template.spec
    const component = kind === 'Job' ? 'certgen' : components[metadata.name]
    t.same(spec.template.metadata.labels, { app: 'openelb', component }, where)
    if (kind !== 'Job') t.same(spec.selector?.matchLabels, spec.template.metadata.labels, where)
    t.same(pod.nodeSelector, { 'kubernetes.io/os': 'linux' }, where)
    t.ok(
      ['node-role.kubernetes.io/master', 'node-role.kubernetes.io/control-plane'].every((key) =>
        pod.tolerations.some((one) => one.key === key),
      ),
      where,
    )
    t.ok(names('ServiceAccount').includes(pod.serviceAccountName), `${where} has an account of ours`)
    t.equal(pod.priorityClassName, kind === 'DaemonSet' ? 'system-node-critical' : 'system-cluster-critical', where)
    for (const container of pod.containers) {
      t.equal(container.image, IMAGE, where)
      t.equal(container.command[0], '/usr/local/bin/node', where)
      t.match(container.command.at(-1), /^\/app\/dist\/[\w/]+\/main\.js$/, where)
      for (const size of ['requests', 'limits'] as const)
        t.match(container.resources?.[size], { cpu: /./, memory: /Mi$/ }, `${where} ${size}`)
    }
  }
  t.equal(new Set(workloads.map(({ spec }) => spec.template.spec.serviceAccountName)).size, 4, 'each component has its own account')
})

t.test('daemons have probes on the port they serve, and know where they are', async (t) => {
  const ports: Record<string, number> = { 'openelb-admission': 50054, 'openelb-controller': 50052, 'openelb-speaker': 50053 }
  for (const { metadata, spec } of daemons) {
    for (const container of spec.template.spec.containers) {
      const port = ports[metadata.name]
      t.same(container.startupProbe?.httpGet, { path: '/healthz', port })
      t.same(container.livenessProbe?.httpGet, { path: '/healthz', port })
      t.same(container.readinessProbe?.httpGet, { path: '/readyz', port })
      t.ok(container.args.includes(`--metrics-addr=:${port}`))
      t.ok(container.ports?.some(({ containerPort }) => containerPort === port))
      t.same(container.env.map(({ name }) => name).sort(), ['NODE_NAME', 'OPENELB_NAMESPACE', 'POD_IP', 'POD_NAME'])
      t.ok(container.env.every(({ valueFrom }) => valueFrom !== undefined))
    }
  }
  for (const { kind, spec } of daemons) {
    if (kind !== 'Deployment') continue
    t.equal(spec.replicas, 2)
    t.ok((spec.template.spec.topologySpreadConstraints?.length ?? 0) > 0)
  }
})

t.test('Pod Security: restricted for all but the speaker, and one capability for that', async (t) => {
  for (const { kind, metadata, spec } of workloads) {
    const where = `${kind} ${metadata.name}`
    const pod = spec.template.spec
    t.match(pod.securityContext, { seccompProfile: { type: 'RuntimeDefault' } }, where)
    for (const { securityContext } of pod.containers) {
      t.match(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, where)
      t.notOk(securityContext?.['privileged'], where)
      const added = (securityContext?.['capabilities'] as { add?: string[] } | undefined)?.add ?? []
      t.same(added, kind === 'DaemonSet' ? ['NET_BIND_SERVICE', 'NET_RAW'] : [], where)
    }
    t.equal(pod.hostNetwork === true, kind === 'DaemonSet', where)
    if (kind === 'DaemonSet') continue
    t.match(pod.securityContext, { runAsNonRoot: true, runAsUser: 65532 }, where)
  }
  t.match(ofKind('Namespace')[0]?.metadata.labels, { 'pod-security.kubernetes.io/enforce': 'privileged' })
})

t.test('webhooks cannot stop a cluster', async (t) => {
  t.equal(webhooks.length, 6)
  for (const { name, clientConfig, rules, failurePolicy, matchConditions, namespaceSelector, timeoutSeconds, sideEffects } of webhooks) {
    const service = rules.every(({ resources }) => resources.includes('services'))
    t.match(clientConfig.service, { name: 'openelb-admission', namespace: NAMESPACE, port: 443 }, name)
    t.equal(clientConfig.caBundle, undefined, `${name}: certgen alone writes the CA`)
    t.equal(timeoutSeconds, 5, name)
    const deletion = rules.every(({ operations }) => operations.includes('DELETE'))
    t.equal(failurePolicy, service || deletion ? 'Ignore' : 'Fail', `${name}: Services and deletions never wait for us`)
    t.equal(sideEffects, name === 'validate.eip.network.kubesphere.io' ? 'NoneOnDryRun' : 'None', name)
    const conditions = Object.fromEntries(matchConditions.map((condition) => [condition.name, condition.expression]))
    t.match(
      conditions,
      { ...(!deletion && { 'not-deleting': /deletionTimestamp/ }), 'not-ourselves': /system:serviceaccount:openelb-system:/ },
      name,
    )
    t.ok(matchConditions.every(({ expression }) => expression.length > 0))
    t.equal(/LoadBalancer/.test(JSON.stringify(conditions)), service, `${name}: Services of other types are not sent`)
    if (!service) continue
    t.same(namespaceSelector?.matchExpressions, [
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', NAMESPACE] },
    ])
  }
})

t.test('rights: no wildcard, no secret or webhook configuration but our own, bindings that bind', async (t) => {
  const roles = ofKind('Role', 'ClusterRole')
  for (const role of roles) {
    const where = `${role.kind} ${role.metadata.name}`
    for (const { apiGroups, resources, resourceNames, verbs } of role['rules'] as Rule[]) {
      t.notOk(
        [...apiGroups, ...resources, ...verbs].some((word) => word.includes('*')),
        where,
      )
      const named = resources.some((resource) => /^(secrets|.*webhookconfigurations|leases)$/.test(resource)) && !verbs.includes('create')
      if (named) t.ok((resourceNames?.length ?? 0) > 0, `${where}: ${resources} by name`)
      t.notOk(resourceNames !== undefined && verbs.includes('create'), `${where}: create cannot be narrowed to names`)
      if (role.kind === 'ClusterRole')
        t.notOk(
          resources.some((resource) => ['secrets', 'configmaps', 'leases', 'pods'].includes(resource)),
          where,
        )
    }
  }
  for (const binding of ofKind('RoleBinding', 'ClusterRoleBinding')) {
    const { roleRef, subjects } = binding as unknown as {
      roleRef: { kind: string; name: string }
      subjects: { name: string; namespace: string }[]
    }
    t.ok(
      roles.some(({ kind, metadata }) => kind === roleRef.kind && metadata.name === roleRef.name),
      binding.metadata.name,
    )
    t.ok(
      subjects.every(({ name, namespace }) => namespace === NAMESPACE && names('ServiceAccount').includes(name)),
      binding.metadata.name,
    )
  }
})

t.test('the order of the file is the order of an uninstall', async (t) => {
  const at = (kind: string, name?: string) =>
    objects.findIndex((object) => object.kind === kind && (name ?? object.metadata.name) === object.metadata.name)
  t.equal(at('Namespace'), 0)
  t.equal(Math.max(at('ValidatingWebhookConfiguration'), at('MutatingWebhookConfiguration')), 2, 'no webhook outlives its Pods')
  t.same(
    objects.slice(-5).map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => `${kind} openelb-controller`),
    'the allocator keeps its rights to the end',
  )
})

t.test('Jobs: another image is another Job, the same image is the same', async (t) => {
  const jobNames = (image: string, version: string) =>
    manifestObjects({ namespace: NAMESPACE, image, version })
      .filter(({ kind }) => kind === 'Job')
      .map(({ metadata }) => metadata.name)
  t.same(jobNames(IMAGE, '1.2.3'), names('Job'))
  t.notSame(jobNames('registry.example/openelb:other', '1.2.3'), names('Job'))
  for (const name of jobNames(IMAGE, '10.20.30-beta.11'))
    t.ok(name.length <= 57 && /^[a-z0-9-]+$/.test(name), `${name}: Pods add six characters to it`)
  for (const job of ofKind('Job') as Workload[])
    t.equal(job.spec.ttlSecondsAfterFinished, undefined, 'finished Jobs stay: kubectl get pods shows Completed')
})

t.test('another namespace changes every place', async (t) => {
  const text = JSON.stringify(manifestObjects({ namespace: 'elsewhere', image: IMAGE, version: '1.2.3' }))
  t.notMatch(text, /openelb-system/)
})

t.test('the shipped file says what the code says', async (t) => {
  const documents = parseAllDocuments(readFileSync(SHIPPED, 'utf8'))
  t.same(
    documents.flatMap(({ errors }) => errors),
    [],
  )
  const shipped = documents.map((document) => document.toJS() as ManifestObject)
  const key = ({ kind, metadata }: ManifestObject) => `${kind} ${metadata.name.replace(/-(create|patch)-.*/, '-$1')}`
  t.same(shipped.map(key), objects.map(key))
})
