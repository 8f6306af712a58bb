/**
 * The laws of allocation, said of API objects alone. At every revision:
 * - held: a Service shows an address only while a claim of it names the Service, whoever wrote either, late or not;
 * - one port: nobody who is named in one claim uses a port of another one there, and a Service has one address of each family.
 * In the moment in which an allocator decides, by what it knows then:
 * - permitted: the rules let the Service have the address that it claims or joins;
 * - both: a new Service with RequireDualStack gets two addresses or none;
 * - cause: an address on show goes only for a reason in what the Service asks for, in an eviction, or in who holds it beside;
 * - kept: a Service that cannot have what it asks for keeps what it has.
 * What must hold at rest is in rest.ts.
 */
import type { AddressClaimObject } from '../../../src/api/address-claim.ts'
import type { ServiceObject } from '../../../src/api/core-objects.ts'
import { LAYER2_NODE, LOAD_BALANCER_CLASS, OPT_IN } from '../../../src/api/service-annotations.ts'
import type { Api, Change } from './api.ts'
import type { Intent, Process } from './process.ts'
import {
  against,
  besides,
  type Facts,
  factsOf,
  familyOf,
  heldBy,
  keyOf,
  type PoolView,
  reservedFor,
  shownBy,
  usesSamePort,
  type View,
  wishOf,
} from './rules.ts'

export interface Model {
  /** What broke; empty while everything holds. */
  readonly broken: string[]
  onChange(change: Change): void
  onTerm(process: Process): void
  onSend(process: Process, intent: Intent): void
}

type Settings = View['settings']
const settingsIn = (settings: Iterable<{ readonly data?: Settings }>): Settings => [...settings][0]?.data ?? {}
const addressesOf = (
  nodes: View['eips'] | Iterable<{ readonly status?: { readonly addresses?: readonly { readonly address: string }[] } }>,
) =>
  new Set(
    [...(nodes as Iterable<{ readonly status?: { readonly addresses?: readonly { readonly address: string }[] } }>)]
      .flatMap(({ status }) => status?.addresses ?? [])
      .map(({ address }) => address),
  )

/** What is stored. */
export const storedView = (api: Api, nowMs: number): View => ({
  eips: [...api.eips.values()],
  claims: [...api.claims.values()],
  services: [...api.services.values()],
  labelsOf: (name) => api.namespaces.get(name)?.metadata.labels,
  settings: settingsIn(api.settings.values()),
  nodeAddresses: addressesOf(api.nodes.values()),
  nowMs,
})

/** What a process knows by its watches; of Services and claims it may know more by its own requests. */
const knownView = ({ watched, clock }: Process): View => ({
  eips: [...watched.eips.values()],
  claims: [...watched.claims.values()],
  services: [...watched.services.values()],
  labelsOf: (name) => watched.namespaces.get(name)?.metadata.labels,
  settings: settingsIn(watched.settings.values()),
  nodeAddresses: addressesOf(watched.nodes.values()),
  nowMs: clock.nowMs(),
})

/** What people say about a Service; two Services that say the same ask for the same. */
function requestOf({ metadata, spec }: ServiceObject): string {
  const { type, loadBalancerClass, loadBalancerIP, externalTrafficPolicy, selector, ipFamilies, ipFamilyPolicy, ports } = spec
  const local = externalTrafficPolicy === 'Local' ? selector : undefined
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => key !== LAYER2_NODE)
  const dying = metadata.deletionTimestamp !== undefined
  return JSON.stringify([type, loadBalancerClass, loadBalancerIP, local, ipFamilies, ipFamilyPolicy, ports, annotations.sort(), dying])
}

/** Whether what the Service says of itself makes it ours while it holds an address. */
export const staysOurs = ({ metadata, spec }: ServiceObject): boolean =>
  spec.type === 'LoadBalancer' &&
  metadata.deletionTimestamp === undefined &&
  (spec.loadBalancerClass === undefined ? metadata.annotations?.[OPT_IN] === 'openelb' : spec.loadBalancerClass === LOAD_BALANCER_CLASS) &&
  (metadata.annotations?.[OPT_IN] ?? 'openelb') === 'openelb'

/** The Eip that a claim counts for, as a Service that names its Eips has it. */
export function homeOf({ spec }: AddressClaimObject, facts: Facts): { readonly name: string; readonly evicts: boolean } {
  const has = ({ addresses, deleting }: PoolView): boolean => !deleting && addresses.has(spec.address)
  const named = facts.all.find(({ name, deleting }) => name === spec.eip && !deleting)
  // An Eip that overlaps an older one gives nothing, and takes nothing back that it still has.
  if (named !== undefined && has(named) && !facts.pools.includes(named)) return { name: named.name, evicts: false }
  const home = named !== undefined && has(named) ? named : (facts.pools.find(has) ?? named)
  return { name: home?.name ?? spec.eip, evicts: home?.eip.spec.onShrink === 'evict' && !home.gives.has(spec.address) }
}

/** Creates the model of a cluster that begins empty. */
export function createModel(api: Api): Model {
  const broken: string[] = []
  /** What its Service asked for when it came to show an address, by uid and address; with the settings of then. */
  const origins = new Map<string, { readonly request: string; readonly settings: string }>()
  const shownAt = new Map<string, Map<string, string>>()
  const claimAt = new Map<string, AddressClaimObject>()
  const notes = new Map<Process, ReadonlySet<string>>()
  const settingsText = (): string => JSON.stringify(settingsIn(api.settings.values()))
  const fail = (law: string, text: string): void => void broken.push(`${law}: ${text}`)

  function serviceChanged(key: string, before: ServiceObject | undefined, after: ServiceObject | undefined): void {
    const now = after === undefined ? [] : shownBy(after)
    for (const address of before === undefined ? [] : shownBy(before)) {
      if (now.includes(address) && after?.metadata.uid === before?.metadata.uid) continue
      shownAt.get(address)?.delete(before?.metadata.uid ?? '')
      origins.delete(`${before?.metadata.uid} ${address}`)
    }
    if (after === undefined) return
    const { uid } = after.metadata
    if (new Set(now.map(familyOf)).size < now.length) fail('one port', `${key} shows ${now}`)
    for (const address of now) {
      if (before?.metadata.uid === uid && shownBy(before).includes(address)) continue
      const claim = claimAt.get(address)
      if (claim?.spec.holders.some((holder) => holder.uid === uid) !== true)
        fail('held', `${key} (${uid}) shows ${address}, held by ${claim?.spec.service}`)
      shownAt.set(address, (shownAt.get(address) ?? new Map()).set(uid, key))
      origins.set(`${uid} ${address}`, { request: requestOf(after), settings: settingsText() })
    }
  }

  function claimChanged(before: AddressClaimObject | undefined, after: AddressClaimObject | undefined): void {
    const { address } = (after ?? before)?.spec ?? { address: '' }
    if (after === undefined) claimAt.delete(address)
    else claimAt.set(address, after)
    const holders = after?.spec.holders ?? []
    for (const [uid, key] of shownAt.get(address) ?? []) {
      if (!holders.some((holder) => holder.uid === uid))
        fail('held', `${key} (${uid}) shows ${address}, held by ${after?.spec.service ?? 'nobody'} from now on`)
    }
    const clash = holders.find((one, at) => holders.slice(at + 1).some((other) => usesSamePort(one, other)))
    if (clash !== undefined) fail('one port', `${clash.namespace}/${clash.name} shares a port on ${address} of ${after?.spec.service}`)
  }

  function claimSent(process: Process, uid: string, spec: AddressClaimObject['spec'], beside: AddressClaimObject | undefined): void {
    const own = spec.holders.find((holder) => holder.uid === uid)
    const service = own && process.knowledge.service(keyOf(own))
    if (own === undefined || service?.metadata.uid !== uid) {
      fail('permitted', `${spec.address} for ${uid}, which is not known`)
      return
    }
    const facts = factsOf(knownView(process))
    const wish = wishOf(service, facts)
    if (wish === undefined) {
      fail('permitted', `${spec.address} for ${keyOf(own)}, which says no readable wish`)
      return
    }
    const isNoted = notes.get(process)?.has(`${spec.address} ${keyOf(own)}`) === true
    const reason = isNoted ? undefined : against(service, wish, spec.address, facts)
    if (reason !== undefined) fail('permitted', `${spec.address} for ${keyOf(own)}, but ${reason}`)
    if (!isNoted && !shownBy(service).includes(spec.address)) quotaKept(process, service, spec, facts, beside)
    for (const other of beside?.spec.holders ?? []) {
      const clash = isNoted ? usesSamePort(own, other) && 'a port in common' : besides(own, other)
      if (clash) fail('permitted', `${spec.address} for ${keyOf(own)} beside ${keyOf(other)}, but ${clash}`)
    }
  }

  /** Together with what it holds and what is being claimed for it, a namespace stays within its quota; a reservation is beyond it. */
  function quotaKept(
    process: Process,
    { metadata }: ServiceObject,
    spec: AddressClaimObject['spec'],
    facts: Facts,
    beside: AddressClaimObject | undefined,
  ): void {
    const { namespace = '', uid } = metadata
    const pool = facts.pools.find(({ name }) => name === spec.eip)
    const limit = pool?.eip.spec.quota?.perNamespace
    const isIn = beside?.spec.holders.some((holder) => holder.namespace === namespace)
    if (pool === undefined || limit === undefined || isIn || reservedFor(spec.address, pool) === keyOf(metadata)) return
    const held = [...process.knowledge.ledger.all()].map(({ claim }) => claim)
    const coming = process.requests.flatMap(({ intent, settle }) => (settle !== undefined && intent.kind === 'claim' ? [intent.spec] : []))
    const claimAt = new Map(
      [...held, ...coming.map((each) => ({ spec: each }) as AddressClaimObject)].map((claim) => [claim.spec.address, claim]),
    )
    claimAt.delete(spec.address)
    const count = heldBy(namespace, spec.eip, { claimAt }, { uid, family: familyOf(spec.address) })
    if (count >= limit)
      fail('permitted', `${spec.address} for ${keyOf(metadata)}, but ${namespace} has ${count} of ${spec.eip} and may have ${limit}`)
  }

  function removalSent(process: Process, key: string, wanted: readonly string[]): void {
    const service = process.knowledge.service(key)
    const gone = service === undefined ? [] : shownBy(service).filter((address) => !wanted.includes(address))
    if (service === undefined || gone.length === 0) return
    const facts = factsOf(knownView(process))
    for (const address of gone) {
      const claim = process.knowledge.ledger.heldBy(service.metadata.uid).find((holding) => holding.address === address)?.claim
      const origin = origins.get(`${service.metadata.uid} ${address}`)
      if (claim === undefined || origin === undefined) continue
      const home = homeOf(claim, facts)
      const wish = wishOf(service, facts)
      const namesOthers = wish !== undefined && wish.eips.length > 0 && !wish.eips.includes(home.name)
      const asksOther = ![undefined, address].includes(wish?.asked.get(familyOf(address)))
      const isMoot = origin.request !== requestOf(service) || origin.settings !== JSON.stringify(facts.view.settings)
      const others = claim.spec.holders.filter(({ uid }) => uid !== service.metadata.uid)
      const clashes = wish !== undefined && others.some((other) => besides(wish.own, other) !== undefined)
      if (!isMoot && !clashes && !home.evicts && !namesOthers && !asksOther) fail('cause', `${key} loses ${address} for nothing`)
      const isReplaced = wanted.some((other) => familyOf(other) === familyOf(address))
      const isWanted = wish === undefined || wish.families.includes(familyOf(address))
      const isAlone = claim.spec.holders.length === 1
      if (!isReplaced && isWanted && isAlone && staysOurs(service) && !home.evicts)
        fail('kept', `${key} loses ${address} and gets nothing for it`)
    }
  }

  /** RequireDualStack is both or nothing, for a Service that had nothing. */
  function bothSent(process: Process, key: string, wanted: readonly string[]): void {
    const service = process.knowledge.service(key)
    if (service === undefined || shownBy(service).length > 0) return
    const isRequired = service.spec.ipFamilyPolicy === 'RequireDualStack' && (service.spec.ipFamilies?.length ?? 0) > 1
    if (isRequired && wanted.length === 1) fail('both', `${key} gets ${wanted} alone`)
  }

  return {
    broken,
    onChange({ collection, key, before, after }) {
      if (collection === 'services') serviceChanged(key, before as ServiceObject | undefined, after as ServiceObject | undefined)
      if (collection === 'claims') claimChanged(before as AddressClaimObject | undefined, after as AddressClaimObject | undefined)
    },
    onTerm(process) {
      const used = [...process.watched.eips.values()].flatMap(({ status }) => Object.entries(status?.used ?? {}))
      notes.set(process, new Set(used.flatMap(([address, keys]) => keys.split(';').map((key) => `${address} ${key}`))))
    },
    onSend(process, intent) {
      if (intent.kind === 'claim') for (const { uid } of intent.spec.holders) claimSent(process, uid, intent.spec, undefined)
      if (intent.kind === 'amend') {
        const { claim } = intent.holding
        const joining = intent.spec.holders.filter(({ uid }) => !claim.spec.holders.some((holder) => holder.uid === uid))
        for (const { uid } of joining) claimSent(process, uid, intent.spec, claim)
      }
      // One that was decided on a former version loses its race, whatever it says.
      const isCurrent =
        intent.kind === 'patch' && process.knowledge.service(intent.key)?.metadata.resourceVersion === intent.patch.metadata.resourceVersion
      if (isCurrent && intent.patch.status?.loadBalancer !== undefined) {
        const wanted = (intent.patch.status.loadBalancer.ingress ?? []).map(({ ip }) => ip)
        removalSent(process, intent.key, wanted)
        bothSent(process, intent.key, wanted)
      }
    },
  }
}
