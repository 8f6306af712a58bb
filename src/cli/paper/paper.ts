/** The allocator on paper: its own rules over objects that were read once, and nothing is written anywhere. */
import type { Ip } from '../../addr/ip.ts'
import { type Decision, decide, type Facts } from '../../allocator/decide.ts'
import { createKnowledge, type Knowledge, type Watched } from '../../allocator/knowledge.ts'
import type { Holding } from '../../allocator/ledger.ts'
import { serviceKey } from '../../allocator/service-key.ts'
import { rememberedAddresses, startPhases } from '../../allocator/start-order.ts'
import { type AddressClaimObject, type AddressClaimSpec, holdersText } from '../../api/address-claim.ts'
import type { ConfigMapObject, KubernetesObject, NamespaceObject, NodeObject, ServiceObject } from '../../api/core-objects.ts'
import type { EipObject } from '../../api/eip.ts'
import type { Refusal } from '../../policy/refusal.ts'
import { showOnPaper } from './service-on-paper.ts'

/** Everything that a decision can depend on. */
export interface PaperObjects {
  readonly services: readonly ServiceObject[]
  readonly namespaces: readonly NamespaceObject[]
  readonly nodes: readonly NodeObject[]
  readonly eips: readonly EipObject[]
  readonly claims: readonly AddressClaimObject[]
  readonly settings: ConfigMapObject | undefined
}

/** Where a Service ends up. */
export interface PaperOutcome {
  readonly service: ServiceObject
  /** Absent for Services of others. */
  readonly held: readonly Holding[]
  readonly refusals: readonly Refusal[]
  /** Of another load balancer, or of none. */
  readonly ours: boolean
}

export interface Paper {
  readonly knowledge: Knowledge
  facts(service: ServiceObject): Facts
  /** One decision, without any consequence. */
  decide(service: ServiceObject): Decision
  /** Carries out every decision on paper until nobody has anything left to do. The outcomes by `namespace/name`. */
  run(): ReadonlyMap<string, PaperOutcome>
}

/** A collection that never changes. */
function still<T extends KubernetesObject>(objects: readonly T[]): Watched<T> {
  const byKey = new Map(objects.map((object) => [keyOf(object), object]))
  return { get: (key) => byKey.get(key), values: () => byKey.values(), subscribe: () => () => undefined }
}

const keyOf = ({ metadata }: KubernetesObject): string =>
  metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`

/** As in the allocator: a decision with a change in it is followed by another one. */
const STEPS_MAX = 16
/** What one Service lets go another one may get, and so on: a chain as long as this ends what anybody would follow. */
const PASSES_MAX = 8

/** Takes the objects as they are. `nowMs` says which addresses are still set aside. */
export function createPaper(objects: PaperObjects, ownNamespace: string, nowMs: number): Paper {
  const sources = {
    services: still(objects.services),
    namespaces: still(objects.namespaces),
    nodes: still(objects.nodes),
    eips: still(objects.eips),
    claims: still(objects.claims),
    settings: still(objects.settings === undefined ? [] : [objects.settings]),
  }
  const knowledge = createKnowledge(sources, ownNamespace, { nowMs: () => nowMs })
  knowledge.recall()
  const remembered = notesThatCount(knowledge, objects)
  const facts = (service: ServiceObject): Facts => knowledge.facts(service, remembered.get(serviceKeyOf(service)) ?? [])
  return {
    knowledge,
    facts,
    decide: (service) => decide(facts(service)),
    run: () => runOnPaper(knowledge, facts, remembered, new Date(nowMs).toISOString()),
  }
}

/** What OpenELB noted counts for a Service once, before it has its first claim of ours. */
function notesThatCount({ ledger }: Knowledge, { eips, services }: PaperObjects): ReadonlyMap<string, readonly Ip[]> {
  const holders = new Set(services.filter(({ metadata }) => ledger.heldBy(metadata.uid).length > 0).map(serviceKeyOf))
  return new Map([...rememberedAddresses(eips)].filter(([key]) => !holders.has(key)))
}

export const serviceKeyOf = ({ metadata }: ServiceObject): string =>
  serviceKey({ namespace: metadata.namespace ?? '', name: metadata.name })

function runOnPaper(
  knowledge: Knowledge,
  facts: (service: ServiceObject) => Facts,
  remembered: ReadonlyMap<string, readonly Ip[]>,
  now: string,
): ReadonlyMap<string, PaperOutcome> {
  const outcomes = new Map<string, PaperOutcome>()
  const pen = createPen(knowledge, now)
  for (const claim of [...knowledge.ledger.all()]) pen.dropOrphans(claim)
  let keys: readonly string[] = startPhases(knowledge, remembered).flat()
  for (let pass = 0; pass < PASSES_MAX && keys.length > 0; pass++) {
    const before = pen.openings()
    for (const key of keys) {
      const outcome = finish(key, knowledge, facts, pen)
      if (outcome !== undefined) outcomes.set(key, outcome)
    }
    // Nothing else can help those who wait.
    const waiting = [...outcomes].filter(([, { refusals }]) => refusals.length > 0).map(([key]) => key)
    keys = pen.openings() === before ? [] : waiting
  }
  return outcomes
}

function finish(key: string, knowledge: Knowledge, facts: (service: ServiceObject) => Facts, pen: Pen): PaperOutcome | undefined {
  for (let step = 0; step < STEPS_MAX; step++) {
    const service = knowledge.service(key)
    if (service === undefined) return undefined
    const decision = decide(facts(service))
    if (decision.kind === 'leave' || decision.kind === 'await-namespace')
      return { service, held: [], refusals: [], ours: decision.kind !== 'leave' }
    pen.write(service, decision)
    if (decision.kind === 'settle') return { service, held: decision.keep, refusals: decision.refusals, ours: true }
  }
  throw new Error(`the rules come to no end about ${key}: please report this with the objects`)
}

type Change = Exclude<Decision, { kind: 'leave' | 'await-namespace' }>

/** Writes into the knowledge what the allocator would write to the API server. */
interface Pen {
  write(service: ServiceObject, decision: Change): void
  dropOrphans(holding: Holding): void
  /** How often an address, or a place on one, was given up so far, or an address came to be shared by a key. */
  openings(): number
}

function createPen(knowledge: Knowledge, now: string): Pen {
  let serial = 0
  let openings = 0
  const countSharing = ({ holders }: AddressClaimSpec): void => {
    if (holders.some(({ sharing }) => sharing !== undefined)) openings++
  }
  const rewrite = (holding: Holding, spec: AddressClaimSpec): void => {
    countSharing(spec)
    const { metadata } = holding.claim
    knowledge.noteClaim({ ...holding.claim, metadata: { ...metadata, resourceVersion: next(metadata.resourceVersion) }, spec })
  }
  const create = (name: string, spec: AddressClaimSpec): void => {
    serial++
    countSharing(spec)
    const metadata = { name, uid: `paper-${serial}`, resourceVersion: '1', creationTimestamp: now }
    knowledge.noteClaim({ apiVersion: 'network.kubesphere.io/v1alpha2', kind: 'AddressClaim', metadata, spec })
  }
  const letGo = (holding: Holding, isLeaving: (uid: string) => boolean): void => {
    const latest = knowledge.ledger.byName(holding.claim.metadata.name)
    const holders = latest?.claim.spec.holders.filter(({ uid }) => !isLeaving(uid)) ?? []
    if (latest === undefined || holders.length === latest.claim.spec.holders.length) return
    openings++
    if (holders.length === 0) knowledge.noteClaimGone(latest)
    else rewrite(latest, { ...latest.claim.spec, service: holdersText(holders), holders })
  }
  return {
    write(service, decision) {
      if (decision.kind === 'claim') create(decision.name, decision.spec)
      else if (decision.kind === 'join' || decision.kind === 'amend') rewrite(decision.holding, decision.spec)
      else {
        knowledge.noteService(showOnPaper(service, decision.desired, next(service.metadata.resourceVersion), now))
        for (const holding of decision.drop) letGo(holding, (uid) => uid === service.metadata.uid)
      }
    },
    dropOrphans: (holding) => letGo(holding, (uid) => !isAlive(knowledge, holding, uid)),
    openings: () => openings,
  }
}

const isAlive = (knowledge: Knowledge, { claim }: Holding, uid: string): boolean =>
  claim.spec.holders.some((holder) => holder.uid === uid && knowledge.service(serviceKey(holder))?.metadata.uid === uid)

/** A version that counts as newer. */
const next = (resourceVersion: string): string =>
  /^\d+$/.test(resourceVersion) ? String(BigInt(resourceVersion) + 1n) : `${resourceVersion}+`
