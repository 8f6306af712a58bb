/**
 * The names of the objects that make up an installation. Manifests, processes, tests and users' scripts rely on them;
 * most are those of OpenELB 0.6, so that `kubectl` commands people know keep working.
 */

/** The namespace of `deploy/openelb.yaml`; processes read theirs from the environment variable OPENELB_NAMESPACE. */
export const DEFAULT_NAMESPACE = 'openelb-system'

/** Labels on every object of ours: `app: openelb` and `component: <one of COMPONENT>`. */
export const APP_LABEL = 'app'
export const APP_LABEL_VALUE = 'openelb'
export const COMPONENT_LABEL = 'component'
export const COMPONENT = { admission: 'admission', controller: 'controller', speaker: 'speaker', certgen: 'certgen' } as const

/** Deployment, Service, Secret, ServiceAccount of certgen, Lease of renewal and both webhook configurations. */
export const ADMISSION_NAME = 'openelb-admission'
/** ServiceAccount of the webhook's Pods (certgen's Jobs use ADMISSION_NAME, as in OpenELB). */
export const WEBHOOK_SERVICE_ACCOUNT = 'openelb-webhook'
/** Deployment, ServiceAccount and Lease of the allocator, under the name that OpenELB's users know. */
export const CONTROLLER_NAME = 'openelb-controller'
/** DaemonSet and ServiceAccount of the speaker. */
export const SPEAKER_NAME = 'openelb-speaker'

/** The Secret that certgen fills: keys `ca` (a bundle), `cert`, `key`, all PEM. */
export const CERTIFICATE_SECRET = ADMISSION_NAME
export const CERTIFICATE_SECRET_KEYS = { ca: 'ca', certificate: 'cert', privateKey: 'key' } as const
/** The Secret with the key that authenticates speakers to one another (key `key`, base64 of 32 bytes or OpenELB's text). */
export const MEMBERLIST_SECRET = 'memberlist'
export const MEMBERLIST_SECRET_KEY = 'key'
/** OpenELB ships this public value; certgen replaces it. */
export const MEMBERLIST_PUBLIC_DEFAULT = 'openelb-speakers'

/** The Secret with passwords of BGP peers and keys of BFD; BgpPeers name its keys. Written by users. */
export const BGP_SECRET = 'openelb-bgp'
/** The key of the ConfigMap with routing policies, which BgpConf names. */
export const BGP_POLICY_KEY = 'gobgp.conf'

/** Settings that more than one process reads (`adopt`, compatibility). */
export const SETTINGS_CONFIG_MAP = 'openelb-config'
/** The compare-and-swap object through which overlapping Eips are admitted one at a time. */
export const EIP_ADMISSION_CONFIG_MAP = 'openelb-eip-admission'

export const CONTROLLER_LEASE = CONTROLLER_NAME
export const RENEWAL_LEASE = ADMISSION_NAME

/** TCP ports; metrics ports also serve /healthz and /readyz. Membership uses UDP and TCP. BGP's port is in BgpConf. */
export const PORT = {
  webhookService: 443,
  webhook: 9443,
  controllerMetrics: 50052,
  speakerMetrics: 50053,
  admissionMetrics: 50054,
  membership: 7946,
} as const

export const IMAGE_REPOSITORY = 'ghcr.io/openelb-ts/openelb'

/** The image that `npm run image` builds and the manifest names; `version` is that of package.json. */
export const imageName = (version: string): string => `${IMAGE_REPOSITORY}:${version}`

/**
 * The name of a certgen Job, such as `openelb-admission-create-0-1-0`. A Job is immutable, so each version has its own
 * and a re-apply of the manifest works; dots would make the Pods' host names invalid and draw a warning.
 */
export const certgenJobName = (verb: 'create' | 'patch', version: string): string =>
  `${ADMISSION_NAME}-${verb}-${version.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}`

/** Names of single webhooks inside the webhook configurations; a refusal is printed with them. */
export const WEBHOOK = {
  mutatingService: 'mutating.eip.network.kubesphere.io',
  validatingEip: 'validate.eip.network.kubesphere.io',
  deletingEip: 'delete.eip.network.kubesphere.io',
  validatingBgpConf: 'validate.bgpconf.network.kubesphere.io',
  validatingBgpPeer: 'validate.bgppeer.network.kubesphere.io',
  validatingService: 'validate.service.network.kubesphere.io',
} as const

/** Where the API server calls each webhook. The mutating path starts with `validate-` for historic reasons. */
export const WEBHOOK_PATH = {
  mutatingService: '/validate-network-kubesphere-io-v1alpha2-svc',
  validatingEip: '/validate-network-kubesphere-io-v1alpha2-eip',
  deletingEip: '/validate-network-kubesphere-io-v1alpha2-eip',
  validatingBgpConf: '/validate-network-kubesphere-io-v1alpha2-bgpconf',
  validatingBgpPeer: '/validate-network-kubesphere-io-v1alpha2-bgppeer',
  validatingService: '/validate-v1-service',
} as const

/** `reportingController` of our Events, as in OpenELB. */
export const EVENT_COMPONENT = { controller: 'OpenELBController', speaker: 'speakerManager' } as const
