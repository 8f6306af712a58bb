/** What the speakers hear of one another, put together from their reports. */

import type { MembershipFacts } from '../../speaker/membership/facts.ts'
import type { MembershipReport } from '../../speaker/speaker-report.ts'
import { type Speakers, speaking } from './speakers.ts'

export interface Witness {
  readonly node: string
  readonly membership: MembershipReport
}

/** The speakers that say whom they hear. */
export const witnesses = (speakers: Speakers): readonly Witness[] =>
  speaking(speakers).flatMap(({ node, report: { membership } }) => (membership === undefined ? [] : [{ node, membership }]))

const RANK: Readonly<Record<MembershipReport['quorum'], number>> = { majority: 0, 'one-of-two': 1, alone: 2, minority: 3 }

/** The one to believe where they differ: one that has settled, of the larger side. Undefined while nobody says anything. */
export const bestWitness = (speakers: Speakers): Witness | undefined =>
  witnesses(speakers).toSorted(
    ({ membership: a }, { membership: b }) => Number(b.settled) - Number(a.settled) || RANK[a.quorum] - RANK[b.quorum],
  )[0]

/** As the speakers' own decisions have it; undefined where membership is off or nobody could be asked. */
export function membershipFactsOf(speakers: Speakers): MembershipFacts | undefined {
  const witness = bestWitness(speakers)
  if (witness === undefined) return undefined
  const { settled, members } = witness.membership
  return {
    settled,
    members: new Map(
      members.map(({ node, alive, serving, leaving, fault }) => [node, { alive, serving, leaving, lastSignMs: undefined, fault }]),
    ),
  }
}
