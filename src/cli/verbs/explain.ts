/** `openelb explain`: why it is as it is. */
import { formatIp, parseIp } from '../../addr/ip.ts'
import type { AddressClaimObject } from '../../api/address-claim.ts'
import type { ServiceObject } from '../../api/core-objects.ts'
import { EVENTS } from '../../kube/resources.ts'
import type { Protocol } from '../../policy/served-protocols.ts'
import { nearest } from '../../runtime/nearest.ts'
import { answersOf, askWhy } from '../bgp/why.ts'
import { attempt, type ClusterReader, readingOr } from '../cluster-reader.ts'
import { explainAddress } from '../explain/address.ts'
import { explainPool } from '../explain/pool.ts'
import { type Section, section, sectionsBlock } from '../explain/section.ts'
import { explainService } from '../explain/service.ts'
import { inAddressOrder } from '../ledger-state.ts'
import { createPaper, type Paper, type PaperObjects } from '../paper/paper.ts'
import { readPaper } from '../paper/read.ts'
import { poolLines } from '../pool-line.ts'
import { misuse, type Outcome, trouble } from '../report.ts'
import { candidateRule, readSlicesFor } from '../speakers/candidates.ts'
import { readSpeakers } from '../speakers/speakers.ts'
import { shortTrouble } from '../trouble.ts'
import type { Verb, VerbInput } from '../verb.ts'
import { waitingFor, waitingServices } from '../waiting.ts'
import type { EventObject } from '../workload-objects.ts'

const KINDS = ['service', 'address', 'pool'] as const
/** What people type for it. */
const SYNONYMS: Readonly<Record<string, (typeof KINDS)[number]>> = { svc: 'service', services: 'service', eip: 'pool', ip: 'address' }
const USAGE = 'write: openelb explain service NAMESPACE/NAME, openelb explain address ADDRESS, or openelb explain pool EIP'

interface Scene {
  readonly objects: PaperObjects
  readonly paper: Paper
  readonly gaps: readonly string[]
  readonly input: VerbInput
}

async function run(input: VerbInput): Promise<Outcome> {
  // A Service by its name alone is what most people ask about.
  const words = input.words.length === 1 && input.words[0]?.includes('/') === true ? ['service', ...input.words] : input.words
  const [word = '', what, ...more] = words
  const kind = KINDS.find((each) => each === (SYNONYMS[word] ?? word))
  if (kind === undefined) {
    const guess = nearest(word, KINDS)
    return misuse(word === '' || guess === undefined ? USAGE : `explain knows no ${word.slice(0, 64)}; did you mean ${guess}?`)
  }
  if (what === undefined || what === '' || more.length > 0) return misuse(USAGE)
  if (kind === 'address' && !parseIp(what).ok) return misuse(`${what.slice(0, 64)} is not an IP address`)
  const named = kind === 'service' ? await serviceName(what, input) : undefined
  if (kind === 'service' && named === undefined) return misuse(USAGE)
  const own = input.values['openelb-namespace']
  const { objects, gaps } = await readPaper(input.cluster, own)
  const scene: Scene = { objects, gaps, input, paper: createPaper(objects, own, input.nowMs) }
  if (named !== undefined) return ofService(named, scene)
  return kind === 'pool' ? ofPool(what, scene) : ofAddress(what, scene)
}

interface ServiceName {
  readonly namespace: string
  readonly name: string
}

/** `NS/NAME`, or `NAME` with -n, or in the namespace of the context; undefined for anything else. */
async function serviceName(text: string, { values, cluster }: VerbInput): Promise<ServiceName | undefined> {
  const parts = text.split('/')
  const [first = '', second] = parts
  if (parts.length > 2 || first === '' || second === '') return undefined
  if (second !== undefined) return { namespace: first, name: second }
  return { namespace: values.namespace === '' ? await cluster.namespace() : values.namespace, name: first }
}

async function ofService({ namespace, name }: ServiceName, { objects, paper, gaps, input }: Scene): Promise<Outcome> {
  const service = objects.services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  if (service === undefined) return trouble(`there is no Service ${namespace}/${name}`)
  const facts = paper.facts(service)
  const events = await eventsOf(service, input.cluster)
  const eips = objects.eips.map(({ metadata }) => metadata.name)
  const held = facts.ledger.heldBy(service.metadata.uid).map(({ claim }) => claim)
  const { wire, missing } = await readWire(held, objects, input)
  const sections = explainService({ facts, eips, claims: objects.claims, events: readingOr(events) ?? [], wire, nowMs: input.nowMs })
  const unread = [...gaps, ...missing, ...(events.ok ? [] : ['Events cannot be read'])]
  return report({ kind: 'Service', namespace, name }, sections, unread)
}

const eventsOf = ({ metadata }: ServiceObject, cluster: ClusterReader) =>
  attempt(cluster.list<EventObject>(EVENTS, metadata.namespace, `involvedObject.uid=${metadata.uid}`))

/** Asks the speakers, where there is a claim that they announce. `missing`: what cannot be known, in sentences. */
async function readWire(claims: readonly AddressClaimObject[], objects: PaperObjects, { cluster, values }: VerbInput) {
  const of = (protocol: Protocol) => claims.filter(({ spec }) => spec.protocol === protocol)
  const [owned, routed] = [of('layer2'), of('bgp')]
  if (owned.length + routed.length === 0) return { wire: undefined, missing: [] }
  const [speakers, slices] = await Promise.all([
    readSpeakers(cluster, values['openelb-namespace']),
    readSlicesFor(cluster, owned, objects.services),
  ])
  const isKnown = speakers.trouble === undefined && slices?.ok !== false && objects.nodes.length > 0
  const rule = isKnown ? candidateRule({ ...objects, slices: slices?.value, speakers }) : undefined
  const told = new Map(
    await Promise.all(
      routed.map(
        async ({ spec: { address } }) => [address, (await askWhy({ cluster, values }, speakers, address)).flatMap(answersOf)] as const,
      ),
    ),
  )
  const missing = [
    ...(speakers.trouble === undefined ? [] : [`the speakers: ${shortTrouble(speakers.trouble)}`]),
    ...(slices?.ok === false ? [`EndpointSlices: ${shortTrouble(slices.error)}`] : []),
  ]
  return { wire: { speakers, candidates: owned.length === 0 ? ('none' as const) : rule, told }, missing }
}

async function ofAddress(text: string, { objects, paper, gaps, input }: Scene): Promise<Outcome> {
  const ip = parseIp(text)
  if (!ip.ok) return misuse(ip.error.message)
  const { knowledge } = paper
  const holding = knowledge.ledger.at(ip.value)
  const { wire, missing } = await readWire(holding === undefined ? [] : [holding.claim], objects, input)
  const sections = explainAddress({ ip: ip.value, knowledge, services: objects.services, wire, nowMs: input.nowMs })
  return report({ kind: 'Address', name: formatIp(ip.value) }, sections, [...gaps, ...missing])
}

function ofPool(name: string, { objects, paper, gaps }: Scene): Outcome {
  const { exclude: excluded } = paper.knowledge.settings
  const state = { ...objects, excluded, claims: inAddressOrder(objects.claims) satisfies readonly AddressClaimObject[] }
  const eip = objects.eips.find(({ metadata }) => metadata.name === name)
  const line = poolLines(state).find((each) => each.name === name)
  if (eip === undefined || line === undefined) return trouble(`there is no Eip ${name}`)
  const waiting = waitingServices(objects.services).filter((each) => waitingFor(name, [each]) > 0)
  return report({ kind: 'Eip', name }, explainPool({ eip, state: paper.knowledge.pools.get(name), line, waiting }), gaps)
}

function report(about: object, sections: readonly Section[], gaps: readonly string[]): Outcome {
  const all = [...sections, ...section('Unknown', gaps, 'warn')]
  return {
    kind: 'report',
    code: 0,
    report: { blocks: [sectionsBlock(all)], value: { about, explanation: all.map(({ label, says }) => ({ label, says })) } },
  }
}

export const explain: Verb = {
  name: 'explain',
  synopsis: ['explain service NAMESPACE/NAME', 'explain service NAME [-n NAMESPACE]', 'explain address ADDRESS', 'explain pool EIP'],
  summary: 'why a Service has its address or none, who has an address, whom an Eip serves',
  about: `service: whose it is and by what, what it asks for, which rule chose the Eip and what keeps it from every other one, which address and why,
who announces it and what the network said, the last Events; for one that waits the reason, the cure and what it waits for, in the words
of its condition. The allocator's own rules are asked, on what the API server says now: a change that the allocator has not followed yet
shows as Next. address: which Eip has it, who holds it, what keeps it back, its last owners. Of an address of layer 2 also what the
speakers saw on the wire, which nodes may own it and in which order, and whom the speakers hear. pool: what it gives, to whom, and who waits.
The code is 1 when there is no such thing.`,
  flags: ['output', 'namespace'],
  run,
}
