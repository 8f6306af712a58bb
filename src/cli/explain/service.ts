/** The whole chain of one Service: whose it is, what it asks for, which Eip, which address, who announces it; or what it waits for. */
import { formatIp } from '../../addr/ip.ts'
import { type Decision, decide, type Facts } from '../../allocator/decide.ts'
import type { Holding } from '../../allocator/ledger.ts'
import { readWish } from '../../allocator/request.ts'
import { allocatedCondition } from '../../allocator/service-status.ts'
import { wakesOf } from '../../allocator/wakes.ts'
import { PROTOCOL } from '../../api/service-annotations.ts'
import { readServiceRequest, type ServiceRequest } from '../../api/service-request.ts'
import { defaultPool } from '../../policy/pool-match.ts'
import { explainRefusal } from '../../policy/refusal.ts'
import { whoseService } from '../../policy/whose-service.ts'
import { formatAge } from '../age.ts'
import { someOf } from '../doctor/finding.ts'
import { nameOfService } from '../ledger-state.ts'
import type { EventObject } from '../workload-objects.ts'
import { lastEvents } from './events.ts'
import { poolRule, type RuleFacts } from './pool-standing.ts'
import { type Section, section } from './section.ts'
import { memberSection, type WireFacts, wireSections } from './wire.ts'
import { CHOICES, NOT_OURS, wakeText, whyHeld } from './words.ts'

export interface ServiceExplanationFacts extends RuleFacts {
  readonly events: readonly EventObject[]
  /** Undefined where the Service holds nothing. */
  readonly wire: WireFacts | undefined
  readonly nowMs: number
}

/** Former owners that a Service names of each address; explain address has them all. */
const MOST_FORMER = 2

/** Sentences in the order of the chain. `ours` is what the allocator would decide now. */
export function explainService(given: ServiceExplanationFacts): readonly Section[] {
  const { facts, wire, nowMs } = given
  const { service, ledger } = facts
  const held = ledger.heldBy(service.metadata.uid)
  const request = readServiceRequest(service, facts.settings.compat)
  const decision = decide(facts)
  const isOurs = decision.kind !== 'leave' && decision.kind !== 'release'
  return [
    ...section('Service', [
      `${nameOfService(service)}, ${service.spec.type ?? 'ClusterIP'}, created ${formatAge(service.metadata.creationTimestamp, nowMs)} ago`,
    ]),
    ...section('Owner', [ownership(facts, decision)]),
    ...section('Request', requestLines(facts, request)),
    ...(isOurs ? section('Eips', poolLines(given)) : []),
    ...section('Address', addressLines(facts, held, request.ok ? request.value : undefined)),
    ...(isOurs ? prospect(decision) : []),
    ...section('Allocated', saidByAllocator(facts, isOurs)),
    ...held.flatMap(({ claim }) => wireSections(claim, wire, nowMs, MOST_FORMER)),
    ...(wire === undefined ? [] : memberSection(wire)),
    ...waiting(facts, decision),
    ...section('Events', lastEvents(given.events, nowMs), 'dim'),
  ]
}

function ownership({ service, settings, pools, ownNamespace }: Facts, decision: Decision): string {
  if (decision.kind === 'leave') return `not OpenELB: ${NOT_OURS[decision.reason]}`
  if (decision.kind === 'release') return 'not OpenELB any more: it opted out, changed its type, or is being deleted'
  const owner = whoseService(service, settings, pools.active, ownNamespace)
  if (owner.kind === 'not-ours') return 'OpenELB, because it holds an address of ours and opted in before the settings changed'
  const by = {
    class: 'spec.loadBalancerClass',
    annotation: 'the annotation lb.kubesphere.io/v1alpha1',
    'default-eip': `the default Eip ${defaultPool(pools.active)?.name ?? ''}, which adopts what asks for nothing`,
  }[owner.by]
  return `OpenELB, by ${by}`
}

function requestLines(facts: Facts, request: ReturnType<typeof readServiceRequest>): readonly string[] {
  if (!request.ok) return request.error.map(({ message }) => `invalid: ${message}`)
  const { eips, addresses, protocol, sharingKey } = request.value
  const policy = facts.service.spec.ipFamilyPolicy
  const asked = [
    ...(eips.length === 0 ? [] : [`Eip ${eips.join(', then ')}`]),
    ...addresses.map(({ ip, from }) => `the address ${formatIp(ip)} (${from})`),
    ...(protocol === undefined ? [] : [`protocol ${protocol}`]),
    ...(sharingKey === undefined ? [] : [`sharing by the key ${JSON.stringify(sharingKey)}`]),
    ...(policy === undefined || policy === 'SingleStack' ? [] : [policy]),
  ]
  return [asked.length === 0 ? 'any address' : asked.join(', '), ...notFollowed(facts, request.value)]
}

/** A protocol annotation that agrees with the Eip that is named says nothing: the webhook itself writes both. */
function notFollowed({ service, pools }: Facts, { eips, ignored }: ServiceRequest): readonly string[] {
  const wanted = service.metadata.annotations?.[PROTOCOL]?.trim()
  const agrees = eips.some((name) => pools.active.some((pool) => pool.name === name && pool.protocol === wanted))
  return ignored.filter(({ setting }) => setting !== PROTOCOL || !agrees).map(({ message }) => message)
}

/** More Eips than these that do not serve it are told by their reasons, not by their names. */
const MOST_ALONE = 10

function poolLines(given: ServiceExplanationFacts): readonly string[] {
  const { facts } = given
  const wish = readWish(facts.service, facts.settings.compat)
  if (!wish.ok) return []
  const { rule, standings } = poolRule(given, wish.value)
  const [serving, others] = [standings.filter(({ applies }) => applies), standings.filter(({ applies }) => !applies)]
  const reasons = Map.groupBy(others, ({ pool, why }) => (others.length > MOST_ALONE ? why : pool))
  const grouped = [...reasons.values()].map(
    (alike) => `- ${someOf(alike.map(({ pool }) => pool))}${alike.length > 1 ? ': each' : ''} ${alike[0]?.why ?? ''}`,
  )
  return [rule, ...serving.map(({ pool, why }) => `+ ${pool}: ${why}`), ...grouped]
}

function addressLines({ service, pools }: Facts, held: readonly Holding[], request: ServiceRequest | undefined): readonly string[] {
  const who = { key: nameOfService(service), uid: service.metadata.uid }
  return held.length === 0
    ? ['none']
    : held.map((holding) => `${holding.address} of Eip ${holding.claim.spec.eip}: ${whyHeld(holding, who, request, pools)}`)
}

/** What comes next, where the allocator has not done it yet. */
function prospect(decision: Decision): readonly Section[] {
  if (decision.kind === 'claim') return section('Next', [`${decision.spec.address} of Eip ${decision.spec.eip}: ${CHOICES[decision.from]}`])
  if (decision.kind === 'join')
    return section('Next', [
      `${decision.holding.address}, beside ${decision.holding.claim.spec.service ?? 'others'}: ${CHOICES[decision.from]}`,
    ])
  if (decision.kind === 'settle' && decision.drop.length > 0)
    return section('Next', [`lets go of ${decision.drop.map(({ address }) => address).join(', ')}`])
  return decision.kind === 'await-namespace' ? section('Next', ['its Namespace has to be known first']) : []
}

/** The condition, and, where the rules of this program say something else now, that too. */
function saidByAllocator({ service }: Facts, isOurs: boolean): readonly string[] {
  const condition = allocatedCondition(service)
  if (condition === undefined) return [isOurs ? 'the allocator has not spoken yet' : 'the allocator says nothing about it']
  return [`${condition.status}, ${condition.reason}: ${condition.message}`]
}

/** The words of the condition are not said twice; where the rules say something else by now, that is said. */
function waiting({ service, settings }: Facts, decision: Decision): readonly Section[] {
  if (decision.kind !== 'settle' || decision.refusals.length === 0) return []
  const said = allocatedCondition(service)?.message ?? ''
  const texts = decision.refusals.map(explainRefusal)
  const news = texts.filter(({ message }) => !said.includes(message))
  const wakes = new Set(wakesOf(service, decision.refusals, settings.compat).map(wakeText))
  return [
    ...section(
      'By now',
      news.map(({ reason, message }) => `${reason}: ${message}`),
      'warn',
    ),
    ...section(
      'Cure',
      texts.map(({ cure }) => cure),
    ),
    ...section('Waits for', [...wakes, 'the Service itself to change']),
  ]
}
