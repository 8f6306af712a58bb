/** Builds what one node's part in the ownership of an address depends on, with only what a test says. */

import type { Ineligibility } from '../../../src/policy/eligibility.ts'
import { ok } from '../../../src/result.ts'
import type { Ability } from '../../../src/speaker/ability.ts'
import { electionOrder } from '../../../src/speaker/election.ts'
import type { Contest, Hearing, Ownership } from '../../../src/speaker/ownership.ts'
import { ETH0, ipOf } from './objects.ts'

/** Order: n1, n3, n2. */
export const ADDRESS = '10.251.0.240'
export const NODES = ['n1', 'n2', 'n3']

export const ABILITY: Ability = { ip: ipOf(ADDRESS), interface: ETH0 }

/** Everybody is heard. */
export const HEARS_ALL: Hearing = { settled: true, quorum: 'majority', ownerHeard: true }

export interface ContestShape extends Partial<Omit<Contest, 'vacantForMs' | 'eligibility' | 'order'>> {
  /** Why nodes are not eligible; the others are. */
  readonly unfit?: Readonly<Record<string, Ineligibility>>
  /** For how long this node has seen it so, whatever it is. */
  readonly sinceMs?: number
}

/** Node n1 of three, nobody ever had the address, membership is off. */
export function contestOf({ unfit = {}, sinceMs = 0, ...over }: ContestShape = {}): Contest {
  const nodes = over.nodes ?? NODES
  return {
    self: 'n1',
    address: ADDRESS,
    leaving: false,
    ability: ok(ABILITY),
    present: undefined,
    moveTo: undefined,
    membership: undefined,
    challenged: false,
    nodes,
    order: () => electionOrder(nodes, over.address ?? ADDRESS),
    complete: true,
    eligibility: (node) => {
      const reason = unfit[node]
      return reason === undefined ? { eligible: true } : { eligible: false, reason }
    },
    vacantForMs: () => sinceMs,
    ...over,
  }
}

/** The decision as one line: `answer`, `take announce`, `take record`, `release REASON` or `silent REASON`. */
export function lineOf(ownership: Ownership): string {
  if (ownership.kind === 'take') return `take ${ownership.first}`
  return ownership.kind === 'answer' ? 'answer' : `${ownership.kind} ${ownership.reason}`
}
