import { BGP_CONF_NAME } from '../../src/api/bgp-conf.ts'
import { GROUP } from '../../src/api/group.ts'
import {
  ADMISSION_NAME,
  BGP_SECRET,
  CERTIFICATE_SECRET,
  COMPONENT,
  CONTROLLER_LEASE,
  CONTROLLER_NAME,
  EIP_ADMISSION_CONFIG_MAP,
  MEMBERLIST_SECRET,
  RENEWAL_LEASE,
  SETTINGS_CONFIG_MAP,
  SPEAKER_NAME,
  WEBHOOK_SERVICE_ACCOUNT,
} from '../../src/api/names.ts'
import type { Installation, ManifestObject } from './installation.ts'
import { componentLabels } from './pod.ts'

/**
 * One line per right, with who needs it for what. A right that is never used does not belong here: a test compares
 * these lines with the audit log of a cluster.
 */
interface Right {
  readonly group: string
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  /** Objects by name. The verbs `list` and `watch` count only for requests that select that name; `create` cannot be narrowed. */
  readonly names?: readonly string[]
}

/** The rights of one ServiceAccount: in the whole cluster, and in our own namespace alone. */
interface Rights {
  readonly account: string
  readonly component: string
  readonly cluster: readonly Right[]
  readonly own: readonly Right[]
}

const CORE = ''
const LEASES = 'coordination.k8s.io'
const ADMISSION_GROUP = 'admissionregistration.k8s.io'
const READ = ['list', 'watch']
const EVENTS: Right = { group: CORE, resources: ['events'], verbs: ['create', 'patch'] }
const SETTINGS: Right = { group: CORE, resources: ['configmaps'], verbs: READ, names: [SETTINGS_CONFIG_MAP] }

const leaseOf = (name: string): Right[] => [
  { group: LEASES, resources: ['leases'], verbs: ['create'] },
  { group: LEASES, resources: ['leases'], verbs: ['get', 'update'], names: [name] },
]

/** Claims addresses, writes the status of Services and Eips. */
export const ALLOCATOR_RIGHTS: Rights = {
  account: CONTROLLER_NAME,
  component: COMPONENT.controller,
  cluster: [
    { group: CORE, resources: ['services'], verbs: ['get', ...READ] },
    { group: CORE, resources: ['services/status'], verbs: ['patch'] },
    { group: CORE, resources: ['namespaces', 'nodes'], verbs: READ },
    // Of an Eip itself only OpenELB's old finalizer is taken off, which its status does not carry.
    { group: GROUP, resources: ['eips'], verbs: [...READ, 'patch'] },
    { group: GROUP, resources: ['eips/status'], verbs: ['patch'] },
    // OpenELB's old finalizer is taken off, and nothing else is written.
    { group: GROUP, resources: ['bgpconfs', 'bgppeers'], verbs: [...READ, 'patch'] },
    { group: GROUP, resources: ['addressclaims'], verbs: ['get', ...READ, 'create', 'delete', 'patch'] },
    EVENTS,
  ],
  own: [...leaseOf(CONTROLLER_LEASE), SETTINGS],
}

/** Reads what decides who announces, writes the status of claims, of BgpConf and of BgpPeers. It never writes Services or Nodes. */
export const SPEAKER_RIGHTS: Rights = {
  account: SPEAKER_NAME,
  component: COMPONENT.speaker,
  cluster: [
    { group: GROUP, resources: ['addressclaims', 'bgppeers', 'eips'], verbs: READ },
    { group: GROUP, resources: ['bgpconfs'], verbs: READ, names: [BGP_CONF_NAME] },
    { group: GROUP, resources: ['addressclaims/status', 'bgpconfs/status', 'bgppeers/status'], verbs: ['patch'] },
    { group: CORE, resources: ['services', 'nodes'], verbs: READ },
    { group: 'discovery.k8s.io', resources: ['endpointslices'], verbs: READ },
    EVENTS,
  ],
  own: [
    { group: CORE, resources: ['pods'], verbs: READ },
    { group: CORE, resources: ['secrets'], verbs: READ, names: [BGP_SECRET, MEMBERLIST_SECRET] },
    // The ConfigMap with the policy is named by BgpConf, so its name is not known here.
    { group: CORE, resources: ['configmaps'], verbs: READ },
  ],
}

/** Reads what its rules ask about; serialises the admission of Eips; renews its certificate. */
export const WEBHOOK_RIGHTS: Rights = {
  account: WEBHOOK_SERVICE_ACCOUNT,
  component: COMPONENT.admission,
  cluster: [
    { group: GROUP, resources: ['eips', 'bgppeers'], verbs: READ },
    { group: CORE, resources: ['namespaces', 'nodes'], verbs: READ },
    {
      group: ADMISSION_GROUP,
      resources: ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
      verbs: ['get', ...READ, 'patch'],
      names: [ADMISSION_NAME],
    },
  ],
  own: [
    { group: CORE, resources: ['configmaps'], verbs: ['create'] },
    { group: CORE, resources: ['configmaps'], verbs: ['get', 'update'], names: [EIP_ADMISSION_CONFIG_MAP] },
    SETTINGS,
    { group: CORE, resources: ['secrets'], verbs: ['get', ...READ, 'update'], names: [CERTIFICATE_SECRET] },
    ...leaseOf(RENEWAL_LEASE),
  ],
}

/** Makes the certificate and the speakers' key, and tells the API server whom to trust. */
export const CERTGEN_RIGHTS: Rights = {
  account: ADMISSION_NAME,
  component: COMPONENT.certgen,
  cluster: [
    {
      group: ADMISSION_GROUP,
      resources: ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
      verbs: ['get', 'patch'],
      names: [ADMISSION_NAME],
    },
  ],
  own: [
    { group: CORE, resources: ['secrets'], verbs: ['create'] },
    { group: CORE, resources: ['secrets'], verbs: ['get', 'update'], names: [CERTIFICATE_SECRET, MEMBERLIST_SECRET] },
  ],
}

/** Role and ClusterRole with their bindings, all under the name of the ServiceAccount. */
export function rbacObjects({ namespace }: Installation, { account, component, cluster, own }: Rights): ManifestObject[] {
  const labels = componentLabels(component)
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace }]
  const everywhere = { name: account, labels }
  const here = { name: account, namespace, labels }
  return [
    { apiVersion: RBAC, kind: 'Role', metadata: here, rules: own.map(policyRule) },
    { apiVersion: RBAC, kind: 'RoleBinding', metadata: here, roleRef: roleRef('Role', account), subjects },
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: everywhere, rules: cluster.map(policyRule) },
    { apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata: everywhere, roleRef: roleRef('ClusterRole', account), subjects },
  ]
}

const RBAC = 'rbac.authorization.k8s.io/v1'
const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })

function policyRule({ group, resources, verbs, names }: Right): object {
  return { apiGroups: [group], resources, ...(names && { resourceNames: names }), verbs }
}
