/** Rules of ownership with one fault each, which the exploration must find. */
import { merge, type Present } from '../../../src/speaker/assertion.ts'
import { electionScore } from '../../../src/speaker/election.ts'
import { type Contest, decideOwnership } from '../../../src/speaker/ownership.ts'
import type { Fault } from './steps.ts'
import type { Rules } from './world.ts'

const REAL: Rules = { decide: decideOwnership, merge, forgetsEarlierLives: true, keepsOwnWord: true }

export interface Broken {
  readonly rules: Rules
  readonly nodes: number
  /** What happens before, as a story; the exploration begins there. */
  readonly after?: string
  /** The faults that bring it to light. */
  readonly faults: number
  readonly kinds: readonly Fault[]
}

/** Decides as if the contest were another one. */
const pretend =
  (change: (contest: Contest) => Partial<Contest>): Rules['decide'] =>
  (contest) =>
    decideOwnership({ ...contest, ...change(contest) })

const hearing = (contest: Contest, over: Partial<NonNullable<Contest['membership']>>): Partial<Contest> =>
  contest.membership === undefined ? {} : { membership: { ...contest.membership, ...over } }

/** The higher epoch, then the order of the address. */
function mergeWithoutRecord(a: Present | undefined, b: Present | undefined, address: string): Present | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b
  if (a.node === b.node) return merge(a, b, address)
  return electionScore(a.node, address) < electionScore(b.node, address) ? a : b
}

/** What the claim says of an epoch, whatever its node says since. */
function mergeWithoutRelease(a: Present | undefined, b: Present | undefined, address: string): Present | undefined {
  if (a === undefined || b === undefined || a.epoch !== b.epoch || a.recorded === b.recorded) return merge(a, b, address)
  return a.recorded ? a : b
}

export const BROKEN: Readonly<Record<string, Broken>> = {
  'the claim does not decide between equal epochs': {
    rules: { ...REAL, merge: mergeWithoutRecord },
    nodes: 3,
    faults: 2,
    kinds: ['crash', 'hurry', 'slow-write', 'delay'],
  },
  'a release counts for less than what the claim says': {
    rules: {
      ...REAL,
      merge: mergeWithoutRelease,
      decide: (contest) => {
        const ownership = decideOwnership(contest)
        return ownership.kind === 'release' ? { ...ownership, recorded: false } : ownership
      },
    },
    nodes: 3,
    faults: 2,
    kinds: ['unable', 'api-down'],
  },
  'a minority takes over': {
    rules: {
      ...REAL,
      decide: pretend((contest) => (contest.membership?.quorum === 'minority' ? hearing(contest, { quorum: 'majority' }) : {})),
    },
    nodes: 3,
    faults: 2,
    kinds: ['isolate', 'crash', 'api-down'],
  },
  'words of an earlier life still count': {
    rules: { ...REAL, forgetsEarlierLives: false },
    nodes: 3,
    faults: 2,
    kinds: ['crash', 'suspect'],
  },
  'a word is taken back when another one is right': {
    rules: { ...REAL, keepsOwnWord: false },
    nodes: 3,
    after: 'crash n1; notice-all n2; notice-all n3; start n1; notice-all n1; hurry n2',
    faults: 3,
    kinds: ['crash'],
  },
  'nobody waits until the others are heard': {
    rules: { ...REAL, decide: pretend((contest) => hearing(contest, { settled: true })) },
    nodes: 3,
    faults: 1,
    kinds: ['pause', 'crash'],
  },
  'the first of the order takes the address back': {
    rules: {
      ...REAL,
      decide: (contest) => {
        const { order, self, present } = contest
        const isFirst = order().find((node) => node === self || contest.eligibility(node).eligible) === self
        const takesBack = isFirst && present?.state === 'held' && present.node !== self
        return decideOwnership(takesBack ? { ...contest, moveTo: { node: self, epoch: present.epoch, reason: 'moved' } } : contest)
      },
    },
    nodes: 3,
    faults: 1,
    kinds: ['move', 'suspect', 'isolate'],
  },
  'an owner takes over at the same epoch': {
    rules: {
      ...REAL,
      decide: (contest) => {
        const ownership = decideOwnership(contest)
        return ownership.kind === 'take' ? { ...ownership, epoch: Math.max(1, ownership.epoch - 1) } : ownership
      },
    },
    nodes: 3,
    faults: 1,
    kinds: ['crash', 'isolate'],
  },
  'one of two takes from an owner that it never heard': {
    rules: { ...REAL, decide: pretend((contest) => hearing(contest, { ownerHeard: true })) },
    nodes: 2,
    faults: 1,
    kinds: ['isolate'],
  },
  'one of two announces first': {
    rules: {
      ...REAL,
      decide: pretend((contest) => (contest.membership?.quorum === 'one-of-two' ? hearing(contest, { quorum: 'majority' }) : {})),
    },
    nodes: 2,
    faults: 2,
    kinds: ['isolate', 'api-away'],
  },
  'an excluded owner waits for its successors for ever': {
    rules: {
      ...REAL,
      decide: pretend((contest) => ({ vacantForMs: (vacancy) => (vacancy.startsWith('ends/') ? 0 : contest.vacantForMs(vacancy)) })),
    },
    nodes: 3,
    faults: 3,
    kinds: ['exclude', 'unable'],
  },
}
