/** A tenant with all rights on the Services of its namespace, their status too, and none elsewhere; and what its neighbours have. */
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { ServiceObject } from '../../../src/api/core-objects.ts'
import { IS_DEFAULT_EIP, OPT_IN } from '../../../src/api/service-annotations.ts'
import { type ApiClient, createApiClient } from '../../../src/kube/client.ts'
import { createInformer } from '../../../src/kube/informer.ts'
import { createObject, patchObject } from '../../../src/kube/objects.ts'
import { ADDRESS_CLAIMS, NODES, SERVICES } from '../../../src/kube/resources.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { AllocationLab } from '../../support/allocation-lab.ts'
import { type ClusterActions, createClusterActions, refOf } from '../../support/cluster-actions.ts'

export const EVIL = 'evil'
export const VICTIM = 'victim'
export const SECRET_KEY = 'kestrel-7f3a9c-dns'

/** Addresses that the tenant may not have, by what keeps each of them from it. */
export const FORBIDDEN = {
  gateway: '10.80.0.1',
  node: '10.80.0.50',
  reserved: '10.80.0.77',
  fenced: '10.81.0.5',
  web: '10.80.0.20',
  dns: '10.80.0.21',
  vault: '10.81.0.2',
} as const
/** Anybody's. */
export const FREE = '10.80.0.200'
/** How many addresses of the Eip `open` one namespace may hold. */
export const QUOTA = 3

const isForbidden = (address: string): boolean =>
  (Object.values(FORBIDDEN) as string[]).includes(address) || !(address.startsWith('10.80.0.') || address.startsWith('fd00:80:'))

export interface Tenant extends ClusterActions {
  readonly api: ApiClient
  /** Merge patch of the status. */
  status(name: string, status: object): Promise<unknown>
  /** A Service that is nobody's yet shows these addresses, and then opts in. */
  arrives(name: string, ingress: readonly object[], annotations?: Readonly<Record<string, string>>, meta?: object): Promise<void>
}

const RULES = [
  { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] },
  { apiGroups: [''], resources: ['services/status'], verbs: ['get', 'update', 'patch'] },
]

/** The pools, the neighbours, and the tenant's own way in. */
export async function settleNeighbours(lab: AllocationLab): Promise<Tenant> {
  const { cluster, api } = lab.world
  for (const name of [VICTIM, EVIL, 'honest']) await lab.makeNamespace(name)
  await createObject(api, NODES, { metadata: { name: 'machine' } })
  const addresses = [{ type: 'InternalIP', address: FORBIDDEN.node }]
  await patchObject(api, NODES, { name: 'machine' }, { status: { addresses } }, { type: 'merge', subresource: 'status' })
  const open = {
    addresses: ['fd00:80::/120'],
    exclude: [FORBIDDEN.gateway],
    quota: { perNamespace: QUOTA },
    reservations: [{ address: FORBIDDEN.reserved, namespace: VICTIM, name: 'checkout' }],
  }
  await lab.makeEip('open', '10.80.0.0/24', open, { annotations: { [IS_DEFAULT_EIP]: 'true' } })
  await lab.makeEip('fenced', '10.81.0.0/28', { namespaces: [VICTIM], enforceNamespaces: true })
  await lab.makeService(`${VICTIM}/web`, { address: FORBIDDEN.web })
  const dns = { ports: [{ port: 53, protocol: 'UDP' }] }
  await lab.makeService(`${VICTIM}/dns`, { address: FORBIDDEN.dns, annotations: { 'openelb.io/allow-shared-ip': SECRET_KEY }, spec: dns })
  await lab.makeService(`${VICTIM}/vault`, { address: FORBIDDEN.vault })
  for (const name of ['web', 'dns', 'vault'] as const) await lab.shows(`${VICTIM}/${name}`, FORBIDDEN[name])
  const metadata = { name: 'mallory', namespace: EVIL }
  const RBAC = 'rbac.authorization.k8s.io'
  await lab.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules: RULES },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name: 'mallory' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  )
  return tenantOf(await cluster.serviceAccountKubeconfig(EVIL, 'mallory'))
}

function tenantOf(kubeconfigPath: string): Tenant {
  const api = createApiClient({ kubeconfigPath, userAgent: 'mallory', logger: silentLogger })
  const actions = createClusterActions(api)
  const status = (name: string, of: object) =>
    patchObject<ServiceObject>(api, SERVICES, refOf(`${EVIL}/${name}`), { status: of }, { type: 'merge', subresource: 'status' })
  return {
    ...actions,
    api,
    status,
    async arrives(name, ingress, annotations = {}, meta = {}) {
      await actions.makeService(`${EVIL}/${name}`, { annotations: { [OPT_IN]: 'none' }, ...meta })
      await status(name, { loadBalancer: { ingress } })
      await actions.annotate(`${EVIL}/${name}`, { [OPT_IN]: 'openelb', ...annotations })
    },
  }
}

export interface Judge {
  /** Sentences on every version of every claim that gave the tenant what it may not have. */
  readonly verdicts: readonly string[]
  close(): Promise<void>
}

/** Looks at every version of every claim. */
export async function startJudge(lab: AllocationLab): Promise<Judge> {
  const claims = createInformer<AddressClaimObject>({ client: lab.world.api, resource: ADDRESS_CLAIMS, logger: silentLogger })
  const verdicts: string[] = []
  claims.subscribe(({ after }) => {
    const namespaces = (after?.spec.holders ?? []).map(({ namespace }) => namespace)
    if (after === undefined || !namespaces.includes(EVIL)) return
    const { address, holders } = after.spec
    const who = holders.map(({ namespace, name }) => `${namespace}/${name}`).join(' and ')
    if (isForbidden(address) || new Set(namespaces).size > 1) verdicts.push(`${address} is held by ${who}`)
  })
  claims.start()
  await claims.whenSynced()
  return { verdicts, close: () => claims.close() }
}

/** What the tenant holds. */
export const heldByTenant = (lab: AllocationLab): readonly string[] =>
  lab.witness
    .claims()
    .filter(({ spec }) => spec.holders.some(({ namespace }) => namespace === EVIL))
    .map(({ spec }) => spec.address)
    .toSorted()
