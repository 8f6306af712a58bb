import { someOf } from '../doctor/finding.ts'
import type { Session } from './facts.ts'

const CURE = 'switch BFD on at the router for this neighbour, with the same key; UDP ports 3784 and 4784 must be open'

/** BFD that is not up beside a BGP session that is, nodes of one trouble in one sentence. */
export function bfdTroubles(sessions: readonly Session[]): readonly { readonly says: string; readonly cure: string }[] {
  const down = sessions.flatMap(({ node, peer: { name, state, bfd } }) => {
    if (bfd === undefined || bfd.state === 'Up' || state !== 'Established') return []
    const details = [bfd.diagnostic, bfd.lastDiscard].filter((each) => each !== undefined)
    return [{ node, name, what: `BFD is ${bfd.state}${details.length === 0 ? '' : ` (${details.join('; ')})`}, and BGP is up` }]
  })
  return [...Map.groupBy(down, ({ name, what }) => `${name} ${what}`).values()].flatMap(([first, ...more]) =>
    first === undefined
      ? []
      : [{ says: `${first.name} on ${someOf([first, ...more].map(({ node }) => node))}: ${first.what}`, cure: CURE }],
  )
}
