/** The processes of an installation, as their own objects tell of them. */
import { explainDefect, inspect } from '../../certgen/inspection.ts'
import type { LeaseObject, SecretObject } from '../api/core-objects.ts'
import {
  ADMISSION_NAME,
  CERTIFICATE_SECRET,
  CERTIFICATE_SECRET_KEYS,
  CONTROLLER_LEASE,
  CONTROLLER_NAME,
  SPEAKER_NAME,
} from '../api/names.ts'
import { LEASES, SECRETS } from '../kube/resources.ts'
import { formatAge, formatSpan } from './age.ts'
import { attempt, type ClusterReader, type Reading } from './cluster-reader.ts'
import { type Cell, toned } from './report.ts'
import { shortTrouble } from './trouble.ts'
import { DAEMON_SETS, type DaemonSetObject, DEPLOYMENTS, type DeploymentObject } from './workload-objects.ts'

/** Each may be missing, or not ours to read. */
export interface Components {
  readonly lease: Reading<LeaseObject | undefined>
  readonly allocator: Reading<DeploymentObject | undefined>
  readonly webhook: Reading<DeploymentObject | undefined>
  readonly speaker: Reading<DaemonSetObject | undefined>
  readonly secret: Reading<SecretObject | undefined>
}

export async function readComponents(cluster: ClusterReader, namespace: string): Promise<Components> {
  const [lease, allocator, webhook, speaker, secret] = await Promise.all([
    attempt(cluster.find<LeaseObject>(LEASES, { namespace, name: CONTROLLER_LEASE })),
    attempt(cluster.find<DeploymentObject>(DEPLOYMENTS, { namespace, name: CONTROLLER_NAME })),
    attempt(cluster.find<DeploymentObject>(DEPLOYMENTS, { namespace, name: ADMISSION_NAME })),
    attempt(cluster.find<DaemonSetObject>(DAEMON_SETS, { namespace, name: SPEAKER_NAME })),
    attempt(cluster.find<SecretObject>(SECRETS, { namespace, name: CERTIFICATE_SECRET })),
  ])
  return { lease, allocator, webhook, speaker, secret }
}

/** One component in words. `state` is a sentence part. */
export interface ComponentLine {
  readonly component: 'allocator' | 'webhook' | 'speaker'
  /** `2/2`; `unknown` where it cannot be read; `absent`. */
  readonly ready: string
  readonly well: boolean
  readonly state: string
}

export function componentLines(components: Components, nowMs: number): readonly ComponentLine[] {
  const leader = leaderOf(components.lease, nowMs)
  const certificate = certificateOf(components.secret, nowMs)
  return [
    { component: 'allocator', ...countReady(components.allocator), ...leader, well: isFull(components.allocator) && leader.well },
    { component: 'webhook', ...countReady(components.webhook), ...certificate, well: isFull(components.webhook) && certificate.well },
    { component: 'speaker', ...countReady(components.speaker), state: '', well: isFull(components.speaker) },
  ]
}

type Workload = DeploymentObject | DaemonSetObject

function counts(workload: Workload): { readonly ready: number; readonly wanted: number } {
  const status: DeploymentObject['status'] & DaemonSetObject['status'] = workload.status ?? {}
  if (workload.kind === 'DaemonSet') return { ready: status.numberReady ?? 0, wanted: status.desiredNumberScheduled ?? 0 }
  return { ready: status.readyReplicas ?? 0, wanted: (workload as DeploymentObject).spec?.replicas ?? 1 }
}

function countReady(reading: Reading<Workload | undefined>): { readonly ready: string } {
  if (!reading.ok) return { ready: shortTrouble(reading.error) }
  if (reading.value === undefined) return { ready: 'absent' }
  const { ready, wanted } = counts(reading.value)
  return { ready: `${ready}/${wanted}` }
}

function isFull(reading: Reading<Workload | undefined>): boolean {
  if (!reading.ok || reading.value === undefined) return false
  const { ready, wanted } = counts(reading.value)
  return ready > 0 && ready >= wanted
}

/** Who leads and how fresh that is, by this machine's clock. */
export function leaderOf(reading: Reading<LeaseObject | undefined>, nowMs: number): { readonly state: string; readonly well: boolean } {
  if (!reading.ok) return { state: `leader unknown: ${shortTrouble(reading.error)}`, well: false }
  const { holderIdentity, renewTime, leaseDurationSeconds = 15, acquireTime } = reading.value?.spec ?? {}
  if (!holderIdentity) return { state: 'no leader', well: false }
  const renewed = formatAge(renewTime ?? undefined, nowMs)
  const agoMs = nowMs - Date.parse(renewTime ?? '')
  if (Number.isNaN(agoMs) || agoMs > leaseDurationSeconds * 1000)
    return { state: `no leader: ${holderIdentity} renewed its Lease ${renewed} ago`, well: false }
  return { state: `led by ${holderIdentity} for ${formatAge(acquireTime ?? undefined, nowMs)}`, well: true }
}

/** How long the webhook's certificate is good for. */
export function certificateOf(
  reading: Reading<SecretObject | undefined>,
  nowMs: number,
): { readonly state: string; readonly well: boolean } {
  if (!reading.ok) return { state: `certificate unknown: ${shortTrouble(reading.error)}`, well: true }
  if (reading.value === undefined) return { state: `no certificate: Secret ${CERTIFICATE_SECRET} does not exist`, well: false }
  const leaf = inspect(pemsOf(reading.value), { hosts: [], nowMs })
  if (!leaf.ok) return { state: `Secret ${CERTIFICATE_SECRET} cannot be served: ${explainDefect(leaf.error)}`, well: false }
  return { state: `certificate ends in ${formatSpan(leaf.value.notAfterMs - nowMs)}`, well: true }
}

/** The three texts of the certificate's Secret. */
export function pemsOf(secret: SecretObject): { readonly ca: string; readonly cert: string; readonly key: string } {
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
  const { ca, certificate, privateKey } = CERTIFICATE_SECRET_KEYS
  return { ca: text(ca), cert: text(certificate), key: text(privateKey) }
}

/** The cells COMPONENT, READY, STATE. */
export const componentCells = ({ component, ready, well, state }: ComponentLine): readonly Cell[] => [
  component,
  toned(ready, well ? 'good' : 'bad'),
  state,
]
