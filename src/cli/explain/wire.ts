/** Who announces an address, what the speakers saw of it, and who may take it over. */
import type { AddressClaimObject } from '../../api/address-claim.ts'
import { moveWishOf } from '../../api/claim-annotations.ts'
import { formatAge, formatSpan } from '../age.ts'
import type { Answer } from '../bgp/why.ts'
import { someOf, timesText } from '../doctor/finding.ts'
import type { Candidate } from '../speakers/candidates.ts'
import { bestWitness } from '../speakers/membership-view.ts'
import { isReport, type Speakers, type SpeakingNode, speaking } from '../speakers/speakers.ts'
import { type Section, section } from './section.ts'
import { toldSection } from './told.ts'

/** What the speakers say; and the rule for the nodes, undefined where it cannot be followed, `none` without an address of layer 2. */
export interface WireFacts {
  readonly speakers: Speakers
  /** By the address of each claim of BGP: what the nodes tell their peers of it. */
  readonly told: ReadonlyMap<string, readonly Answer[]>
  readonly candidates: ((claim: AddressClaimObject) => readonly Candidate[]) | 'none' | undefined
}

/** Sections about one claim. `most` former owners are named. Without `wire` only what the claim itself says. */
export function wireSections(claim: AddressClaimObject, wire: WireFacts | undefined, nowMs: number, most: number): readonly Section[] {
  const seen = wire === undefined || claim.spec.protocol !== 'layer2' ? [] : onTheWire(claim, wire.speakers, nowMs)
  const rule = wire?.candidates
  const nodes = typeof rule !== 'function' || claim.spec.protocol !== 'layer2' ? [] : standing(claim, rule(claim))
  const answers = wire?.told.get(claim.spec.address)
  return [
    ...section('Announced', announcement(claim, nowMs, most)),
    ...section('On the wire', seen),
    ...section('Nodes', nodes),
    ...(wire === undefined || answers === undefined ? [] : toldSection(answers, speaking(wire.speakers).length)),
  ]
}

/** Sentences of the claim alone; the first names who answers. */
function announcement(claim: AddressClaimObject, nowMs: number, most: number): readonly string[] {
  const { spec, status } = claim
  const { owner, announcers = [], conditions = [], history = [] } = status ?? {}
  const by =
    owner === undefined
      ? announcers.length === 0
        ? 'nobody yet'
        : someOf(announcers.map(({ node }) => node).toSorted())
      : `${owner.node} on ${owner.interface}, for ${formatAge(owner.since, nowMs)}, epoch ${owner.epoch}`
  const wish = moveWishOf(claim)
  const isOpen = wish !== undefined && wish.epoch === owner?.epoch && wish.node !== owner.node
  const past = history.slice(-most).toReversed()
  return [
    `${spec.address} (${spec.protocol}) by ${by}`,
    ...conditions.map(({ type, status: value, reason, message }) => `${type}=${value} ${reason}: ${message}`),
    ...(isOpen ? [`it shall move to ${wish.node} (annotation openelb.io/move)`] : []),
    ...past.map(({ node, until, reason }) => `before by ${node}, until ${until ?? 'an unknown time'}: ${reason}`),
  ]
}

/** What was last seen, by the speakers that answer for the address; and whose word is missing. */
function onTheWire({ spec: { address }, status }: AddressClaimObject, speakers: Speakers, nowMs: number): readonly string[] {
  const told = speaking(speakers)
  const answering = told.flatMap((speaker) => answersOf(speaker, address, nowMs))
  const owner = speakers.all.find(({ node }) => node === status?.owner?.node)
  const missing = owner === undefined || isReport(owner.report) ? [] : [`${owner.node}: ${owner.report.says}`]
  const nobody = answering.length === 0 && missing.length === 0 && told.length > 0
  return [...answering, ...missing, ...(nobody ? [`none of the ${told.length} speakers that could be asked answers for it`] : [])]
}

function answersOf({ node, report }: SpeakingNode, address: string, nowMs: number): readonly string[] {
  const line = report.addresses.find((one) => one.address === address)
  if (line === undefined) return []
  const { requests, answers, lastAnswer, lastAnnouncement, foreignClaims, recorded } = line
  const last =
    lastAnswer === undefined ? 'nobody has asked yet' : `the last answer went to ${lastAnswer.to} ${formatAge(lastAnswer.at, nowMs)} ago`
  const announced = lastAnnouncement === undefined ? '' : `, announced ${formatAge(lastAnnouncement, nowMs)} ago`
  return [
    `${node} answers with ${line.mac} on ${line.interface}${announced}${recorded ? '' : ', not recorded yet'}`,
    `${last}; ${answers} of ${requests} questions answered`,
    ...(foreignClaims === undefined
      ? []
      : [
          `${foreignClaims.mac} said that it has the address, ${timesText(foreignClaims.count)}, last ${formatAge(foreignClaims.at, nowMs)} ago; seen by ${node}`,
        ]),
  ]
}

/** Every node and its part: the owner, the queue, and who stands in none. */
function standing({ status }: AddressClaimObject, candidates: readonly Candidate[]): readonly string[] {
  const owner = status?.owner?.node
  const queue = candidates.flatMap(({ node, why }) => (why === undefined && node !== owner ? [node] : []))
  const owning = candidates.find(({ node }) => node === owner)
  const [next, ...later] = queue
  const others = candidates.filter(({ node, why }) => why !== undefined && node !== owner)
  return [
    ...(owning === undefined
      ? []
      : [
          `${owning.why === undefined ? '+' : '-'} ${owning.node} owns it${owning.why === undefined ? '' : `, and should not: ${owning.why}`}`,
        ]),
    ...(next === undefined ? [] : [`+ ${next} is the next in the queue${later.length === 0 ? '' : `, then ${someOf(later)}`}`]),
    ...[...Map.groupBy(others, ({ why }) => why)].map(([why, alike]) => `- ${someOf(alike.map(({ node }) => node))}: ${why}`),
    ...(queue.length === 0 && candidates.length > 0 ? [`no ${owner === undefined ? '' : 'other '}node may own it`] : []),
  ]
}

/** Whom the speakers hear, by the word of one that hears most; nothing where there is nobody to ask. */
export function memberSection({ speakers, candidates }: WireFacts): readonly Section[] {
  // Nobody owns an address of BGP, so it does not matter there who hears whom.
  if (candidates === 'none') return []
  const witness = bestWitness(speakers)
  if (witness === undefined) {
    const isOff = speaking(speakers).length > 0
    return isOff
      ? section('Members', ['the speakers have no key, so they do not hear one another; the readiness of their Pods counts'])
      : []
  }
  const { quorum, settled, members } = witness.membership
  const alive = members.filter((member) => member.alive).length
  const dead = members.flatMap(({ node, alive: isAlive, fault = 'silent', lastSignMsAgo }) => {
    const ago = lastSignMsAgo === undefined ? '' : `, for ${formatSpan(lastSignMsAgo)}`
    return isAlive ? [] : [`${node} is not heard (${fault}${ago})`]
  })
  const idle = members.flatMap(({ node, alive: isAlive, serving, leaving }) =>
    isAlive && leaving ? [`${node} is shutting down`] : isAlive && !serving ? [`${node} is heard, and says that it cannot answer now`] : [],
  )
  const side = { alone: 'there is no other', majority: 'a majority', 'one-of-two': 'one of two', minority: 'no majority' }[quorum]
  const settling = settled ? '' : '; it has only begun to listen'
  return section('Members', [
    `${witness.node} hears ${alive} of ${members.length} speakers, itself included: ${side}${settling}`,
    ...dead,
    ...idle,
  ])
}
