/**
 * Whether a Service may be stored. Admission is a courtesy here: it refuses what can never work and warns of what cannot work yet.
 * Whether an address is free is not asked; the allocator answers that.
 */
import type { ServiceObject } from '../api/core-objects.ts'
import { KUBE_VIP, OPT_IN, OPT_IN_VALUE } from '../api/service-annotations.ts'
import { ADDRESS_SOURCES, EIP_SOURCES, readServiceRequest, SHARING_SOURCES } from '../api/service-request.ts'
import { BGP_ANNOTATIONS, bgpAnnotationFindings } from './bgp-announcement-findings.ts'
import { keyFindings, unknownKeys } from './key-findings.ts'
import { type RequestFacts, requestFindings } from './request-findings.ts'
import { settingFindings } from './setting-findings.ts'
import { allow, type Finding, type Verdict, verdictOf } from './verdict.ts'
import { whoseService } from './whose-service.ts'

/** What the review of a Service needs to know. `pools` may be a moment old: nothing here depends on a race. */
export interface ServiceFacts extends RequestFacts {
  /** The namespace that this process runs in. */
  readonly ownNamespace: string
}

const SETTINGS: readonly string[] = [
  ...[...ADDRESS_SOURCES, ...EIP_SOURCES, ...SHARING_SOURCES].map(({ setting }) => setting),
  `${KUBE_VIP}/ignore`,
  ...BGP_ANNOTATIONS,
]

/** The parts of a Service that are judged: all annotations of ours and of those that are read as ours, and the fields. Equal parts get equal answers. */
function judged({ metadata, spec }: ServiceObject): string {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => SETTINGS.includes(key) || key.includes('kubesphere.io/'))
  const { type, loadBalancerClass, loadBalancerIP, ipFamilies, ipFamilyPolicy, externalTrafficPolicy, selector } = spec
  return JSON.stringify([
    annotations.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    type,
    loadBalancerClass,
    loadBalancerIP,
    ipFamilies,
    ipFamilyPolicy,
    externalTrafficPolicy,
    selector === undefined,
    unknownKeys({ metadata }),
  ])
}

/** A value that somebody meant to opt in by, and that opts out. */
const NEAR_OPT_IN = /^\s*(open-?elb|true|yes|1|enabled?|on)?\s*$/i

function* optOutFindings({ metadata }: ServiceObject): Generator<Finding> {
  const text = metadata.annotations?.[OPT_IN]
  if (text === undefined || text === OPT_IN_VALUE || !NEAR_OPT_IN.test(text)) return
  yield { warn: `the annotation ${OPT_IN} is ${JSON.stringify(text.slice(0, 32))}, which opts out: write "${OPT_IN_VALUE}", or remove it` }
}

function* findingsAbout(service: ServiceObject, facts: ServiceFacts): Generator<Finding> {
  const ownership = whoseService(service, facts.settings, facts.pools.active, facts.ownNamespace)
  if (ownership.kind === 'not-ours') {
    if (ownership.reason === 'opted-out') yield* optOutFindings(service)
    return
  }
  const request = readServiceRequest(service, facts.settings.compat)
  if (!request.ok) {
    const text = request.error.map(({ message }) => message).join('; ')
    yield { refuse: text, cure: 'correct it, or remove it to let OpenELB choose' }
    return
  }
  yield* keyFindings(service)
  yield* bgpAnnotationFindings(service)
  yield* settingFindings(service, request.value, { pools: facts.pools.all, settings: facts.settings })
  yield* requestFindings(service, request.value, facts)
}

const textOf = (finding: Finding): string => JSON.stringify(finding)

/**
 * Says whether a Service may be created (`before` undefined) or changed. A Service that is not ours is let in unread. Of a change only what
 * it adds is judged: what is stored must stay editable.
 */
export function validateService(service: ServiceObject, before: ServiceObject | undefined, facts: ServiceFacts): Verdict {
  if (before === undefined) return verdictOf(findingsAbout(service, facts))
  if (judged(before) === judged(service)) return allow()
  const known = new Set([...findingsAbout(before, facts)].map(textOf))
  return verdictOf([...findingsAbout(service, facts)].filter((finding) => !known.has(textOf(finding))))
}
