/** The processes of the installation: is somebody leading, does the webhook answer with a certificate that is trusted, are speakers there. */
import { explainDefect, inspect, type Leaf } from '../../../certgen/inspection.ts'
import { renewalTimeMs } from '../../../certgen/renewal.ts'
import type { LeaseObject } from '../../api/core-objects.ts'
import { ADMISSION_NAME, CERTIFICATE_SECRET } from '../../api/names.ts'
import { formatSpan } from '../age.ts'
import type { Reading } from '../cluster-reader.ts'
import { componentLines, leaderOf, pemsOf } from '../components.ts'
import { shortTrouble } from '../trouble.ts'
import type { WebhookConfigurationObject } from '../workload-objects.ts'
import type { DoctorFacts } from './facts.ts'
import { type Finding, fail, fine, orFine, warn } from './finding.ts'

type ComponentFacts = Pick<DoctorFacts, 'namespace' | 'components' | 'leaseAgain' | 'configurations' | 'nowMs'>

const INSTALL = 'kubectl apply -f deploy/openelb.yaml'
/** A part of a certificate's life that its renewal may be late by: it waits for the leader, and for the API server. */
const LATE_PART = 30

export function checkWorkloads({ namespace, components, nowMs }: ComponentFacts): readonly Finding[] {
  return componentLines(components, nowMs).map(({ component, ready }) => {
    const look = `kubectl -n ${namespace} get pods -l component=${COMPONENT_LABELS[component]}`
    if (ready === 'absent')
      return fail(component, `it is not installed in ${namespace}`, `${INSTALL}, or name its namespace with --openelb-namespace`)
    const [have = Number.NaN, want = Number.NaN] = ready.split('/').map(Number)
    if (Number.isNaN(have) || Number.isNaN(want)) return warn(component, `its state is unknown: ${ready}`)
    if (have === 0 && want > 0) return fail(component, 'none of its Pods is ready', look)
    if (have < want) return warn(component, `${ready} of its Pods are ready`, look)
    return want === 0 ? warn(component, 'it has no Pods', look) : fine(component, `${ready} Pods are ready`)
  })
}

const COMPONENT_LABELS = { allocator: 'controller', webhook: 'admission', speaker: 'speaker' } as const

/** Whether a Lease looks stale by our clock, so that a second look must tell. */
export const looksStale = (lease: Reading<LeaseObject | undefined>, nowMs: number): boolean =>
  lease.ok && Boolean(lease.value?.spec?.holderIdentity) && !leaderOf(lease, nowMs).well

export function checkLeader({ components, leaseAgain, nowMs }: ComponentFacts): readonly Finding[] {
  const { lease } = components
  if (!lease.ok) return [warn('leader', `it is unknown: ${shortTrouble(lease.error)}`)]
  const { state, well } = leaderOf(lease, nowMs)
  if (well) return [fine('leader', state)]
  const before = lease.value?.spec
  const after = leaseAgain?.ok === true ? leaseAgain.value?.spec : undefined
  if (after?.renewTime && after.renewTime !== before?.renewTime) {
    const apart = formatSpan(Math.abs(nowMs - Date.parse(before?.renewTime ?? '')))
    return [
      warn(
        'leader',
        `${after.holderIdentity} leads; its clock and that of this machine are about ${apart} apart`,
        'set the clocks, by NTP',
      ),
    ]
  }
  return [fail('leader', `${state}: addresses that are given stay, and nobody gives new ones`, 'look at the logs of the allocator')]
}

/** Every webhook must trust the certificate that is served, and the certificate must have been renewed in time. */
export function checkWebhooks(facts: ComponentFacts): readonly Finding[] {
  const { configurations, components } = facts
  if (!configurations.ok) return [warn('webhooks', `their configurations are unknown: ${shortTrouble(configurations.error)}`)]
  const present = configurations.value.flatMap((each) => (each === undefined ? [] : [each]))
  if (present.length < configurations.value.length)
    return [fail('webhooks', `a webhook configuration ${ADMISSION_NAME} is missing`, INSTALL)]
  const bare = present.flatMap(({ webhooks = [] }) => webhooks.filter(({ clientConfig }) => !clientConfig.caBundle).map(({ name }) => name))
  if (bare.length > 0)
    return [
      fail(
        'webhooks',
        `${bare.join(', ')} have no caBundle, so the API server cannot call them`,
        'run the Job openelb-admission-patch again (docs/certificates.md)',
      ),
    ]
  if (!components.secret.ok)
    return [warn('certificate', `Secret ${CERTIFICATE_SECRET} is unknown: ${shortTrouble(components.secret.error)}`)]
  if (components.secret.value === undefined)
    return [
      fail(
        'certificate',
        `Secret ${CERTIFICATE_SECRET} does not exist`,
        'run the Job openelb-admission-create again (docs/certificates.md)',
      ),
    ]
  const pems = pemsOf(components.secret.value)
  const own = inspect(pems, { hosts: [], nowMs: facts.nowMs })
  if (!own.ok) return [fail('certificate', `Secret ${CERTIFICATE_SECRET}: ${explainDefect(own.error)}`, 'see docs/certificates.md')]
  return [
    ...orFine(untrusted(present, pems, facts.nowMs), 'webhooks', 'they trust the certificate that is served'),
    checkAge(own.value, facts.nowMs),
  ]
}

function untrusted(present: readonly WebhookConfigurationObject[], pems: ReturnType<typeof pemsOf>, nowMs: number): readonly Finding[] {
  return present.flatMap(({ kind, webhooks = [] }) =>
    webhooks.flatMap(({ name, clientConfig }) => {
      const { service, caBundle = '' } = clientConfig
      const hosts = service === undefined ? [] : [`${service.name}.${service.namespace}.svc`]
      const ca = Buffer.from(caBundle, 'base64').toString('utf8')
      const judged = inspect({ ...pems, ca }, { hosts, nowMs })
      if (judged.ok) return []
      const cure = 'the webhook publishes its CA within a minute; else run the Job openelb-admission-patch again'
      return [fail('webhooks', `${kind} ${name} does not trust the certificate that is served: ${explainDefect(judged.error)}`, cure)]
    }),
  )
}

function checkAge(leaf: Leaf, nowMs: number): Finding {
  const left = formatSpan(leaf.notAfterMs - nowMs)
  const lateMs = (leaf.notAfterMs - leaf.notBeforeMs) / LATE_PART
  if (nowMs <= renewalTimeMs(leaf) + lateMs) return fine('certificate', `it ends in ${left}`)
  return warn('certificate', `it ends in ${left} and was not renewed in time`, 'look at the logs of the webhook; docs/certificates.md')
}
